"""What is drawn on a device goes on in a resumed training where it stopped."""

import numpy as np
import pytest

import ndgpu
import nnrun
import nnrun.functions as F
import nnrun.links as L
from nnrun import iterators, optimizers
from nnrun.datasets import TupleDataset
from nnrun.serializers import load_npz, save_npz
from nnrun.training import StandardUpdater, Trainer


def make(out, stop):
    np.random.seed(0)
    x = np.random.randn(12, 6).astype(np.float32)
    t = (x[:, 0] > 0).astype(np.int32)
    model = L.Classifier(nnrun.Sequential(L.Linear(6, 8), F.dropout, L.Linear(8, 2)))
    optimizer = optimizers.Adam().setup(model)
    iterator = iterators.SerialIterator(TupleDataset(x, t), 4, seed=0)
    updater = StandardUpdater(iterator, optimizer, device=0)
    return Trainer(updater, (stop, "iteration"), out=out), model


def values(model):
    return [nnrun.cuda.to_cpu(param.array) for param in model.params()]


@pytest.fixture(autouse=True)
def _states_are_put_back():
    numpy_state, device_state = np.random.get_state(), ndgpu.random.get_random_state().get_state()
    yield
    np.random.set_state(numpy_state)
    ndgpu.random.get_random_state().set_state(device_state)


def test_resumed_with_dropout(tmp_path):
    ndgpu.random.seed(5)
    whole, model = make(tmp_path, 8)
    whole.run()
    expected = values(model)

    ndgpu.random.seed(5)
    first, _ = make(tmp_path, 5)
    first.run()
    save_npz(str(tmp_path / "snapshot"), first)
    ndgpu.random.seed(77)  # another process would be anywhere
    second, model = make(tmp_path, 8)
    load_npz(str(tmp_path / "snapshot"), second)
    second.run()
    for one, other in zip(expected, values(model), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_counter_beyond_one_word(tmp_path):
    generator = ndgpu.random.get_random_state()
    far = {"bit_generator": "Philox4x3210", "state": {"counter": (3 << 64) + 5, "key": 2**63 + 1}}
    generator.set_state(far)
    trainer, _ = make(tmp_path, 1)
    save_npz(str(tmp_path / "snapshot"), trainer)
    ndgpu.random.seed(0)
    load_npz(str(tmp_path / "snapshot"), trainer)
    assert generator.get_state() == far


def test_a_snapshot_without_it_leaves_the_generator(tmp_path):
    trainer, _ = make(tmp_path, 1)
    save_npz(str(tmp_path / "snapshot"), trainer)
    with np.load(tmp_path / "snapshot") as file:
        kept = {k: file[k] for k in file.files if not k.startswith("device_random")}
    with open(tmp_path / "older", "wb") as file:
        np.savez(file, **kept)
    ndgpu.random.seed(3)
    before = ndgpu.random.get_random_state().get_state()
    load_npz(str(tmp_path / "older"), trainer)
    assert ndgpu.random.get_random_state().get_state() == before
