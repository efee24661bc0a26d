"""Special functions: ufuncs with the names and the meaning of `scipy.special`.

They are made from one table (`ndgpu.special.rows`), and have all that ufuncs have: ``out=``,
``where=``, broadcasting, type promotion, methods.  Results are float32 for float16, float32 and
integers of up to 16 bits, float64 for other integers, as SciPy's; bfloat16 stays.

Examples
--------
>>> import ndgpu
>>> from ndgpu import special
>>> special.erf(ndgpu.asarray([0.0, 1.0]))
array([0.        , 0.84270079])
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ndgpu.core.rows import Row
from ndgpu.core.ufunc import ufunc
from ndgpu.core.ufuncs import TABLE as _NUMPYS
from ndgpu.special.reductions import log_softmax as log_softmax
from ndgpu.special.reductions import logsumexp as logsumexp
from ndgpu.special.reductions import softmax as softmax
from ndgpu.special.rows import ALIASES, ROWS, Special

_FLOAT16, _FLOAT32 = np.dtype(np.float16), np.dtype(np.float32)


class _Loops:
    """The loops of a special function: those of a function of NumPy, float32 for float16."""

    identity = None

    def __init__(self, name: str, row: Special) -> None:
        self._like: np.ufunc = getattr(np, row.like)
        self.__name__ = name
        self.nin, self.nout = self._like.nin, self._like.nout
        self.types = [t for t in self._like.types if "e" not in t]
        self.__doc__ = f"{name}({row.parameters})\n\nReturn {row.summary}."

    def resolve_dtypes(self, dtypes: Any, **keywords: Any) -> tuple[np.dtype, ...]:
        """Return the dtypes of the loop for operands, as `numpy.ufunc.resolve_dtypes`."""
        loop = self._like.resolve_dtypes(dtypes, **keywords)
        return tuple([_FLOAT32 if dtype == _FLOAT16 else dtype for dtype in loop])


def _make(name: str, row: Special) -> ufunc:
    made = ufunc(Row(name, {"f": row.code}), _Loops(name, row), __name__)
    made.__doc__ = (
        f"{name}({row.parameters}, /, out=None, *, where=True, casting='same_kind', order='K', "
        f"dtype=None)\n\nReturn {row.summary}, as `scipy.special.{name}`."
    )
    return made


TABLE: dict[str, ufunc] = {name: _make(name, row) for name, row in ROWS.items()}
TABLE |= {alias: TABLE[name] for alias, name in ALIASES.items()}
# SciPy has these among its special functions; here they are NumPy's.
TABLE |= {name: _NUMPYS[name] for name in ("cbrt", "exp2", "expm1", "log1p")}
globals().update(TABLE)

__all__ = ["TABLE", "log_softmax", "logsumexp", "softmax"]
__all__ += list(TABLE)
