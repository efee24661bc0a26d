"""Reductions against NumPy: axes, layouts, dtypes, keywords and errors."""

import numpy as np
import pytest
from tests.ndgpu.core.differential import check

import ndgpu

ARITHMETIC = ["sum", "prod", "max", "min", "mean", "var", "std", "ptp"]
LOGIC = ["any", "all", "count_nonzero"]
ARGUMENTS = ["argmax", "argmin"]
BASE = np.random.default_rng(3).integers(-2, 3, (4, 5, 37)) / 2

LAYOUTS = {
    "contiguous": lambda a: a,
    "transposed": lambda a: a.T,
    "swapped": lambda a: a.transpose(1, 0, 2),
    "negative": lambda a: a[:, ::-1, ::2],
    "broadcast": lambda a: np.broadcast_to(a[:, :1], a.shape),
    "zero-d": lambda a: a[0, 0, 0],
}


def elements(dtype):
    if np.dtype(dtype).kind == "c":
        return (BASE + 1j * BASE[::-1]).astype(dtype)
    return (np.abs(BASE) if np.dtype(dtype).kind == "u" else BASE).astype(dtype)


@pytest.mark.parametrize("name", [*ARITHMETIC, *LOGIC, *ARGUMENTS])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_axes_of_every_layout(name, layout):
    a = LAYOUTS[layout](elements("f4"))
    axes = [None] if a.ndim == 0 else [None, 0, 1, -1]
    if name not in ARGUMENTS:
        axes += [(0, 2), (1, 2), ()] if a.ndim else [()]
    for axis in axes:
        if axis == () and name == "count_nonzero":
            continue
        for keepdims in (False, True):
            check(
                lambda xp, a, axis=axis, k=keepdims: getattr(xp, name)(a, axis=axis, keepdims=k),
                a,
                tolerance=1e-5,
            )


@pytest.mark.parametrize("dtype", ["?", "i1", "u2", "i4", "i8", "e", "f8", "F"])
@pytest.mark.parametrize("name", [*ARITHMETIC, *LOGIC])
def test_dtypes(name, dtype):
    a = elements(dtype)[:2, :3]
    tolerance = {"e": 2e-2, "F": 1e-4}.get(dtype)
    check(lambda xp, a: getattr(xp, name)(a, axis=1), a, tolerance=tolerance)


@pytest.mark.parametrize("dtype", ["?", "i1", "f8"])
def test_arguments_of_extrema(dtype):
    a = elements(dtype)
    for axis in (None, 0, 2):
        check(lambda xp, a, axis=axis: xp.argmax(a, axis=axis), a)
        check(lambda xp, a, axis=axis: xp.argmin(a, axis=axis), a)
    check(lambda xp, a: xp.argmax(a), np.array([1.0, np.nan, 5, np.nan]))
    check(lambda xp, a: xp.argmax(a, axis=1), np.zeros((3, 0)))
    check(lambda xp, a: xp.argmax(a, axis=0), np.zeros((3, 0)))
    check(lambda xp, a: xp.argmax(a, axis=(0, 1)), np.zeros((3, 2)))


@pytest.mark.parametrize("dtype", ["u8", "f4", "F"])
def test_the_first_of_equals_or_of_nans_is_found_in_any_layout(dtype):
    dtype = np.dtype(dtype)
    rng = np.random.default_rng(8)
    for shape, axes in (((70_001,), (0,)), ((37, 300), (0, 1)), ((5000, 3), (0, 1))):
        a = rng.integers(0, 4, shape).astype(dtype)
        some = [a, a[::-1], np.zeros_like(a)]
        if dtype.kind in "fc":
            rare, inf = a.copy(), a.copy()
            rare[rng.random(shape) < 1e-3] = np.nan
            inf[rng.random(shape) < 1e-2] = -np.inf
            some += [rare, inf, -inf, np.full_like(a, np.nan), np.full_like(a, -np.inf)]
        for x in some:
            for axis in (None, *axes):
                check(lambda xp, a, axis=axis: xp.argmax(a, axis=axis), x)
                check(lambda xp, a, axis=axis: xp.argmin(a, axis=axis), x)


