"""Sorting rows of numbers: stable radix sort, and short rows in one block each.

The contract with `ndgpu.core`
------------------------------
A `Sort` is made once for a dtype. `x` is C-contiguous, of ``rows * n`` elements::

    Sort(float32, False).launch(x, y, rows, n)     # y: float32, each row of x sorted
    Sort(float32, True).launch(x, index, rows, n)  # index: int64, which element comes where

NaN comes last, as in NumPy; the order by index is stable, and both zeros are equal in it.
`x` and the result must not overlap. Complex numbers are not taken.

Guarantees: rows of at most `SHORT` elements take one launch; others two for each byte of the
dtype, with one scan of counts in between. Nothing waits for the device, and blocks may run in
any order. Scratch memory comes from the caller's allocator: for long rows two copies of the keys
(and of 32-bit indices), and an eighth of that for counts.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ndgpu import runtime
from ndgpu.compile import Bound, ctype, get_module, headers_of
from ndgpu.kernels.scan import Scan
from ndgpu.runtime.context import machine

__all__ = ["SHORT", "Sort"]

SHORT = 2048
"""Rows up to this length are sorted in shared memory."""
_THREADS = 256
_WARPS = _THREADS // 32
_DIGITS = 256
_CHUNK = 2048
"""Elements that one warp takes, eight for each counter it keeps."""
_UINT32 = 2**32 - 1
_OFFSETS: dict[bool, np.dtype[Any]] = {False: np.dtype(np.uint32), True: np.dtype(np.uint64)}

# Infinity's bits tell NaNs from numbers.
_INFINITY = {
    "float16": "0x7c00",
    "bfloat16": "0x7f80",
    "float32": "0x7f800000u",
    "float64": "0x7ff0000000000000ull",
}
_TO_BITS = {"float32": "__float_as_uint(x)", "float64": "__double_as_longlong(x)"}
_FROM_BITS = {
    "float16": "float16::from_bits({})",
    "bfloat16": "bfloat16::from_bits({})",
    "float32": "__uint_as_float({})",
    "float64": "__longlong_as_double((long long){})",
}

_SOURCE = """\
{includes}
typedef {key} Key;
typedef {offset} Offset;
struct First {{
  typedef {number} In;
  static __device__ __forceinline__ Key key(In x) {{ return {encode}; }}
}};
struct Next {{
  typedef Key In;
  static __device__ __forceinline__ Key key(Key k) {{ return k; }}
}};
struct Middle {{
  typedef Key Out;
  static __device__ __forceinline__ Key value(Key k) {{ return k; }}
}};
struct Last {{
  typedef {number} Out;
  static __device__ __forceinline__ Out value(Key k) {{ return {decode}; }}
}};
#define SCATTER(name, Load, Store, From, To)                                                      \\
  extern "C" __global__ void name(const Load::In* x, Store::Out* y, const From* index, To* to,    \\
                                  const Offset* totals, long long rows, long long n,              \\
                                  long long chunk, long long chunks, int shift) {{                \\
    ndgpu::radix_scatter<Load, Store>(x, y, index, to, totals, rows, n, chunk, chunks, shift);    \\
  }}
#define COUNT(name, Load)                                                                         \\
  extern "C" __global__ void name(const Load::In* x, Offset* counts, long long rows, long long n, \\
                                  long long chunk, long long chunks, int shift) {{                \\
    ndgpu::radix_count<Load>(x, counts, rows, n, chunk, chunks, shift);                           \\
  }}
