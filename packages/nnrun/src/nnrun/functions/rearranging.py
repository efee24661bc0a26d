"""Elements in another order or more than once: flips, repeats, diagonals, blocks of pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnrun.backend import get_array_module
from nnrun.core import Variable, as_array, as_variable
from nnrun.functions.broadcast import broadcast_to
from nnrun.functions.indexing import get_item
from nnrun.functions.joining import concat
from nnrun.functions.shape import expand_dims, flatten, moveaxis, reshape, transpose

__all__ = [
    "as_strided",
    "depth2space",
    "diagonal",
    "dstack",
    "flip",
    "fliplr",
    "flipud",
    "gather",
    "permutate",
    "repeat",
    "rollaxis",
    "select_item",
    "space2depth",
    "tile",
]

Array = Any


def _axis(axis: int, x: Any, name: str) -> int:
    if not -x.ndim <= axis < x.ndim:
        raise ValueError(f"{name}: axis {axis} is out of range for `x` (x.shape={x.shape})")
    return axis % x.ndim


def _at(axis: int, index: Any) -> tuple[Any, ...]:
    """An index for one axis, all of those before it."""
    return (*[slice(None)] * axis, index)


def _integers(x: Any, what: str, name: str) -> Array:
    array = np.asarray(x) if isinstance(x, (list, tuple)) else as_array(x)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name}: `{what}` must be integers, not {array.dtype}")
    return array


def rollaxis(x: Variable | Array, axis: int, start: int = 0) -> Variable:
    """Move one axis to before another.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.rollaxis(np.zeros((2, 3, 4)), 2).shape
    (4, 2, 3)
    """
    axis = _axis(axis, x, "rollaxis")
    if not -x.ndim <= start <= x.ndim:
        raise ValueError(f"rollaxis: start {start} is out of range for `x` (x.shape={x.shape})")
    start += x.ndim if start < 0 else 0
    order = [i for i in range(x.ndim) if i != axis]
    order.insert(start - (start > axis), axis)
    return transpose(x, order)


def flip(x: Variable | Array, axis: int) -> Variable:
    """Reverse the order along an axis.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.flip(np.array([1.0, 2.0]), 0)
    variable([2., 1.])
    """
    return get_item(x, _at(_axis(axis, x, "flip"), slice(None, None, -1)))


def fliplr(a: Variable | Array) -> Variable:
    """Reverse the order along axis 1.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.fliplr(np.array([[1.0, 2.0]]))
    variable([[2., 1.]])
    """
    return get_item(a, _at(_axis(1, a, "fliplr"), slice(None, None, -1)))


def flipud(a: Variable | Array) -> Variable:
    """Reverse the order along axis 0.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.flipud(np.array([1.0, 2.0]))
    variable([2., 1.])
    """
    return get_item(a, _at(_axis(0, a, "flipud"), slice(None, None, -1)))


def repeat(x: Variable | Array, repeats: int | Sequence[int], axis: int | None = None) -> Variable:
    """Repeat each element along an axis.

    Parameters
    ----------
    x : Variable or array
    repeats : int or sequence of int
        How often; one number for all elements of the axis or one for each.
    axis : int, optional
        By default the elements are taken as one row.

    Returns
    -------
    Variable

    Raises
    ------
    ValueError
        If a number is negative or there are not as many as elements.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.repeat(np.array([1.0, 2.0]), 2)
    variable([1., 1., 2., 2.])
    """
    if axis is None:
        x, axis = flatten(x), 0
    axis = _axis(axis, x, "repeat")
    n = x.shape[axis]
    counts = np.broadcast_to(repeats, n) if np.size(repeats) in (1, n) else None
    if counts is None or (counts < 0).any():
        raise ValueError(
            f"repeat: `repeats` must be one number or {n}, none negative, not {repeats!r} "
            f"(x.shape={x.shape})"
        )
    if np.size(repeats) == 1:
        times = int(np.reshape(repeats, -1)[0])
        before, after = x.shape[: axis + 1], x.shape[axis + 1 :]
        wide = broadcast_to(expand_dims(x, axis + 1), (*before, times, *after))
        return reshape(wide, (*before[:-1], n * times, *after))
    return get_item(x, _at(axis, np.repeat(np.arange(n), counts)))


def tile(x: Variable | Array, reps: int | Sequence[int]) -> Variable:
    """Repeat the whole array along its axes.

    Parameters
    ----------
    x : Variable or array
    reps : int or tuple of int
        How often along each axis, the last ones where there are fewer than axes.

    Returns
    -------
    Variable

    Raises
    ------
    ValueError
        If a number is negative.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.tile(np.array([1.0, 2.0]), 2)
    variable([1., 2., 1., 2.])
    """
    times = (reps,) if isinstance(reps, int) else tuple(reps)
    if any(r < 0 for r in times):
        raise ValueError(f"tile: `reps` must not be negative, not {reps!r}")
    ndim = max(x.ndim, len(times))
    times = (1,) * (ndim - len(times)) + times
    shape = (1,) * (ndim - x.ndim) + x.shape
    narrow = [m for n in shape for m in (1, n)]
    wide = [m for r, n in zip(times, shape, strict=True) for m in (r, n)]
    result = [r * n for r, n in zip(times, shape, strict=True)]
    return reshape(broadcast_to(reshape(x, narrow), wide), result)


def dstack(xs: Sequence[Variable | Array]) -> Variable:
    """Join along axis 2; arrays of fewer axes are taken as (1, n, 1) or (m, n, 1).

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.dstack([np.zeros(3), np.ones(3)]).shape
    (1, 3, 2)
    """

    def deep(x: Any) -> Any:
        if x.ndim >= 3:
            return x
        return reshape(x, (*x.shape, 1) if x.ndim == 2 else (1, x.size, 1))

    return concat([deep(x) for x in xs], 2)


def diagonal(x: Variable | Array, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Variable:
    """Return diagonals.

    Parameters
    ----------
    x : Variable or array
    offset : int
        How far right of the main diagonal.
    axis1, axis2 : int
        The axes that the diagonals run across; their own axis is the last one.

    Returns
    -------
    Variable

    Raises
    ------
    ValueError
        If the axes are the same.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.diagonal(np.array([[1.0, 2.0], [3.0, 4.0]]))
    variable([1., 4.])
    """
    a, b = _axis(axis1, x, "diagonal"), _axis(axis2, x, "diagonal")
    if a == b:
        raise ValueError(f"diagonal: axis1 and axis2 must be two axes, not {axis1} and {axis2}")
    x = moveaxis(x, (a, b), (-2, -1))
    rows, columns = x.shape[-2:]
    count = max(min(rows + min(offset, 0), columns - max(offset, 0)), 0)
    k = np.arange(count)
    return get_item(x, (Ellipsis, k - min(offset, 0), k + max(offset, 0)))


def permutate(
    x: Variable | Array, indices: Variable | Array, axis: int = 0, inv: bool = False
) -> Variable:
    """Put the slices along an axis into another order.

    Parameters
    ----------
    x : Variable or array
    indices : Variable or array of int
        For each slice of the result, which of `x` it is; each once.
    axis : int
        Along which.
    inv : bool
        For each slice of `x`, where it goes.

    Returns
    -------
    Variable

    Raises
    ------
    ValueError
        If there are not as many indices as slices, or (on NumPy) not each once.
    TypeError
        If the indices are not integers.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.permutate(np.array([1.0, 2.0, 3.0]), np.array([2, 0, 1]))
    variable([3., 1., 2.])
    >>> F.permutate(np.array([1.0, 2.0, 3.0]), np.array([2, 0, 1]), inv=True)
    variable([2., 3., 1.])
    """
    axis = _axis(axis, x, "permutate")
    order = _integers(indices, "indices", "permutate")
    n = x.shape[axis]
    if order.shape != (n,) or (
        isinstance(order, np.ndarray) and not np.array_equal(np.sort(order), np.arange(n))
    ):
        raise ValueError(
            f"permutate: `indices` must be the numbers below {n}, each once (x.shape={x.shape})"
        )
    if inv:
        back = get_array_module(order).empty_like(order)
        back[order] = get_array_module(order).arange(n)
        order = back
    return get_item(x, _at(axis, order))


def select_item(x: Variable | Array, t: Variable | Array) -> Variable:
    """Take one element of each row: ``x[i, t[i]]``.

    Parameters
    ----------
    x : Variable or array, shape (batch, n)
    t : Variable or array of int, shape (batch,)

    Returns
    -------
    Variable, shape (batch,)

    Raises
    ------
    ValueError
        If the shapes don't fit.
    TypeError
        If `t` is not of integers.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.select_item(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1, 0]))
    variable([2., 3.])
    """
    t = _integers(t, "t", "select_item")
    if x.ndim != 2 or t.shape != x.shape[:1]:
        raise ValueError(
            f"select_item: `x` must be a matrix and `t` have one element per row "
            f"(x.shape={x.shape}, t.shape={t.shape})"
        )
    return get_item(x, (get_array_module(t).arange(len(t)), t))


def gather(x: Variable | Array, indices: Variable | Array, axis: int = 0) -> Variable:
    """Take elements along an axis, chosen for each place: NumPy's ``take_along_axis``.

    Parameters
    ----------
    x : Variable or array
    indices : Variable or array of int
        Of as many axes as `x`, and of its lengths but along `axis`.
    axis : int
        Along which.

    Returns
    -------
    Variable
        Of the shape of `indices`.

    Raises
    ------
    ValueError
        If the shapes don't fit.
    TypeError
        If the indices are not integers.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.gather(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1], [0]]), axis=1)
    variable([[2.],
              [3.]])
    """
    axis = _axis(axis, x, "gather")
    index = _integers(indices, "indices", "gather")
    if index.ndim != x.ndim or any(
        m != n for i, (m, n) in enumerate(zip(index.shape, x.shape, strict=True)) if i != axis
    ):
        raise ValueError(
            f"gather: `indices` must have the shape of `x` but along axis {axis} "
            f"(x.shape={x.shape}, indices.shape={index.shape})"
        )
    xp = get_array_module(index)
    places = [
        index if i == axis else xp.arange(n).reshape([-1 if i == j else 1 for j in range(x.ndim)])
        for i, n in enumerate(x.shape)
    ]
    return get_item(x, tuple(places))


def as_strided(
    x: Variable | Array,
    shape: Sequence[int],
    strides: Sequence[int],
    storage_offset: int | None = None,
) -> Variable:
    """Look at the elements of `x`, in a row, by other strides.

    Parameters
    ----------
    x : Variable or array
    shape : tuple of int
        Of the result.
    strides : tuple of int
        How many elements further the next one along each axis is.
    storage_offset : int, optional
        Which element is first; 0 by default.

    Returns
    -------
    Variable
        A copy.

    Raises
    ------
    ValueError
        If an element would be outside `x`.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.as_strided(np.array([1.0, 2.0, 3.0, 4.0]), (3, 2), (1, 1))
    variable([[1., 2.],
              [2., 3.],
              [3., 4.]])
    """
    if len(shape) != len(strides):
        raise ValueError(f"as_strided: {len(shape)} lengths but {len(strides)} strides")
    index = np.asarray(storage_offset or 0)
    for n, stride in zip(shape, strides, strict=True):
        index = index[..., None] + np.arange(n) * stride
    if index.size and (index.min() < 0 or index.max() >= x.size):
        raise ValueError(
            f"as_strided: elements {index.min()} to {index.max()} are wanted of {x.size} "
            f"(x.shape={x.shape})"
        )
    return get_item(flatten(x), index)


def _check_blocks(x: Any, r: int, name: str, fits: bool) -> None:
    if x.ndim != 4 or r < 1 or not fits:
        raise ValueError(
            f"{name}: `X` of shape (batch, channels, height, width) does not divide into blocks of "
            f"{r} by {r} (X.shape={x.shape})"
        )


def depth2space(X: Variable | Array, r: int) -> Variable:
    """Lay channels out as pixels: each block of r by r takes one of r * r channels.

    Parameters
    ----------
    X : Variable or array, shape (batch, r * r * channels, height, width)
    r : int
        The block's side.

    Returns
    -------
    Variable, shape (batch, channels, r * height, r * width)

    Raises
    ------
    ValueError
        If the channels don't divide so.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.depth2space(np.arange(4.0).reshape(1, 4, 1, 1), 2)
    variable([[[[0., 1.],
                [2., 3.]]]])
    """
    _check_blocks(X, r, "depth2space", X.ndim == 4 and r > 0 and not X.shape[1] % (r * r))
    n, c, h, w = X.shape
    c //= r * r
    blocks = reshape(X, (n, r, r, c, h, w))
    return reshape(transpose(blocks, (0, 3, 4, 1, 5, 2)), (n, c, h * r, w * r))


def space2depth(X: Variable | Array, r: int) -> Variable:
    """Lay blocks of r by r pixels out as channels: the inverse of `depth2space`.

    Parameters
    ----------
    X : Variable or array, shape (batch, channels, r * height, r * width)
    r : int
        The block's side.

    Returns
    -------
    Variable, shape (batch, r * r * channels, height, width)

    Raises
    ------
    ValueError
        If height or width don't divide so.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.space2depth(np.arange(4.0).reshape(1, 1, 2, 2), 2).array.ravel()
    array([0., 1., 2., 3.])
    """
    fits = X.ndim == 4 and r > 0 and not (X.shape[2] % r or X.shape[3] % r)
    _check_blocks(X, r, "space2depth", fits)
    n, c, h, w = X.shape
    h, w = h // r, w // r
    blocks = reshape(as_variable(X), (n, c, h, r, w, r))
    return reshape(transpose(blocks, (0, 3, 5, 1, 2, 4)), (n, c * r * r, h, w))
