"""The host device: a software GPU behind the CUDA driver API.

It loads PTX, compiles it for the host's vector units, and runs grids on a few
threads; its memory is the process's own, so a device pointer is an address
that the CPU can read.  What a real device would refuse (a block of 2000
threads, a copy past the end of an allocation, a free of what was freed) is
refused with the same error code, and `last_error_detail` has the reason.

Each module below imports only from those before it: `results`, `attributes`, `libc`, `context`,
`policies`, `queues`, `capture`, `stream`, `capturing`, `checks`, `memory`, `pools`, `copies`,
`module`, `limits`, `tracing`, `reports`, `workers`, `launch`, `cooperative`, `graph`; ``compiler/``
stands beside them and knows nothing of devices.
"""

from __future__ import annotations

from ndgpu import driver as _seam
from ndgpu.driver.host import (
    capture,
    capturing,
    context,
    cooperative,
    copies,
    graph,
    launch,
    limits,
    memory,
    module,
    pools,
    results,
    stream,
)

__all__ = ["compile_target", "last_error_detail", "load_library"]

last_error_detail = results.last_error_detail


def compile_target(device: int) -> str:
    """Return ``"compute_80"``: the host device loads PTX, and has compute capability 8.0."""
    return "compute_80"


def load_library(name: str) -> None:
    """Return None: the vendor's libraries need the vendor's device."""
    return None


globals().update(
    (name, getattr(part, name))
    for part in (
        results,
        context,
        capture,
        stream,
        capturing,
        memory,
        pools,
        copies,
        module,
        limits,
        launch,
        cooperative,
        graph,
    )
    for name in _seam.FUNCTIONS
    if hasattr(part, name)
)
