"""Kernels over arrays: elementwise, reductions, and raw CUDA C++.

The array type comes later (`ndgpu.core` registers it with `ndgpu.kernels.arrays`).
`ndgpu.kernels.elementwise` and `ndgpu.kernels.reduction` are what `core` builds ufuncs on;
the classes here are for users.
"""

from __future__ import annotations

from ndgpu.kernels.elementwise_kernel import ElementwiseKernel
from ndgpu.kernels.raw import RawKernel, RawModule
from ndgpu.kernels.reduction_kernel import ReductionKernel

__all__ = ["ElementwiseKernel", "RawKernel", "RawModule", "ReductionKernel"]