#ifdef ROW
extern "C" __global__ void sort_row(const First::In* x, Last::Out* y, long long* to, int n,
                                    int width) {{
  ndgpu::sort_row<First, Last, {indexed}, {most}>(x, y, to, n, width);
}}
#else
COUNT(count_first, First)
{kernels}
#endif
"""
_MANY = """\
COUNT(count_next, Next)
SCATTER(scatter_first, First, Middle, Offset, Offset)
SCATTER(scatter_middle, Next, Middle, Offset, Offset)
SCATTER(scatter_last, Next, Last, Offset, long long)"""
_ONE = "SCATTER(scatter_only, First, Last, Offset, long long)"

_ROW_CODES = ("Q", "Q", "Q", "i", "i")
_COUNT_CODES = ("Q", "Q", "q", "q", "q", "q", "i")
_SCATTER_CODES = ("Q", "Q", "Q", "Q", "Q", "q", "q", "q", "q", "i")

_totals = {
    wide: Scan(f"ndgpu_totals_{dtype.name}", dtype, dtype, dtype, "x0 + x1")
    for wide, dtype in _OFFSETS.items()
}


class _Buffer:
    """Memory as a scan takes it."""

    def __init__(self, nbytes: int) -> None:
        self.memory = runtime.alloc(nbytes)
        self.ptr: int = self.memory.ptr


class Sort:
    """Sorting of rows of one dtype; the module's docstring is its contract.

    Parameters
    ----------
    dtype : numpy.dtype
    indexed : bool
        Whether the result is indices instead of elements.

    Raises
    ------
    TypeError
        If the dtype is complex.
    """

    def __init__(self, dtype: np.dtype, indexed: bool) -> None:
        if dtype.kind == "c":
            raise TypeError(f"Sort: {dtype} has no single key; sort by its parts")
        self._dtype = dtype
        self._indexed = indexed
        self._bound: dict[tuple[int, bool, str], Bound] = {}

    def __repr__(self) -> str:
        return f"<Sort {self._dtype.name}>"

    def launch(self, x: Any, out: Any, rows: int, n: int) -> None:
        """Sort each row of `x` into `out`.

        Parameters
        ----------
        x, out : array
            C-contiguous, on the current device; `out` of the dtype of `x`, or int64 indices.
        rows, n : int
            Number of rows, and their length.
        """
        if rows == 0 or n == 0:
            return
        if machine.several:
            runtime.check_placement((x, out), "sort")
        stream = runtime.get_current_stream().ptr
        y, to = (0, out.ptr) if self._indexed else (out.ptr, 0)
        if n <= SHORT:
            width = 1 << max(n - 1, 1).bit_length()
            bound = self._kernel(False, "sort_row", _ROW_CODES)
            block = min(max(width // 2, 32), _THREADS)
            bound(rows, block, stream, (x.ptr, y, to, n, width))
            return
        self._radix(x, y, to, rows, n, stream)

    def _radix(self, x: Any, y: int, to: int, rows: int, n: int, stream: int) -> None:
        wide = n >= _UINT32
        size = _OFFSETS[wide].itemsize
        passes = self._dtype.itemsize
        chunks = -(-n // _CHUNK)
        grid = -(-rows * chunks // _WARPS)
        shape = (rows, n, _CHUNK, chunks)
        counts = _Buffer(rows * chunks * _DIGITS * size)
        keys = [_Buffer(rows * n * passes) for _ in range(min(passes - 1, 2))]
        places = [_Buffer(rows * n * size) for _ in keys] if self._indexed else []
        for k in range(passes):
            first, last = k == 0, k == passes - 1
            source = x if first else keys[(k - 1) % 2]
            count = self._kernel(wide, "count_first" if first else "count_next", _COUNT_CODES)
            count(grid, _THREADS, stream, (source.ptr, counts.ptr, *shape, 8 * k))
            _totals[wide].launch(counts, counts, (rows, chunks * _DIGITS, 1))
            index = places[(k - 1) % 2].ptr if self._indexed and not first else 0
            if last:
                name = "scatter_only" if first else "scatter_last"
                targets = (y, index, to)
            else:
                name = "scatter_first" if first else "scatter_middle"
                targets = (keys[k % 2].ptr, index, places[k % 2].ptr if self._indexed else 0)
            scatter = self._kernel(wide, name, _SCATTER_CODES)
            values = (source.ptr, *targets, counts.ptr, *shape, 8 * k)
            scatter(grid, _THREADS, stream, values)

    def _kernel(self, wide: bool, name: str, codes: tuple[str, ...]) -> Bound:
        key = (runtime.current_device_id(), wide, name)
        bound = self._bound.get(key)
        if bound is None:
            options = ("-DROW",) if name == "sort_row" else ()
            module = get_module(
                self._source(wide), options, name=f"sort_{self._dtype.name}.cu", generated=True
            )
            bound = self._bound[key] = Bound(module.get_function(name), codes)
        return bound

    def _source(self, wide: bool) -> str:
        dtype = self._dtype
        number = ctype(dtype)
        key = np.dtype(f"u{dtype.itemsize}")
        infinity = _INFINITY.get(dtype.name)
        if infinity is None:
            encode = f"ndgpu::encode_integer<Key>({'(Key)x' if dtype.kind == 'b' else 'x'})"
            decode = "k != 0" if dtype.kind == "b" else f"ndgpu::decode_integer<Key, {number}>(k)"
        else:
            bits = _TO_BITS.get(dtype.name, "x.bits")
            ties = "true" if self._indexed else "false"
            encode = f"ndgpu::encode_bits<Key>((Key){bits}, (Key){infinity}, {ties})"
            decode = _FROM_BITS[dtype.name].format("ndgpu::decode_bits<Key>(k)")
        includes = [f"#include <ndgpu/{h}.cuh>" for h in (*headers_of((dtype,)), "sort")]
        return _SOURCE.format(
            includes="\n".join(includes),
            key=ctype(key),
            offset=ctype(_OFFSETS[wide]),
            number=number,
            encode=encode,
            decode=decode,
            indexed="true" if self._indexed else "false",
            most=SHORT,
            kernels=_ONE if dtype.itemsize == 1 else _MANY,
        )
