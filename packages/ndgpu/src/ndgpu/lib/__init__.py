"""What NumPy programs use of `numpy.lib`: views by strides, and helpers for axes."""

from __future__ import annotations

from ndgpu.lib import array_utils, stride_tricks

__all__ = ["array_utils", "stride_tricks"]
