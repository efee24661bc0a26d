"""A program whose kernels are Python functions: the launch path without the compiler."""

import ctypes
from collections.abc import Callable
from dataclasses import dataclass, field

from ndgpu.driver.host.launch import _Launch, _prototype

PTX = b".version 8.0\n.target sm_80\n.address_size 64\n"


@dataclass
class Param:
    name: str
    offset: int
    size: int
    align: int = 8


@dataclass
class Variable:
    name: str
    space: str
    size: int
    align: int
    data: bytes
    relocations: list = field(default_factory=list)


class Kernel:
    """Runs ``body(args, launch, first, end, scratch) -> int`` as native code would be."""

    def __init__(self, body: Callable | None = None, **given: int) -> None:
        self.params = [Param("p0", 0, 8), Param("p1", 8, 4)] if given.pop("params", 0) else []
        self.shared_bytes = given.pop("shared_bytes", 0)
        self.local_bytes = given.pop("local_bytes", 0)
        self.max_threads = given.pop("max_threads", 1024)
        self.registers = given.pop("registers", 16)
        self.ordered = bool(given.pop("ordered", 0))
        self.checks: frozenset[str] = frozenset()
        self.entered: list[tuple] = []
        self.ranges: list[tuple[int, int]] = []
        self._body = body
        self._native = _prototype(self._run)

    def _run(self, args, launch, first, end, scratch):
        self.ranges.append((first, end))
        if self._body is None:
            return 0
        return self._body(args, _Launch.from_address(launch), first, end, scratch) or 0

    def entry(self, block: tuple[int, int, int]) -> int:
        self.entered.append(block)
        return ctypes.cast(self._native, ctypes.c_void_p).value

    def scratch_bytes(self, block: tuple[int, int, int], dynamic_shared: int) -> int:
        return self.shared_bytes + dynamic_shared


class Program:
    def __init__(self, kernels: dict[str, Kernel], variables: tuple[Variable, ...] = ()) -> None:
        self.kernels = kernels
        self.variables = list(variables)