def test_large_reductions_are_accurate_and_repeat():
    a = np.random.default_rng(5).standard_normal(300_001).astype(np.float32)
    x = ndgpu.asarray(a)
    first = x.sum().item()
    assert abs(first - a.sum(dtype=np.float64)) < 0.05
    assert all(x.sum().item() == first for _ in range(3))
    assert x.max().item() == a.max() and x.argmin().item() == a.argmin()
    assert x.var().item() == pytest.approx(a.var(dtype=np.float64), rel=1e-5)
    assert ndgpu.ones(70_000, "f2").sum(dtype="f4").item() == 70_000


def test_nan_wins():
    a = np.array([[1.0, np.nan], [3, 4]])
    for name in ("max", "min", "sum"):
        check(lambda xp, a, name=name: getattr(xp, name)(a, axis=0), a)


@pytest.mark.parametrize("name", ["sum", "prod", "max", "min", "mean", "var", "std", "any", "all"])
def test_where(name):
    a = elements("f4")[:, :, 0]
    mask = a > -0.4
    initial = {"initial": 0.25} if name in ("max", "min") else {}
    check(
        lambda xp, a, mask: getattr(xp, name)(a, axis=0, where=mask, **initial),
        a,
        mask,
        tolerance=1e-5,
    )
    check(lambda xp, a, m: getattr(xp, name)(a, where=m, **initial), a, mask, tolerance=1e-5)


def test_initial_out_and_dtype():
    a = elements("f4")[0]
    check(lambda xp, a: xp.sum(a, axis=0, initial=3), a)
    check(lambda xp, a: xp.max(a, axis=0, initial=0.5), a)
    check(lambda xp, a: xp.max(a, where=a > 0), a)  # needs initial
    check(lambda xp, a: xp.sum(a, dtype="i4"), a)
    check(lambda xp, a: xp.mean(a, dtype="f8"), a)
    check(lambda xp, a: xp.sum(a, axis=1, out=xp.zeros(5)), a)
    check(lambda xp, a: xp.sum(a, axis=1, out=xp.zeros((5, 1))), a)
    check(lambda xp, a: xp.sum(a, axis=1, out=xp.zeros(4)), a)
    check(lambda xp, a: xp.max(a, axis=1, out=xp.zeros(5, "i4")), a)  # not the same kind
    check(lambda xp, a: xp.var(a, axis=1, ddof=1), a, tolerance=1e-5)
    check(lambda xp, a: xp.std(a, axis=1, correction=1), a, tolerance=1e-5)
    check(lambda xp, a: xp.var(a, ddof=1, correction=1), a)
    check(lambda xp, a: xp.var(a, axis=0, mean=a.mean(axis=0, keepdims=True)), a, tolerance=1e-5)


def test_nothing_to_reduce():
    a = np.zeros((0, 3), np.float32)
    for name in ("sum", "prod", "any", "all", "count_nonzero"):
        check(lambda xp, a, name=name: getattr(xp, name)(a, axis=0), a)
        check(lambda xp, a, name=name: getattr(xp, name)(a, axis=1), a)
    check(lambda xp, a: xp.max(a, axis=0), a)
    check(lambda xp, a: xp.max(a, axis=1), a)
    check(lambda xp, a: xp.max(a, axis=0, initial=2), a)
    with pytest.raises(ValueError, match="zero-size array to reduction operation maximum"):
        ndgpu.asarray(a).max()
    with pytest.warns(RuntimeWarning, match="Mean of empty slice"):
        assert np.isnan(ndgpu.asarray(a).mean().item())
    with pytest.warns(RuntimeWarning, match="Degrees of freedom <= 0"):
        assert np.isnan(ndgpu.ones(1).var(ddof=1).item())


def test_axis_errors():
    a = np.zeros((2, 3))
    for axis in (2, -3, (0, 0), (0, 5)):
        check(lambda xp, a, axis=axis: xp.sum(a, axis=axis), a)
    check(lambda xp, a: xp.sum(a, axis=1.5), a)


def test_methods_of_ufuncs():
    a = elements("f4")[:, :, 0]
    for name in ("add", "multiply", "maximum", "minimum", "logical_and", "logical_or"):
        check(lambda xp, a, name=name: getattr(xp, name).reduce(a), a, tolerance=1e-5)
        check(lambda xp, a, name=name: getattr(xp, name).reduce(a, axis=1, keepdims=True), a)
    check(lambda xp, a: xp.exp.reduce(a), a)
