"""What a bug report needs: versions, driver, devices, libraries, settings, the kernel cache.

Guarantees: nothing raises because a part is missing or broken; its row then says what is wrong.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from collections.abc import Callable, Iterator

from ndgpu import config, diskcache, driver, runtime

__all__ = ["report", "show_config"]

_PACKAGES = ("numpy", "cuda-bindings", "cuda-pathfinder", "llvmlite", "ml_dtypes")
_LIBRARIES = ("cublas", "cublasLt", "cudnn", "cusolver", "cufft")


def _told(ask: Callable[[], str]) -> str:
    """The answer, or in its place what went wrong."""
    try:
        return ask()
    except Exception as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        return f"not available ({first})"


def _nvrtc() -> str:
    from ndgpu.compile import nvrtc

    return ".".join(map(str, nvrtc.version()))


def _headers() -> str:
    from ndgpu.compile.headers import cuda_folder

    return cuda_folder() or "not found (kernels that include cuda_fp16.h and the like need them)"


def _driver() -> str:
    version = int(runtime.check(driver.cuDriverGetVersion()))
    return f"{driver.kind()}, CUDA {version // 1000}.{version % 1000 // 10}"


def _device(k: int) -> str:
    device = runtime.Device(k)
    free, total = device.mem_info
    return (
        f"{device.name}, compute capability {device.compute_capability}, "
        f"{free >> 20} of {total >> 20} MiB free, code for {driver.compile_target(k)}"
    )


def _library(name: str) -> str:
    return "found" if driver.load_library(name) is not None else "not with this driver"


def _cache() -> str:
    cache = diskcache.default()
    entries = list(cache.entries())
    size = sum(entry.nbytes for entry in entries)
    return f"{cache.root}, {len(entries)} entries, {size >> 20} of {cache.limit >> 20} MiB"


def report() -> Iterator[tuple[str, str]]:
    """Yield each line of the report: what, and what is known of it.

    Examples
    --------
    >>> [name for name, _ in report()][:3]
    ['ndgpu', 'Python', 'Platform']
    """
    yield "ndgpu", importlib.metadata.version("ndgpu")
    yield "Python", f"{platform.python_version()} ({sys.executable})"
    yield "Platform", f"{platform.platform()}, {len(os.sched_getaffinity(0))} processors"
    for name in _PACKAGES:
        yield name, _told(lambda name=name: importlib.metadata.version(name))  # type: ignore[misc]
    yield "NVRTC", _told(_nvrtc)
    yield "CUDA headers", _told(_headers)
    yield "Driver", _told(_driver)
    count = _told(lambda: str(runtime.device_count()))
    yield "Devices", count
    for k in range(int(count) if count.isdigit() else 0):
        yield f"Device {k}", _told(lambda k=k: _device(k))  # type: ignore[misc]
    for name in _LIBRARIES:
        yield name, _told(lambda name=name: _library(name))  # type: ignore[misc]
    yield "Kernel cache", _told(_cache)
    for name in sorted(config.TABLE):
        if name in os.environ:
            yield name, os.environ[name]


def show_config() -> None:
    """Print versions, the driver in use and its devices, libraries, settings and the cache.

    All that a bug report needs; ``python -m ndgpu`` prints the same.
    """
    rows = list(report())
    width = max(len(name) for name, _ in rows)
    for name, text in rows:
        print(f"{name:<{width}} : {text}")
