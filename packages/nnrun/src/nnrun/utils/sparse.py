"""Sparse matrices as lists of places (`CooMatrix`).

A matrix keeps its values, which may be a Variable, with the row and the column
of each.  A stack of matrices of one shape keeps a row of them for each; where a
matrix has fewer values than another the row is filled up with places -1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nnrun.backend import get_array_module, get_device, get_device_from_array
from nnrun.core import Variable

__all__ = ["CooMatrix", "batch_index", "get_order", "to_coo"]

Array = Any


class CooMatrix:
    """A sparse matrix, or a stack of them, as values and their places.

    Parameters
    ----------
    data : Variable or array, shape (n,) or (batch, n)
        The values.
    row, col : array of int
        Of the shape of `data`; -1 for a value that is none.
    shape : pair of int
        Of a matrix.
    order : {'C', 'F', 'other', None}
        How the places are sorted: by rows, by columns, or not.
    requires_grad : bool
        Whether gradients are wanted for `data` given as an array.

    Raises
    ------
    ValueError
        If the shapes differ, or there are no one or two axes.

    Examples
    --------
    >>> import numpy as np
    >>> from nnrun.utils import CooMatrix
    >>> a = CooMatrix(np.array([1.0, 2.0]), np.array([0, 1]), np.array([2, 0]), (2, 3))
    >>> a.to_dense()
    array([[0., 0., 1.],
           [2., 0., 0.]])
    """

    def __init__(
        self,
        data: Variable | Array,
        row: Array,
        col: Array,
        shape: tuple[int, int],
        order: str | None = None,
        requires_grad: bool = False,
    ) -> None:
        if data.ndim not in (1, 2) or not data.shape == row.shape == col.shape:
            raise ValueError(
                "CooMatrix: `data`, `row` and `col` must have the same one or two axes "
                f"(data.shape={data.shape}, row.shape={row.shape}, col.shape={col.shape})"
            )
        if len(shape) != 2:
            raise ValueError(f"CooMatrix: `shape` must be that of a matrix, not {shape}")
        self.data = (
            data if isinstance(data, Variable) else Variable(data, requires_grad=requires_grad)
        )
        self.row = row
        self.col = col
        self.shape = tuple(shape)
        self.order = order

    def to_dense(self) -> Array:
        """Return the matrix, or the stack of them, as an array."""
        data = self.data.array
        with get_device_from_array(data) as device:
            dense = device.xp.zeros((*data.shape[:-1], *self.shape), data.dtype)
            at = [device.xp.maximum(place, 0) for place in (self.row, self.col)]
            values = device.xp.where(self.row < 0, 0, data).astype(data.dtype)
            device.xp.add.at(dense, (*batch_index(self), *at), values)
            return dense


def batch_index(a: CooMatrix) -> tuple[Array, ...]:
    """The index of the matrix that each value is in, for a stack."""
    if a.data.ndim == 1:
        return ()
    xp = get_array_module(a.row)
    return (xp.arange(len(a.row))[:, None],)


def get_order(row: Array, col: Array) -> str:
    """Return how places are sorted: ``C`` by rows, ``F`` by columns, else ``other``.

    Examples
    --------
    >>> import numpy as np
    >>> from nnrun.utils import get_order
    >>> get_order(np.array([0, 0, 1]), np.array([1, 2, 0]))
    'C'
    """
    send = get_device("numpy").send
    r, c = send(row).astype(np.int64), send(col).astype(np.int64)
    for order, first, second in (("C", r, c), ("F", c, r)):
        # Only neighbours that both are places count.
        step, inner = np.diff(first, axis=-1), np.diff(second, axis=-1)
        real = (r[..., 1:] >= 0) & (r[..., :-1] >= 0)
        if (((step > 0) | ((step == 0) & (inner >= 0))) | ~real).all():
            return order
    return "other"


def to_coo(x: Array, ldnz: int | None = None, requires_grad: bool = False) -> CooMatrix:
    """Return a matrix, or a stack of them, as a `CooMatrix` of what is not zero.

    Parameters
    ----------
    x : array, shape (rows, columns) or (batch, rows, columns)
    ldnz : int, optional
        Places to keep for each matrix; as many as the fullest needs, or more.
    requires_grad : bool
        Whether gradients are wanted for the values.

    Returns
    -------
    CooMatrix
        On the device of `x`.

    Raises
    ------
    ValueError
        If `x` has no two or three axes.

    Examples
    --------
    >>> import numpy as np
    >>> from nnrun.utils import to_coo
    >>> a = to_coo(np.array([[0.0, 5.0], [6.0, 0.0]]))
    >>> a.data.array, a.row, a.col
    (array([5., 6.]), array([0, 1], dtype=int32), array([1, 0], dtype=int32))
    """
    if x.ndim not in (2, 3):
        raise ValueError(f"to_coo: `x` must be a matrix or a stack of them (x.shape={x.shape})")
    dense = get_device("numpy").send(x)
    stack = dense if x.ndim == 3 else dense[None]
    places = [np.nonzero(matrix) for matrix in stack]
    n = max((len(rows) for rows, _ in places), default=0)
    if ldnz is not None and ldnz > n:
        n = ldnz
    data = np.zeros((len(stack), n), x.dtype)
    row, col = (np.full((len(stack), n), -1, np.int32) for _ in range(2))
    for i, (rows, columns) in enumerate(places):
        k = len(rows)
        data[i, :k], row[i, :k], col[i, :k] = stack[i][rows, columns], rows, columns
    if x.ndim == 2:
        data, row, col = data[0], row[0], col[0]
    with get_device_from_array(x) as device:
        values, rows, columns = device.send((data, row, col))
    return CooMatrix(values, rows, columns, x.shape[-2:], "C", requires_grad)
