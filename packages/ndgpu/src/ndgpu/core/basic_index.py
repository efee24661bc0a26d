"""What an index means: NumPy's grammar, taken apart without touching the device.

An index is a tuple of integers, slices, ``...``, ``None`` and arrays.  The first
four make a view (`view`); arrays are left for `ndgpu.core.indexing`.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ndgpu.core.layout import Shape
from ndgpu.core.ndarray import ndarray, view_of

__all__ = ["Parsed", "is_array_index", "parse", "view"]


@dataclass(slots=True)
class Parsed:
    """A view of the array, and where index arrays still apply to it.

    `arrays` are (axis of the view, index array); `adjacent` tells whether their axes stand
    together in the index, so that the result's new axes stay there.
    """

    view: ndarray
    arrays: list[tuple[int, Any]]
    adjacent: bool


def is_array_index(entry: Any) -> bool:
    """Whether an entry of an index is an array (or a list, or a truth value)."""
    if isinstance(entry, (slice, int)) and not isinstance(entry, bool):
        return False
    if entry is None or entry is Ellipsis:
        return False
    if isinstance(entry, (ndarray, np.ndarray)):
        # A 0-d array of integers is an integer, but ours would have to be fetched first.
        return True
    return isinstance(entry, (list, tuple, bool, np.bool_))


def _integer(entry: Any) -> int:
    try:
        return operator.index(entry)
    except TypeError:
        raise IndexError(
            "only integers, slices (`:`), ellipsis (`...`), numpy.newaxis (`None`) and integer "
            "or boolean arrays are valid indices"
        ) from None


def _consumed(entry: Any) -> int:
    """Axes of the array that an entry uses up."""
    if entry is None:
        return 0
    if is_array_index(entry):
        if isinstance(entry, (bool, np.bool_)):
            return 0
        dtype = getattr(entry, "dtype", None)
        if dtype is not None and dtype.kind == "b":
            return int(entry.ndim)
    return 1


def view(a: ndarray, key: tuple[Any, ...]) -> ndarray:
    """Return the view that an index without arrays makes."""
    return parse(a, key).view


def parse(a: ndarray, key: tuple[Any, ...]) -> Parsed:
    """Apply the basic part of an index to `a`.

    Parameters
    ----------
    a : ndarray
    key : tuple
        Index arrays in it are NumPy or device arrays of integers or booleans.

    Raises
    ------
    IndexError
        For an integer out of bounds, too many indices, two ellipses, or an
        object that is no index.
    """
    ndim = len(a._shape)
    used = 0
    ellipsis = None
    for position, entry in enumerate(key):
        if entry is Ellipsis:
            if ellipsis is not None:
                raise IndexError("an index can only have a single ellipsis ('...')")
            ellipsis = position
        else:
            used += _consumed(entry)
    if used > ndim:
        raise IndexError(
            f"too many indices for array: array is {ndim}-dimensional, but {used} were indexed"
        )
    if ellipsis is None:
        key, ellipsis = (*key, Ellipsis), len(key)
    has_arrays = any(is_array_index(entry) for entry in key)
    shape: list[int] = []
    strides: list[int] = []
    offset = 0
    axis = 0
    arrays: list[tuple[int, Any]] = []
    runs = 0
    in_run = False
    for entry in key:
        kind = type(entry)
        if entry is Ellipsis:
            count = ndim - used
            shape += a._shape[axis : axis + count]
            strides += a._strides[axis : axis + count]
            axis += count
        elif entry is None:
            shape.append(1)
            strides.append(0)
        elif kind is slice:
            n, stride = a._shape[axis], a._strides[axis]
            start, stop, step = entry.indices(n)
            length = len(range(start, stop, step))
            if length:
                offset += start * stride
            shape.append(length)
            strides.append(stride * step)
            axis += 1
        elif is_array_index(entry):
            consumed = _consumed(entry)
            _check_mask(entry, a._shape, axis)
            arrays.append((len(shape), entry))
            if consumed:
                shape += a._shape[axis : axis + consumed]
                strides += a._strides[axis : axis + consumed]
            else:
                # A truth value selects everything once, or nothing, along an axis of its own.
                shape.append(1)
                strides.append(0)
            axis += consumed
            runs += not in_run
            in_run = True
            continue
        else:
            index = _integer(entry)
            n = a._shape[axis]
            if not -n <= index < n:
                raise IndexError(f"index {index} is out of bounds for axis {axis} with size {n}")
            offset += (index + n if index < 0 else index) * a._strides[axis]
            axis += 1
            if has_arrays:
                # Next to index arrays an integer is one too, of no axes: it shifts the memory
                # like any other integer, but counts in where the new axes go.
                runs += not in_run
                in_run = True
                continue
        in_run = False
    return Parsed(view_of(a, tuple(shape), tuple(strides), offset), arrays, runs <= 1)


def _check_mask(entry: Any, shape: Shape, axis: int) -> None:
    dtype = getattr(entry, "dtype", None)
    if dtype is None or dtype.kind != "b":
        return
    for k, n in enumerate(entry.shape):
        # As in NumPy an axis of length 0 fits any: such a mask picks nothing.
        if n not in (shape[axis + k], 0):
            raise IndexError(
                "boolean index did not match indexed array along axis "
                f"{axis + k}; size of axis is {shape[axis + k]} but size of corresponding boolean "
                f"axis is {n}"
            )
