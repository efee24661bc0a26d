"""Scans (running totals) with all types known: generated, compiled and launched.

The contract with `ndgpu.core`
------------------------------
A `Scan` is made once for an operation and its dtypes, kept by the caller, and launched often::

    running = Scan("cumsum", int32, int64, int64, "x0 + x1")
    running.launch(x, y, (outer, n, inner))

* `x` and `y` are C-contiguous and hold ``outer * n * inner`` elements; element ``k`` along the
  middle axis of `y` is the first ``k + 1`` elements of `x` joined. They may be one array.
* `join` is a C++ expression of two partial results ``x0`` and ``x1``, the earlier first, of
  C type ``T``. If `associative` (and commutative), lines are cut into chunks that run at the same
  time; otherwise one thread walks along each line from its start, in order.
* `load` is an expression of an element ``x``, already converted to ``T``.

Guarantees: at most two launches; the order in which elements are joined depends on shapes and
the device only, so results repeat bit by bit; blocks may run in any order, one after the other
as well (a first launch folds chunks, the second starts from the folds before: nothing waits for
another block). Indices are of 64 bits. Scratch memory comes from the caller's allocator.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ndgpu import runtime
from ndgpu.compile import Bound, cast, ctype, get_module, headers_of
from ndgpu.kernels import geometry
from ndgpu.runtime.context import machine

__all__ = ["Scan"]

_THREADS = 256
_TILE = _THREADS * 9
"""Elements that a block scans at a time; as in ``<ndgpu/scan.cuh>``."""
_SHORT = 64
"""A row this short is not worth a block."""
_MOST_CHUNKS = 512
_COLUMN_CHUNK = 64
"""Least elements of one column that a thread takes before columns are cut."""

_SOURCE = """\
{includes}
typedef {acc} T;
struct Op {{
  typedef {source} In;
  typedef {target} Out;
  typedef T Acc;
  static __device__ __forceinline__ T load(In _x) {{ const T x = {loaded}; return {load}; }}
  static __device__ __forceinline__ T join(T x0, T x1) {{ return T({join}); }}
  static __device__ __forceinline__ Out store(T _x) {{ return {stored}; }}
}};
extern "C" __global__ void {name}_totals(const Op::In* x, T* partial, long long n,
                                         long long chunk, int chunks) {{
  ndgpu::scan_row_totals<Op>(x, partial, n, chunk, chunks);
}}
extern "C" __global__ void {name}_rows(const Op::In* x, Op::Out* y, const T* partial, long long n,
                                       long long chunk, int chunks) {{
  ndgpu::scan_row<Op>(x, y, partial, n, chunk, chunks);
}}
extern "C" __global__ void {name}_columns(const Op::In* x, Op::Out* y, T* partial,
                                          long long lines, long long inner, long long n,
                                          long long chunk, bool totals) {{
  ndgpu::scan_column<Op>(x, y, partial, lines, inner, n, chunk, totals);
}}
"""
_CODES = {
    "totals": ("Q", "Q", "q", "q", "i"),
    "rows": ("Q", "Q", "Q", "q", "q", "i"),
    "columns": ("Q", "Q", "Q", "q", "q", "q", "q", "?"),
}


class Scan:
    """A scan with known types; the module's docstring is its contract.

    Parameters
    ----------
    name : str
        Becomes part of the kernels' names.
    source, compute, target : numpy.dtype
        Of the elements, of the arithmetic and of the results.
    join : str
        Expression of ``x0`` and ``x1``.
    load : str, optional
        Expression of ``x``.
    associative : bool, optional
        Whether elements may be joined in another order and grouping.
    headers : sequence of str, optional
        ndgpu headers to include, without ``ndgpu/`` and ``.cuh``.
    types : dict of str to str, optional
        Names for C types, usable in the expressions.
    """

    def __init__(
        self,
        name: str,
        source: np.dtype,
        compute: np.dtype,
        target: np.dtype,
        join: str,
        load: str = "x",
        *,
        associative: bool = True,
        headers: Sequence[str] = (),
        types: dict[str, str] | None = None,
    ) -> None:
        self.name = name
        self._associative = associative
        self._itemsize = compute.itemsize
        names = dict.fromkeys((*headers_of((source, compute, target)), *headers, "scan"))
        lines = [f"#include <ndgpu/{header}.cuh>" for header in names]
        lines += [f"typedef {c} {alias};" for alias, c in (types or {}).items()]
        self._source = _SOURCE.format(
            includes="\n".join(lines),
            acc=ctype(compute),
            source=ctype(source),
            target=ctype(target),
            loaded=cast("_x", source, compute),
            load=load,
            join=join,
            stored=cast("_x", compute, target),
            name=name,
        )
        self._bound: dict[tuple[int, str], Bound] = {}

    def __repr__(self) -> str:
        return f"<Scan {self.name}>"

    def launch(self, x: Any, y: Any, shape: tuple[int, int, int]) -> None:
        """Scan along the middle axis of arrays seen as `shape`.

        Parameters
        ----------
        x, y : array
            C-contiguous, on the current device, of ``prod(shape)`` elements.
        shape : tuple of int
            Product of the axes before, length of the axis, product of the axes after.
        """
        outer, n, inner = shape
        lines = outer * inner
        if lines == 0 or n == 0:
            return
        if machine.several:
            runtime.check_placement((x, y), self.name)
        device_id = runtime.current_device_id()
        limits = geometry.limits(device_id)
        stream = runtime.get_current_stream().ptr
        if self._associative and inner == 1 and n > _SHORT:
            # Enough blocks to fill the device twice, none with less than a tile.
            wanted = 2 * limits.multiprocessors * limits.threads_per_multiprocessor
            chunks = max(1, min(wanted // _THREADS // lines, -(-n // _TILE), _MOST_CHUNKS))
            tiles = -(-n // _TILE)
            chunk = -(-tiles // chunks) * _TILE
            chunks = -(-n // chunk)
            partial = None
            if chunks > 1:
                partial = runtime.alloc(lines * chunks * self._itemsize)
                self._kernel(device_id, "totals")(
                    lines * chunks, _THREADS, stream, (x.ptr, partial.ptr, n, chunk, chunks)
                )
            self._kernel(device_id, "rows")(
                lines * chunks,
                _THREADS,
                stream,
                (x.ptr, y.ptr, partial.ptr if partial else 0, n, chunk, chunks),
            )
            return
        chunks = 1
        if self._associative:
            wanted = 2 * limits.multiprocessors * limits.threads_per_multiprocessor
            chunks = max(1, min(wanted // lines, n // _COLUMN_CHUNK, _COLUMN_CHUNK))
        chunk = -(-n // chunks)
        chunks = -(-n // chunk)
        bound = self._kernel(device_id, "columns")
        block = geometry.row_block(lines, _THREADS)
        grid = -(-lines // block)
        values = (lines, inner, n, chunk)
        partial = None
        if chunks > 1:
            partial = runtime.alloc(lines * chunks * self._itemsize)
            bound(grid, block, stream, (x.ptr, y.ptr, partial.ptr, *values, True), 0, chunks)
        pointer = partial.ptr if partial else 0
        bound(grid, block, stream, (x.ptr, y.ptr, pointer, *values, False), 0, chunks)

    def _kernel(self, device_id: int, form: str) -> Bound:
        bound = self._bound.get((device_id, form))
        if bound is None:
            module = get_module(self._source, name=f"{self.name}.cu", generated=True)
            bound = Bound(module.get_function(f"{self.name}_{form}"), _CODES[form])
            self._bound[device_id, form] = bound
        return bound
