"""reduce, accumulate, reduceat, outer and at of every ufunc of two operands, beside NumPy's."""

import warnings

import numpy as np
import pytest

import ndgpu
from ndgpu.core.rows import ROWS

BINARY = sorted(name for name in ROWS if (getattr(np, name).nin, getattr(np, name).nout) == (2, 1))
RNG = np.random.default_rng(5)
INTEGERS = RNG.integers(1, 4, (4, 3))
MASK = RNG.integers(0, 2, (4, 3)).astype(bool)
# Where its loops for wide vectors are used, NumPy 2.4 reads all elements before it writes any:
# it gives 4, not 64, for power.reduce([2.0, 3.0, 2.0]).
NUMPY_IS_WRONG = {("power", "f4"), ("arctan2", "f4"), ("arctan2", "i8")}
# (arguments of reduce); those that differ in nothing but speed are left to the reductions' tests.
REDUCE = (
    {},
    {"axis": 1, "keepdims": True},
    {"axis": None},
    {"initial": 2},
    {"initial": 1, "where": MASK},
    {"where": MASK},
    {"initial": None},
)


def outcome(call):
    """The result on the host, or the class of the error."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            found = call()
    except (TypeError, ValueError) as error:
        return TypeError if isinstance(error, TypeError) else ValueError
    return found.get() if isinstance(found, ndgpu.ndarray) else np.asarray(found)


def assert_alike(found, wanted):
    if isinstance(found, type) or isinstance(wanted, type):
        assert found is wanted
        return
    assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
    if wanted.dtype.kind == "f":
        rtol = {2: 1e-2, 4: 1e-5, 8: 1e-12}[wanted.dtype.itemsize]
        np.testing.assert_allclose(found, wanted, rtol, rtol)
    else:
        np.testing.assert_array_equal(found, wanted)


def methods(name, x, on_device):
    """Calls of each method: ours and NumPy's, as pairs."""
    ours, theirs = getattr(ndgpu, name), getattr(np, name)
    for keywords in REDUCE:
        moved = {k: ndgpu.asarray(v) if v is MASK else v for k, v in keywords.items()}
        yield lambda k=moved: ours.reduce(on_device, **k), lambda k=keywords: theirs.reduce(x, **k)
    yield lambda: ours.reduce(on_device[:0]), lambda: theirs.reduce(x[:0])
    yield lambda: ours.reduce(on_device.T[::-1]), lambda: theirs.reduce(x.T[::-1])
    yield lambda: ours.accumulate(on_device, 1), lambda: theirs.accumulate(x, 1)
    yield (
        lambda: ours.reduceat(on_device, [0, 2, 1], 0),
        lambda: theirs.reduceat(x, [0, 2, 1], 0),
    )
    yield lambda: ours.outer(on_device, on_device[0]), lambda: theirs.outer(x, x[0])
    places = np.array([0, 1, 0, 2])

    def at(ufunc, a):
        changed = a.copy()
        ufunc.at(changed, places, a)
        return changed

    yield lambda: at(ours, on_device), lambda: at(theirs, x)


# float32 and int64 throughout; the other dtypes on the ufuncs that take a way of their own.
CASES = [(name, dtype) for name in BINARY for dtype in ("f4", "i8")]
CASES += [
    (name, dtype)
    for name in ("subtract", "fmax", "logical_xor", "bitwise_and", "equal", "ldexp")
    for dtype in ("?", "u1")
]


@pytest.mark.nightly
@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_every_method_of_every_ufunc(name, dtype):
    x = (INTEGERS % 2 if dtype == "?" else INTEGERS).astype(dtype)
    on_device = ndgpu.asarray(x)
    for ours, theirs in methods(name, x, on_device):
        found, wanted = outcome(ours), outcome(theirs)
        if (name, dtype) in NUMPY_IS_WRONG and not isinstance(wanted, type):
            continue
        assert_alike(found, wanted)


@pytest.mark.parametrize(
    ("name", "dtype"), [("subtract", "f4"), ("fmax", "f4"), ("divide", "i8"), ("bitwise_and", "u1")]
)
def test_methods(name, dtype):
    x = INTEGERS.astype(dtype)
    for ours, theirs in methods(name, x, ndgpu.asarray(x)):
        assert_alike(outcome(ours), outcome(theirs))


def test_powers_are_taken_one_after_the_other():
    assert float(ndgpu.power.reduce(ndgpu.asarray([2.0, 3.0, 2.0]))) == 64


def test_fmax_leaves_nan_out_and_keeps_it_where_there_is_nothing_else():
    x = ndgpu.asarray([[np.nan, 1.0], [np.nan, np.nan]])
    np.testing.assert_array_equal(ndgpu.fmax.reduce(x, axis=1).get(), [1, np.nan])


def test_several_axes_where_their_order_matters_are_refused():
    with pytest.raises(ValueError, match="not reorderable"):
        ndgpu.subtract.reduce(ndgpu.ones((2, 2)), axis=(0, 1))
    assert int(ndgpu.gcd.reduce(ndgpu.asarray([[4, 6], [8, 10]]), axis=(0, 1))) == 2


@pytest.mark.parametrize("name", ["negative", "divmod"])
@pytest.mark.parametrize("method", ["reduce", "accumulate", "reduceat"])
def test_ufuncs_without_these_methods_say_so(name, method):
    args = (ndgpu.ones(3), [0]) if method == "reduceat" else (ndgpu.ones(3),)
    with pytest.raises(ValueError, match="only supported for"):
        getattr(getattr(ndgpu, name), method)(*args)


@pytest.mark.parametrize("dtype", ["i1", "u4", "f2", "?"])
def test_masked_reductions_of_small_dtypes(dtype):
    x = (INTEGERS % 2 if dtype == "?" else INTEGERS).astype(dtype)
    for name in ("sum", "max"):
        found = getattr(ndgpu, name)(ndgpu.asarray(x), 0, initial=0, where=ndgpu.asarray(MASK))
        assert_alike(found.get(), getattr(np, name)(x, 0, initial=0, where=MASK))
