"""The interfaces: NumPy's names, parameters, shapes and errors."""

import inspect

import numpy as np
import pytest

import ndgpu

RANDOM = [n for n in dir(np.random) if not n.startswith("_")]


@pytest.mark.parametrize("name", RANDOM)
def test_a_name_is_here_or_left_out(name):
    if not hasattr(ndgpu.random, name):
        with pytest.raises(AttributeError, match="NumPy's own"):
            getattr(ndgpu.random, name)


@pytest.mark.parametrize("kind", ["Generator", "RandomState"])
def test_methods_take_numpys_parameters(kind):
    theirs, ours = getattr(np.random, kind), getattr(ndgpu.random, kind)
    for name in dir(theirs):
        if name.startswith("_"):
            continue
        assert hasattr(ours, name), name
        function = getattr(theirs, name)
        if not callable(function):
            continue
        wanted = inspect.signature(function).parameters
        got = inspect.signature(getattr(ours, name)).parameters
        if any(p.kind == p.VAR_POSITIONAL for p in wanted.values()):
            assert any(p.kind == p.VAR_POSITIONAL for p in got.values())
            continue
        assert list(got)[: len(wanted)] == list(wanted), name
        for p in wanted.values():
            assert got[p.name].kind == p.kind, (name, p)
            default = got[p.name].default
            assert default == p.default or (default, p.default) == (int, np.int64), (name, p)


# Method, parameters that are right, and for each what is not allowed.
RULES = [
    ("beta", (1.0, 1.0), [[-1, 0], [-1, 0]]),
    ("binomial", (5, 0.5), [[-1, np.nan, np.inf, 2**70], [-0.1, 1.1, np.nan]]),
    ("chisquare", (1.0,), [[-1, 0]]),
    ("exponential", (1.0,), [[-1]]),
    ("f", (1.0, 1.0), [[-1, 0], [-1, 0]]),
    ("gamma", (1.0, 1.0), [[-1], [-1]]),
    ("geometric", (0.5,), [[0, -0.1, 1.1, np.nan]]),
    ("gumbel", (0.0, 1.0), [[], [-1]]),
    ("hypergeometric", (3, 4, 2), [[-1, np.nan], [-1], [-1, 8]]),
    ("laplace", (0.0, 1.0), [[], [-1]]),
    ("logistic", (0.0, 1.0), [[], [-1]]),
    ("lognormal", (0.0, 1.0), [[], [-1]]),
    ("logseries", (0.5,), [[-0.1, 1, np.nan]]),
    ("negative_binomial", (3, 0.5), [[0, -1, np.nan, 1e300], [0, 1.5, np.nan, 1e-300]]),
    ("noncentral_chisquare", (1.0, 1.0), [[0], [-1]]),
    ("noncentral_f", (1.0, 1.0, 1.0), [[0], [0], [-1]]),
    ("normal", (0.0, 1.0), [[], [-1]]),
    ("pareto", (1.0,), [[0]]),
    ("poisson", (1.0,), [[-1, np.nan, np.inf, 1e300]]),
    ("power", (1.0,), [[0]]),
    ("rayleigh", (1.0,), [[-1]]),
    ("standard_gamma", (1.0,), [[-1]]),
    ("standard_t", (1.0,), [[0]]),
    ("triangular", (0.0, 1.0, 2.0), [[1.5], [-1, 3], [0.5]]),
    ("uniform", (0.0, 1.0), [[2, np.inf, np.nan], [-1, np.inf]]),
    ("vonmises", (0.0, 1.0), [[], [-1]]),
    ("wald", (1.0, 1.0), [[0], [0]]),
    ("weibull", (1.0,), [[-1]]),
    ("zipf", (2.0,), [[1, 0, np.nan]]),
]


@pytest.mark.parametrize(("name", "right", "wrong"), RULES, ids=[r[0] for r in RULES])
def test_parameters_are_checked_as_numpy_does(name, right, wrong):
    rng, theirs = ndgpu.random.default_rng(0), np.random.default_rng(0)
    for k, values in enumerate(wrong):
        for value in values:
            for given in (value, [right[k], value]):
                params = [*right[:k], given, *right[k + 1 :]]
                with pytest.raises((ValueError, OverflowError)) as expected:
                    getattr(theirs, name)(*params)
                with pytest.raises(expected.type):
                    getattr(rng, name)(*params)
    with pytest.raises(TypeError):
        getattr(rng, name)(*[1j] * len(right))
    with pytest.raises(TypeError, match="Unsupported dtype"):
        getattr(rng, name)(*right, dtype="c8")


@pytest.mark.parametrize("name", ["poisson", "geometric", "zipf", "uniform", "normal"])
def test_nan_and_device_arrays_out_of_range(name):
    """Those on the device are not waited for: what is out of range has no number."""
    rng = ndgpu.random.default_rng(0)
    bad = ndgpu.asarray([0.5, -1.0, np.nan])
    x = rng.normal(0, bad) if name == "normal" else (
        rng.uniform(bad, 0) if name == "uniform" else getattr(rng, name)(bad)
    )  # fmt: skip
    missing = np.isnan(x.get()) if name in ("normal", "uniform") else x.get() == -(2**63)
    expected = {"zipf": [True] * 3, "uniform": [True, False, True]}
    assert missing.tolist() == expected.get(name, [False, True, True])


