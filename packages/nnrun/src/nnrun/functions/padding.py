"""Arrays and sequences made longer: `pad`, `pad_sequence`, `transpose_sequence`, `scatter_add`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnrun.backend import get_array_module
from nnrun.core import FunctionNode, Variable, as_array, as_variable
from nnrun.functions.indexing import _is_basic, get_item
from nnrun.functions.joining import concat, split_axis

__all__ = ["pad", "pad_sequence", "scatter_add", "transpose_sequence"]

Array = Any

# Modes that repeat elements of the array: NumPy is asked where each comes from.
_COPYING = ("edge", "reflect", "symmetric", "wrap")


class PadConstant(FunctionNode):
    __slots__ = ("_value", "_widths")

    def __init__(self, widths: list[tuple[int, int]], value: float) -> None:
        self._widths = widths
        self._value = value

    def _inside(self, shape: tuple[int, ...]) -> tuple[slice, ...]:
        return tuple(slice(a, a + n) for (a, _), n in zip(self._widths, shape, strict=True))

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        (x,) = inputs
        shape = [n + a + b for (a, b), n in zip(self._widths, x.shape, strict=True)]
        y = get_array_module(x).full(shape, self._value, x.dtype)
        y[self._inside(x.shape)] = x
        return (y,)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        return (get_item(grad_outputs[0], self._inside(self.inputs[0].shape)),)


def pad(
    x: Variable | Array, pad_width: Any, mode: str = "constant", constant_values: float = 0
) -> Variable:
    """Make an array longer at its ends.

    Parameters
    ----------
    x : Variable or array
    pad_width : int, pair of int, or sequence of pairs
        How much before and after: one number for all, one pair for all axes, or a pair
        for each axis.
    mode : {'constant', 'edge', 'reflect', 'symmetric', 'wrap'}
        What comes there, as for ``numpy.pad``.
    constant_values : float
        The value for ``constant``.

    Returns
    -------
    Variable

    Raises
    ------
    ValueError
        If `mode` is unknown or `pad_width` does not suit.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.pad(np.array([1.0, 2.0]), (1, 2), "constant")
    variable([0., 1., 2., 0., 0.])
    >>> F.pad(np.array([1.0, 2.0]), 2, "edge")
    variable([1., 1., 1., 2., 2., 2.])
    """
    if mode != "constant" and mode not in _COPYING:
        raise ValueError(f"pad: `mode` must be one of {('constant', *_COPYING)}, not {mode!r}")
    try:
        widths = [(int(a), int(b)) for a, b in np.broadcast_to(pad_width, (x.ndim, 2))]
    except ValueError:
        widths = [(-1, -1)]
    if any(a < 0 or b < 0 for a, b in widths):
        raise ValueError(
            f"pad: `pad_width` must be a number, a pair or {x.ndim} pairs, none negative, "
            f"not {pad_width!r}"
        )
    if mode == "constant":
        return PadConstant(widths, constant_values).apply((x,))[0]
    y = as_variable(x)
    for axis, width in enumerate(widths):
        if any(width):
            source = np.pad(np.arange(x.shape[axis]), width, mode=mode)  # type: ignore[call-overload]
            y = get_item(y, (*[slice(None)] * axis, source))
    return y


class PadSequence(FunctionNode):
    __slots__ = ("_length", "_value")

    def __init__(self, length: int, value: float) -> None:
        self._length = length
        self._value = value

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        first = inputs[0]
        shape = (len(inputs), self._length, *first.shape[1:])
        y = get_array_module(first).full(shape, self._value, first.dtype)
        for i, x in enumerate(inputs):
            y[i, : len(x)] = x
        return (y,)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        (gy,) = grad_outputs
        nodes = self.inputs
        return tuple([get_item(gy, (i, slice(0, nodes[i].shape[0]))) for i in indexes])


def pad_sequence(
    xs: Sequence[Variable | Array], length: int | None = None, padding: float = 0
) -> Variable:
    """Join sequences of different lengths into one array.

    Parameters
    ----------
    xs : list of Variable or array, shape (length, ...)
        The sequences.
    length : int, optional
        That of the result; by default that of the longest.
    padding : float
        What comes after shorter ones.

    Returns
    -------
    Variable, shape (sequences, length, ...)

    Raises
    ------
    ValueError
        If there is no sequence, `length` is too short, or further axes differ.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.pad_sequence([np.array([1.0]), np.array([2.0, 3.0])], padding=-1)
    variable([[ 1., -1.],
              [ 2.,  3.]])
    """
    if not xs:
        raise ValueError("pad_sequence: `xs` is empty; there must be one sequence at least")
    if any(x.ndim < 1 or x.shape[1:] != xs[0].shape[1:] for x in xs):
        raise ValueError(
            f"pad_sequence: `xs` must agree in all axes but the first, not {[x.shape for x in xs]}"
        )
    longest = max(x.shape[0] for x in xs)
    if length is not None and length < longest:
        raise ValueError(f"pad_sequence: the longest sequence is {longest}, more than {length}")
    return PadSequence(longest if length is None else length, padding).apply(xs)[0]


def transpose_sequence(xs: Sequence[Variable | Array]) -> tuple[Variable, ...]:
    """Turn a list of sequences into a list of times, or back.

    Parameters
    ----------
    xs : list of Variable or array, shape (length, ...)
        Sequences by falling length.

    Returns
    -------
    tuple of Variable
        For each time the elements of the sequences that reach it.

    Raises
    ------
    ValueError
        If the lengths grow or further axes differ.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.transpose_sequence([np.array([1.0, 2.0]), np.array([3.0])])
    (variable([1., 3.]), variable([2.]))
    """
    if len({x.shape[1:] for x in xs}) > 1 or any(not x.ndim for x in xs):
        raise ValueError(
            "transpose_sequence: sequences must agree in all axes but the first, and have shapes "
            f"{[x.shape for x in xs]}"
        )
    lengths = [x.shape[0] for x in xs]
    if sorted(lengths, reverse=True) != lengths:
        raise ValueError(f"transpose_sequence: lengths must not grow, and are {lengths}")
    if not lengths or not lengths[0]:
        return ()
    flat = concat(xs, 0) if len(xs) > 1 else as_variable(xs[0])
    starts = np.cumsum([0, *lengths[:-1]])
    sizes = [sum(n > t for n in lengths) for t in range(lengths[0])]
    rows = np.concatenate([starts[:n] + t for t, n in enumerate(sizes)])
    moved = get_item(flat, rows)
    cuts = np.cumsum(sizes[:-1]).tolist()
    return tuple(split_axis(moved, cuts, 0)) if cuts else (moved,)


class ScatterAdd(FunctionNode):
    __slots__ = ("_index",)

    def __init__(self, index: Any) -> None:
        self._index = index

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        a, b = inputs
        y = a.copy()
        if _is_basic(self._index):
            y[self._index] += b
        else:
            get_array_module(y).add.at(y, self._index, b)
        return (y,)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        (gy,) = grad_outputs
        return tuple([get_item(gy, self._index) if i else gy for i in indexes])


def scatter_add(a: Variable | Array, slices: Any, b: Variable | Array) -> Variable:
    """Add `b` to places of `a`, more than once where a place is named so.

    Parameters
    ----------
    a : Variable or array
    slices : int, slice, None, Ellipsis, array of int or bool, or tuple of these
        The places: an index by NumPy's rules.
    b : Variable or array
        Of the shape of ``a[slices]``.

    Returns
    -------
    Variable
        Of the shape of `a`.

    Raises
    ------
    IndexError
        If the index does not suit the shape.
    ValueError
        If `b` has not the shape of the places.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.scatter_add(np.zeros(3), np.array([0, 2, 2]), np.array([1.0, 2.0, 3.0]))
    variable([1., 0., 5.])
    """
    if isinstance(slices, list):
        slices = np.asarray(slices)
    index = tuple(as_array(s) for s in slices) if isinstance(slices, tuple) else as_array(slices)
    try:
        wanted = np.shape(as_array(a)[index])
    except IndexError as error:
        error.add_note(f"in scatter_add, applied to `a` of shape {a.shape}")
        raise
    if b.shape != wanted:
        raise ValueError(f"scatter_add: `b` must have shape {wanted}, not {b.shape}")
    return ScatterAdd(index).apply((a, b))[0]
