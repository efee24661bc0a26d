"""The names of one basis's module: functions, the class, and constants made when asked for."""

from __future__ import annotations

from typing import Any

import numpy as np

from ndgpu.core.transfer import asarray
from ndgpu.polynomial.bases import BASES
from ndgpu.polynomial.functions import functions_of
from ndgpu.polynomial.series import series_class

__all__ = ["constant", "names_of"]

_CONSTANTS = ("zero", "one", "x", "domain")


def names_of(module: str) -> dict[str, Any]:
    """Return functions and class of a module of `numpy.polynomial`, by name."""
    basis = BASES[module]
    return functions_of(basis) | {basis.series: series_class(module)}


def constant(module: str, name: str) -> Any:
    """Return a module's constant, such as ``polyone``, as a new device array.

    Raises
    ------
    AttributeError
        If it has no such constant.
    """
    prefix = BASES[module].prefix
    if name.startswith(prefix) and name[len(prefix) :] in _CONSTANTS:
        return asarray(getattr(getattr(np.polynomial, module), name))
    raise AttributeError(f"module 'ndgpu.polynomial.{module}' has no attribute {name!r}")
