"""Several arrays into one, and one into several: `concat`, `stack`, `split_axis`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnrun.backend import get_array_module
from nnrun.core import FunctionNode, Variable
from nnrun.functions.shape import expand_dims, squeeze

__all__ = ["concat", "hstack", "separate", "split_axis", "stack", "vstack"]

Array = Any


class Concat(FunctionNode):
    __slots__ = ("_axis",)

    def __init__(self, axis: int) -> None:
        self._axis = axis

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        return (get_array_module(*inputs).concatenate(inputs, axis=self._axis),)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        nodes = self.inputs or ()
        cuts = np.cumsum([x.shape[self._axis] for x in nodes[:-1]]).tolist()
        parts = SplitAxis(tuple(cuts), self._axis).apply(grad_outputs)
        return tuple([parts[i] for i in indexes])


class SplitAxis(FunctionNode):
    __slots__ = ("_axis", "_cuts", "_like")

    def __init__(self, cuts: tuple[int, ...], axis: int) -> None:
        self._cuts = cuts
        self._axis = axis

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        (x,) = inputs
        parts = []
        before: tuple[slice, ...] = (slice(None),) * (self._axis % x.ndim)
        for start, stop in zip((0, *self._cuts), (*self._cuts, x.shape[self._axis]), strict=True):
            parts.append(x[(*before, slice(start, stop))])
        self._like = [(p.shape, p.dtype) for p in parts]
        return tuple(parts)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        xp = get_array_module(*[g for g in grad_outputs if g is not None])
        parts = [
            Variable(xp.zeros(shape, dtype), requires_grad=False) if g is None else g
            for g, (shape, dtype) in zip(grad_outputs, self._like, strict=True)
        ]
        return (concat(parts, self._axis),)


def _axis(axis: int, ndim: int, name: str) -> int:
    if not -ndim <= axis < ndim:
        raise ValueError(f"{name}: axis {axis} is out of range for {ndim} dimensions")
    return axis % ndim


def concat(xs: Sequence[Variable | Array], axis: int = 1) -> Variable:
    """Join arrays along an existing axis.

    Parameters
    ----------
    xs : sequence of Variable or array
        Of shapes that agree but for `axis`.
    axis : int
        Along which.

    Returns
    -------
    Variable

    Raises
    ------
    ValueError
        If the shapes don't fit, or there is nothing to join.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.concat([np.ones((2, 1)), np.zeros((2, 2))])
    variable([[1., 0., 0.],
              [1., 0., 0.]])
    """
    if not xs:
        raise ValueError("concat: nothing to join")
    first = xs[0].shape
    axis = _axis(axis, len(first), "concat")
    for i, x in enumerate(xs):
        if (
            x.ndim != len(first)
            or x.shape[:axis] + x.shape[axis + 1 :] != first[:axis] + first[axis + 1 :]
        ):
            raise ValueError(
                f"concat: input {i} has shape {x.shape}, which does not fit {first} along axis "
                f"{axis}"
            )
    return Concat(axis).apply(xs)[0]


def stack(xs: Sequence[Variable | Array], axis: int = 0) -> Variable:
    """Join arrays along a new axis.

    Parameters
    ----------
    xs : sequence of Variable or array
        All of the same shape.
    axis : int
        The place of the new axis in the result.

    Returns
    -------
    Variable

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.stack([np.zeros(2), np.ones(2)], axis=1)
    variable([[0., 1.],
              [0., 1.]])
    """
    return concat([expand_dims(x, axis) for x in xs], axis)


def vstack(xs: Sequence[Variable | Array]) -> Variable:
    """Join arrays along the first axis; vectors become rows.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.vstack([np.zeros(2), np.ones(2)]).shape
    (2, 2)
    """
    return concat([expand_dims(x, 0) if x.ndim == 1 else x for x in xs], 0)


def hstack(xs: Sequence[Variable | Array]) -> Variable:
    """Join arrays along the second axis; vectors along the first.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.hstack([np.zeros(2), np.ones(3)]).shape
    (5,)
    """
    return concat(xs, 0 if xs and xs[0].ndim == 1 else 1)


def split_axis(
    x: Variable | Array,
    indices_or_sections: int | Sequence[int],
    axis: int,
    force_tuple: bool = True,
) -> Any:
    """Cut along an axis.

    Parameters
    ----------
    x : Variable or array
    indices_or_sections : int or sequence of int
        How many equal parts, or where to cut.
    axis : int
        Along which.
    force_tuple : bool
        Return a tuple also where there is only one part.

    Returns
    -------
    tuple of Variable
        Views.

    Raises
    ------
    ValueError
        If the axis can't be cut into that many equal parts, or the cuts are not
        in order.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> [y.shape for y in F.split_axis(np.zeros((2, 6)), [1, 3], axis=1)]
    [(2, 1), (2, 2), (2, 3)]
    """
    axis = _axis(axis, x.ndim, "split_axis")
    n = x.shape[axis]
    if isinstance(indices_or_sections, (int, np.integer)):
        sections = int(indices_or_sections)
        if sections < 1 or n % sections:
            raise ValueError(
                f"split_axis: axis {axis} of length {n} can't be cut into {sections} equal parts "
                f"(x.shape={x.shape})"
            )
        cuts = tuple(range(n // sections, n, n // sections)) if n else (0,) * (sections - 1)
    else:
        cuts = tuple(int(i) for i in indices_or_sections)
        if any(a > b for a, b in zip((0, *cuts), (*cuts, n), strict=True)):
            raise ValueError(
                f"split_axis: cuts {cuts} must ascend within 0 .. {n} (x.shape={x.shape})"
            )
    ys = SplitAxis(cuts, axis).apply((x,))
    return ys[0] if len(ys) == 1 and not force_tuple else ys


def separate(x: Variable | Array, axis: int = 0) -> tuple[Variable, ...]:
    """Return the slices along an axis, without that axis.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> [y.shape for y in F.separate(np.zeros((2, 3)))]
    [(3,), (3,)]
    """
    axis = _axis(axis, x.ndim, "separate")
    if not x.shape[axis]:
        return ()
    return tuple(squeeze(y, axis) for y in split_axis(x, x.shape[axis], axis))
