"""How other libraries' functions reach device arrays: NumPy's protocols."""

from __future__ import annotations

__all__: list[str] = []
