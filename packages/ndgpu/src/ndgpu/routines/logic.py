"""Questions about arrays: isclose, allclose, array_equal, dtype and memory predicates."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ndgpu.compile import ctype
from ndgpu.core import casts, layout, reductions
from ndgpu.core.codegen import compute_dtype
from ndgpu.core.dtypes import as_dtype
from ndgpu.core.ndarray import allocate, ndarray
from ndgpu.core.transfer import asarray
from ndgpu.core.ufuncs import TABLE
from ndgpu.kernels.elementwise import Elementwise, Operand

__all__ = [
    "allclose",
    "array_equal",
    "array_equiv",
    "can_cast",
    "common_type",
    "isclose",
    "iscomplexobj",
    "isfortran",
    "isrealobj",
    "isscalar",
    "may_share_memory",
    "ndim",
    "result_type",
    "shape",
    "shares_memory",
    "size",
]

_BOOL = np.dtype(bool)


@functools.cache
def _close_kernel(a: np.dtype, b: np.dtype, kind: np.dtype, equal_nan: bool) -> Elementwise:
    complex_ = kind.kind == "c"
    size = "abs" if complex_ else "fabs"
    real = np.dtype(f"f{kind.itemsize // 2}") if complex_ else kind
    equal = "a == b" + (" || (isnan(a) && isnan(b))" if equal_nan else "")
    # An infinity is close to nothing but itself; NaN fails every comparison.
    near = f"isfinite(b) && {size}(a - b) <= T(atol + rtol * {size}(b))"
    number = np.dtype(np.float64)
    return Elementwise(
        "ndgpu_isclose",
        (
            Operand("a", a, "in", kind),
            Operand("b", b, "in", kind),
            Operand("rtol", number, "scalar"),
            Operand("atol", number, "scalar"),
            Operand("y", _BOOL, "out"),
        ),
        f"y = {equal} || ({near});",
        types={"T": ctype(real)},
        options=("--fmad=false",),
    )


def isclose(
    a: Any, b: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> ndarray:
    """Return where ``abs(a - b) <= atol + rtol * abs(b)``.

    Parameters
    ----------
    a, b : array-like
    rtol, atol : float
        Relative and absolute tolerance.
    equal_nan : bool
        Whether NaN is close to NaN.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.isclose(ndgpu.asarray([1.0, 2.0]), 1.0)
    array([ True, False])
    """
    a, b = asarray(a), asarray(b)
    kind = compute_dtype(as_dtype(np.result_type(a._dtype, b._dtype, np.float32)))
    shape = layout.broadcast_shape([a._shape, b._shape])
    result = allocate(shape, _BOOL)
    kernel = _close_kernel(a._dtype, b._dtype, kind, bool(equal_nan))
    kernel.launch([a, b, float(rtol), float(atol), result], shape)
    return result


def allclose(
    a: Any, b: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> bool:
    """Tell whether all elements are close, as `isclose` has it; waits for the device.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.allclose(ndgpu.ones(2), 1 + 1e-9)
    True
    """
    return bool(reductions.all(isclose(a, b, rtol, atol, equal_nan)))


def array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> bool:
    """Tell whether two arrays have one shape and the same elements; waits for the device."""
    try:
        a1, a2 = asarray(a1), asarray(a2)
    except TypeError:
        return False
    if a1._shape != a2._shape:
        return False
    same = TABLE["equal"](a1, a2)
    if equal_nan:
        nans = TABLE["logical_and"](TABLE["not_equal"](a1, a1), TABLE["not_equal"](a2, a2))
        same = TABLE["logical_or"](same, nans)
    return bool(reductions.all(same))


def array_equiv(a1: Any, a2: Any) -> bool:
    """Tell whether two arrays are equal when one is broadcast to the other."""
    a1, a2 = asarray(a1), asarray(a2)
    try:
        layout.broadcast_shape([a1._shape, a2._shape])
    except ValueError:
        return False
    return bool(reductions.all(TABLE["equal"](a1, a2)))


def may_share_memory(a: Any, b: Any, max_work: int | None = None) -> bool:
    """Tell whether the address ranges of two arrays have a byte in common."""
    if not isinstance(a, ndarray) or not isinstance(b, ndarray):
        return False
    return a.device_id == b.device_id and casts.overlaps(a, b)


def shares_memory(a: Any, b: Any, max_work: Any = None) -> bool:
    """Tell whether two arrays have an element's byte in common, exactly.

    NumPy solves the question of strides; it is given the addresses, never the memory.
    """
    if not may_share_memory(a, b):
        return False
    return bool(
        np.shares_memory(
            _addresses(a), _addresses(b), max_work=-1 if max_work is None else max_work
        )
    )


class _Addresses:
    """A description of device memory that NumPy can reason about without reading it."""

    def __init__(self, a: ndarray) -> None:
        self.__array_interface__ = {
            "shape": a._shape,
            "typestr": f"|V{a._dtype.itemsize}",
            "strides": a._strides,
            "data": (a._ptr, False),
            "version": 3,
        }


def _addresses(a: ndarray) -> np.ndarray:
    return np.asarray(_Addresses(a))


def result_type(*arrays_and_dtypes: Any) -> np.dtype:
    """Return the dtype to which NumPy promotes arrays, dtypes and numbers.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.result_type(ndgpu.ones(1, "f4"), 1.5)
    dtype('float32')
    """
    return np.result_type(*[_dtype_or_self(a) for a in arrays_and_dtypes])


def common_type(*arrays: Any) -> type:
    """Return the inexact scalar type that holds all arrays' elements."""
    return np.common_type(*[np.empty(0, _dtype_or_self(a)) for a in arrays])


def can_cast(from_: Any, to: Any, casting: Any = "safe") -> bool:
    """Tell whether a dtype (or an array's) may be cast to another."""
    return np.can_cast(_dtype_or_self(from_), to, casting)


def _dtype_or_self(a: Any) -> Any:
    return a._dtype if isinstance(a, ndarray) else a


def iscomplexobj(x: Any) -> bool:
    """Tell whether `x` has a complex dtype."""
    return np.dtype(_dtype_or_self(x)).kind == "c" if isinstance(x, ndarray) else np.iscomplexobj(x)


def isrealobj(x: Any) -> bool:
    """Tell whether `x` has a dtype that is not complex."""
    return not iscomplexobj(x)


def isscalar(element: Any) -> bool:
    """Tell whether `element` is a number, not an array."""
    return np.isscalar(element)


def isfortran(a: ndarray) -> bool:
    """Tell whether `a` is Fortran-contiguous and not C-contiguous."""
    return a.flags.fnc


def ndim(a: Any) -> int:
    """Return the number of axes."""
    return a.ndim if isinstance(a, ndarray) else np.ndim(a)


def shape(a: Any) -> tuple[int, ...]:
    """Return the shape."""
    return a.shape if isinstance(a, ndarray) else np.shape(a)


def size(a: Any, axis: int | None = None) -> int:
    """Return the number of elements, or those along an axis."""
    if not isinstance(a, ndarray):
        return np.size(a, axis)
    return a.size if axis is None else a.shape[axis]
