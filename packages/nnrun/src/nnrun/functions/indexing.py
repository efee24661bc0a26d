"""Picking elements: `get_item`, `where`, `embed_id`, `cast`."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from nnrun.backend import get_array_module, get_device
from nnrun.core import FunctionNode, Variable, as_array, as_variable
from nnrun.core.deferred import Deferred, may_defer
from nnrun.cuda import elementwise
from nnrun.functions._binary import is_number, pair_of_arrays
from nnrun.functions.broadcast import sum_to

__all__ = ["cast", "copy", "embed_id", "get_item", "identity", "where"]

Array = Any


def _is_basic(index: Any) -> bool:
    """Whether an index picks each element once, as slices and numbers do."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(p is None or p is Ellipsis or isinstance(p, (slice, int, np.integer)) for p in parts)


class GetItem(FunctionNode):
    __slots__ = ("_index",)

    def __init__(self, index: Any) -> None:
        self._index = index

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        (x,) = inputs
        return (get_array_module(x).asarray(x[self._index]),)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        node = self.inputs[0]
        return GetItemGrad(self._index, node.shape).apply(grad_outputs)


class GetItemGrad(FunctionNode):
    """Zeros, with the elements put (added, where an index repeats) to their places."""

    __slots__ = ("_index", "_shape")

    def __init__(self, index: Any, shape: tuple[int, ...]) -> None:
        self._index = index
        self._shape = shape

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        (gy,) = inputs
        xp = get_array_module(gy)
        gx = xp.zeros(self._shape, gy.dtype)
        if _is_basic(self._index):
            gx[self._index] = gy
        else:
            xp.add.at(gx, self._index, gy)
        return (gx,)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        return GetItem(self._index).apply(grad_outputs)


def get_item(x: Variable | Array, slices: Any) -> Variable:
    """Index: ``x[slices]``.

    Parameters
    ----------
    x : Variable or array
    slices : int, slice, None, Ellipsis, array of int or bool, or tuple of these
        By NumPy's rules.

    Returns
    -------
    Variable
        A view for slices and numbers.

    Raises
    ------
    IndexError
        If the index does not suit the shape.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.get_item(np.array([1.0, 2.0, 3.0]), slice(1, None))
    variable([2., 3.])
    """
    if isinstance(slices, list):
        slices = np.asarray(slices)
    if isinstance(slices, tuple):
        slices = tuple(as_array(s) for s in slices)
    return GetItem(as_array(slices)).apply((x,))[0]


class Where(FunctionNode):
    __slots__ = ("_condition",)

    def __init__(self, condition: Array) -> None:
        self._condition = condition

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        return (get_array_module(inputs[0]).where(self._condition, *inputs),)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        (gy,) = grad_outputs
        zero = get_array_module(gy.array).zeros((), gy.dtype)
        grads = []
        for i in indexes:
            g = where(self._condition, zero, gy) if i else where(self._condition, gy, zero)
            grads.append(sum_to(g, self.inputs[i].shape))
        return tuple(grads)


def where(condition: Variable | Array, x: Any, y: Any) -> Variable:
    """Choose from `x` where the condition holds, from `y` elsewhere.

    Parameters
    ----------
    condition : Variable or array of bool
    x, y : Variable, array or number
        Of shapes that can be broadcast with the condition's.

    Returns
    -------
    Variable

    Raises
    ------
    TypeError
        If the condition is not boolean.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.where(np.array([True, False]), np.array([1.0, 2.0]), 0)
    variable([1., 0.])
    """
    condition = as_array(condition)
    if condition.dtype != bool:
        raise TypeError(f"where: `condition` must be boolean, not {condition.dtype}")
    if is_number(x) and is_number(y):
        raise TypeError("where: one of `x` and `y` must be a Variable or array")
    x, y = pair_of_arrays(x, y)
    return Where(condition).apply((x, y))[0]


class EmbedID(FunctionNode):
    __slots__ = ("_ids", "_ignore")

    def __init__(self, ids: Array, ignore: int | None) -> None:
        self._ids = ids
        self._ignore = ignore

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        (W,) = inputs
        ids = self._ids
        if not isinstance(W, np.ndarray):
            y = get_array_module(W).empty((*ids.shape, W.shape[1]), W.dtype)
            elementwise(
                "raw S ids, raw T W, int64 width, int64 ignored",
                "T y",
                "long long row = i / width; long long id = ids[row];"
                "y = id == ignored ? (T)0 : W[id * width + (i - row * width)]",
                "embed_id_fwd",
            )(ids, W, W.shape[1], _NEVER if self._ignore is None else self._ignore, y)
            return (y,)
        if self._ignore is None:
            return (W[ids],)
        valid = ids != self._ignore
        return (np.where(valid[..., None], W[np.where(valid, ids, 0)], W.dtype.type(0)),)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        node = self.inputs[0]
        if may_defer(node, self._ids.size):
            rows = grad_outputs[0].array.reshape(-1, node.shape[1])
            compute = _rows_added(self._ignore)
            return (Deferred(compute, node.shape, self._ids.reshape(-1), rows),)
        return EmbedIDGrad(self._ids, self._ignore, node.shape).apply(grad_outputs)


