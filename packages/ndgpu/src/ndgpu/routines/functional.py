"""Python functions applied to slices and elements."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from ndgpu.core import layout, views
from ndgpu.core.dtypes import as_dtype
from ndgpu.core.ndarray import ndarray
from ndgpu.core.transfer import asarray, asnumpy
from ndgpu.routines.joining import stack

__all__ = ["apply_along_axis", "apply_over_axes", "broadcast", "vectorize"]


def apply_along_axis(
    func1d: Callable[..., Any], axis: int, arr: Any, *args: Any, **kwargs: Any
) -> ndarray:
    """Return what a function of a vector makes of each line along an axis.

    The function is called once for each line, with a device array; a function that takes an
    ``axis`` itself is faster.

    Parameters
    ----------
    func1d : callable
    axis : int
    arr : array-like
    *args, **kwargs
        More arguments for the function.

    Raises
    ------
    ValueError
        If there is no line to call the function with.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.apply_along_axis(lambda line: line[0] + line[-1], 1, ndgpu.asarray([[1, 2], [3, 4]]))
    array([3, 7])
    """
    arr = asarray(arr)
    axis = layout.normalize_axis(axis, arr.ndim)
    moved = views.moveaxis(arr, axis, -1)
    outer = moved._shape[:-1]
    if 0 in outer:
        raise ValueError("Cannot apply_along_axis when any iteration dimensions are 0")
    results = [asarray(func1d(moved[index], *args, **kwargs)) for index in np.ndindex(*outer)]
    inner = results[0]._shape
    joined = views.reshape(stack(results), (*outer, *inner))
    for k in range(len(inner)):
        joined = views.moveaxis(joined, len(outer) + k, axis + k)
    return joined


def apply_over_axes(func: Callable[..., Any], a: Any, axes: Any) -> ndarray:
    """Return an array with ``func(a, axis)`` applied for one axis after the other.

    Raises
    ------
    ValueError
        If the function changes the number of axes otherwise than by taking off `axis`.
    """
    result = asarray(a)
    ndim = result.ndim
    for axis in [axes] if np.ndim(axes) == 0 else axes:
        axis = layout.normalize_axis(axis, ndim)
        found = asarray(func(result, axis))
        if found.ndim != result.ndim:
            found = views.expand_dims(found, axis)
            if found.ndim != result.ndim:
                raise ValueError("function is not returning an array of the correct shape")
        result = found
    return result


class broadcast:
    """The shape to which arrays broadcast, and the arrays as views of that shape.

    Attributes
    ----------
    shape, ndim, nd, size, numiter
        Of the broadcast, and the number of arrays.
    values : tuple of ndarray
        The arrays, broadcast.

    Raises
    ------
    ValueError
        If the shapes do not broadcast.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.broadcast(ndgpu.ones((3, 1)), [1, 2]).shape
    (3, 2)
    """

    def __init__(self, *args: Any) -> None:
        arrays = [asarray(a) for a in args]
        self.shape = layout.broadcast_shape([a._shape for a in arrays]) if arrays else ()
        self.values = tuple([views.broadcast_to(a, self.shape) for a in arrays])
        self.ndim = self.nd = len(self.shape)
        self.size = prod(self.shape)
        self.numiter = len(arrays)


class vectorize:
    """A Python function of numbers, applied to each element.

    A function defined by ``def`` in what `ndgpu.jit` understands becomes a kernel, launched once
    for all elements; its integers are of 64 bits, and wrap. Any other function runs on the host:
    arguments are copied there and results back. Without `otypes` the function is called once on
    the host, with the first elements, for the dtype of its result.

    Parameters
    ----------
    pyfunc : callable
    otypes, doc, excluded, cache, signature
        As in `numpy.vectorize`. With `excluded`, `cache` or `signature` the function runs on the
        host.

    Attributes
    ----------
    compiled : bool
        Whether the last call ran as a kernel.

    Examples
    --------
    >>> import ndgpu
    >>> f = ndgpu.vectorize(lambda a, b: a if a > b else b + 10)
    >>> f(ndgpu.asarray([1, 5]), 3)
    array([13,  5])
    """

    def __init__(
        self,
        pyfunc: Any = np._NoValue,
        otypes: Any = None,
        doc: str | None = None,
        excluded: Any = None,
        cache: bool = False,
        signature: str | None = None,
    ) -> None:
        self.compiled = False
        self._kernels: dict[int, Any] = {}
        self._on_host = bool(excluded or cache or signature)
        options = {"doc": doc, "excluded": excluded, "cache": cache, "signature": signature}
        self._options = {"otypes": otypes, **options}
        self._function: Any = None
        if pyfunc is not np._NoValue:
            self._bind(pyfunc)

    def _bind(self, pyfunc: Any) -> None:
        self._function = np.vectorize(pyfunc, **self._options)
        self.pyfunc = pyfunc
        self.__doc__ = self._function.__doc__

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Apply the function; as a decorator with options, take it."""
        if self._function is None:
            self._bind(args[0])
            return self
        found = None if kwargs or self._on_host else self._by_kernel(args)
        self.compiled = found is not None
        if found is not None:
            return found
        host = [asnumpy(v) if isinstance(v, ndarray) else v for v in args]
        named = {k: asnumpy(v) if isinstance(v, ndarray) else v for k, v in kwargs.items()}
        found = self._function(*host, **named)
        return tuple([asarray(v) for v in found]) if isinstance(found, tuple) else asarray(found)

    def _by_kernel(self, args: tuple[Any, ...]) -> ndarray | None:
        """Return what a kernel makes of the arguments; None if the function cannot be one."""
        # The translator is imported by those who use it.
        from ndgpu.kernels.jit import JitError
        from ndgpu.routines import compiled

        numbers = (ndarray, int, float, complex, np.generic)
        if not any(isinstance(v, ndarray) and v._size for v in args):
            return None
        if not all(isinstance(v, numbers) for v in args):
            return None
        if len(args) not in self._kernels:
            self._kernels[len(args)] = compiled.kernel_of(self.pyfunc, len(args))
        kernel = self._kernels[len(args)]
        dtype = self._result_dtype(args) if kernel is not None else None
        if dtype is None:
            return None
        try:
            return compiled.apply(kernel, args, dtype)
        except JitError:
            self._kernels[len(args)] = None
            return None

    def _result_dtype(self, args: tuple[Any, ...]) -> np.dtype | None:
        otypes = self._options["otypes"]
        if otypes is not None:
            return as_dtype(next(iter(otypes))) if len(list(otypes)) == 1 else None
        shape = layout.broadcast_shape([np.shape(v) if np.isscalar(v) else v._shape for v in args])
        if 0 in shape:
            return None
        first = [v[(0,) * v.ndim].item() if isinstance(v, ndarray) else v for v in args]
        value = self.pyfunc(*first)
        kind = np.asarray(value).dtype
        return as_dtype(kind) if np.ndim(value) == 0 and kind.kind in "biufc" else None
