"""The talk's own programs run, and learn what they should."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[2] / "packages" / "nnrun" / "examples"


def load(name):
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def device(xp):
    """The name of a device for each array module."""
    return "numpy" if xp is np else "0"


def test_function(device, capsys):
    np.random.seed(0)
    load("talk_function").main(device)
    out = capsys.readouterr().out
    assert "True True True" in out
    assert "and with differences" in out


def test_xp(device, capsys):
    load("talk_xp").main("numpy", device)
    lines = capsys.readouterr().out.splitlines()
    first, second = (np.fromstring(line[line.index("[") + 1 : -1], sep=" ") for line in lines)
    assert len(first) == 5
    np.testing.assert_allclose(first, second, rtol=1e-5)


def test_kernel(device, capsys):
    load("talk_kernel").main(device)
    out = capsys.readouterr().out
    assert "w = [ 5. 10. 17. 26.], gx = [2. 3. 4. 5.], gy = [1. 2. 3. 4.]" in out


def test_link(device):
    assert load("talk_link").main(device) < 1e-3


def test_chains():
    losses = load("talk_chains").main()
    assert losses[-1] < losses[0] / 20


def test_sequences():
    means = load("talk_sequences").main()
    assert np.mean(means[-20:]) < np.mean(means[:20]) / 5


def test_saving(tmp_path):
    assert load("talk_saving").main(str(tmp_path))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mlp.h5", "mlp.npz"]


def test_debugging(device, capsys):
    found, times, graph = load("talk_debugging").main(device)
    assert "`W` has 4 inputs but `x` has 5" in found["shape"]
    assert "undefined_name" in found["backward"]
    assert "y = Broken().apply((x,))[0]  # this line" in found["backward"]
    assert found["nan"].startswith("NaN in output 0 of log.forward")
    assert times["Linear"]["occurrence"] >= 4
    assert "hidden units: (2, 3) float32" in capsys.readouterr().out
    assert graph.nodes[0].shape == ()


def test_dynamic():
    used, losses, deepest = load("talk_dynamic").main()
    assert len(set(used)) > 1
    assert np.mean(losses[-40:]) < np.mean(losses[:40]) / 2
    assert deepest == 20


def test_every_example_of_the_talk_is_tested():
    names = {p.stem.removeprefix("talk_") for p in EXAMPLES.glob("talk_*.py")}
    assert names == {
        name.removeprefix("test_")
        for name in globals()
        if name.startswith("test_") and name != "test_every_example_of_the_talk_is_tested"
    }