@functools.cache
def _rows_added(ignore: int | None) -> Any:
    """A function from identities and rows of any number of uses to the vectors' gradient."""

    def compute(shape: tuple[int, int], ids: Array, gy: Array) -> Array:
        return EmbedIDGrad(ids, ignore, shape).forward((gy,))[0]

    return compute


# No identity of a row, so that it ignores none.
_NEVER = -(2**63)


class EmbedIDGrad(FunctionNode):
    """Zeros, with each row added to that of its identity."""

    __slots__ = ("_ids", "_ignore", "_shape")

    def __init__(self, ids: Array, ignore: int | None, shape: tuple[int, int]) -> None:
        self._ids = ids
        self._ignore = ignore
        self._shape = shape

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        (gy,) = inputs
        gW = get_array_module(gy).zeros(self._shape, gy.dtype)
        if not isinstance(gy, np.ndarray):
            elementwise(
                "T gy, raw S ids, int64 width, int64 ignored",
                "raw T gW",
                "long long row = i / width; long long id = ids[row];"
                "if (id != ignored) atomicAdd(&gW[id * width + (i - row * width)], gy)",
                "embed_id_bwd",
            )(gy, self._ids, self._shape[1], _NEVER if self._ignore is None else self._ignore, gW)
            return (gW,)
        ids = self._ids.reshape(-1)
        rows = gy.reshape(-1, self._shape[1])
        if self._ignore is not None:
            valid = ids != self._ignore
            ids, rows = ids[valid], rows[valid]
        np.add.at(gW, ids, rows)
        return (gW,)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        return EmbedID(self._ids, self._ignore).apply(grad_outputs)


def embed_id(x: Variable | Array, W: Variable | Array, ignore_label: int | None = None) -> Variable:
    """Look up a vector for each identity number.

    Parameters
    ----------
    x : Variable or array of int, any shape
        Numbers of rows of `W`.
    W : Variable or array, shape (n_ids, width)
        The vectors.
    ignore_label : int, optional
        Numbers equal to it give zeros.

    Returns
    -------
    Variable, shape (*x.shape, width)

    Raises
    ------
    TypeError
        If `x` is not of integers.
    ValueError
        If a number is out of range (on NumPy; a device is not asked).

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.embed_id(np.array([1, 0]), np.array([[1.0, 2.0], [3.0, 4.0]]))
    variable([[3., 4.],
              [1., 2.]])
    """
    ids = as_array(x)
    if ids.dtype.kind not in "iu":
        raise TypeError(f"embed_id: `x` must be integers, not {ids.dtype}")
    if W.ndim != 2:
        raise ValueError(f"embed_id: `W` must be a matrix (W.shape={W.shape})")
    if isinstance(ids, np.ndarray) and ids.size:
        bad = (ids < 0) | (ids >= W.shape[0])
        if ignore_label is not None:
            bad &= ids != ignore_label
        if bad.any():
            raise ValueError(
                f"embed_id: {ids[bad][0]} is not one of {W.shape[0]} rows (W.shape={W.shape})"
            )
    return EmbedID(ids, ignore_label).apply((W,))[0]


class Cast(FunctionNode):
    __slots__ = ("_dtype",)

    def __init__(self, dtype: Any) -> None:
        self._dtype = dtype

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        return (inputs[0].astype(self._dtype),)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        return (cast(grad_outputs[0], self.inputs[0].dtype),)


def cast(x: Variable | Array, typ: Any) -> Variable:
    """Convert to a dtype.

    Parameters
    ----------
    x : Variable or array
    typ : dtype

    Returns
    -------
    Variable

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.cast(np.array([1.5]), np.float32).dtype
    dtype('float32')
    """
    if x.dtype == np.dtype(typ):
        return as_variable(x)
    return Cast(np.dtype(typ)).apply((x,))[0]


class Copy(FunctionNode):
    __slots__ = ("_from", "_to")

    def __init__(self, to: Any) -> None:
        self._to = get_device(to)

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        from nnrun.backend import get_device_from_array

        (x,) = inputs
        self._from = get_device_from_array(x)
        y = self._to.send(x)
        return (y.copy() if y is x else y,)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        return Copy(self._from).apply(grad_outputs)


def copy(x: Variable | Array, dst: Any) -> Variable:
    """Copy to a device, differentiably.

    Parameters
    ----------
    x : Variable or array
    dst : device specifier
        See `nnrun.get_device`.

    Returns
    -------
    Variable

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.copy(np.array([1.0]), "numpy")
    variable([1.])
    """
    return Copy(dst).apply((x,))[0]


class Identity(FunctionNode):
    __slots__ = ()

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        return inputs

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        return tuple([grad_outputs[i] for i in indexes])


def identity(*inputs: Variable | Array) -> Any:
    """Return the inputs as they are, as results of a function.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.identity(np.array([1.0]))
    variable([1.])
    """
    outputs = Identity().apply(inputs)
    return outputs[0] if len(outputs) == 1 else outputs
