"""Helpers of the series' modules: the functions of `numpy.polynomial.polyutils`."""

from __future__ import annotations

from typing import Any

from numpy.polynomial import polyutils as _twin

from ndgpu.core.ndarray import ndarray
from ndgpu.core.transfer import asarray
from ndgpu.polynomial.functions import on_host, to_host

__all__ = [
    "as_series",
    "format_float",
    "getdomain",
    "mapdomain",
    "mapparms",
    "trimcoef",
    "trimseq",
]

as_series = on_host(_twin.as_series)
format_float = _twin.format_float
trimcoef = on_host(_twin.trimcoef)
trimseq = on_host(_twin.trimseq)


def getdomain(x: Any) -> ndarray:
    """Return the least and the largest of some points; the corners around complex ones."""
    return asarray(_twin.getdomain(to_host(x)))


def mapparms(old: Any, new: Any) -> tuple[Any, Any]:
    """Return offset and scale of the linear map from one interval to another."""
    return _twin.mapparms(to_host(old), to_host(new))


def mapdomain(x: Any, old: Any, new: Any) -> ndarray:
    """Return points mapped linearly from one interval to another.

    Examples
    --------
    >>> mapdomain([0.0, 0.5, 1.0], [0, 1], [-1, 1])
    array([-1.,  0.,  1.])
    """
    offset, scale = mapparms(old, new)
    return offset + scale * asarray(x)
