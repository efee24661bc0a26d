"""A fused function as kernels: which values go to memory, and which steps share a kernel.

A value is stored where somebody outside needs it: the caller, a reduction's consumers, a loop over
another shape.  All others are computed again where they are used, in registers, which costs less
than memory does.  Stored values of one shape that need no other launch between them share a
kernel; changes to arguments come last, so that every kernel reads arguments as they were.

Guarantees: a program depends on dtypes, shapes and strides alone and can be run on any arrays of
that kind; kernels are shared between programs that do the same.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ndgpu.core import casts, layout
from ndgpu.core.fusion.errors import CannotFuse
from ndgpu.core.fusion.recorder import Recorder
from ndgpu.core.fusion.text import Text
from ndgpu.core.fusion.values import Step, Value, View
from ndgpu.core.ndarray import allocate, ndarray, view_of
from ndgpu.kernels.elementwise import Elementwise, Operand
from ndgpu.kernels.reduction import Reduction

__all__ = ["Program"]


@dataclass(frozen=True, slots=True)
class _Source:
    """Where an array comes from when a program runs: an argument, or memory of its own."""

    argument: int
    slot: int
    view: View | None  # None: the array as it is

    def find(self, arguments: Sequence[ndarray], memory: Sequence[ndarray]) -> ndarray:
        a = arguments[self.argument] if self.argument >= 0 else memory[self.slot]
        if self.view is None:
            return a
        result = view_of(a, self.view.shape, self.view.strides, self.view.offset)
        result._dtype = self.view.dtype
        result._c_contiguous = layout.is_c_contiguous(
            result._shape, result._strides, result._dtype.itemsize
        )
        return result


@dataclass(frozen=True, slots=True)
class _Launch:
    """One kernel: what it reads (numbers as they are), what it writes, and over which loop."""

    kernel: Elementwise | Reduction
    sources: tuple[Any, ...]
    targets: tuple[_Source, ...]
    shape: tuple[int, ...]
    axes: tuple[int, ...]


class Program:
    """The launches that a recorded function comes to.

    Parameters
    ----------
    name : str
        Names the kernels.
    recorder : Recorder
        Of the function.
    results : sequence of ndarray
        What it returned, as far as that is arrays.

    Raises
    ------
    CannotFuse
        If its steps cannot be put in such an order.
    """

    def __init__(self, name: str, recorder: Recorder, results: Sequence[ndarray]) -> None:
        self.name = name
        self.written = recorder.written
        self._arguments = recorder.arrays
        self._slots: dict[Value, int] = {}
        self._new: list[tuple[View, Any]] = []
        returned = [recorder.read(a) for a in results]
        changed = recorder.changed()
        self._stored: dict[Value, int] = {}  # the level at which it is written
        self._levels: dict[Step, int] = {}
        for value in (*returned, *changed):
            self._demand(_root(value))
        last = max(self._stored.values(), default=0)
        for value in changed:
            self._stored[value] = last
        self.launches = self._make(last)
        self.results = [self._source(value, value.view) for value in returned]

    # Which values are stored, and when.

    def _demand(self, value: Value) -> None:
        """Have a value stored, and what it needs from memory."""
        if value.step is not None and value not in self._stored:
            self._stored[value] = 0
            self._stored[value] = self._level(value.step)

    def _level(self, step: Step) -> int:
        """How many launches one after the other come before one that can compute a step."""
        found = self._levels.get(step)
        if found is not None:
            return found
        level = 0
        before = [v.before for v in step.outputs if v.before is not None]
        for value in (*step.inputs, *before):
            if not isinstance(value, Value):
                continue
            root = _root(value)
            if root.step is None:
                continue
            if root is value and not root.step.reduces and root.step.shape == step.shape:
                level = max(level, self._level(root.step))
            else:
                if root.argument >= 0:
                    raise CannotFuse("it reads an argument in another way after changing it")
                self._demand(root)
                level = max(level, self._stored[root] + 1)
        self._levels[step] = level
        return level

    # Kernels.

    def _make(self, last: int) -> list[_Launch]:
        launches: list[tuple[tuple[int, bool, int], _Launch, set[int]]] = []
        groups: dict[tuple[Any, ...], list[Value]] = {}
        for value, level in self._stored.items():
            if value.step is None:
                continue
            single = value.step if value.step.reduces else None
            groups.setdefault((level, value.step.shape, single), []).append(value)
        for (level, shape, step), values in groups.items():
            available = {v for v, at in self._stored.items() if at < level and v.argument < 0}
            text = Text(available)
            if step is None:
                launch = self._elementwise(text, values, shape)
            else:
                launch = self._reduction(text, step)
            writes = {v.argument for v in values if v.argument >= 0}
            self._check(text, values)
            launches.append(((level, bool(writes), len(launches)), launch, writes))
        launches.sort(key=lambda row: row[0])
        changed: set[int] = set()
        for _, launch, writes in launches:
            if any(isinstance(s, _Source) and s.argument in changed for s in launch.sources):
                raise CannotFuse("arguments that it changes are read by another of its kernels")
            changed |= writes
        return [launch for _, launch, _ in launches]

    def _check(self, text: Text, values: Sequence[Value]) -> None:
        """Refuse a kernel that reads what another of its threads writes."""
        for value in values:
            for other, view in text.reads():
                same = other.argument == value.argument >= 0
                if same and (view.offset, view.strides) != (value.view.offset, value.view.strides):
                    raise CannotFuse("it reads an argument that it changes at other places as well")

    def _elementwise(self, text: Text, values: Sequence[Value], shape: tuple[int, ...]) -> _Launch:
        names = [text.value(value, shape) for value in values]
        operands = list(text.operands)
        stores = []
        for k, (value, name) in enumerate(zip(values, names, strict=True)):
            operands.append(Operand(f"_out{k}", value.view.dtype, "out"))
            stores.append(f"_out{k} = {name};")
        kernel = _elementwise(
            self.name,
            tuple(operands),
            "\n".join((*text.lines, *stores)),
            "\n".join(text.preambles),
            tuple(text.headers),
            tuple(text.options),
            text.generated,
        )
        return _Launch(
            kernel, self._sources(text), tuple([self._target(v) for v in values]), shape, ()
        )

    def _reduction(self, text: Text, step: Step) -> _Launch:
        kernel = step.kernel
        if not isinstance(kernel, Reduction):
            raise TypeError(f"{kernel!r} is no reduction")
        spec = kernel.spec
        for operand in spec.inputs:
            if operand.kind == "scalar" and re.search(
                rf"\b{operand.name}\b", f"{spec.post_map_expr} {spec.reduce_expr}"
            ):
                raise CannotFuse(f"reduction {kernel.name} uses a number after its map")
        inner = text.inputs(step, list(spec.inputs))
        if not any(o.kind == "in" for o in text.operands):
            raise CannotFuse(f"reduction {kernel.name} reads no array")
        if any(re.search(r"\b(i|n|_ind)\b", line) for line in text.lines):
            raise CannotFuse(f"reduction {kernel.name} reads what depends on an element's number")
        body = "\n".join((*text.lines, *inner))
        fused = _reduction(
            f"{self.name}_{kernel.name.removeprefix('ndgpu_')}",
            tuple(text.operands),
            spec.outputs,
            f"[&]() -> _type_reduce {{\n{body}\nreturn (_type_reduce)({spec.map_expr});\n}}()",
            spec.reduce_expr,
            spec.post_map_expr,
            spec.reduce_type,
            spec.identity,
            "\n".join(dict.fromkeys((*text.preambles, spec.preamble))).strip(),
            tuple(spec.types.items()),
            tuple(dict.fromkeys((*text.headers, *spec.headers))),
            tuple(dict.fromkeys((*text.options, *kernel.options))),
            text.generated and kernel.generated,
        )
        targets = tuple([self._target(v) for v in step.outputs])
        return _Launch(fused, self._sources(text), targets, step.shape, step.axes)

    # Where arrays are.

    def _sources(self, text: Text) -> tuple[Any, ...]:
        return tuple(
            [
                self._source(source[0], source[1]) if isinstance(source, tuple) else source
                for source in text.sources
            ]
        )

    def _target(self, value: Value) -> _Source:
        return self._source(value, value.view)

    def _source(self, value: Value, view: View) -> _Source:
        root = _root(value)
        if root.argument >= 0:
            whole = self._arguments[root.argument]
            if value is not root:
                view = View(view.offset + root.view.offset, view.shape, view.strides, view.dtype)
            own = View(0, whole._shape, whole._strides, whole._dtype)
            return _Source(root.argument, -1, None if view == own else view)
        slot = self._slots.get(root)
        if slot is None:
            slot = self._slots[root] = len(self._new)
            self._new.append((root.view, root.number))
        return _Source(-1, slot, None if value is root else view)

    def run(self, arguments: Sequence[ndarray]) -> list[ndarray]:
        """Launch the kernels; return the function's arrays."""
        memory = [_allocate(view, number) for view, number in self._new]
        for launch in self.launches:
            args: list[Any] = [
                source.find(arguments, memory) if type(source) is _Source else source
                for source in launch.sources
            ]
            outs = [target.find(arguments, memory) for target in launch.targets]
            if isinstance(launch.kernel, Reduction):
                launch.kernel.launch(args, tuple(outs), launch.shape, launch.axes)
            else:
                launch.kernel.launch([*args, *outs], launch.shape)
        return [source.find(arguments, memory) for source in self.results]


