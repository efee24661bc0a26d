"""Reductions with all types known: generated, compiled, planned and launched.

The contract with `ndgpu.core`
------------------------------
A `Reduction` is made once for an expression and its dtypes, kept by the caller, and
launched often::

    total = Reduction(
        "sum_float32",
        (Operand("x", float32),),                 # inputs: "in", "scalar" and "raw"
        Operand("z", float32, "out"),             # one output
        map_expr="x",                             # of the inputs' names
        reduce_expr="a + b",                      # of two partial results
        post_map_expr="z = a",                    # statement: from the result to the output
        reduce_type="float",                      # C type of partial results
        identity="0",                             # C expression, or None where there is none
    )
    total.launch([x], out, shape, axes)

* `launch(args, out, shape, axes)`: `args` are arrays that broadcast to `shape`, and numbers;
  `axes` is a sorted tuple of non-negative axes of `shape` to reduce (all of them for a full
  reduction; empty is allowed).  `out` is an array whose shape is `shape` without those axes
  *or* with 1 in their place (keepdims); any strides.
* In `map_expr`, ``_j`` (``long long``) is the element's number in C order within the reduced
  axes, and ``_n`` the number of elements reduced per output (``_n`` also in `post_map_expr`,
  so a mean is ``post_map_expr="z = a / _n"``).
* `reduce_expr` must be associative and commutative; partial results are combined in an order
  that depends on shapes, strides and the device, never on timing, so results repeat bit by bit.
* `fold_expr`, if given, does what `reduce_expr` does where ``b`` comes after all that is in ``a``
  by ``_j`` (which `map_expr` must mention, for elements are taken in order only then), and more
  cheaply.
* Several outputs: give a sequence of operands, and of arrays to `launch`.
* `reduce_type` may be a structure with a default constructor (trivially copyable, of at most
  64 bytes);
  ``<ndgpu/reduce.cuh>`` is always included and has ``ndgpu::Indexed<T>`` (``value``, ``index``)
  for argmin and argmax, with ``ndgpu::argmin(a, b)`` and ``ndgpu::argmax(a, b)`` that prefer
  NaN and then the lower index, as NumPy, and to fold ``ndgpu::argmin_next`` and ``argmax_next``;
  map with ``ndgpu::Indexed<T>{x, _j}`` and finish with ``z = a.index``.
* `identity` None is right for min and max: it is never read where there is an element.  An
  empty reduction (a zero among the reduced axes) with identity None raises `ValueError`.
* `Operand.compute` converts as in `Elementwise`: set it to reduce float16 in float.

Guarantees: at most two launches; scratch memory comes from the caller's allocator
(`ndgpu.runtime.alloc`), stream-ordered.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any, NamedTuple

from ndgpu import config, runtime
from ndgpu.compile import Bound, get_module
from ndgpu.compile.dtypes import pack_code
from ndgpu.kernels import geometry
from ndgpu.kernels.elementwise import Shown, number
from ndgpu.kernels.layout import broadcast_strides, round_rank
from ndgpu.kernels.planning import pack_raw, plan_loop
from ndgpu.kernels.recording import Intercepted
from ndgpu.kernels.reduction_layout import (
    COLUMN_CHUNK,
    INT32,
    Layout,
    collapse_by,
    in_columns,
    inner_classes,
    pack_reduced,
    tile_items,
)
from ndgpu.kernels.reduction_source import (
    PARTIAL_BYTES,
    WARP_ROWS,
    ReductionSpec,
    ReductionVariant,
    generate,
)
from ndgpu.kernels.spec import Operand
from ndgpu.runtime.context import machine

__all__ = ["Operand", "Reduction"]

_PLANS_KEPT = 512
_LONG = 4096
"""From here on a block of several warps reduces one row."""
_WARPS = 8
_TILE = 256
"""Neighbouring outputs from which on a thread has several of them."""
_TILE_ROWS = 4
"""Fewer elements per output than this do not repay a thread's several outputs."""
_ROW_CHUNK = 16384
"""Least elements of one output that a block takes before work is split further."""


class _Step(NamedTuple):
    """One launch: the kernel, its geometry and its leading arguments."""

    bound: Bound
    grid: int
    chunks: int
    block: int
    static: tuple[Any, ...]
    block_y: int = 1

    def launch(self, stream: int, values: Sequence[Any]) -> None:
        self.bound(
            self.grid, self.block, stream, (*self.static, *values), 0, self.chunks, self.block_y
        )


class _Ready(NamedTuple):
    """The one or two launches of a reduction of one layout."""

    first: _Step
    second: _Step | None
    scratch: int


