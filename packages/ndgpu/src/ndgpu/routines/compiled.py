"""Python functions of numbers, compiled to a kernel that applies them to each element.

`ndgpu.kernels.jit` translates the function; the kernels around it are here, one for each number
of arguments, since a kernel's source must stand in a file.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ndgpu.core import casts, layout, views
from ndgpu.core.ndarray import allocate, ndarray
from ndgpu.core.transfer import asarray
from ndgpu.kernels.jit import JitKernel, grid, rawkernel

__all__ = ["MOST_ARGUMENTS", "apply", "kernel_of"]

_BLOCK = 256


def _of_one(f: Any) -> JitKernel:
    @rawkernel(mode="numpy")
    def apply_to_each(a: Any, out: Any) -> None:
        if grid(1) < out.size:
            out[grid(1)] = f(a[grid(1)])

    return apply_to_each


def _of_two(f: Any) -> JitKernel:
    @rawkernel(mode="numpy")
    def apply_to_each(a: Any, b: Any, out: Any) -> None:
        if grid(1) < out.size:
            out[grid(1)] = f(a[grid(1)], b[grid(1)])

    return apply_to_each


def _of_three(f: Any) -> JitKernel:
    @rawkernel(mode="numpy")
    def apply_to_each(a: Any, b: Any, c: Any, out: Any) -> None:
        if grid(1) < out.size:
            out[grid(1)] = f(a[grid(1)], b[grid(1)], c[grid(1)])

    return apply_to_each


_KERNELS = (_of_one, _of_two, _of_three)
MOST_ARGUMENTS = len(_KERNELS)


def kernel_of(function: Callable[..., Any], count: int) -> JitKernel | None:
    """Return a kernel that applies a function of `count` numbers, if one may be made of it."""
    if not inspect.isfunction(function) or not 1 <= count <= MOST_ARGUMENTS:
        return None
    if function.__name__ == "<lambda>":  # has no statement of its own that could be translated
        return None
    return _KERNELS[count - 1](rawkernel(mode="numpy", device=True)(function))


def apply(kernel: JitKernel, args: tuple[Any, ...], dtype: Any) -> ndarray:
    """Return the results for all elements of arrays and numbers, broadcast, in one launch.

    Raises
    ------
    ndgpu.jit.JitError
        If the function uses what a kernel cannot do.
    """
    arrays = [asarray(a) for a in args]
    shape = layout.broadcast_shape([a._shape for a in arrays])
    result = allocate(shape, dtype)
    flat = []
    for a in arrays:
        spread = views.broadcast_to(a, shape)
        flat.append(views.ravel(spread if spread._c_contiguous else casts.copy(spread)))
    blocks = -(-result._size // _BLOCK)
    kernel((blocks,), (_BLOCK,), (*flat, views.ravel(result)))
    return result
