"""The trainer's example runs offline, learns, and resumes."""

import runpy
from pathlib import Path

import numpy as np
import pytest

EXAMPLE = Path(__file__).parents[3] / "packages/nnrun/examples/train_mnist.py"


@pytest.fixture
def main():
    state = np.random.get_state()
    yield runpy.run_path(str(EXAMPLE))["main"]
    np.random.set_state(state)


def test_learns_offline_and_resumes(main, tmp_path, capsys):
    arguments = ["--smoke", "--device", "numpy", "--out", str(tmp_path)]
    assert main(arguments) > 0.93
    names = {path.name for path in tmp_path.iterdir()}
    assert {"log", "loss.png", "accuracy.png", "mlp.model", "snapshot_epoch_3"} <= names
    table = capsys.readouterr().out.splitlines()
    assert [row.split()[0] for row in table] == ["epoch", *(str(i + 1) for i in range(10))]
    whole = (tmp_path / "mlp.model").read_bytes()
    assert main([*arguments, "--resume", str(tmp_path / "snapshot_epoch_3")]) > 0.93
    assert (tmp_path / "mlp.model").read_bytes() == whole
