"""Elementwise kernels with all types known: generated, compiled, planned and launched.

The contract with `ndgpu.core`
------------------------------
An `Elementwise` is made once for an expression and its operands' dtypes, kept by the
caller, and launched often::

    add = Elementwise(
        "add_float32",
        (
            Operand("a", float32),                  # an array, read
            Operand("b", float32),
            Operand("z", float32, "out"),           # an array, a reference in the expression
        ),
        "z = a + b",
    )
    add.launch((x, y, out), out.shape)

* Operands are given to `launch` in the order of their declaration.  Arrays have any
  strides, and shapes that broadcast to `shape`; outputs have exactly `shape`.  The caller
  has checked that they are on the current device and that outputs do not overlap inputs
  in another order.  An output may be the very array that an input is.
* `Operand.kind` is ``"in"``, ``"out"``, ``"scalar"`` (a Python or NumPy number, passed by
  value and converted to the dtype) or ``"raw"``/``"rawout"`` (a whole array, indexed in the
  expression as ``x[j]`` in C order; it takes no part in the loop).
* `Operand.dtype` is what lies in memory.  `Operand.compute`, if given, is the type that the
  variable has in the expression: inputs are converted after the load and outputs before
  the store, as `ndgpu.compile.cast` does.  So a ufunc needs one expression, and no casts.
* `guard` names a bool ``in`` operand: where it is false, nothing is loaded or stored
  (NumPy's ``where=``).
* In the expression, ``i`` is the element's number in C order and ``n`` the number of
  elements, both ``long long``.  Mentioning ``i`` (or ``_ind``, or having a raw operand) keeps
  the loop in C order; other loops are reordered to follow the output's memory.
* Headers for float16, bfloat16 and complex types come by themselves; name others in
  `headers` (``"math"`` for ``<ndgpu/math.cuh>``).

`launch` returns at once; nothing is allocated on the device.  ``shape`` with a zero in it
launches nothing.

Guarantees: one kernel is generated per layout class (not per shape), compiled at first use
for each device; launches are safe from several threads.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from ndgpu import config, runtime
from ndgpu.compile import Bound, get_module
from ndgpu.compile.dtypes import pack_code
from ndgpu.kernels import geometry, planning
from ndgpu.kernels.recording import Intercepted
from ndgpu.kernels.source import generate
from ndgpu.kernels.spec import STREAMED, Operand, Spec, Variant
from ndgpu.runtime.context import machine

__all__ = ["Elementwise", "Operand", "Shown", "number"]

_PLANS_KEPT = 512
_NEEDS_ORDER = re.compile(r"\bi\b|\b_ind\b")
_INT32 = 2**31 - 1
_LARGE = 1 << 20
"""Bytes of an output from which on it is worth asking how large the cache is."""
_BOUNDS = {
    np.dtype(code): (int(np.iinfo(code).min), int(np.iinfo(code).max)) for code in "bhilqBHILQ"
}


class _Ready(NamedTuple):
    """A launch prepared for one set of shapes and strides."""

    bound: Bound
    grid: int
    block: int
    static: tuple[Any, ...]
    warps: int


class Elementwise:
    """An elementwise kernel with known types; the module's docstring is its contract.

    Parameters
    ----------
    name : str
        Becomes part of the kernel's name, for profilers and messages.
    operands : sequence of Operand
    operation : str
        CUDA C++ statements over the operands' names.
    guard : str, optional
        Name of a bool operand; false elements are left alone.
    preamble, loop_prep, after_loop : str, optional
        Code before the kernel, and in it before and after the element's work.
    types : mapping of str to str, optional
        Names for C types, usable in all of the code, such as ``{"T": "float"}``.
    headers : sequence of str, optional
        ndgpu headers to include, without ``ndgpu/`` and ``.cuh``.
    options : sequence of str, optional
        Options of NVRTC.
    block : int, optional
        Threads of a block.
    generated : bool, optional
        Whether all of the code is ndgpu's own, and none a user's.

    Attributes
    ----------
    name, operands, options, generated
        As given.
    spec : Spec
    """

    def __init__(
        self,
        name: str,
        operands: Sequence[Operand],
        operation: str,
        *,
        guard: str | None = None,
        preamble: str = "",
        loop_prep: str = "",
        after_loop: str = "",
        types: Mapping[str, str] | None = None,
        headers: Sequence[str] = (),
        options: Sequence[str] = (),
        block: int = geometry.BLOCK,
        generated: bool = True,
    ) -> None:
        self.name = name
        self.operands = tuple(operands)
        self.spec = Spec(
            re.sub(r"\W", "_", name),
            self.operands,
            operation,
            guard,
            preamble,
            loop_prep,
            after_loop,
            dict(types or {}),
            tuple(headers),
        )
        self.options = tuple(options)
        self._block = block
        self.generated = generated
        kinds = [operand.kind for operand in self.operands]
        self._raw = any(kind in ("raw", "rawout") for kind in kinds)
        self._all_arrays = all(kind in ("in", "out") for kind in kinds)
        self._looped = [k for k, kind in enumerate(kinds) if kind in ("in", "out")]
        code = "\n".join((operation, loop_prep, after_loop))
        self._uses_ind = re.search(r"\b_ind\b", code) is not None
        self._keep_order = self._raw or _NEEDS_ORDER.search(code) is not None
        # Bytes per element of the outputs that can be stored past the caches.
        streamed = [o for o in self.operands if o.kind == "out" and o.dtype.kind in STREAMED]
        can_stream = guard is None and not self._raw
        self._streamed = max((o.dtype.itemsize for o in streamed), default=0) if can_stream else 0
        # Below `_LARGE` bytes of it nothing is stored past the caches, and 32 bits hold indices.
        self._widest = max(self._streamed, 1)
        # A `return` of one element would end the others of its thread.
        self._may_tile = not (guard or self._keep_order or re.search(r"\breturn\b", code))
        self._flat: dict[int, Bound] = {}
        self._variants: dict[tuple[Any, ...], Bound] = {}
        self._plans: dict[tuple[Any, ...], _Ready] = {}

    def __repr__(self) -> str:
        return f"<Elementwise {self.name}>"

    def launch(self, args: Sequence[Any], shape: tuple[int, ...], stream: Any = None) -> None:
        """Run the kernel over a shape.

        Parameters
        ----------
        args : sequence
            One array or number per operand, in the order of declaration.
        shape : tuple of int
            What the arrays broadcast to; the outputs' shape.
        stream : Stream, optional
            The current stream by default.

        Raises
        ------
        ValueError
            If an array does not broadcast to `shape`.
        OverflowError
            If a Python integer does not fit its scalar operand's dtype.
        """
        if stream is not None:
            _ = runtime.get_current_stream().ptr  # one that records lets no other take its work
        try:
            pointer = (runtime.get_current_stream() if stream is None else stream).ptr
        except Intercepted as record:
            record.recorder.elementwise(self, args, shape)
            return
        if machine.several:
            runtime.check_placement(args, self.name)
        flat = not self._raw and not self._uses_ind
        if flat:
            for k in self._looped:
                array = args[k]
                if array.shape != shape or not array._c_contiguous:
                    flat = False
                    break
        if flat:
            n = prod(shape)
            if n == 0:
                return
            if n <= _INT32 - self._block:
                device_id = runtime.current_device_id()
                if n * self._streamed >= _LARGE and self._streams(device_id, args, n):
                    bound = self._flat_bound(device_id, True)
                else:
                    bound = self._flat.get(device_id) or self._flat_bound(device_id)
                block = self._block
                if self._all_arrays:
                    bound((n + block - 1) // block, block, pointer, (n, *[a.ptr for a in args]))
                else:
                    values = self._values(args)
                    bound((n + block - 1) // block, block, pointer, (n, *values))
                return
        if 0 in shape:
            return
        ready = self._plan(args, shape)
        values = self._values(args)
        grid, block, warps = ready.grid, ready.block, ready.warps
        ready.bound(grid, block, pointer, (*ready.static, *values), block_y=warps)

    def launch_flat(self, args: Sequence[Any], size: int) -> None:
        """Run the kernel over arrays that are C-contiguous, of one shape, and on this device.

        The short way for who knows that already, and that no operand is a raw array; `launch`
        finds out.

        Parameters
        ----------
        args : sequence
            As for `launch`.
        size : int
            Elements of each array.
        """
        device_id = runtime.current_device_id()
        bound = self._flat.get(device_id)
        if bound is None or not self._all_arrays or not 0 < size * self._widest < _LARGE:
            shape = next(args[k].shape for k in self._looped)
            return self.launch(args, shape)
        try:
            pointer = runtime.get_current_stream().ptr
        except Intercepted as record:
            return record.recorder.elementwise(self, args, args[self._looped[0]].shape)
        block = self._block
        bound((size + block - 1) // block, block, pointer, (size, *[a.ptr for a in args]))
        return None

    def _values(self, args: Sequence[Any]) -> list[Any]:
        return [
            number(value, operand) if operand.kind == "scalar" else value.ptr
            for operand, value in zip(self.operands, args, strict=True)
        ]

    def _streams(self, device_id: int, args: Sequence[Any], n: int) -> bool:
        """Whether outputs of `n` elements are better stored past the caches.

        Not where they are inputs as well: those lines are in the cache already.
        """
        if 2 * n * self._streamed < geometry.limits(device_id).cache:
            return False
        read = [args[k].ptr for k in self._looped if self.operands[k].kind == "in"]
        return not any(args[k].ptr in read for k in self._looped if self.operands[k].kind == "out")

    def _flat_bound(self, device_id: int, streaming: bool = False) -> Bound:
        classes = tuple("c" if operand.kind in ("in", "out") else "" for operand in self.operands)
        variant = Variant("flat", classes, 1, False, (), 0, streaming)
        bound = self._variant(device_id, variant)
        if not streaming:
            self._flat[device_id] = bound
        return bound

    def _variant(self, device_id: int, variant: Variant) -> Bound:
        key = (device_id, variant)
        bound = self._variants.get(key)
        if bound is None:
            source, entry, static_codes = generate(self.spec, variant)
            module = get_module(source, self.options, name=f"{entry}.cu", generated=self.generated)
            codes = [
                pack_code(operand.dtype) if operand.kind == "scalar" else "Q"
                for operand in self.operands
            ]
            kind = Shown if config.value("NDGPU_DEBUG") else Bound
            bound = kind(module.get_function(entry), (*static_codes, *codes))
            self._variants[key] = bound
        return bound

    def _plan(self, args: Sequence[Any], shape: tuple[int, ...]) -> _Ready:
        device_id = runtime.current_device_id()
        arrays = [
            value
            for value, operand in zip(args, self.operands, strict=True)
            if operand.kind != "scalar"
        ]
        size = prod(shape)
        streaming = size * self._streamed >= _LARGE and self._streams(device_id, args, size)
        key = (device_id, shape, streaming, *[(a.shape, a.strides) for a in arrays])
        ready = self._plans.get(key)
        if ready is None:
            variant, loop = planning.plan(
                self.operands,
                args,
                shape,
                self._block,
                self._keep_order,
                self._uses_ind,
                self._may_tile,
            )
            most = geometry.limits(device_id).grid
            if loop.grid > most:
                raise ValueError(
                    f"{self.name}: {loop.grid} blocks are more than the device's {most}"
                )
            bound = self._variant(device_id, variant._replace(streaming=streaming))
            ready = _Ready(bound, loop.grid, loop.block, loop.static, loop.warps)
            if len(self._plans) >= _PLANS_KEPT:
                self._plans.clear()
            self._plans[key] = ready
        return ready


class Shown(Bound):
    """A bound function that prints each launch's geometry (``NDGPU_DEBUG``)."""

    __slots__ = ()

    def __call__(
        self,
        grid: int,
        block: int,
        stream: int,
        values: Sequence[Any],
        shared_mem: int = 0,
        grid_y: int = 1,
        block_y: int = 1,
    ) -> None:
        """Print, and launch."""
        geometry = f"({grid}, {grid_y}), ({block}, {block_y}), {shared_mem}"
        print(f"// ndgpu: {self.function.name}<<<{geometry}>>>", file=sys.stderr)
        super().__call__(grid, block, stream, values, shared_mem, grid_y, block_y)


def number(value: Any, operand: Operand) -> Any:
    """Convert a scalar to what its dtype's `struct` code takes."""
    dtype = operand.dtype
    kind = dtype.kind
    if type(value) is int and kind in "iu":
        # struct would raise its own error; NumPy's names the number and the dtype.
        low, high = _BOUNDS[dtype]
        if not low <= value <= high:
            raise OverflowError(
                f"Python integer {value} out of bounds for {dtype} (operand `{operand.name}`)"
            )
        return value
    if type(value) is float and dtype.num == 12:
        return value
    try:
        with np.errstate(over="ignore"):
            converted = dtype.type(value)
    except TypeError:
        raise TypeError(
            f"`{operand.name}` must be a number that converts to {dtype}, got {value!r}"
        ) from None
    return converted.tobytes() if pack_code(dtype).endswith("s") else converted
