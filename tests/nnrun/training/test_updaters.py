"""Updaters that compute a batch in parts step as one that computes it whole."""

import numpy as np
import pytest

import nnrun
import nnrun.functions as F
import nnrun.links as L
from nnrun import iterators, optimizers
from nnrun.datasets import TupleDataset
from nnrun.testing import assert_allclose
from nnrun.training import Trainer, extensions
from nnrun.training.updaters import (
    GradientAccumulationUpdater,
    ParallelUpdater,
    StandardUpdater,
)


def data(n=30):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, 5)).astype(np.float32)
    return TupleDataset(x, (x[:, 0] > 0).astype(np.int32))


def parts(batch_size, lazy=True, **options):
    np.random.seed(0)
    model = L.Classifier(nnrun.Sequential(L.Linear(None if lazy else 5, 7), F.tanh, L.Linear(7, 2)))
    optimizer = optimizers.Adam(0.01).setup(model)
    iterator = iterators.SerialIterator(data(), batch_size, seed=0, **options)
    return iterator, optimizer


def run(updater, steps, tmp_path, *more):
    trainer = Trainer(updater, (steps, "iteration"), out=tmp_path, extensions=more)
    log = extensions.LogReport(trigger=(1, "iteration"))
    trainer.extend(log)
    trainer.run()
    params = dict(updater.get_optimizer("main").target.namedparams())
    values = {path: nnrun.backend.get_device("numpy").send(p.array) for path, p in params.items()}
    return values, [(e["main/loss"], e["main/accuracy"], e["epoch"]) for e in log.log]


def assert_equal_runs(one, other):
    for path, value in one[0].items():
        assert_allclose(other[0][path], value, atol=1e-6, rtol=0)
    np.testing.assert_allclose(one[1], other[1], atol=1e-5)


@pytest.mark.parametrize("lazy", [True, False])
def test_two_devices_are_one_with_the_whole_batch(tmp_path, lazy):
    # 7 does not divide by 2, and 30 not by 7.
    whole = run(StandardUpdater(*parts(7, lazy), device=0), 10, tmp_path)
    updater = ParallelUpdater(*parts(7, lazy), devices={"main": 0, "second": 1})
    both = run(updater, 10, tmp_path)
    assert_equal_runs(whole, both)
    main, second = updater._models["main"], updater._models["second"]
    assert [p.device.id for p in (next(main.params()), next(second.params()))] == [0, 1]
    for p, q in zip(main.params(), second.params(), strict=True):
        assert_allclose(p.array, q.array, atol=0, rtol=0)


def test_more_devices_than_examples(tmp_path):
    whole = run(StandardUpdater(*parts(2)), 5, tmp_path)
    names = {"main": "numpy", "b": "numpy", "c": "numpy"}
    assert_equal_runs(whole, run(ParallelUpdater(*parts(2), devices=names), 5, tmp_path))


def test_parallel_training_is_resumed(tmp_path):
    names = {"main": "numpy", "b": "numpy"}
    whole = run(ParallelUpdater(*parts(4, False), devices=names), 9, tmp_path / "a")
    snapshot = extensions.snapshot(), extensions.snapshot(autoload=True)
    snapshot[0].trigger = (1, "iteration")
    first = ParallelUpdater(*parts(4, False), devices=names)
    run(first, 5, tmp_path / "b", snapshot[0])
    second = ParallelUpdater(*parts(4, False), devices=names)
    np.random.seed(7)
    resumed = run(second, 9, tmp_path / "b", snapshot[1])
    for path, value in whole[0].items():
        assert_allclose(resumed[0][path], value, atol=0, rtol=0)


@pytest.mark.parametrize("scale", [None, 64.0])
def test_accumulated_gradients_are_those_of_a_large_batch(tmp_path, xp, scale):
    device = "numpy" if xp is np else 0
    whole = run(StandardUpdater(*parts(10), device=device, loss_scale=scale), 6, tmp_path)
    updater = GradientAccumulationUpdater(*parts(5), 2, device=device, loss_scale=scale)
    assert_equal_runs(whole, run(updater, 6, tmp_path))
    assert updater.iteration == 6


def test_accumulation_at_the_end_of_the_data():
    iterator, optimizer = parts(8, repeat=False)
    updater = GradientAccumulationUpdater(iterator, optimizer, 3)
    updater.update()
    assert not updater.is_new_epoch
    updater.update()  # 6 examples are left
    assert (updater.is_new_epoch, updater.epoch, optimizer.epoch) == (True, 1, 1)
    with pytest.raises(StopIteration):
        updater.update()
    assert optimizer.t == 2


def test_bad_arguments():
    with pytest.raises(ValueError, match="no device is named 'main', only"):
        ParallelUpdater(*parts(2), devices={"a": "numpy"})
    two = {"main": "numpy", "b": "numpy"}
    with pytest.raises(ValueError, match="must have the same names"):
        ParallelUpdater(*parts(2), models={"main": L.Linear(1, 1)}, devices=two)
    with pytest.raises(ValueError, match="its own loss function"):
        ParallelUpdater(*parts(2), devices=two, loss_func=F.sum)
    with pytest.raises(ValueError, match="n_batches is at least 1, not 0"):
        GradientAccumulationUpdater(*parts(2), 0)
