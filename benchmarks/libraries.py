"""The array libraries that are compared: NumPy, ndgpu, and on a GPU CuPy and PyTorch.

A library is a name, its array namespace, and how to wait for its device.  Peers are included
where they can be imported and see a GPU; nothing here installs them.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

import numpy

__all__ = ["Library", "available"]


@dataclass(frozen=True)
class Library:
    """An array library under test."""

    name: str
    xp: ModuleType
    wait: Callable[[], object]
    asarray: Callable[[numpy.ndarray], object]
    version: str


def _numpy() -> Library:
    return Library("numpy", numpy, lambda: None, lambda a: a, numpy.__version__)


def _ndgpu() -> Library:
    import ndgpu

    def wait() -> None:
        ndgpu.cuda.get_current_stream().synchronize()

    return Library("ndgpu", ndgpu, wait, ndgpu.asarray, ndgpu.__version__)


def _cupy() -> Library | None:
    try:
        cupy = importlib.import_module("cupy")
        if cupy.cuda.runtime.getDeviceCount() < 1:
            return None
    except Exception:  # a peer that cannot run here is simply not compared
        return None

    def wait() -> None:
        cupy.cuda.get_current_stream().synchronize()

    return Library("cupy", cupy, wait, cupy.asarray, cupy.__version__)


def _torch() -> Library | None:
    try:
        torch = importlib.import_module("torch")
        if not torch.cuda.is_available():
            return None
    except Exception:
        return None
    return Library(
        "torch",
        torch,
        torch.cuda.synchronize,
        lambda a: torch.from_numpy(numpy.ascontiguousarray(a)).cuda(),
        torch.__version__,
    )


def available() -> list[Library]:
    """NumPy first (the reference), then ndgpu, then the peers that can run."""
    libraries: list[Library | None] = [_numpy(), _ndgpu(), _cupy(), _torch()]
    return [library for library in libraries if library is not None]
