"""What the tests of the trainer share."""

import pytest

from nnrun.serializers import load_npz, save_npz


@pytest.fixture
def save_and_load(tmp_path):
    """Save one object's state to an NPZ file, and load it into another."""

    def do(source, target):
        save_npz(str(tmp_path / "state.npz"), source)
        load_npz(str(tmp_path / "state.npz"), target)

    return do
