"""Which cuDNN there is, if any."""

from __future__ import annotations

from ndgpu.cudnn import binding

__all__ = ["available", "version"]


def version() -> int | None:
    """Return cuDNN's version as ``10000 * major + 100 * minor + patch``; None without one.

    Examples
    --------
    >>> from ndgpu import cudnn
    >>> cudnn.version() is None or cudnn.version() >= 90000
    True
    """
    library = binding.current()
    return None if library is None else library.version


def available() -> bool:
    """Whether the current device has cuDNN."""
    return binding.current() is not None
