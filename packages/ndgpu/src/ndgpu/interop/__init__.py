"""How arrays of other libraries come in, and how other libraries reach device arrays.

DLPack (`dlpack`, over `capsules`), the CUDA array interface, NumPy's protocols, the array API
standard, Dask; and what NumPy has and device arrays leave out (`left_out`).
"""

from __future__ import annotations

__all__: list[str] = []
