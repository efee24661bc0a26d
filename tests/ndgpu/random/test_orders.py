"""Orders and selections: all are equally likely, and nothing is lost."""

import itertools

import numpy as np
import pytest

import ndgpu

N = 2400


def evenly(counts):
    """Whether counts of equally likely outcomes pass a chi-square test at about 1 in 1000."""
    counts = np.asarray(counts, "f8")
    expected = counts.sum() / len(counts)
    degrees = len(counts) - 1
    return ((counts - expected) ** 2 / expected).sum() < degrees + 3.3 * np.sqrt(2 * degrees) + 6


def test_permutations_are_equally_likely():
    rng = ndgpu.random.default_rng(8)
    x = rng.permuted(ndgpu.asarray(np.tile(np.arange(4), (N, 1))), axis=1).get()
    orders = list(itertools.permutations(range(4)))
    counts = [(x == order).all(1).sum() for order in orders]
    assert sum(counts) == N and evenly(counts)
    x = rng.permutation(10_000).get()
    assert (np.sort(x) == np.arange(10_000)).all()
    assert abs(np.corrcoef(x, np.arange(10_000))[0, 1]) < 0.04


def test_permutation_of_arrays():
    rng = ndgpu.random.default_rng(8)
    y = ndgpu.arange(20).reshape(10, 2)
    x = rng.permutation(y).get()
    assert (x[:, 1] == x[:, 0] + 1).all() and sorted(x[:, 0]) == list(range(0, 20, 2))
    assert sorted(rng.permutation(y, axis=1).get()[3]) == [6, 7]
    assert sorted(rng.permutation([5, 6, 7]).tolist()) == [5, 6, 7]
    assert rng.permutation(-1).shape == rng.permutation(0).shape == (0,)
    for bad in (lambda: rng.permutation(10.0), lambda: rng.permutation(y, axis=2)):
        with pytest.raises(np.exceptions.AxisError):
            bad()


def test_shuffle():
    rng = ndgpu.random.default_rng(1)
    y = ndgpu.arange(20).reshape(10, 2)
    rng.shuffle(y)
    assert sorted(y.tolist()) == np.arange(20).reshape(10, 2).tolist() != y.tolist()
    rng.shuffle(y.T)  # a view: its memory is what is put in order
    rng.shuffle(y, axis=1)
    words = [*"abcdefgh"]
    rng.shuffle(words)
    assert sorted(words) == [*"abcdefgh"] != words
    for bad, error in (
        (lambda: rng.shuffle(3), TypeError),
        (lambda: rng.shuffle((1, 2)), TypeError),
        (lambda: rng.shuffle(np.arange(3)), TypeError),
        (lambda: rng.shuffle(ndgpu.asarray(3)), TypeError),
        (lambda: rng.shuffle(y, axis=2), np.exceptions.AxisError),
        (lambda: rng.shuffle(words, axis=1), NotImplementedError),
    ):
        with pytest.raises(error):
            bad()


def test_permuted():
    rng = ndgpu.random.default_rng(1)
    y = ndgpu.arange(24).reshape(2, 3, 4)
    for axis in range(3):
        x = rng.permuted(y, axis=axis).get()
        assert (np.sort(x, axis) == y.get()).all() and (x != y.get()).any()
    x = rng.permuted(y).get()
    assert x.shape == y.shape and sorted(x.ravel()) == list(range(24))
    out = ndgpu.empty((2, 3, 4), "f8")
    assert rng.permuted(y.astype("f4"), axis=0, out=out) is out
    assert rng.permuted(y, axis=2, out=y) is y
    for bad, error in (
        (lambda: rng.permuted(4), TypeError),
        (lambda: rng.permuted([1, 2], out=ndgpu.empty(2, "f4")), TypeError),
        (lambda: rng.permuted([1, 2], out=ndgpu.empty(3, "i8")), ValueError),
        (lambda: rng.permuted([1, 2], out=[0, 0]), TypeError),
        (lambda: rng.permuted([1, 2], axis=3), np.exceptions.AxisError),
    ):
        with pytest.raises(error):
            bad()


def test_choice_with_replacement():
    rng = ndgpu.random.default_rng(2)
    assert evenly(np.bincount(rng.choice(5, N).get(), minlength=5))
    p = np.array([0.5, 0, 0.125, 0.375])
    for given in (p, ndgpu.asarray(p), p.astype("f4"), p.tolist()):
        counts = np.bincount(rng.choice(4, N, p=given).get(), minlength=4)
        assert counts[1] == 0 and np.abs(counts / N - p).max() < 0.05
    x = rng.choice([[1, 2], [3, 4]], (5, 3), axis=1).get()
    assert x.shape == (2, 5, 3) and (x[1] == x[0] + 2).all()
    assert rng.choice(np.array(5)).shape == () and rng.choice([7.5]).item() == 7.5
    assert rng.choice(0, 0).shape == rng.choice([], 0).shape == (0,)


def test_choice_without_replacement():
    rng = ndgpu.random.default_rng(2)
    pairs = np.array([sorted(rng.choice(4, 2, replace=False).tolist()) for _ in range(120)])
    assert (pairs[:, 0] != pairs[:, 1]).all()
    assert evenly(np.unique(pairs, axis=0, return_counts=True)[1])
    assert rng.choice(3, replace=False, shuffle=False).shape == ()
    # The first of a weighted sample is drawn with the weights themselves.
    p = [0.6, 0.3, 0.1, 0]
    x = np.array([rng.choice(4, 3, replace=False, p=p).tolist() for _ in range(150)])
    assert (np.sort(x, 1) == [0, 1, 2]).all()
    assert abs((x[:, 0] == 0).mean() - 0.6) < 0.14
    large = rng.choice(10**12, 2000, replace=False).get()
    assert len(set(large.tolist())) == 2000 and 0 <= large.min() and large.max() < 10**12
    assert evenly(np.bincount(large // (10**12 // 10 + 1), minlength=10))


def test_the_bijection_of_large_samples_is_one():
    rng = ndgpu.random.default_rng(4)
    n = (1 << 20) + 7
    x = rng.choice(n, n // 8, replace=False).get()
    assert len(np.unique(x)) == len(x) and 0 <= x.min() and x.max() < n
    assert evenly(np.bincount(x * 64 // n, minlength=64) * 1.0)
    assert abs(np.corrcoef(x[:-1], x[1:])[0, 1]) < 0.012


def test_choices_are_checked_as_numpy_does():
    for args in (
        (0,), ([],), (-1,), (2.5,), ("abc",), (3, -1), (5, 2, True, [0.5, 0.5]),
        (2, 2, True, [0.5, 0.6]), (2, 2, True, [-0.5, 1.5]), (2, 2, True, [np.nan, 0.5]),
        (2, 3, False), (2, 2, False, [1, 0]), (2, 2, False, [[1, 0]]),
        ([[1, 2], [3, 4]], 2, True, None, 2), (3, None, True, ["a"]),
    ):  # fmt: skip
        with pytest.raises((ValueError, IndexError)) as expected:
            np.random.default_rng(0).choice(*args)
        with pytest.raises(expected.type):
            ndgpu.random.default_rng(0).choice(*args)
