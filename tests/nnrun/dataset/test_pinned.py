"""Batches copied beside the computing: right values in the right order, memory used again late."""

import os
import subprocess
import sys

import numpy as np
import pytest

import nnrun
import nnrun.functions as F
import nnrun.links as L
from nnrun.dataset import PinnedConverter
from nnrun.datasets import TupleDataset
from nnrun.iterators import SerialIterator
from nnrun.testing import assert_allclose
from nnrun.training import StandardUpdater


def batch(i, n=4):
    return [(np.full((2, 3), i, np.float32), np.int32(i + k)) for k in range(n)]


@pytest.mark.parametrize("keep", [0, 1, 5])
def test_values_stay_while_they_are_kept(keep):
    convert, kept = PinnedConverter(), []
    for i in range(12):
        kept.append((i, *convert(batch(i), 0)))
        del kept[: max(len(kept) - keep - 1, 0)]
        for j, x, t in kept:
            assert x.tolist() == [[[j] * 3] * 2] * 4
            assert t.tolist() == [j, j + 1, j + 2, j + 3]


def test_structures_and_devices():
    def converter(examples, device):
        assert device == "numpy"
        return {"x": [np.asarray(examples), np.zeros((0, 2))], "n": len(examples)}

    convert = PinnedConverter(converter)
    for number in (0, 1, 0):
        made = convert([1, 2], number)
        assert made["x"][0].device.id == number
        assert made["x"][0].tolist() == [1, 2]
        assert (made["x"][1].shape, made["n"]) == ((0, 2), 2)
    for device in (None, "numpy"):
        assert isinstance(convert([1, 2], device)["x"][0], np.ndarray)


def train(converter, device):
    np.random.seed(0)
    x = np.random.randn(40, 6).astype(np.float32)
    t = (x[:, 0] > 0).astype(np.int32)
    model = L.Classifier(nnrun.Sequential(L.Linear(6, 8), F.relu, L.Linear(8, 2)))
    optimizer = nnrun.optimizers.MomentumSGD(0.1).setup(model)
    iterator = SerialIterator(TupleDataset(x, t), 8, seed=0)
    updater = StandardUpdater(iterator, optimizer, converter, device=device)
    for _ in range(15):
        updater.update()
    return [nnrun.backend.get_device("numpy").send(p.array) for p in model.params()]


def test_training_with_it():
    expected = train(nnrun.dataset.concat_examples, "numpy")
    for p, q in zip(train(PinnedConverter(), 0), expected, strict=True):
        assert_allclose(p, q)


def test_no_wait_is_missing():
    """On streams that run their work in an order drawn by chance the values are the same."""
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import test_pinned as t\n"
        "for keep in (0, 1, 5): t.test_values_stay_while_they_are_kept(keep)\n"
        "t.test_training_with_it()\n"
    )
    for streams in ({"NDGPU_HOST_STREAMS": "deferred"}, {"NDGPU_HOST_STRESS": "7"}):
        subprocess.run(
            [sys.executable, "-c", program, os.path.dirname(__file__)],
            env={**os.environ, "NDGPU_DEVICE": "host", **streams},
            check=True,
        )
