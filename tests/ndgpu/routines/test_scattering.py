"""Scatters and the reciprocal square root, and what else CuPy has beyond NumPy."""

import numpy as np
import pytest

import ndgpu


@pytest.mark.parametrize(
    ("name", "ufunc"), [("add", np.add), ("max", np.maximum), ("min", np.minimum)]
)
def test_scatters_act_repeatedly(name, ufunc):
    wanted = np.array([1.0, 2.0, 3.0])
    function, method = ndgpu.asarray(wanted), ndgpu.asarray(wanted)
    places, values = [0, 2, 0, 1], np.array([5.0, -1.0, 2.0, 2.5])
    ufunc.at(wanted, places, values)
    getattr(ndgpu, f"scatter_{name}")(function, places, ndgpu.asarray(values))
    getattr(method, f"scatter_{name}")(places, ndgpu.asarray(values))
    assert function.tolist() == method.tolist() == wanted.tolist()


@pytest.mark.parametrize("dtype", ["i4", "f2", "f4", "f8"])
def test_rsqrt(dtype):
    x = np.array([1, 4, 9, 0]).astype(dtype)
    with np.errstate(divide="ignore"):
        wanted = 1 / np.sqrt(x)
    found = ndgpu.rsqrt(ndgpu.asarray(x))
    assert found.dtype == wanted.dtype
    np.testing.assert_allclose(found.get(), wanted, rtol=2e-3 if dtype == "f2" else 1e-6)
    with pytest.raises(TypeError, match="complex"):
        ndgpu.rsqrt(ndgpu.ones(2, "D"))


def test_results_are_kept_by_arguments_and_device():
    calls = []

    @ndgpu.memoize(for_each_device=True)
    def made(n, *, twice=False):
        calls.append((n, twice))
        return object()

    assert made(1) is made(1)
    assert made(1, twice=True) is not made(1)
    with ndgpu.cuda.Device(1):
        made(1)
    assert calls == [(1, False), (1, True), (1, False)]
    ndgpu.clear_memo()
    made(1)
    assert len(calls) == 4
    assert ndgpu.memoize()(len)("ab") == 2
