"""Random numbers: distributions, streams, shapes and errors."""

import math
import pickle

import numpy as np
import pytest

import ndgpu
from ndgpu.random.philox import Engine

N = 40_000


def philox(key, block, attempt=0):
    """Philox 4x32-10 in Python's integers, from the paper."""
    c = [block & 0xFFFFFFFF, block >> 32, attempt, 0]
    k = [key & 0xFFFFFFFF, key >> 32]
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(p1 >> 32) ^ c[1] ^ k[0], p1 & 0xFFFFFFFF, (p0 >> 32) ^ c[3] ^ k[1], p0 & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


def test_the_papers_known_answer():
    # The published test vector for a counter and key of zeros.
    assert philox(0, 0) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]


def test_uniform_numbers_are_philoxs_words():
    engine = Engine(1)
    words = [w for block in range(3) for w in philox(engine.key, block)]
    floats = engine.floats("uniform", (10,), np.dtype("f4"), 0.0, 1.0)
    assert floats.tolist() == [(w >> 8) / 2**24 for w in words[:10]]
    # The next draw goes on after the last block that was begun.
    doubles = engine.floats("uniform", (3,), np.dtype("f8"), 0.0, 1.0)
    words = [w for block in (3, 4) for w in philox(engine.key, block)]
    pairs = list(zip(words[::2], words[1::2], strict=True))[:3]
    assert doubles.tolist() == [((a >> 5) * 2**26 + (b >> 6)) / 2**53 for a, b in pairs]


def deviation(sample, cdf):
    """The Kolmogorov-Smirnov statistic, times the root of the size."""
    sample = np.sort(sample)
    ranks = np.arange(len(sample) + 1) / len(sample)
    p = cdf(sample)
    return math.sqrt(len(sample)) * max((ranks[1:] - p).max(), (p - ranks[:-1]).max())


normal_cdf = np.vectorize(lambda x: 0.5 * math.erfc(-x / math.sqrt(2)))


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_distributions(dtype):
    rng = ndgpu.random.default_rng(5)
    x = rng.random(N, dtype).get()
    assert x.dtype == dtype and 0 <= x.min() and x.max() < 1
    # 1.95 is passed once in a thousand seeds; this one is fixed.
    assert deviation(x.astype("f8"), lambda v: v) < 1.95
    z = rng.standard_normal(N, dtype).get().astype("f8")
    assert deviation(z, normal_cdf) < 1.95
    assert abs(np.corrcoef(z[::2], z[1::2])[0, 1]) < 0.03
    y = rng.normal(3, 2, N, dtype).get()
    assert deviation((y.astype("f8") - 3) / 2, normal_cdf) < 1.95
    u = rng.uniform(-2, 6, N, dtype).get()
    assert deviation((u.astype("f8") + 2) / 8, lambda v: v) < 1.95


