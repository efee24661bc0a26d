"""CUDA C++ of joined steps: each in a scope of its own, values in local variables.

Guarantees: a value has its array's dtype between steps, so a fused function rounds where an
unfused one does; the text names operands by position only, so functions that do the same share
kernels.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from ndgpu.compile.dtypes import cast, ctype, headers_of
from ndgpu.core.fusion.errors import CannotFuse
from ndgpu.core.fusion.values import Step, Value, View
from ndgpu.kernels.elementwise import Elementwise
from ndgpu.kernels.spec import Operand

__all__ = ["Text"]

_MOST_OPERANDS = 64
"""Kernel parameters are limited to 4 KiB, and this many arrays have strides to pass as well."""


class Text:
    """The body of one kernel under construction.

    Attributes
    ----------
    operands : list of Operand
        What it reads.
    sources : list
        Where each comes from: ``(value, view)`` of what is loaded, or a number.
    lines : list of str
        Statements that compute the values asked for so far.
    headers, options, preambles : list
        What they need.
    """

    def __init__(self, stored: set[Value]) -> None:
        self.operands: list[Operand] = []
        self.sources: list[Any] = []
        self.lines: list[str] = []
        self.headers: dict[str, None] = {}
        self.options: dict[str, None] = {}
        self.preambles: dict[str, None] = {}
        self.generated = True
        self._stored = stored
        self._names: dict[Any, str] = {}

    def value(self, value: Value, shape: tuple[int, ...]) -> str:
        """Return the C++ name of a value in a loop over `shape`, computing it if need be."""
        found = self._names.get(value)
        if found is not None:
            return found
        if value.number is not None:
            name = self._number(value.number, value.view.dtype)
        elif value.step is None or value in self._stored or value.step.shape != shape:
            name = self._load(value)
        else:
            self.step(value.step)
            return self._names[value]
        self._names[value] = name
        return name

    def _add(self, operand: Operand, source: Any) -> str:
        if len(self.operands) >= _MOST_OPERANDS:
            raise CannotFuse(f"one kernel would take more than {_MOST_OPERANDS} operands")
        self.operands.append(operand)
        self.sources.append(source)
        return operand.name

    def _load(self, value: Value) -> str:
        view = value.view
        key = (value.argument, value.base, view) if value.step is None else value
        found = self._names.get(key)
        if found is None:
            name = f"_in{len(self.operands)}"
            found = self._names[key] = self._add(Operand(name, view.dtype), (value, view))
        return found

    def _number(self, number: Any, dtype: np.dtype) -> str:
        return self._add(Operand(f"_num{len(self.operands)}", dtype, "scalar"), number)

    def step(self, step: Step) -> None:
        """Write an elementwise step, after what it reads."""
        kernel = step.kernel
        if not isinstance(kernel, Elementwise):
            raise TypeError(f"{kernel!r} is no elementwise kernel")
        spec = kernel.spec
        if re.search(r"\breturn\b", spec.operation):
            raise CannotFuse(f"kernel {kernel.name} has a `return`")
        before = [
            None if v.before is None else self.value(v.before, step.shape) for v in step.outputs
        ]
        inner = self.inputs(step, [o for o in kernel.operands if o.kind != "out"])
        self._needs(kernel)
        outs = [operand for operand in kernel.operands if operand.kind == "out"]
        stores = []
        for operand, value, old in zip(outs, step.outputs, before, strict=True):
            name = self._names[value] = f"_val{len(self._names)}"
            initial = f" = {old}" if old is not None else ""
            self.lines.append(f"{ctype(operand.dtype)} {name}{initial};")
            compute = operand.compute or operand.dtype
            start = f" = {cast(old, operand.dtype, compute)}" if old is not None else ""
            inner.append(f"{ctype(compute)} {operand.name}{start};")
            stores.append(f"{name} = {cast(operand.name, compute, operand.dtype)};")
        work = ["{", spec.operation, ";}", *stores]
        if spec.guard is not None:
            work = [f"if ({spec.guard}) {{", *work, "}"]
        self.lines += ["{", *inner, *work, "}"]

    def inputs(self, step: Step, operands: list[Operand]) -> list[str]:
        """Declare what a step reads, by the names that its code has for it, and its types."""
        lines = [f"typedef {c} {name};" for name, c in step.kernel.spec.types.items()]
        for operand, given in zip(operands, step.inputs, strict=True):
            name = (
                self.value(given, step.shape)
                if isinstance(given, Value)
                else self._number(given, operand.dtype)
            )
            compute = operand.compute or operand.dtype
            lines.append(
                f"[[maybe_unused]] const {ctype(compute)} {operand.name} = "
                f"{cast(name, operand.dtype, compute)};"
            )
        return lines

    def _needs(self, kernel: Elementwise) -> None:
        dtypes = [dtype for o in kernel.operands for dtype in (o.dtype, o.compute or o.dtype)]
        self.headers.update(dict.fromkeys((*headers_of(dtypes), *kernel.spec.headers)))
        self.options.update(dict.fromkeys(kernel.options))
        if kernel.spec.preamble:
            self.preambles[kernel.spec.preamble] = None
        self.generated = self.generated and kernel.generated

    def reads(self) -> list[tuple[Value, View]]:
        """What it loads from memory."""
        return [source for source in self.sources if isinstance(source, tuple)]
