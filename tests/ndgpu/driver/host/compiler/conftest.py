"""Kernels compiled by NVRTC and run through `Kernel.entry`, on NumPy memory."""

import ctypes
import functools
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from tests.ptx import compile_ptx

from ndgpu.driver.host import compiler


@functools.cache
def compile_cuda(source: str) -> str:
    """PTX for `compute_80`."""
    return compile_ptx(source, "-default-device")


class _Launch(ctypes.Structure):
    _fields_ = (
        ("grid", ctypes.c_uint32 * 3),
        ("block", ctypes.c_uint32 * 3),
        ("dynamic_shared", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
        ("variables", ctypes.c_void_p),
    )


_ENTRY = ctypes.CFUNCTYPE(
    ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64,
    ctypes.c_void_p,
)  # fmt: skip


class Loaded:
    """A program with memory for its variables."""

    def __init__(self, ptx: str) -> None:
        self.program = compiler.load(ptx)
        self.memory = {}
        for variable in self.program.variables:
            block = np.zeros(variable.size + 64, np.uint8)
            start = -block.ctypes.data % 64
            self.memory[variable.name] = block[start : start + max(variable.size, 1)]
            self.memory[variable.name][: len(variable.data)] = list(variable.data)
        for variable in self.program.variables:
            for offset, name, addend in variable.relocations:
                address = np.array([self.memory[name].ctypes.data + addend], np.uint64)
                self.memory[variable.name][offset : offset + 8] = address.view(np.uint8)
        addresses = [block.ctypes.data for block in self.memory.values()]
        self.table = (ctypes.c_void_p * max(len(addresses), 1))(*addresses)

    def launch(
        self,
        name: str,
        grid: Sequence[int],
        block: Sequence[int],
        *args,
        shared: int = 0,
        blocks: tuple[int, int] | None = None,
    ) -> int:
        """Run a kernel, or blocks ``[first, end)`` of it; its result code."""
        kernel = self.program.kernels[name]
        grid = (*grid, *(1,) * (3 - len(grid)))
        block = (*block, *(1,) * (3 - len(block)))
        given = [ctypes.c_uint64(a.ctypes.data) if isinstance(a, np.ndarray) else a for a in args]
        assert len(given) == len(kernel.params)
        params = (ctypes.c_void_p * max(len(given), 1))(*map(ctypes.addressof, given))
        launch = _Launch(grid, block, shared, 0, ctypes.addressof(self.table))
        size = kernel.scratch_bytes(block, shared)
        # Bytes after the end must stay as they are.
        scratch = np.full(size + 128, 0xA5, np.uint8)
        start = -scratch.ctypes.data % 64
        first, end = blocks or (0, grid[0] * grid[1] * grid[2])
        code = _ENTRY(kernel.entry(block))(
            ctypes.addressof(params), ctypes.addressof(launch), first, end,
            scratch.ctypes.data + start,
        )  # fmt: skip
        assert (scratch[start + size :] == 0xA5).all(), "written past the scratch buffer"
        return code


@pytest.fixture(scope="session")
def cuda() -> Callable[[str], Loaded]:
    """Compile CUDA C++ and load it; ``.launch(name, grid, block, *args)`` runs a kernel."""
    return lambda source: Loaded(compile_cuda(source))


@pytest.fixture(scope="session")
def ptx_of() -> Callable[[str], str]:
    """The PTX that NVRTC makes of CUDA C++."""
    return compile_cuda
