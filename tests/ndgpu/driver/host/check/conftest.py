"""Checked kernels on a device of the test's own."""

import ctypes
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from ndgpu.compile import compile_source
from ndgpu.driver import host
from ndgpu.driver.host import checks

ALL = frozenset(("memory", "race", "init"))


@pytest.fixture
def checking(monkeypatch: pytest.MonkeyPatch, device) -> Iterator[Callable[[frozenset], None]]:
    """Check everything, or what is asked for, on a fresh device."""
    before = checks.use(ALL)
    monkeypatch.setenv("NDGPU_HOST_CHECK", "memory,race,init")
    yield checks.use
    host.cuDevicePrimaryCtxReset(device.ordinal)
    checks.use(before)


def value(result: tuple):
    """Return the one value of a call that succeeded."""
    assert result[0] == 0, (result[0], host.last_error_detail())
    return result[1] if len(result) > 1 else None


class Lab:
    """Runs kernels of one source; arrays go to the device and stay there."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.module = value(host.cuModuleLoadData(compile_source(source).data))

    def line(self, mark: str) -> int:
        """The number of the source's line that ends with a mark."""
        return next(n for n, t in enumerate(self.source.splitlines(), 1) if t.endswith(mark))

    def put(self, array: np.ndarray) -> int:
        pointer = value(host.cuMemAlloc(array.nbytes))
        value(host.cuMemcpyHtoD(pointer, array.ctypes.data, array.nbytes))
        return pointer

    def empty(self, nbytes: int) -> int:
        return value(host.cuMemAlloc(nbytes))

    def run(self, name: str, grid, block, *args, shared: int = 0) -> tuple[int, str]:
        """Launch and wait; return the error, 0 if there is none, and what is said about it."""
        function = value(host.cuModuleGetFunction(self.module, name.encode()))
        boxes = [
            (ctypes.c_int64 * len(a))(*a) if isinstance(a, list) else ctypes.c_int64(a)
            for a in args
        ]
        table = (ctypes.c_void_p * (len(args) or 1))(*(ctypes.addressof(b) for b in boxes))
        grid, block = ((*x, 1, 1)[:3] if isinstance(x, tuple) else (x, 1, 1) for x in (grid, block))
        code = host.cuLaunchKernel(function, *grid, *block, shared, 0, ctypes.addressof(table), 0)[
            0
        ]
        code = code or host.cuCtxSynchronize()[0]
        return int(code), host.last_error_detail() if code else ""


@pytest.fixture
def lab(checking) -> Callable[[str], Lab]:
    return Lab
