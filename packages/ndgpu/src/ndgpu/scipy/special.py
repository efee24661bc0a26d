"""The special functions of `ndgpu.special`, as `cupyx.scipy.special` names the module."""

from __future__ import annotations

from ndgpu import special as _special

__all__ = [name for name in _special.__all__ if name != "TABLE"]
globals().update({name: getattr(_special, name) for name in __all__})
