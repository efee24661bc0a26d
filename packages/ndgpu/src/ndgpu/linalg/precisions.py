"""How exactly float32 matrices are multiplied, where the device offers a choice.

A setting of the thread, ``"float32"`` to begin with (or ``NDGPU_MATMUL_PRECISION``).
Devices that know one way only multiply that way whatever is set.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from ndgpu import config

__all__ = ["NAMES", "get_precision", "precision", "set_precision"]

NAMES = ("float32", "tf32", "bfloat16", "float16")


class _Local(threading.local):
    def __init__(self) -> None:
        self.name: str = config.value("NDGPU_MATMUL_PRECISION")


_local = _Local()


def get_precision() -> str:
    """Return how this thread multiplies float32 and complex64 matrices.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.linalg.get_precision()
    'float32'
    """
    return _local.name


def set_precision(name: str) -> None:
    """Choose how this thread multiplies float32 and complex64 matrices.

    Parameters
    ----------
    name : {'float32', 'tf32', 'bfloat16', 'float16'}
        ``"float32"`` keeps all 24 bits of the factors. The others let tensor cores round the
        factors to 11, 8 or 11 bits (with the range of float32, float32 and float16); sums
        are kept in float32 always.

    Raises
    ------
    ValueError
        If there is no such precision.
    """
    if name not in NAMES:
        raise ValueError(f"set_precision: expected one of {', '.join(NAMES)}, got {name!r}")
    _local.name = name


@contextlib.contextmanager
def precision(name: str) -> Iterator[None]:
    """Choose a precision within a ``with`` block; see `set_precision`.

    Examples
    --------
    >>> import ndgpu
    >>> with ndgpu.linalg.precision("tf32"):
    ...     product = ndgpu.ones((2, 2), "f4") @ ndgpu.ones((2, 2), "f4")
    >>> ndgpu.linalg.get_precision()
    'float32'
    """
    before = get_precision()
    set_precision(name)
    try:
        yield
    finally:
        set_precision(before)