class Reduction:
    """A reduction with known types; the module's docstring is its contract.

    Parameters
    ----------
    name : str
        Becomes part of the kernels' names.
    inputs : sequence of Operand
        Of kind ``"in"``, ``"scalar"`` or ``"raw"``.
    outputs : Operand or sequence of Operand
    map_expr, reduce_expr : str
        Expressions: of the inputs, and of two partial results ``a`` and ``b``.
    post_map_expr : str
        Statement that sets the outputs from ``a``.
    reduce_type : str
        C type of partial results.
    identity : str or None
        C expression that a reduction starts from.
    fold_expr : str, optional
        What `reduce_expr` comes to where ``b`` is after ``a``.
    preamble : str, optional
    types : mapping of str to str, optional
    headers, options : sequence of str, optional
    generated : bool, optional
        As in `ndgpu.kernels.elementwise.Elementwise`.

    Attributes
    ----------
    name, options, generated
        As given.
    spec : ReductionSpec
    """

    def __init__(
        self,
        name: str,
        inputs: Sequence[Operand],
        outputs: Operand | Sequence[Operand],
        map_expr: str,
        reduce_expr: str,
        post_map_expr: str,
        reduce_type: str,
        identity: str | None,
        *,
        fold_expr: str | None = None,
        preamble: str = "",
        types: Mapping[str, str] | None = None,
        headers: Sequence[str] = (),
        options: Sequence[str] = (),
        generated: bool = True,
    ) -> None:
        self.name = name
        self.spec = ReductionSpec(
            re.sub(r"\W", "_", name),
            tuple(inputs),
            (outputs,) if isinstance(outputs, Operand) else tuple(outputs),
            map_expr,
            reduce_expr,
            post_map_expr,
            reduce_type,
            identity,
            preamble,
            dict(types or {}),
            tuple(headers),
            fold_expr,
        )
        self.options = tuple(options)
        self.generated = generated
        self._keep_order = re.search(r"\b_j\b", map_expr) is not None
        self._scalars = [
            (k, operand) for k, operand in enumerate(inputs) if operand.kind == "scalar"
        ]
        self._bounds: dict[tuple[int, ReductionVariant], Bound] = {}
        self._plans: dict[tuple[Any, ...], _Ready] = {}

    def __repr__(self) -> str:
        return f"<Reduction {self.name}>"

    def launch(
        self,
        args: Sequence[Any],
        out: Any,
        shape: tuple[int, ...],
        axes: tuple[int, ...],
        stream: Any = None,
    ) -> None:
        """Reduce arrays along axes.

        Parameters
        ----------
        args : sequence
            One array or number per input.
        out : array or sequence of array
            Shaped as `shape` without `axes`, or with 1 in their place.
        shape : tuple of int
            What the input arrays broadcast to.
        axes : tuple of int
            Axes to reduce, rising, none negative.
        stream : Stream, optional
            The current stream by default.

        Raises
        ------
        ValueError
            If there is nothing to reduce and no identity, or shapes do not fit.
        """
        if stream is not None:
            with stream:  # scratch memory belongs to the stream that uses it
                return self.launch(args, out, shape, axes)
        outs = (out,) if len(self.spec.outputs) == 1 and not isinstance(out, tuple) else out
        try:
            pointer = runtime.get_current_stream().ptr
        except Intercepted as record:
            return record.recorder.reduction(self, args, outs, shape, axes)
        if machine.several:
            runtime.check_placement((*args, *outs), self.name)
        device_id = runtime.current_device_id()
        inputs = self.spec.inputs
        arrays = [x for x, o in zip(args, inputs, strict=True) if o.kind == "in"]
        raw = [x for x, o in zip(args, inputs, strict=True) if o.kind == "raw"]
        key = (device_id, shape, axes, *[(a.shape, a.strides) for a in (*arrays, *raw, *outs)])
        ready = self._plans.get(key)
        if ready is None:
            kinds = tuple([(max(x.ndim, 1), bool(x._c_contiguous)) for x in raw])
            planned = self._plan(device_id, arrays, outs, shape, axes, kinds)
            if planned is None:
                return None
            if raw:
                first = planned.first
                static = (*first.static, *[pack_raw(x) for x in raw])
                planned = planned._replace(first=first._replace(static=static))
            if len(self._plans) >= _PLANS_KEPT:
                self._plans.clear()
            ready = self._plans[key] = planned
        scalars = [number(args[k], operand) for k, operand in self._scalars]
        values = [
            number(x, o) if o.kind == "scalar" else x.ptr for x, o in zip(args, inputs, strict=True)
        ]
        targets = [array.ptr for array in outs]
        if ready.second is None:
            ready.first.launch(pointer, (*values, *targets))
            return None
        # Freed when it goes out of scope: the pool keeps the order of the stream.
        scratch = runtime.alloc(ready.scratch)
        ready.first.launch(pointer, (*values, scratch.ptr))
        ready.second.launch(pointer, (*scalars, scratch.ptr, *targets))
        return None

    def _plan(
        self,
        device_id: int,
        arrays: Sequence[Any],
        outs: Sequence[Any],
        shape: tuple[int, ...],
        axes: tuple[int, ...],
        raw: tuple[tuple[int, bool], ...] = (),
    ) -> _Ready | None:
        """Choose kernels and geometry; None where there is no output element."""
        kept_axes = [d for d in range(len(shape)) if d not in axes]
        kept = tuple(shape[d] for d in kept_axes)
        reduced = tuple(shape[d] for d in axes)
        count = prod(reduced)
        if 0 in kept:
            return None
        if count == 0 and self.spec.identity is None:
            raise ValueError(
                f"zero-size array to reduction operation {self.name} which has no identity"
            )
        full = [broadcast_strides(shape, a.shape, a.strides) for a in arrays]
        kept_in = [tuple(s[d] for d in kept_axes) for s in full]
        kept_out = [
            tuple(o.strides[d] for d in kept_axes) if o.ndim == len(shape) else o.strides
            for o in outs
        ]
        lead = max(range(len(arrays)), key=lambda k: arrays[k].size) if arrays else 0
        kdims, merged = collapse_by(lead, kept, [*kept_in, *kept_out], keep_order=False)
        red_in = [tuple(s[d] for d in axes) for s in full]
        rdims: tuple[int, ...] = (0,)
        rstrides: list[tuple[int, ...]] = [(0,) for _ in red_in]
        if count:
            rdims, rstrides = collapse_by(lead, reduced, red_in, keep_order=self._keep_order)
        layout = Layout(
            kdims,
            tuple(merged[: len(arrays)]),
            tuple(merged[len(arrays) :]),
            rdims,
            tuple(rstrides),
            prod(kdims),
            count,
            lead,
            raw=raw,
        )
        return self._steps(device_id, layout)

    def _steps(self, device_id: int, layout: Layout) -> _Ready:
        limits = geometry.limits(device_id)
        outputs, count = layout.outputs, layout.reduced
        second = None
        if in_columns(layout):
            tiles = self._has_tiles(layout)
            wanted = limits.multiprocessors * limits.threads_per_multiprocessor
            threads = outputs
            if tiles:
                item = self.spec.arrays[layout.lead].dtype.itemsize
                layout = layout._replace(items=tile_items(layout, wanted, item))
                threads = 32 * layout.tiles
            chunks = max(1, min(-(-wanted // threads), count // COLUMN_CHUNK, 1024))
            build, second = self._tile if tiles else self._column, self._column
        else:
            wanted = limits.multiprocessors * 8
            chunks = max(1, min(-(-wanted // outputs), -(-count // _ROW_CHUNK), 4096))
            build = second = self._row
        chunk = max(1, -(-count // chunks))
        chunks = max(1, -(-count // chunk))
        if chunks == 1:
            return _Ready(build(device_id, layout, True, True, count, 1), None, 0)
        return _Ready(
            build(device_id, layout, True, False, chunk, chunks),
            second(device_id, layout, False, True, chunks, 1),
            PARTIAL_BYTES * outputs * chunks,
        )

    def _has_tiles(self, layout: Layout) -> bool:
        """Whether the leading input's neighbours in memory are neighbouring outputs."""
        item = self.spec.arrays[layout.lead].dtype.itemsize if layout.rstrides else 0
        return (
            layout.kdims[-1] >= _TILE
            and layout.reduced >= _TILE_ROWS
            and bool(layout.kept_in)
            and layout.kept_in[layout.lead][-1] == item
        )

    def _tile(
        self, device_id: int, layout: Layout, first: bool, last: bool, chunk: int, chunks: int
    ) -> _Step:
        strides, items = self._looped(layout, first, last)
        kept_rank = round_rank(len(layout.kdims))
        pad = kept_rank - len(layout.kdims)
        rank = round_rank(len(layout.rdims))
        variant = ReductionVariant(
            "tile",
            first,
            last,
            "",
            inner_classes(strides, items),
            kept_rank,
            rank,
            ("",) * len(layout.rstrides),
            layout.wide,
            0,
            layout.items,
            layout.kdims[-1] < 32 * layout.items,
        )
        tiles = layout.tiles
        numbers = [layout.outputs, tiles, layout.per_line, *(1,) * pad, *layout.kdims]
        for s in strides:
            numbers += (*(0,) * pad, *s)
        kept = struct.pack(f"={len(numbers)}q", *numbers)
        reduced = pack_reduced(layout, first, layout.reduced, chunk, rank, layout.wide)
        rows = min(tiles, WARP_ROWS)
        bound = self._bound(device_id, variant, layout)
        return _Step(bound, -(-tiles // rows), chunks, 32, (kept, reduced), rows)

    def _column(
        self,
        device_id: int,
        layout: Layout,
        first: bool,
        last: bool,
        chunk: int,
        chunks: int,
    ) -> _Step:
        strides, items = self._looped(layout, first, last)
        loop = plan_loop(layout.kdims, strides, items, geometry.BLOCK)
        count = layout.reduced if first else chunk
        wide = loop.wide or layout.wide or count * layout.outputs > INT32
        if wide and not loop.wide:
            loop = plan_loop(layout.kdims, strides, items, geometry.BLOCK, wide=True)
        rank = round_rank(len(layout.rdims)) if first else 1
        variant = ReductionVariant(
            "column",
            first,
            last,
            loop.form,
            loop.classes,
            loop.rank,
            rank,
            tuple("s" if rank == 1 else "p" for _ in layout.rstrides) if first else (),
            wide,
            0,
        )
        reduced = pack_reduced(layout, first, count, chunk, rank, wide)
        bound = self._bound(device_id, variant, layout)
        return _Step(bound, loop.grid, chunks, loop.block, (*loop.static, reduced))

    def _row(
        self,
        device_id: int,
        layout: Layout,
        first: bool,
        last: bool,
        chunk: int,
        chunks: int,
    ) -> _Step:
        strides, _ = self._looped(layout, first, last)
        count = layout.reduced if first else chunk
        warps = _WARPS if chunk >= _LONG else 1
        rank = round_rank(len(layout.rdims)) if first else 1
        kept_rank = round_rank(len(layout.kdims))
        pad = kept_rank - len(layout.kdims)
        classes: tuple[str, ...] = ()
        if first:
            items = [o.dtype.itemsize for o in self.spec.arrays]
            classes = inner_classes(layout.rstrides, items)
            if rank > 1:
                classes = ("p",) * len(classes)
        wide = layout.wide or count > INT32 - 65536
        variant = ReductionVariant(
            "row", first, last, "", (), kept_rank, rank, classes, wide, warps
        )
        numbers = [layout.outputs, *(1,) * pad, *layout.kdims]
        for s in strides:
            numbers += (*(0,) * pad, *s)
        kept = struct.pack(f"={len(numbers)}q", *numbers)
        reduced = pack_reduced(layout, first, count, chunk, rank, wide)
        per_block = 1 if warps > 1 else WARP_ROWS
        rows = warps if warps > 1 else WARP_ROWS
        grid = -(-layout.outputs // per_block)
        return _Step(
            self._bound(device_id, variant, layout), grid, chunks, 32, (kept, reduced), rows
        )

    def _looped(
        self, layout: Layout, first: bool, last: bool
    ) -> tuple[list[tuple[int, ...]], list[int]]:
        """Strides over the outputs and item sizes of the arrays that a launch touches."""
        strides: list[tuple[int, ...]] = []
        items: list[int] = []
        if first:
            strides += layout.kept_in
            items += [o.dtype.itemsize for o in self.spec.arrays]
        if last:
            strides += layout.kept_out
            items += [o.dtype.itemsize for o in self.spec.outputs]
        return strides, items

    def _bound(self, device_id: int, variant: ReductionVariant, layout: Layout) -> Bound:
        # Both launches of a reduction have the same type of partial results.
        narrow = self._keep_order and layout.reduced <= INT32
        variant = variant._replace(narrow=narrow, raw=layout.raw if variant.first else ())
        bound = self._bounds.get((device_id, variant))
        if bound is None:
            source, entry, codes = generate(self.spec, variant)
            module = get_module(source, self.options, name=f"{entry}.cu", generated=self.generated)
            function = module.get_function(entry)
            values = [pack_code(o.dtype) if o.kind == "scalar" else "Q" for o in self.spec.inputs]
            if not variant.first:
                values = [*[pack_code(o.dtype) for _, o in self._scalars], "Q"]
            values += ["Q"] * (len(self.spec.outputs) if variant.last else 1)
            kind = Shown if config.value("NDGPU_DEBUG") else Bound
            bound = self._bounds[device_id, variant] = kind(function, (*codes, *values))
        return bound
