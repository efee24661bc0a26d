"""Methods and operators of arrays that multiply: `dot` and ``@``.

Products are made a floor above the array class, so they are given to it here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ndgpu.core import protocol
from ndgpu.core.ndarray import ndarray
from ndgpu.linalg.product import dot, matmul

__all__: list[str] = []


def _operand(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        raise TypeError(
            f"matmul: an operand is a numpy.ndarray of shape {value.shape}; copy it to the device "
            "with `ndgpu.asarray`, or the other operand to the host with `.get()`"
        )
    return isinstance(value, (ndarray, list, tuple, int, float, complex, np.generic))


def _matmul(self: ndarray, other: Any) -> Any:
    return matmul(self, other) if _operand(other) else NotImplemented


def _rmatmul(self: ndarray, other: Any) -> Any:
    return matmul(other, self) if _operand(other) else NotImplemented


def _imatmul(self: ndarray, other: Any) -> Any:
    return matmul(self, other, out=self) if _operand(other) else NotImplemented


def _matmul_ufunc(*inputs: Any, **keywords: Any) -> Any:
    for value in inputs:
        _operand(value)
    return matmul(*inputs, **keywords)


protocol.attach(
    __matmul__=_matmul,
    __rmatmul__=_rmatmul,
    __imatmul__=_imatmul,
    dot=dot,
)
# numpy.matmul is a ufunc, and ours a function.
protocol.register(np.matmul, _matmul_ufunc)
