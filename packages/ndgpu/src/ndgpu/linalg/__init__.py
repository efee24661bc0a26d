"""Products of matrices and tensors.

`ndgpu.linalg.product` has the functions; `ndgpu.linalg.blas` is the one seam to a
library that multiplies matrices.
"""

from __future__ import annotations

from ndgpu.linalg import methods as _methods
from ndgpu.linalg.norms import norm
from ndgpu.linalg.product import matmul, matrix_transpose, outer, tensordot, vecdot

__all__ = ["matmul", "matrix_transpose", "norm", "outer", "tensordot", "vecdot"]
