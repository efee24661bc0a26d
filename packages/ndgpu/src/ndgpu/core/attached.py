"""What is put on the array class by later modules, declared for type checkers.

Operators come from the table of ufuncs (`ndgpu.core.operators`), products from `ndgpu.linalg`,
and methods like `clip` from `ndgpu.routines` (`ndgpu.core.protocol.attach`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ndgpu.core.methods import Methods as _Base
else:
    _Base = object

__all__ = ["Attached"]


class Attached(_Base):  # noqa: PLW1641 - the array class says that it has no hash
    """Base of the array class: nothing when the program runs."""

    __slots__ = ()

    if TYPE_CHECKING:
        __add__: Any
        __radd__: Any
        __sub__: Any
        __rsub__: Any
        __mul__: Any
        __rmul__: Any
        __truediv__: Any
        __rtruediv__: Any
        __floordiv__: Any
        __rfloordiv__: Any
        __mod__: Any
        __rmod__: Any
        __pow__: Any
        __rpow__: Any
        __matmul__: Any
        __rmatmul__: Any
        __and__: Any
        __rand__: Any
        __or__: Any
        __ror__: Any
        __xor__: Any
        __rxor__: Any
        __lshift__: Any
        __rshift__: Any
        __neg__: Any
        __pos__: Any
        __abs__: Any
        __invert__: Any
        __lt__: Any
        __le__: Any
        __gt__: Any
        __ge__: Any
        __eq__: Any
        __ne__: Any
        argsort: Any
        clip: Any
        conj: Any
        cumsum: Any
        dot: Any
        round: Any
        sort: Any
        trace: Any
