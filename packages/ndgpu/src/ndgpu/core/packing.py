"""Many arrays copied into one, side by side along an axis, by one launch.

The arrays' addresses travel in the kernel's parameters, so nothing is uploaded first.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Sequence
from math import prod

import numpy as np

from ndgpu import runtime
from ndgpu.compile import Function, ctype, get_module, headers_of
from ndgpu.core.ndarray import ndarray

__all__ = ["pack", "packable"]

_THREADS = 256
_ROOMS = (8, 64, 240)
"""Arrays that one launch takes; 4 KiB of parameters hold no more than the last."""
_LARGE = 1 << 20
"""Bytes from which on an array is copied as fast alone."""

_SOURCE = """
{includes}
typedef {element} T;
struct Table {{
  const T* parts[{room}];
  long long starts[{room} + 1];
}};
extern "C" __global__ void ndgpu_pack(const Table table, T* y, int count, long long row,
                                      long long first, long long width, long long total) {{
  const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= total) return;
  const long long outer = i / width, place = i - outer * width;
  int low = 0, high = count - 1;
  while (low < high) {{
    const int middle = (low + high + 1) / 2;
    if (table.starts[middle] <= place) low = middle; else high = middle - 1;
  }}
  const long long length = table.starts[low + 1] - table.starts[low];
  y[outer * row + first + place] = table.parts[low][outer * length + place - table.starts[low]];
}}
"""


@functools.cache
def _function(dtype: np.dtype, room: int, device_id: int) -> Function:
    includes = "\n".join(f"#include <ndgpu/{h}.cuh>" for h in headers_of((dtype,)))
    source = _SOURCE.format(includes=includes, element=ctype(dtype), room=room)
    return get_module(source, name="ndgpu_pack.cu").get_function("ndgpu_pack")


def packable(parts: Sequence[ndarray], result: ndarray, axis: int) -> bool:
    """Whether `pack` can copy `parts` into `result`, and is worth it."""
    here = runtime.current_device_id()
    plain = (
        len(parts) > 2
        and result._c_contiguous
        and result._data.device_id == here
        and all(
            p._c_contiguous and p._dtype == result._dtype and p._data.device_id == here
            for p in parts
        )
    )
    # Large neighbours are copied without any kernel.
    alone = prod(result._shape[:axis]) == 1 and result.nbytes >= _LARGE * len(parts)
    return plain and result._size > 0 and not alone


def pack(parts: Sequence[ndarray], result: ndarray, axis: int) -> None:
    """Copy `parts` side by side along `axis` into `result`, whose memory is none of theirs.

    All are C-contiguous, of one dtype and equal in shape but for `axis`.
    """
    inner = prod(result._shape[axis + 1 :])
    row = result._shape[axis] * inner
    outer = result._size // row
    parts = [p for p in parts if p._size]
    device_id = runtime.current_device_id()
    first = 0
    for k in range(0, len(parts), _ROOMS[-1]):
        some = parts[k : k + _ROOMS[-1]]
        room = next(n for n in _ROOMS if n >= len(some))
        starts = [0]
        for part in some:
            starts.append(starts[-1] + part._shape[axis] * inner)
        width = starts[-1]
        spare = room - len(some)
        table = struct.pack(
            f"={room}Q{room + 1}q", *[p._ptr for p in some], *[0] * spare, *starts, *[width] * spare
        )
        total = outer * width
        _function(result._dtype, room, device_id).launch(
            (-(-total // _THREADS), 1, 1),
            (_THREADS, 1, 1),
            (table, result, np.int32(len(some)), row, first, width, total),
        )
        first += width
