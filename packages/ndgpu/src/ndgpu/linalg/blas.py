"""The seam to whatever multiplies matrices on a device.

`multiply` is asked for one stack of products and takes, of the ways in `_ways`,
the first that the current device offers and that knows the dtype:

1. cuBLAS, where the driver can run it (`ndgpu.driver.load_library`);
2. NumPy's own BLAS, where the processor reads the device's memory in place
   (a device attribute says so) and there is no cuBLAS;
3. the package's tiled kernel, which knows every dtype.

Guarantees: all three give ``c[i] = a[i] @ b[i]`` for stacks of matrices of any
strides, a stride of 0 along the stack included, in the order of the current stream.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from ndgpu import driver, runtime
from ndgpu.core import casts
from ndgpu.core.codegen import compute_dtype
from ndgpu.core.in_place import host_view, in_order, readable
from ndgpu.core.ndarray import allocate, ndarray, view_of
from ndgpu.linalg import cublas
from ndgpu.linalg.kernel import multiply as multiply_with_kernel
from ndgpu.runtime.context import machine

__all__ = ["multiply", "multiply_pair"]

_HOST_BLAS = frozenset(np.dtype(c) for c in "fdFD")


def multiply(a: ndarray, b: ndarray, c: ndarray) -> None:
    """Set ``c[i] = a[i] @ b[i]`` for stacks of matrices of one dtype.

    Parameters
    ----------
    a, b, c : ndarray
        Of shapes (count, m, k), (count, k, n) and (count, m, n); `c` is C-contiguous
        and overlaps neither of the others.
    """
    if machine.several:
        runtime.check_placement((a, b, c), "matmul")
    for way in _ways(runtime.current_device_id()):
        if way(a, b, c):
            return
    multiply_with_kernel(a, b, c)


@functools.cache
def _ways(device_id: int) -> tuple[Callable[[ndarray, ndarray, ndarray], bool], ...]:
    library = driver.load_library("cublas")
    if library is not None:
        return (cublas.Multiplier(library).multiply,)
    if readable(device_id):
        return (_multiply_in_place,)
    return ()


def _multiply_in_place(a: ndarray, b: ndarray, c: ndarray) -> bool:
    """Let NumPy multiply where the matrices lie."""
    if c._dtype not in _HOST_BLAS:
        if compute_dtype(c._dtype) == c._dtype:
            return False
        # 16-bit floats have no BLAS on a processor: their float32 copies do.
        wide = allocate(c._shape, compute_dtype(c._dtype))
        left, right = (casts.astype(x, wide._dtype) for x in (a, b))
        _multiply_in_place(left, right, wide)
        casts.copy_into(c, wide)
        return True

    def work() -> None:
        first, second, result = host_view(a), host_view(b), host_view(c)
        if len(result) == 1:
            # One product of two matrices has the shortest way to BLAS.
            np.dot(first[0], second[0], out=result[0])
        else:
            np.matmul(first, second, out=result)

    in_order(work)
    return True


def multiply_pair(a: ndarray, b: ndarray, c: ndarray) -> None:
    """Set ``c = a @ b`` for two matrices of one dtype, none empty: a shorter `multiply`.

    Parameters
    ----------
    a, b, c : ndarray
        Of shapes (m, k), (k, n) and (m, n); `c` is C-contiguous and overlaps neither.
    """
    if _ways(runtime.current_device_id()) == (_multiply_in_place,) and c._dtype in _HOST_BLAS:
        if machine.several:
            runtime.check_placement((a, b, c), "matmul")
        in_order(lambda: np.dot(host_view(a), host_view(b), out=host_view(c)))
        return
    multiply(*(view_of(x, (1, *x._shape), (0, *x._strides), 0, x._c_contiguous) for x in (a, b, c)))