@pytest.mark.parametrize(("low", "high"), [(0, 7), (-3, 3), (0, 1), (-(2**62), 2**62), (0, 2**63)])
def test_integers_are_uniform(low, high):
    x = ndgpu.random.default_rng(9).integers(low, high, 14_000).get()
    assert x.dtype == np.int64 and low <= x.min() and x.max() < high
    bins = min(high - low, 7)
    counts = np.bincount(
        ((x.astype(object) - low) * bins // (high - low)).astype(int), minlength=bins
    )
    expected = len(x) / bins
    assert ((counts - expected) ** 2 / expected).sum() < 22.5  # chi-square, 6 degrees, 1 in 1000


def test_integers_of_all_dtypes_and_bounds():
    rng = ndgpu.random.default_rng(0)
    for dtype in ("?", "i1", "u1", "i4", "u8"):
        info = np.iinfo(dtype) if dtype != "?" else np.array([0, 1])
        low, high = (info.min, info.max) if dtype != "?" else (0, 1)
        x = rng.integers(int(low), int(high), 1000, dtype, endpoint=True)
        assert x.dtype == np.dtype(dtype)
        assert len(set(x.tolist())) > 1
    x = rng.integers(ndgpu.asarray([0, 10, 20]), [5, 15, 25], (100, 3)).get()
    assert ((x >= [0, 10, 20]) & (x < [5, 15, 25])).all()
    for bad in (
        lambda: rng.integers(3, 3),
        lambda: rng.integers(0, 300, dtype="u1"),
        lambda: rng.integers(-1, 3, dtype="u1"),
        lambda: rng.integers([1, 2], [3, 2]),
    ):
        with pytest.raises(ValueError):
            bad()
    with pytest.raises(TypeError, match="Unsupported dtype"):
        rng.integers(3, dtype="f4")
    with pytest.raises(TypeError, match="must be integers"):
        rng.integers([0.5], [2])


def test_a_seed_is_a_stream():
    draws = []
    for device in range(ndgpu.cuda.device_count()):
        with ndgpu.cuda.Device(device):
            rng = ndgpu.random.default_rng(42)
            draws.append([rng.random(5).tolist(), rng.integers(9, size=4).tolist(),
                          rng.standard_normal((2, 3), "f4").tolist()])  # fmt: skip
    assert all(draw == draws[0] for draw in draws)
    whole = ndgpu.random.default_rng(3).random(8, "f4").tolist()
    rng = ndgpu.random.default_rng(3)
    assert rng.random(4, "f4").tolist() + rng.random(4, "f4").tolist() == whole
    assert ndgpu.random.default_rng(4).random(8, "f4").tolist() != whole
    unseeded = {ndgpu.random.default_rng().random().item() for _ in range(3)}
    assert len(unseeded) == 3


def test_state_travels():
    rng = ndgpu.random.default_rng(1)
    rng.random(3)
    copy = pickle.loads(pickle.dumps(rng))
    assert copy.random(3).tolist() == rng.random(3).tolist()
    one, two = rng.spawn(2)
    assert one.random(3).tolist() != two.random(3).tolist()
    assert ndgpu.random.default_rng(rng) is rng


def test_shapes_and_keywords():
    rng = ndgpu.random.default_rng(1)
    assert rng.random().shape == () and rng.random((0, 3)).shape == (0, 3)
    assert rng.normal([0, 100], 1).shape == (2,) and rng.uniform([0, 5], [1, 6], (4, 2)).shape == (
        4,
        2,
    )
    assert 90 < rng.normal([0, 100], 1).get()[1] < 110
    out = ndgpu.empty(3, "f4")
    assert rng.random(dtype="f4", out=out) is out
    for bad, error in (
        (lambda: rng.random(3, "i4"), TypeError),
        (lambda: rng.random(out=out), TypeError),
        (lambda: rng.random(4, "f4", out=out), ValueError),
        (lambda: rng.random(-1), ValueError),
        (lambda: rng.normal(0, -1), ValueError),
        (lambda: rng.uniform(0, np.inf), OverflowError),
        (lambda: rng.normal([0, 1], 1, (3,)), ValueError),
        (lambda: ndgpu.random.default_rng(-1), ValueError),
    ):
        with pytest.raises(error):
            bad()


def test_orders_and_choices():
    rng = ndgpu.random.default_rng(8)
    x = rng.permutation(10)
    assert sorted(x.tolist()) == list(range(10)) and x.tolist() != list(range(10))
    y = ndgpu.arange(20).reshape(10, 2)
    rng.shuffle(y)
    assert sorted(y.tolist()) == ndgpu.arange(20).reshape(10, 2).tolist()
    assert rng.permutation(y, axis=1).shape == (10, 2)
    assert set(rng.choice(5, 100).tolist()) == set(range(5))
    assert sorted(rng.choice(5, 5, replace=False).tolist()) == list(range(5))
    assert set(rng.choice(ndgpu.asarray([7, 8, 9]), 50, p=[0.5, 0, 0.5]).tolist()) == {7, 9}
    with pytest.raises(ValueError):
        rng.choice(3, 5, replace=False)
    with pytest.raises(ValueError):
        rng.choice(0, 5)
    with pytest.raises(TypeError, match="expected a device array"):
        rng.shuffle([1, 2])


def test_the_older_names():
    state = ndgpu.random.RandomState(3)
    first = state.rand(2, 3).tolist()
    state.seed(3)
    assert state.rand(2, 3).tolist() == first
    assert state.randn(4, dtype="f4").dtype == np.float32
    assert state.randint(3, size=(2, 2)).shape == (2, 2)
    assert set(state.random_integers(2, size=50).tolist()) == {1, 2}
    ndgpu.random.seed(0)
    one = [ndgpu.random.rand(2).tolist(), ndgpu.random.normal(0, 1, 2).tolist()]
    ndgpu.random.seed(0)
    assert one == [ndgpu.random.rand(2).tolist(), ndgpu.random.normal(0, 1, 2).tolist()]
    for name in ("random_sample", "uniform", "standard_normal"):
        assert getattr(ndgpu.random, name)(size=3).shape == (3,)
    assert ndgpu.random.choice(4, 2).shape == ndgpu.random.permutation(2).shape == (2,)
