"""Products: matmul, dot, vdot, inner, outer, tensordot, vecdot, cross, multi_dot.

Guarantees: NumPy's shapes, dtypes and errors.  Factors that are transposed,
sliced or broadcast are multiplied where they lie, unless no single stride walks
through their stack of matrices.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np
from numpy.linalg import LinAlgError

from ndgpu.core import casts, layout, reductions, views
from ndgpu.core.dtypes import as_dtype
from ndgpu.core.layout import Shape, normalize_axis
from ndgpu.core.ndarray import allocate, ndarray, view_of
from ndgpu.core.transfer import asarray
from ndgpu.core.ufuncs import TABLE
from ndgpu.linalg import blas

__all__ = [
    "cross",
    "dot",
    "inner",
    "matmul",
    "matrix_transpose",
    "multi_dot",
    "multiply_stacks",
    "outer",
    "tensordot",
    "vdot",
    "vecdot",
]


def _loop_dtype(a: ndarray, b: ndarray, dtype: Any = None) -> np.dtype:
    if dtype is not None:
        return as_dtype(dtype)
    return as_dtype(np.result_type(a._dtype, b._dtype))


def multiply_stacks(a: ndarray, b: ndarray, c: ndarray) -> None:
    """Set ``c = a @ b`` for arrays of matrices with one dtype; stacks of a and b broadcast to c.

    Parameters
    ----------
    a, b, c : ndarray
        Of shapes (..., m, k), (..., k, n) and (..., m, n); `c` is C-contiguous.
    """
    if c._size == 0:
        return
    if a._shape[-1] == 0:
        casts.fill(c, 0)
        return
    stack = c._shape[:-2]
    count = math.prod(stack)
    blas.multiply(
        _as_stack(a, stack, count),
        _as_stack(b, stack, count),
        view_of(c, (count, *c._shape[-2:]), _stack_strides(c, count), 0, True),
    )


def _stack_strides(c: ndarray, count: int) -> Shape:
    return layout.c_strides((count, *c._shape[-2:]), c._dtype.itemsize)


def _as_stack(a: ndarray, stack: Shape, count: int) -> ndarray:
    """View `a` as (count, rows, columns); a copy if the stack has no single stride."""
    matrix = a._shape[-2:]
    strides = layout.broadcast_strides(a._shape[:-2], a._strides[:-2], stack)
    step = layout.reshaped_strides(stack, strides, (count,), a._dtype.itemsize)
    if step is None:
        spread = view_of(a, stack + matrix, strides + a._strides[-2:])
        return views.reshape(casts.copy(spread), (count, *matrix))
    return view_of(a, (count, *matrix), step + a._strides[-2:])


def _mismatch(name: str, core: str, position: int, wanted: int, found: int) -> ValueError:
    return ValueError(
        f"{name}: Input operand {position} has a mismatch in its core dimension 0, with gufunc "
        f"signature {core} (size {found} is different from {wanted})"
    )


_MATMUL = "(n?,k),(k,m?)->(n?,m?)"


def matmul(
    x1: Any,
    x2: Any,
    /,
    out: ndarray | None = None,
    *,
    dtype: Any = None,
    casting: Any = "same_kind",
) -> ndarray:
    """Return the matrix product of two arrays.

    Parameters
    ----------
    x1, x2 : array-like
        Matrices in the last two axes; axes before those broadcast. One axis
        alone is a row on the left and a column on the right.
    out : ndarray, optional
        Where to put the result.
    dtype : dtype-like, optional
        Of the product; NumPy's promotion by default.

    Returns
    -------
    ndarray

    Raises
    ------
    ValueError
        If a factor is a number, or the inner lengths differ.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.matmul(ndgpu.asarray([[1.0, 2.0], [3.0, 4.0]]), ndgpu.asarray([1.0, 1.0]))
    array([3., 7.])
    """
    a, b = asarray(x1), asarray(x2)
    if out is None and dtype is None and len(a._shape) == 2 == len(b._shape):
        # What most calls are: two matrices of one dtype, neither of them empty.
        (m, k), (inner, n) = a._shape, b._shape
        if a._dtype == b._dtype and k == inner and m and n and k:
            product = allocate((m, n), a._dtype)
            blas.multiply_pair(a, b, product)
            return product
    for position, x in enumerate((a, b)):
        if x.ndim == 0:
            raise ValueError(
                f"matmul: Input operand {position} does not have enough dimensions (has 0, gufunc "
                f"core with signature {_MATMUL} requires 1)"
            )
    row, column = a.ndim == 1, b.ndim == 1
    if row:
        a = views.reshape(a, (1, -1)) if a._size else views.expand_dims(a, 0)
    if column:
        b = views.expand_dims(b, 1)
    if a._shape[-1] != b._shape[-2]:
        raise _mismatch("matmul", _MATMUL, 1, a._shape[-1], b._shape[-2])
    loop = _loop_dtype(a, b, dtype)
    for x in (a, b):
        if not np.can_cast(x._dtype, loop, casting):
            raise TypeError(
                f"Cannot cast ufunc 'matmul' input from {x._dtype!r} to {loop!r} with casting rule "
                f"'{casting}'"
            )
    try:
        stack = layout.broadcast_shape([a._shape[:-2], b._shape[:-2]])
    except ValueError:
        shapes = " ".join(str(asarray(x)._shape).replace(" ", "") for x in (x1, x2))
        raise ValueError(
            f"operands could not be broadcast together with remapped shapes: {shapes}"
        ) from None
    matrix = (a._shape[-2], b._shape[-1])
    kept = matrix[row : 2 - column]
    product = allocate(stack + matrix, loop)
    multiply_stacks(casts.astype(a, loop, copy=False), casts.astype(b, loop, copy=False), product)
    result = views.reshape(product, stack + kept)
    result._base = None
    return _into(result, out, "matmul", casting)


def _into(result: ndarray, out: ndarray | None, name: str, casting: Any = "same_kind") -> ndarray:
    if out is None:
        return result
    if isinstance(out, tuple):
        (out,) = out
    if not isinstance(out, ndarray):
        raise TypeError(f"{name}: `out` must be a device array, got {type(out).__name__}")
    if out._shape != result._shape:
        raise ValueError(f"{name}: `out` has shape {out._shape}, the result has {result._shape}")
    if not np.can_cast(result._dtype, out._dtype, casting):
        raise TypeError(
            f"Cannot cast ufunc '{name}' output from {result._dtype!r} to {out._dtype!r} with "
            f"casting rule '{casting}'"
        )
    casts.copy_into(out, result)
    return out


def _product(a: ndarray, b: ndarray, shape: Shape) -> ndarray:
    """Multiply two matrices; the result in another shape."""
    loop = _loop_dtype(a, b)
    result = allocate((a._shape[0], b._shape[1]), loop)
    multiply_stacks(casts.astype(a, loop, copy=False), casts.astype(b, loop, copy=False), result)
    result = views.reshape(result, shape)
    result._base = None
    return result


def dot(a: Any, b: Any, out: ndarray | None = None) -> ndarray:
    """Return the dot product: over the last axis of `a` and the second to last of `b`.

    Raises
    ------
    ValueError
        If these differ in length.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.dot(ndgpu.asarray([1, 2]), ndgpu.asarray([3, 4]))
    array(11)
    """
    a, b = asarray(a), asarray(b)
    if a.ndim == 0 or b.ndim == 0:
        return _into(TABLE["multiply"](a, b), out, "dot")
    axis = b.ndim - 2 if b.ndim > 1 else 0
    if a._shape[-1] != b._shape[axis]:
        raise ValueError(
            f"shapes {_text(a)} and {_text(b)} not aligned: {a._shape[-1]} (dim {a.ndim - 1}) != "
            f"{b._shape[axis]} (dim {axis})"
        )
    rest = b._shape[:axis] + b._shape[axis + 1 :]
    shape = a._shape[:-1] + rest
    left = views.reshape(a, (math.prod(a._shape[:-1]), a._shape[-1]))
    right = views.reshape(views.moveaxis(b, axis, 0), (b._shape[axis], math.prod(rest)))
    return _into(_product(left, right, shape), out, "dot")


def _text(a: ndarray) -> str:
    return str(a._shape).replace(" ", "")


def vdot(a: Any, b: Any) -> ndarray:
    """Return the dot product of two flat arrays, the first conjugated.

    Raises
    ------
    ValueError
        If they differ in size.
    """
    a, b = views.ravel(asarray(a)), views.ravel(asarray(b))
    if a._size != b._size:
        raise ValueError("cannot reshape array: vdot of arrays of different sizes")
    return dot(TABLE["conjugate"](a) if a._dtype.kind == "c" else a, b)


def inner(a: Any, b: Any) -> ndarray:
    """Return the sum of products over the last axes of both.

    Raises
    ------
    ValueError
        If these differ in length.
    """
    a, b = asarray(a), asarray(b)
    if a.ndim == 0 or b.ndim == 0:
        return TABLE["multiply"](a, b)
    if a._shape[-1] != b._shape[-1]:
        raise ValueError(
            f"shapes {_text(a)} and {_text(b)} not aligned: {a._shape[-1]} (dim {a.ndim - 1}) != "
            f"{b._shape[-1]} (dim {b.ndim - 1})"
        )
    return tensordot(a, b, axes=((-1,), (-1,)))


def outer(a: Any, b: Any, out: ndarray | None = None) -> ndarray:
    """Return the products of each element of `a` with each of `b`, both flat.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.outer(ndgpu.asarray([1, 2]), ndgpu.asarray([3, 4]))
    array([[3, 4],
           [6, 8]])
    """
    a, b = views.reshape(asarray(a), (-1, 1)), views.reshape(asarray(b), (1, -1))
    return TABLE["multiply"](a, b) if out is None else TABLE["multiply"](a, b, out=out)


def tensordot(a: Any, b: Any, axes: Any = 2) -> ndarray:
    """Return the sum of products over pairs of axes.

    Parameters
    ----------
    a, b : array-like
    axes : int or pair of sequences of int
        How many: the last of `a` with the first of `b`; or which of each.

    Raises
    ------
    ValueError
        If paired axes differ in length.
    """
    a, b = asarray(a), asarray(b)
    if hasattr(axes, "__iter__"):
        first, second = axes
        first = list(first) if hasattr(first, "__iter__") else [first]
        second = list(second) if hasattr(second, "__iter__") else [second]
    else:
        count = operator.index(axes)
        first, second = list(range(a.ndim - count, a.ndim)), list(range(count))
    if len(first) != len(second) or len(first) > min(a.ndim, b.ndim):
        raise ValueError("shape-mismatch for sum")
    first = [normalize_axis(k, a.ndim) for k in first]
    second = [normalize_axis(k, b.ndim) for k in second]
    if any(a._shape[j] != b._shape[k] for j, k in zip(first, second, strict=True)):
        raise ValueError("shape-mismatch for sum")
    keep_a = [k for k in range(a.ndim) if k not in first]
    keep_b = [k for k in range(b.ndim) if k not in second]
    shape_a = tuple(a._shape[k] for k in keep_a)
    shape_b = tuple(b._shape[k] for k in keep_b)
    count = math.prod(a._shape[k] for k in first)
    left = views.reshape(views.transpose(a, keep_a + first), (math.prod(shape_a), count))
    right = views.reshape(views.transpose(b, second + keep_b), (count, math.prod(shape_b)))
    return _product(left, right, shape_a + shape_b)


def vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> ndarray:
    """Return the dot products of vectors along an axis, the first conjugated.

    Raises
    ------
    ValueError
        If the vectors differ in length; the other axes are broadcast.
    numpy.exceptions.AxisError
        If an array has no such axis.
    """
    a, b = asarray(x1), asarray(x2)
    lengths = []
    for k, operand in enumerate((a, b)):
        if operand.ndim == 0:
            raise ValueError(
                f"vecdot: Input operand {k} does not have enough dimensions (has 0, gufunc core "
                "with signature (n),(n)->() requires 1)"
            )
        lengths.append(operand._shape[normalize_axis(axis, operand.ndim)])
    if lengths[0] != lengths[1]:
        raise ValueError(
            "vecdot: Input operand 1 has a mismatch in its core dimension 0, with gufunc signature "
            f"(n),(n)->() (size {lengths[1]} is different from {lengths[0]})"
        )
    if axis >= 0:  # it counts in each array by itself, and broadcasting lines up the last axes
        a, b = views.moveaxis(a, axis, -1), views.moveaxis(b, axis, -1)
        axis = -1
    if a._dtype.kind == "c":
        a = TABLE["conjugate"](a)
    return reductions.sum(TABLE["multiply"](a, b), axis, np.result_type(a._dtype, b._dtype))


def matrix_transpose(x: Any, /) -> ndarray:
    """Return a view with the last two axes exchanged."""
    return asarray(x).mT


def cross(
    a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> ndarray:
    """Return the cross product of vectors of three elements.

    Parameters
    ----------
    a, b : array-like
    axisa, axisb, axisc : int
        Axes of the vectors, and of the result.
    axis : int, optional
        All three at once.

    Raises
    ------
    ValueError
        If vectors have another number of elements.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.cross(ndgpu.asarray([1, 2, 3]), [4, 5, 6])
    array([-3,  6, -3])
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = asarray(a), asarray(b)
    if a.ndim < 1 or b.ndim < 1:
        raise ValueError("At least one array has zero dimension")
    a, b = views.moveaxis(a, axisa, -1), views.moveaxis(b, axisb, -1)
    if a._shape[-1] != 3 or b._shape[-1] != 3:
        raise ValueError(
            "Both input arrays must be (arrays of) 3-dimensional vectors, but they are "
            f"{a._shape[-1]} and {b._shape[-1]} dimensional instead."
        )
    shape = layout.broadcast_shape([a._shape[:-1], b._shape[:-1]])
    result = allocate((*shape, 3), _loop_dtype(a, b))
    for k in range(3):
        p, q = (k + 1) % 3, (k + 2) % 3
        result[..., k] = a[..., p] * b[..., q] - a[..., q] * b[..., p]
    return views.moveaxis(result, -1, normalize_axis(axisc, result.ndim))


