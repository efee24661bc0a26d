"""Every example runs offline with ``--smoke``, and learns as much as it should in that time."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest

import nnrun

EXAMPLES = Path(__file__).parents[3] / "packages" / "nnrun" / "examples"
LONGEST = 150  # lines: an example is read in one sitting


def falls_below(level):
    return lambda losses: losses[-1] < level < losses[0]


def log_says(key, test):
    return lambda log: test([entry[key] for entry in log])


#: Name, arguments besides ``--smoke``, devices beside NumPy, and what must be true of the result.
RUNS = [
    ("train_mnist", ["--out", "out"], [], lambda accuracy: accuracy > 0.93),
    (
        "mnist_cnn",
        ["--out", "out"],
        ["0"],
        log_says("validation/main/accuracy", lambda a: a[-1] > 0.65),
    ),
    ("mnist_custom_loop", ["--out", "model.npz"], ["0"], lambda accuracies: accuracies[-1] > 0.93),
    ("char_lm", [], ["0"], falls_below(3.3)),
    ("word_lm", ["--out", "out"], [], log_says("perplexity", falls_below(30))),
    ("seq2seq", [], [], lambda result: falls_below(1.8)(result[0])),
    ("word2vec", [], [], falls_below(3.6)),
    ("word2vec", ["--loss", "hsm"], [], falls_below(4.3)),
    ("sentiment", [], [], lambda result: falls_below(0.2)(result[0]) and result[1] > 0.8),
    ("vae", ["--out", "out"], [], falls_below(30)),
    ("dcgan", ["--out", "out"], [], log_says("critic/loss", falls_below(0.6))),
    ("resnet", ["--out", "out"], [], log_says("main/loss", falls_below(2.1))),
    ("transformer_lm", [], [], falls_below(3.2)),
    ("dqn", [], [], lambda lengths: best_mean(lengths, 20) > 35 > np.mean(lengths[:20])),
    ("custom_function", [], [], lambda results: falls_below(0.3)(results["snake"][0])),
    (
        "custom_kernel",
        [],
        ["0"],
        lambda result: falls_below(0.06)(result[1]) and 0.7 < result[0] < 0.9,
    ),
    (
        "multi_device",
        ["--out", "out", "--devices", "0", "1"],
        None,  # chooses devices itself
        lambda result: result[0] < 1e-6 and log_says("main/loss", falls_below(0.5))(result[1]),
    ),
]


def best_mean(values, count):
    return max(np.convolve(values, np.ones(count) / count, "valid"))


def test_every_example_is_run():
    names = {path.stem for path in EXAMPLES.glob("*.py") if not path.stem.startswith("talk_")}
    assert {name for name, *_ in RUNS} == names


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_an_example_is_one_short_file_that_says_how_to_run_it(path):
    text = path.read_text()
    assert len(text.splitlines()) <= LONGEST
    assert re.match(r'"""[A-Z]', text)
    assert f"python {path.name}" in text or f"python packages/nnrun/examples/{path.name}" in text


def cases():
    for name, arguments, devices, check in RUNS:
        for device in [None] if devices is None else ["numpy", *devices]:
            chosen = [] if device is None else ["--device", device]
            label = "-".join([name, *(a for a in arguments if a == "hsm"), device or "several"])
            yield pytest.param(name, [*arguments, *chosen], check, id=label)


@pytest.mark.parametrize(("name", "arguments", "check"), list(cases()))
def test_learns(name, arguments, check, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    state, before = np.random.get_state(), nnrun.get_device("numpy")
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        result = module.main(["--smoke", *arguments])
    finally:
        np.random.set_state(state)
        before.use()
    print(capsys.readouterr().out)  # shown if the test fails
    assert check(result)


def test_the_readme_names_every_example():
    text = (EXAMPLES.parent / "README.md").read_text()
    for path in EXAMPLES.glob("*.py"):
        assert f"`{path.name}`" in text or path.stem.startswith("talk_"), path.name
