"""Fusion: a function of arrays recorded once, and run as few kernels from then on.

`ndgpu.core.fusion.recorder` runs the function on arrays without memory and notes the kernels that
it would launch; `ndgpu.core.fusion.program` joins them; `ndgpu.core.fusion.fuse` is the decorator.
"""

from __future__ import annotations

from ndgpu.core.fusion.errors import FusionWarning
from ndgpu.core.fusion.fuse import fuse

__all__ = ["FusionWarning", "fuse"]