def multi_dot(arrays: Any, *, out: ndarray | None = None) -> ndarray:
    """Return the product of several matrices, in the order that costs the fewest operations.

    Parameters
    ----------
    arrays : sequence of array-like
        Matrices; the first and the last may be vectors.
    out : ndarray, optional
        Where to put the result.

    Raises
    ------
    ValueError
        If there are fewer than two, or inner lengths differ.
    LinAlgError
        If one that must be a matrix is not.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.linalg.multi_dot([ndgpu.ones((2, 3)), ndgpu.ones((3, 4)), ndgpu.ones(4)])
    array([12., 12.])
    """
    if len(arrays) < 2:
        raise ValueError("Expecting at least two arrays.")
    factors = [asarray(a) for a in arrays]
    if len(factors) == 2:
        return dot(factors[0], factors[1], out)
    row, column = factors[0].ndim == 1, factors[-1].ndim == 1
    if row:
        factors[0] = views.expand_dims(factors[0], 0)
    if column:
        factors[-1] = views.expand_dims(factors[-1], 1)
    for a in factors:
        if a.ndim != 2:
            raise LinAlgError(f"{a.ndim}-dimensional array given. Array must be two-dimensional")
    best = _chain((factors[0]._shape[0], *(a._shape[1] for a in factors)))

    def product_of(first: int, last: int) -> ndarray:
        if first == last:
            return factors[first]
        middle = best[first, last]
        return dot(product_of(first, middle), product_of(middle + 1, last))

    result = product_of(0, len(factors) - 1)
    result = views.reshape(result, result._shape[row : 2 - column])
    result._base = None
    return _into(result, out, "multi_dot")


def _chain(lengths: tuple[int, ...]) -> dict[tuple[int, int], int]:
    """Return after which factor to split each run of a chain of matrices.

    Source: Cormen et al., Introduction to Algorithms, "Matrix-chain multiplication".
    """
    count = len(lengths) - 1
    cost = {(k, k): 0 for k in range(count)}
    best: dict[tuple[int, int], int] = {}
    for span in range(1, count):
        for first in range(count - span):
            last = first + span
            cost[first, last], best[first, last] = min(
                (
                    cost[first, middle]
                    + cost[middle + 1, last]
                    + lengths[first] * lengths[middle + 1] * lengths[last + 1],
                    middle,
                )
                for middle in range(first, last)
            )
    return best
