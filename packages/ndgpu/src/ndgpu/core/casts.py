"""Copies and casts: `copy`, `astype`, `fill`, and copying into an existing array.

Guarantees: a value is converted as NumPy converts it; memory that overlaps is
copied as if the source had been read first.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ndgpu import runtime
from ndgpu.core import layout
from ndgpu.core.codegen import convert
from ndgpu.core.dtypes import as_dtype
from ndgpu.core.ndarray import allocate, ndarray, view_of
from ndgpu.kernels.elementwise import Elementwise, Operand

__all__ = [
    "allocate_in_order",
    "astype",
    "copy",
    "copy_into",
    "copy_kernel",
    "copy_where",
    "fill",
    "moved",
    "overlaps",
    "same_memory",
]


@functools.cache
def _cast_kernel(source: np.dtype, target: np.dtype) -> Elementwise:
    name = "copy" if source == target else f"cast_{source.name}_{target.name}"
    return Elementwise(
        f"ndgpu_{name}",
        (Operand("x", source), Operand("y", target, "out")),
        f"y = {convert('x', source, target)};",
    )


def copy_kernel(dtype: np.dtype) -> Elementwise:
    """Return the kernel that copies arrays of a dtype."""
    return _cast_kernel(dtype, dtype)


# A copy moves bytes whatever they mean: one kernel for each size of element.
_BY_SIZE = {n: np.dtype(f"u{n}") for n in (1, 2, 4, 8)} | {16: np.dtype(np.complex128)}


@functools.cache
def _fill_kernel(dtype: np.dtype) -> Elementwise:
    return Elementwise(
        f"ndgpu_fill_{dtype.name}",
        (Operand("x", dtype, "scalar"), Operand("y", dtype, "out")),
        "y = x;",
    )


def allocate_in_order(shape: layout.Shape, dtype: np.dtype, like: ndarray, order: str) -> ndarray:
    """Return a new array of `shape` whose axes lie in memory as `order` says.

    ``'K'`` follows `like`, which has the same number of axes; ``'A'`` is Fortran
    order if `like` is only that.

    Raises
    ------
    ValueError
        If `order` is none of C, F, A and K.
    """
    if order == "K":
        if like._c_contiguous:
            return allocate(shape, dtype)
        axes = sorted(range(len(shape)), key=lambda axis: -abs(like._strides[axis]))
    elif order == "F" or (order == "A" and like._f_contiguous and not like._c_contiguous):
        axes = list(range(len(shape)))[::-1]
    elif order in ("C", "A"):
        return allocate(shape, dtype)
    else:
        raise ValueError(f"order must be one of 'C', 'F', 'A', or 'K' (got {order!r})")
    dense = allocate(tuple([shape[axis] for axis in axes]), dtype)
    back = sorted(range(len(axes)), key=axes.__getitem__)
    result = view_of(dense, shape, tuple([dense._strides[k] for k in back]))
    result._base = None
    return result


def copy(a: ndarray, order: str = "C") -> ndarray:
    """Return a copy of `a` on the current device.

    Parameters
    ----------
    a : ndarray
    order : {'C', 'F', 'A', 'K'}
        Memory layout of the copy.
    """
    result = allocate_in_order(a._shape, a._dtype, a, order)
    copy_into(result, a)
    return result


def astype(
    a: ndarray, dtype: Any, order: str = "K", casting: Any = "unsafe", copy: bool = True
) -> ndarray:
    """Return `a` cast to `dtype`; see `ndarray.astype`."""
    target = as_dtype(dtype)
    if not np.can_cast(a._dtype, target, casting):
        raise TypeError(
            f"Cannot cast array data from {a._dtype!r} to {target!r} according to the rule "
            f"'{casting}'"
        )
    if not copy and target == a._dtype:
        in_order = (
            order in ("K", "A")
            or (order == "C" and a._c_contiguous)
            or (order == "F" and a._f_contiguous)
        )
        if in_order:
            return a
    result = allocate_in_order(a._shape, target, a, order)
    copy_into(result, a)
    return result


def copy_into(target: ndarray, source: ndarray) -> None:
    """Set `target` to `source`, cast and broadcast to it.

    Raises
    ------
    ValueError
        If `source` does not broadcast to the shape of `target`.
    """
    shape = target._shape
    if source._shape != shape:
        # Assignment drops leading axes of length one, which broadcasting would not.
        extra = source.ndim - len(shape)
        if extra > 0 and source._shape[:extra] == (1,) * extra:
            source = view_of(source, source._shape[extra:], source._strides[extra:])
        layout.broadcast_strides(source._shape, source._strides, shape)
    if target._size == 0:
        return
    there = target._data.device_id
    if there != runtime.current_device_id():
        with runtime.Device(there):  # the copy belongs where the target's work is
            copy_into(target, source)
        return
    if source._data.device_id != there:
        source = moved(source)
    if overlaps(target, source):
        if same_memory(target, source):
            return
        source = copy(source)
    dtype = target._dtype
    if source._dtype == dtype:
        if (target._c_contiguous and source._c_contiguous and source._shape == shape) or (
            shape == source._shape and _dense_alike(target, source)
        ):
            target.data.copy_from_device_async(source.data, target.nbytes)
            return
        dtype = _BY_SIZE[dtype.itemsize]
        target, source = _retyped(target, dtype), _retyped(source, dtype)
    _launch(_cast_kernel(source._dtype, dtype), [source, target], shape, target)


@functools.cache
def _masked_kernel(source: np.dtype, target: np.dtype) -> Elementwise:
    return Elementwise(
        "ndgpu_copy_where",
        (
            Operand("x", source),
            Operand("mask", np.dtype(bool)),
            Operand("y", target, "out"),
        ),
        f"y = {convert('x', source, target)};",
        guard="mask",
    )


def copy_where(target: ndarray, source: ndarray, mask: ndarray) -> None:
    """Set `target` to `source` where `mask` is true; both broadcast to its shape."""
    shape = target._shape
    layout.broadcast_strides(source._shape, source._strides, shape)
    layout.broadcast_strides(mask._shape, mask._strides, shape)
    if overlaps(target, source) and not same_memory(target, source):
        source = copy(source)
    if overlaps(target, mask) and not (
        mask._ptr == target._ptr
        and mask._shape == shape
        and mask._strides == target._strides
        and target._dtype.itemsize == 1
    ):
        mask = copy(mask)
    if target._size:
        kernel = _masked_kernel(source._dtype, target._dtype)
        _launch(kernel, [source, mask, target], shape, target)


def _launch(kernel: Elementwise, args: list[Any], shape: layout.Shape, target: ndarray) -> None:
    if target._data.device_id == runtime.current_device_id():
        kernel.launch(args, shape)
    else:
        with runtime.Device(target._data.device_id):
            kernel.launch(args, shape)


def moved(source: ndarray) -> ndarray:
    """Return a dense copy on the current device of an array that is on another one.

    It is made after what the current stream there was given, and what that stream is given
    later waits for it: the source may be changed or dropped at once.
    """
    stream = runtime.get_current_stream()
    with runtime.Device(source._data.device_id):
        dense = source if source._c_contiguous else copy(source)
        ready = runtime.Event(disable_timing=True)
        ready.record()
    stream.wait_event(ready)
    result = allocate(dense._shape, dense._dtype)
    result._data.copy_from_device_async(dense.data, dense.nbytes)
    read = runtime.Event(disable_timing=True)
    read.record()
    with runtime.Device(source._data.device_id):
        runtime.get_current_stream().wait_event(read)
    return result


def _dense_alike(a: ndarray, b: ndarray) -> bool:
    return (
        a._strides == b._strides
        and min(a._strides, default=0) >= 0
        and layout.keep_order_strides(a._shape, a._strides, a._dtype.itemsize) == a._strides
    )


def _retyped(a: ndarray, dtype: np.dtype) -> ndarray:
    result = view_of(a, a._shape, a._strides, 0, a._c_contiguous)
    result._dtype = dtype
    return result


def overlaps(a: ndarray, b: ndarray) -> bool:
    """Whether the address ranges of two arrays have a byte in common."""
    if a._ptr == b._ptr:
        return a._size > 0 and b._size > 0
    low, high = layout.extent(a._shape, a._strides, a._dtype.itemsize)
    other_low, other_high = layout.extent(b._shape, b._strides, b._dtype.itemsize)
    return a._ptr + low < b._ptr + other_high and b._ptr + other_low < a._ptr + high


def same_memory(a: ndarray, b: ndarray) -> bool:
    """Whether two arrays show the same elements in the same order, with one dtype."""
    return (
        a._ptr == b._ptr
        and a._strides == b._strides
        and a._shape == b._shape
        and a._dtype == b._dtype
    )


def fill(a: ndarray, value: Any) -> None:
    """Set every element of `a` to `value`, a number or a 0-d array."""
    if isinstance(value, ndarray):
        if value._size != 1:
            raise ValueError("fill: expected a number or an array of one element")
        copy_into(a, view_of(value, (), ()))
        return
    # NumPy's conversion and NumPy's errors, on one element.
    scratch = np.empty((), a._dtype)
    scratch[...] = value
    if a._size == 0:
        return
    if a._c_contiguous:
        pattern = scratch.tobytes()
        if pattern.count(pattern[0]) == len(pattern):
            with runtime.Device(a._data.device_id):
                a.data.memset_async(pattern[0], a.nbytes)
            return
    _launch(_fill_kernel(a._dtype), [scratch[()], a], a._shape, a)
