"""Shapes and strides: pure functions of integers, with NumPy's rules and NumPy's errors.

Nothing here knows of a device.  Strides are in bytes; axes of length one or
less never decide whether a layout is contiguous, as in NumPy.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from math import prod
from typing import Any, SupportsIndex

from numpy.exceptions import AxisError
from numpy.lib.array_utils import normalize_axis_index

__all__ = [
    "Shape",
    "as_shape",
    "broadcast_shape",
    "broadcast_strides",
    "c_strides",
    "extent",
    "f_strides",
    "infer_shape",
    "is_c_contiguous",
    "is_f_contiguous",
    "is_integer",
    "keep_order_strides",
    "normalize_axes",
    "normalize_axis",
    "reshaped_strides",
]

Shape = tuple[int, ...]


def is_integer(value: Any) -> bool:
    """Whether one integer was given: an array of one axis has ``__index__`` and is a sequence.

    Examples
    --------
    >>> import numpy as np
    >>> is_integer(3), is_integer(np.int8(3)), is_integer(np.array([3, 4]))
    (True, True, False)
    """
    return hasattr(value, "__index__") and not getattr(value, "ndim", 0)


def as_shape(shape: SupportsIndex | Iterable[SupportsIndex]) -> Shape:
    """Return `shape` as a tuple of integers; one integer is a shape of one axis.

    Raises
    ------
    TypeError
        If an entry is no integer.
    ValueError
        If an entry is negative.

    Examples
    --------
    >>> as_shape(3), as_shape([2, 4])
    ((3,), (2, 4))
    """
    if type(shape) is tuple:
        entries: Iterable[Any] = shape
    elif is_integer(shape):
        entries = (shape,)
    elif isinstance(shape, Iterable):
        entries = shape
    else:
        raise TypeError(
            f"expected a sequence of integers or a single integer, got '{shape!r}'"
        ) from None
    result = tuple([operator.index(n) for n in entries])
    for n in result:
        if n < 0:
            raise ValueError("negative dimensions are not allowed")
    return result


def infer_shape(shape: Any, size: int) -> Shape:
    """Return the shape that `reshape` wants, its ``-1`` worked out from `size` elements."""
    if is_integer(shape):
        shape = (shape,)
    entries = [operator.index(n) for n in shape]
    unknown = [axis for axis, n in enumerate(entries) if n < 0]
    if len(unknown) > 1:
        raise ValueError("can only specify one unknown dimension")
    if unknown:
        entries[unknown[0]] = 1
        known = prod(entries)
        if known == 0 or size % known:
            raise _cannot_reshape(size, shape)
        entries[unknown[0]] = size // known
    elif prod(entries) != size:
        raise _cannot_reshape(size, shape)
    return tuple(entries)


def _cannot_reshape(size: int, shape: Iterable[int]) -> ValueError:
    # NumPy writes the unknown dimension this way.
    text = ",".join("newaxis" if int(n) < 0 else str(int(n)) for n in shape)
    text = f"({text})" if "," in text or not text else f"({text},)"
    return ValueError(f"cannot reshape array of size {size} into shape {text}")


def c_strides(shape: Shape, itemsize: int) -> Shape:
    """Strides of a C-contiguous array.

    Examples
    --------
    >>> c_strides((2, 3), 4)
    (12, 4)
    """
    if len(shape) == 1:
        return (itemsize,)
    strides = []
    step = itemsize
    for n in reversed(shape):
        strides.append(step)
        if n > 1:
            step *= n
    return tuple(strides[::-1])


def f_strides(shape: Shape, itemsize: int) -> Shape:
    """Strides of a Fortran-contiguous array."""
    return c_strides(shape[::-1], itemsize)[::-1]


def is_c_contiguous(shape: Shape, strides: Shape, itemsize: int) -> bool:
    """Whether the elements lie one after the other in row-major order."""
    step = itemsize
    for n, stride in zip(reversed(shape), reversed(strides), strict=True):
        if n == 0:
            return True
        if n != 1:
            if stride != step:
                # An empty array is contiguous whatever its strides are.
                return 0 in shape
            step *= n
    return True


def is_f_contiguous(shape: Shape, strides: Shape, itemsize: int) -> bool:
    """Whether the elements lie one after the other in column-major order."""
    return is_c_contiguous(shape[::-1], strides[::-1], itemsize)


def keep_order_strides(shape: Shape, strides: Shape, itemsize: int) -> Shape:
    """Strides of a dense array whose axes lie in memory in the order of `strides`.

    This is what ``order='K'`` means for a copy.
    """
    axes = sorted(range(len(shape)), key=lambda axis: -abs(strides[axis]))
    result = [0] * len(shape)
    step = itemsize
    for axis in reversed(axes):
        result[axis] = step
        if shape[axis] > 1:
            step *= shape[axis]
    return tuple(result)


def broadcast_shape(shapes: Sequence[Shape]) -> Shape:
    """Return the shape to which all `shapes` broadcast.

    Raises
    ------
    ValueError
        If they do not; the message lists the shapes.

    Examples
    --------
    >>> broadcast_shape([(3, 1), (4,)])
    (3, 4)
    """
    longest: Shape = max(shapes, key=len)
    result = list(longest)
    ndim = len(result)
    for shape in shapes:
        offset = ndim - len(shape)
        for axis, n in enumerate(shape, offset):
            if n != result[axis]:
                if result[axis] == 1:
                    result[axis] = n
                elif n != 1:
                    text = " ".join(str(s).replace(" ", "") for s in shapes)
                    raise ValueError(f"operands could not be broadcast together with shapes {text}")
    return tuple(result)


def broadcast_strides(shape: Shape, strides: Shape, target: Shape) -> Shape:
    """Strides with which an array of `shape` is read as one of shape `target`.

    Raises
    ------
    ValueError
        If `shape` does not broadcast to `target`.
    """
    extra = len(target) - len(shape)
    result = [0] * max(extra, 0)
    for n, stride, wanted in zip(shape, strides, target[max(extra, 0) :], strict=False):
        if n == wanted:
            result.append(stride)
        elif n == 1:
            result.append(0)
        else:
            extra = -1
    if extra < 0:
        raise ValueError(
            f"could not broadcast input array from shape {str(shape).replace(' ', '')} "
            f"into shape {str(target).replace(' ', '')}"
        )
    return tuple(result)


def reshaped_strides(shape: Shape, strides: Shape, new_shape: Shape, itemsize: int) -> Shape | None:
    """Strides that show the same elements, in C order, as `new_shape`; None if a copy is needed."""
    if 0 in shape:
        return c_strides(new_shape, itemsize)
    old = [(n, s) for n, s in zip(shape, strides, strict=True) if n != 1]
    result = [0] * len(new_shape)
    position = 0
    axis = 0
    while axis < len(new_shape) and position < len(old):
        if new_shape[axis] == 1:
            axis += 1
            continue
        first, start = position, axis
        old_count, new_count = old[position][0], new_shape[axis]
        while old_count != new_count:
            if old_count < new_count:
                position += 1
                old_count *= old[position][0]
            else:
                axis += 1
                new_count *= new_shape[axis]
        # Old axes first..position hold the same elements as new axes start..axis, so they
        # must be steps of one line through memory.
        for k in range(first, position):
            if old[k][1] != old[k + 1][0] * old[k + 1][1]:
                return None
        step = old[position][1]
        for k in range(axis, start - 1, -1):
            result[k] = step
            step *= new_shape[k]
        position += 1
        axis += 1
    # Axes of length one may have any stride; NumPy gives them that of a dense array.
    step = itemsize
    for k in range(len(new_shape) - 1, -1, -1):
        if new_shape[k] == 1:
            result[k] = step
        step = result[k] * new_shape[k]
    return tuple(result)


def extent(shape: Shape, strides: Shape, itemsize: int) -> tuple[int, int]:
    """First and past-the-end byte that the elements touch, relative to element 0."""
    if 0 in shape:
        return 0, 0
    low = high = 0
    for n, stride in zip(shape, strides, strict=True):
        reach = (n - 1) * stride
        if reach < 0:
            low += reach
        else:
            high += reach
    return low, high + itemsize


def normalize_axis(axis: SupportsIndex, ndim: int) -> int:
    """Return `axis` counted from the front; `numpy.exceptions.AxisError` if there is none."""
    return normalize_axis_index(operator.index(axis), ndim)


def normalize_axes(axis: Any, ndim: int, strict: bool = False) -> tuple[int, ...]:
    """Return the axes of a reduction, sorted; None is all of them.

    `strict` leaves an array without axes no axis 0, as means have it in NumPy but sums not.

    Raises
    ------
    numpy.exceptions.AxisError
        If an axis does not exist.
    ValueError
        If an axis is named twice.
    """
    if axis is None:
        return tuple(range(ndim))
    if isinstance(axis, (tuple, list)):
        axes = tuple(sorted(normalize_axis(a, ndim) for a in axis))
        if len(set(axes)) != len(axes):
            raise ValueError("duplicate value in 'axis'")
        return axes
    if ndim == 0 and not strict:
        # NumPy lets a 0-d array be reduced over axis 0 or -1, which reduces nothing.
        if operator.index(axis) in (0, -1):
            return ()
        raise AxisError(axis, ndim)
    return (normalize_axis(axis, ndim),)
