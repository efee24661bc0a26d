"""Annotations for functions of device arrays, as `numpy.typing` has them for NumPy's.

Examples
--------
>>> from ndgpu.typing import NDArray
>>> def norm(x: NDArray[numpy.float32]) -> float: ...
"""

from __future__ import annotations

import types
import typing
from typing import Any, TypeVar

import numpy as np
from numpy.typing import DTypeLike

from ndgpu.core.ndarray import ndarray

__all__ = ["ArrayLike", "DTypeLike", "NDArray"]

_Scalar = TypeVar("_Scalar", bound=np.generic)

ArrayLike: typing.TypeAlias = ndarray | np.typing.ArrayLike
"""What `asarray` takes."""

# Not written ndarray[...]: that this can be subscripted is put on the class by another module.
NDArray: Any = types.GenericAlias(ndarray, (Any, types.GenericAlias(np.dtype, (_Scalar,))))
"""A device array whose elements are of a scalar type."""