def _root(value: Value) -> Value:
    while value.base is not None:
        value = value.base
    return value


def _allocate(view: View, number: Any) -> ndarray:
    shape, strides = view.shape, view.strides
    result = allocate(shape, view.dtype)
    if strides != result._strides:
        result = view_of(result, shape, strides)
        result._base = None
    if number is not None:
        casts.fill(result, number)
    return result


@functools.lru_cache(maxsize=1024)
def _elementwise(
    name: str,
    operands: tuple[Operand, ...],
    operation: str,
    preamble: str,
    headers: tuple[str, ...],
    options: tuple[str, ...],
    generated: bool,
) -> Elementwise:
    return Elementwise(
        name,
        operands,
        operation,
        preamble=preamble,
        headers=headers,
        options=options,
        generated=generated,
    )


@functools.lru_cache(maxsize=1024)
def _reduction(
    name: str,
    inputs: tuple[Operand, ...],
    outputs: tuple[Operand, ...],
    map_expr: str,
    reduce_expr: str,
    post_map_expr: str,
    reduce_type: str,
    identity: str | None,
    preamble: str,
    types: tuple[tuple[str, str], ...],
    headers: tuple[str, ...],
    options: tuple[str, ...],
    generated: bool,
) -> Reduction:
    return Reduction(
        name,
        inputs,
        outputs,
        map_expr,
        reduce_expr,
        post_map_expr,
        reduce_type,
        identity,
        preamble=preamble,
        types=dict(types),
        headers=headers,
        options=options,
        generated=generated,
    )
