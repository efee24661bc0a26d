"""Linear algebra: products, decompositions, systems, eigenvalues and norms.

The names, signatures, results and errors of `numpy.linalg`, over stacks of matrices.
Beyond those, `linear` (a product with bias and activation), `matmul_fp8` and `precision`.
`ndgpu.linalg.blas` is the one seam to a library that multiplies matrices, and
`ndgpu.linalg.solvers` the one to a library that decomposes them.
"""

from __future__ import annotations

from ndgpu.linalg import methods as _methods
from ndgpu.linalg.decompositions import cholesky, qr, svd, svdvals
from ndgpu.linalg.eigen import eig, eigh, eigvals, eigvalsh
from ndgpu.linalg.epilogues import linear, matmul_fp8
from ndgpu.linalg.norms import cond, matrix_norm, matrix_rank, norm, vector_norm
from ndgpu.linalg.operands import LinAlgError
from ndgpu.linalg.precisions import get_precision, precision, set_precision
from ndgpu.linalg.product import multi_dot, vecdot
from ndgpu.linalg.solving import (
    det,
    inv,
    lstsq,
    matrix_power,
    pinv,
    slogdet,
    solve,
    tensorinv,
    tensorsolve,
)
from ndgpu.linalg.standard import (
    cross,
    diagonal,
    matmul,
    matrix_transpose,
    outer,
    tensordot,
    trace,
)

__all__ = [
    "LinAlgError",
    "cholesky",
    "cond",
    "cross",
    "det",
    "diagonal",
    "eig",
    "eigh",
    "eigvals",
    "eigvalsh",
    "get_precision",
    "inv",
    "linear",
    "lstsq",
    "matmul",
    "matmul_fp8",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "matrix_transpose",
    "multi_dot",
    "norm",
    "outer",
    "pinv",
    "precision",
    "qr",
    "set_precision",
    "slogdet",
    "solve",
    "svd",
    "svdvals",
    "tensordot",
    "tensorinv",
    "tensorsolve",
    "trace",
    "vecdot",
    "vector_norm",
]