def test_shapes_and_keywords():
    rng = ndgpu.random.default_rng(1)
    assert rng.random().shape == () and rng.random((0, 3)).shape == (0, 3)
    assert rng.normal([0, 100], 1).shape == (2,)
    assert rng.uniform([0, 5], [1, 6], (4, 2)).shape == (4, 2)
    assert rng.gamma([[1.0], [2.0]], [1.0, 2.0, 3.0]).shape == (2, 3)
    assert rng.poisson(np.float32(3), dtype="i4").dtype == np.int32
    assert rng.normal(ndgpu.asarray([0, 100]), 1).get()[1] > 90
    assert rng.normal([ndgpu.asarray(0.0), 100], 1).get()[1] > 90
    out = ndgpu.empty(3, "f4")
    assert rng.random(dtype="f4", out=out) is out
    assert rng.standard_gamma([1.0, 2, 3], dtype="f4", out=out) is out
    assert rng.standard_exponential(method="inv", dtype="f4", out=out) is out
    for bad, error in (
        (lambda: rng.random(3, "i4"), TypeError),
        (lambda: rng.random(out=out), TypeError),
        (lambda: rng.random(out=[1, 2]), ValueError),
        (lambda: rng.random(4, "f4", out=out), ValueError),
        (lambda: rng.random(out=ndgpu.empty((4, 4))[:, ::2]), ValueError),
        (lambda: rng.random(-1), ValueError),
        (lambda: rng.random("a"), TypeError),
        (lambda: rng.random(2.5), TypeError),
        (lambda: rng.normal("a"), ValueError),
        (lambda: rng.normal(None), TypeError),
        (lambda: rng.normal([1j]), TypeError),
        (lambda: rng.normal([0, 1], 1, (3,)), ValueError),
        (lambda: rng.standard_gamma([1, 2], dtype="f4", out=out), ValueError),
        (lambda: ndgpu.random.default_rng(-1), ValueError),
        (lambda: ndgpu.random.default_rng("a"), TypeError),
    ):
        with pytest.raises(error):
            bad()


def test_integers_of_all_dtypes_and_bounds():
    rng = ndgpu.random.default_rng(0)
    for dtype in ("?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"):
        info = np.iinfo(dtype) if dtype != "?" else None
        low, high = (int(info.min), int(info.max)) if info else (0, 1)
        x = rng.integers(low, high, 1000, dtype, endpoint=True)
        assert x.dtype == np.dtype(dtype)
        assert len(set(x.tolist())) > 1
    x = rng.integers(ndgpu.asarray([0, 10, 20]), [5, 15, 25], (100, 3)).get()
    assert ((x >= [0, 10, 20]) & (x < [5, 15, 25])).all()
    x = rng.integers([-128, 0, 100], [127, 0, 127], (500, 3), "i1", endpoint=True).get()
    assert (x.min(0) >= [-128, 0, 100]).all() and (x.max(0) <= [127, 0, 127]).all()
    x = rng.integers(0, [2**64], dtype="u8", size=100).get()
    assert x.max() > 2**63
    # An empty range that is on the device has its lower end.
    assert rng.integers(ndgpu.asarray([3, 4]), ndgpu.asarray([3, 5])).tolist() == [3, 4]
    assert rng.integers(2.5, size=50).get().max() == 1


def test_bounds_of_integers_are_checked_as_numpy_does():
    for args, words in (
        ((3, 3), {}), ((4, 3), {"endpoint": True}), ((0,), {}), (([3], [3]), {}),
        ((0, 300), {"dtype": "u1"}), (([0], [300]), {"dtype": "u1"}), ((-1, 3), {"dtype": "u1"}),
        (([1, 2], [3, 2]), {}), ((0, 3), {"dtype": bool}), ((2**63,), {"endpoint": True}),
        ((5,), {"size": (2, -1)}), ((np.nan,), {}), ((0, "a"), {}),
        ((3,), {"dtype": "f4"}), ((3,), {"dtype": "S1"}), (([0, 1, 2], 3, 2), {}),
    ):  # fmt: skip
        with pytest.raises((ValueError, TypeError)) as expected:
            np.random.default_rng(0).integers(*args, **words)
        with pytest.raises(expected.type) as got:
            ndgpu.random.default_rng(0).integers(*args, **words)
        if "shape" not in str(expected.value) and "dtype" not in str(expected.value):
            assert str(got.value) == str(expected.value)


def test_the_older_names():
    state = ndgpu.random.RandomState(3)
    assert state.randn(4, dtype="f4").dtype == np.float32
    assert state.randint(3, size=(2, 2)).shape == (2, 2)
    with pytest.warns(DeprecationWarning):
        assert set(state.random_integers(2, size=50).tolist()) == {1, 2}
    assert state.uniform(3, 1, 100).get().max() < 3.0001
    assert state.tomaxint(3).shape == (3,) and len(state.bytes(5)) == 5
    for name in ("random_sample", "random", "standard_normal", "standard_exponential", "ranf"):
        assert getattr(ndgpu.random, name)(size=3).shape == (3,)
    assert ndgpu.random.choice(4, 2).shape == ndgpu.random.permutation(2).shape == (2,)
    assert state.standard_gamma(2.0, 3).shape == (3,)
    with pytest.raises(ValueError, match="1-dimensional"):
        state.choice(np.eye(2))
    with pytest.raises(ValueError, match="greater than 0"):
        state.choice(0)
