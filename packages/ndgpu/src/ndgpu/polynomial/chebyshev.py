"""Chebyshev series: the functions and the class of `numpy.polynomial.chebyshev`, on the device."""

from __future__ import annotations

from typing import Any

from ndgpu.polynomial.names import constant, names_of

_names = names_of("chebyshev")
globals().update(_names)
__all__ = list(_names)


def __getattr__(name: str) -> Any:
    return constant("chebyshev", name)
