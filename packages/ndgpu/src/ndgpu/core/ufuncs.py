"""The ufuncs themselves, made from the table in `ndgpu.core.rows`.

Examples
--------
>>> import ndgpu
>>> ndgpu.hypot(ndgpu.asarray([3.0, 5.0]), ndgpu.asarray([4.0, 12.0]))
array([ 5., 13.])
"""

from __future__ import annotations

from ndgpu.core.rows import ALIASES, ROWS
from ndgpu.core.ufunc import ufunc

__all__ = ["TABLE"]

TABLE: dict[str, ufunc] = {name: ufunc(row) for name, row in ROWS.items()}
TABLE |= {alias: TABLE[name] for alias, name in ALIASES.items()}
