"""Methods of arrays whose work is done on this floor: `clip`, `round`, `trace`, ..."""

from __future__ import annotations

import os
import pickle
import types
from contextlib import nullcontext
from typing import Any, NoReturn

import numpy as np

from ndgpu.core import protocol, reductions, scans, sorting
from ndgpu.core.ndarray import ndarray
from ndgpu.core.placement import as_device
from ndgpu.core.transfer import asarray, asnumpy
from ndgpu.core.ufuncs import TABLE
from ndgpu.routines.mathematics import around, clip, trace
from ndgpu.routines.sampling import searchsorted
from ndgpu.routines.scattering import scatter_add, scatter_max, scatter_min
from ndgpu.routines.selecting import choose, compress, put

__all__: list[str] = []


def _conj(self: ndarray) -> ndarray:
    """Return the complex conjugate of each element; the array itself if it is real."""
    return TABLE["conjugate"](self) if self._dtype.kind == "c" else self


def _ptp(self: ndarray, axis: Any = None, out: Any = None, keepdims: bool = False) -> ndarray:
    """Return the largest less the smallest element over some axes."""
    return reductions.ptp(self, axis, out, keepdims)


def _compress(self: ndarray, condition: Any, axis: Any = None, out: Any = None) -> ndarray:
    """Return the slices along `axis` where `condition` is true; waits for their number."""
    return compress(condition, self, axis, out)


def _partition(
    self: ndarray, kth: Any, axis: int = -1, kind: str = "introselect", order: Any = None
) -> None:
    """Put the elements at `kth` where sorting puts them, in place; see `partition`."""
    self[...] = sorting.partition(self, kth, axis, kind, order)


def _resized(self: ndarray, *new_shape: Any, refcheck: bool = True) -> NoReturn:
    """Raise: other arrays may share the memory of a device array."""
    raise ValueError(
        "a device array cannot be resized in place, since others may share its memory: use "
        "`ndgpu.resize(a, shape)`"
    )


def _byteswap(self: ndarray, inplace: bool = False) -> ndarray:
    """Return the elements with the order of their bytes turned round."""
    size = self.dtype.itemsize // (2 if self.dtype.kind == "c" else 1)
    octets = self.flatten().view(np.uint8).reshape((-1, size))[:, ::-1]
    swapped = octets.copy().reshape(-1).view(self.dtype).reshape(self.shape)
    if not inplace:
        return swapped
    self[...] = swapped
    return self


def _tofile(self: ndarray, fid: Any, sep: str = "", format: str = "%s") -> None:
    """Write the elements to a file, as `numpy.ndarray.tofile`."""
    asnumpy(self).tofile(fid, sep, format)


def _dumps(self: ndarray) -> bytes:
    """Return the array pickled."""
    return pickle.dumps(self)


def _dump(self: ndarray, file: Any) -> None:
    """Write the array, pickled, to a file."""
    with open(file, "wb") if isinstance(file, (str, os.PathLike)) else nullcontext(file) as stream:
        pickle.dump(self, stream)


def _scatter_add(self: ndarray, slices: Any, value: Any) -> None:
    """Add to the elements at an index, in place, repeated ones repeatedly; see `scatter_add`."""
    scatter_add(self, slices, value)


def _scatter_max(self: ndarray, slices: Any, value: Any) -> None:
    """Raise the elements at an index to at least `value`, in place."""
    scatter_max(self, slices, value)


def _scatter_min(self: ndarray, slices: Any, value: Any) -> None:
    """Lower the elements at an index to at most `value`, in place."""
    scatter_min(self, slices, value)


def _to_device(self: ndarray, device: Any, /, *, stream: Any = None) -> ndarray:
    """Return the array on a device: itself, or a copy; ``stream`` is the copy's."""
    if as_device(device) == self.device:
        return self
    if stream is None:
        return asarray(self, device=device)
    with stream:
        return asarray(self, device=device)


def _class_getitem(cls: type, item: Any) -> types.GenericAlias:
    return types.GenericAlias(cls, item)


_generic: Any = classmethod(_class_getitem)


protocol.attach(
    __class_getitem__=_generic,
    argpartition=sorting.argpartition,
    argsort=sorting.argsort,
    byteswap=_byteswap,
    choose=choose,
    clip=clip,
    compress=_compress,
    conj=_conj,
    conjugate=_conj,
    cumprod=scans.cumprod,
    cumsum=scans.cumsum,
    dump=_dump,
    dumps=_dumps,
    partition=_partition,
    ptp=_ptp,
    put=put,
    resize=_resized,
    round=around,
    scatter_add=_scatter_add,
    scatter_max=_scatter_max,
    scatter_min=_scatter_min,
    searchsorted=searchsorted,
    sort=sorting.sort_in_place,
    to_device=_to_device,
    tofile=_tofile,
    trace=trace,
)
