"""Power series: the functions and the class of `numpy.polynomial.polynomial`, on the device."""

from __future__ import annotations

from typing import Any

from ndgpu.polynomial.names import constant, names_of

_names = names_of("polynomial")
globals().update(_names)
__all__ = list(_names)


def __getattr__(name: str) -> Any:
    return constant("polynomial", name)
