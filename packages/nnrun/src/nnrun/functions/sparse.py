"""`sparse_matmul`: products of a sparse matrix (`nnrun.utils.CooMatrix`) and a dense one."""

from __future__ import annotations

from typing import Any

from nnrun.backend import get_device_from_array
from nnrun.core import Variable, as_array, as_variable
from nnrun.functions.indexing import get_item, where
from nnrun.functions.padding import scatter_add
from nnrun.functions.shape import expand_dims, swapaxes
from nnrun.utils.sparse import CooMatrix, batch_index

__all__ = ["sparse_matmul"]

Array = Any


def sparse_matmul(
    a: CooMatrix | Variable | Array,
    b: CooMatrix | Variable | Array,
    transa: bool = False,
    transb: bool = False,
) -> Variable:
    """Multiply a sparse matrix and a dense one, or stacks of as many.

    Parameters
    ----------
    a, b : CooMatrix, Variable or array
        One of them a `CooMatrix`, the other dense, of two axes or, in a stack, three.
    transa, transb : bool
        Exchange rows and columns of `a` or `b` first.

    Returns
    -------
    Variable
        Dense.  Gradients go to the dense operand and to the sparse one's ``data``.

    Raises
    ------
    TypeError
        If both or none are sparse.
    ValueError
        If the shapes don't fit.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> from nnrun.utils import to_coo
    >>> F.sparse_matmul(to_coo(np.array([[0.0, 2.0], [3.0, 0.0]])), np.eye(2))
    variable([[0., 2.],
              [3., 0.]])
    """
    sparse = [isinstance(m, CooMatrix) for m in (a, b)]
    if sum(sparse) != 1:
        raise TypeError("sparse_matmul: one of `a` and `b` must be a CooMatrix, the other dense")
    if sparse[0]:
        return _product(a, as_variable(b), transa, transb)
    # a @ b  is the transpose of  b^T @ a^T
    return swapaxes(_product(b, as_variable(a), not transb, not transa), -1, -2)


def _product(a: Any, b: Variable, transa: bool, transb: bool) -> Variable:
    """The sparse matrix `a` times the dense `b`."""
    if b.ndim != a.data.ndim + 1 or (b.ndim == 3 and len(b) != len(a.row)):
        raise ValueError(
            "sparse_matmul: wanted two matrices, or two stacks of as many "
            f"(sparse data.shape={a.data.shape}, dense shape={b.shape})"
        )
    if transb:
        b = swapaxes(b, -1, -2)
    rows, columns = a.shape[::-1] if transa else a.shape
    row, col = (a.col, a.row) if transa else (a.row, a.col)
    if b.shape[-2] != columns:
        raise ValueError(
            f"sparse_matmul: the sparse matrix has shape {a.shape}"
            f"{' (to be transposed)' if transa else ''}, which does not fit {b.shape}"
        )
    values = as_array(a.data)
    with get_device_from_array(values) as device:
        xp = device.xp
        batch = batch_index(a)
        start = xp.zeros((*b.shape[:-2], rows, b.shape[-1]), b.dtype)
        real = row >= 0
        data = where(real, a.data, xp.zeros_like(values))
        terms = expand_dims(data, -1) * get_item(b, (*batch, xp.maximum(col, 0)))
        return scatter_add(start, (*batch, xp.maximum(row, 0)), terms)
