"""Device arrays as the chunks of Dask arrays.

Dask computes with any array that follows NumPy's protocols, but keeps lists of the types that it
knows by name: what may be a chunk, how elements are counted, how large an array is. `register`
puts device arrays there. It is called when Dask first asks an array for its token, as
``dask.array.from_array`` does; a program whose chunks are made in another way, by
``map_blocks(ndgpu.asarray)``, calls it once.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from ndgpu.core import protocol
from ndgpu.core.layout import normalize_axes
from ndgpu.core.ndarray import ndarray
from ndgpu.routines.creation import empty, full
from ndgpu.routines.quantiles import percentile

__all__ = ["register"]


@functools.cache
def register() -> None:
    """Tell Dask about device arrays: chunk type, counts, percentiles, sizes.

    It may be called any number of times.

    Raises
    ------
    ImportError
        If Dask is not installed.
    """
    import dask.array as dask_array
    from dask.array import dispatch
    from dask.sizeof import sizeof

    # Mixed expressions of a device array and a Dask array are Dask's to answer.
    dask_array.register_chunk_type(ndarray)
    dispatch.numel_lookup.register(ndarray, _count)
    dispatch.percentile_lookup.register(ndarray, _percentile)
    dispatch.empty_lookup.register(ndarray, empty)
    sizeof.register(ndarray, _nbytes)


def _count(x: ndarray, **keywords: Any) -> Any:
    """Return how many elements each result of a reduction has, in the form of that result."""
    axis, dtype = keywords.get("axis"), keywords.get("dtype", np.float64)
    axes = normalize_axes(axis, x.ndim)
    count = math.prod(x.shape[k] for k in axes)
    if keywords.get("keepdims", False):
        shape = tuple(1 if k in axes else n for k, n in enumerate(x.shape))
    else:
        shape = tuple(n for k, n in enumerate(x.shape) if k not in axes)
    return full(shape, count, dtype)


def _percentile(a: ndarray, q: Any, method: str = "linear") -> tuple[ndarray | None, int]:
    """Return the percentiles of one chunk, which Dask merges, and its length."""
    return (percentile(a, q, method=method) if len(a) else None), len(a)


def _nbytes(x: ndarray) -> int:
    return x.nbytes


def _dask_tokenize(self: ndarray) -> Any:
    """Return what tells the array's value from others'; copies it to the host."""
    register()
    return "ndgpu.ndarray", self.get()


protocol.attach(__dask_tokenize__=_dask_tokenize)
