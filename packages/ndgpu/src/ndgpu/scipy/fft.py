"""The transforms of `ndgpu.fft`, as `cupyx.scipy.fft` names the module.

SciPy's ``overwrite_x`` is accepted: the input may be changed, and never is.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ndgpu import fft as _fft

__all__ = list(_fft.__all__)
_HELPERS = ("fftfreq", "fftshift", "ifftshift", "rfftfreq")


def _lenient(function: Callable[..., Any]) -> Callable[..., Any]:
    # SciPy's third parameter names are those of NumPy: (x, n, axis, norm) or (x, s, axes, norm).
    @functools.wraps(function)
    def transform(x: Any, *args: Any, overwrite_x: bool = False, **keywords: Any) -> Any:
        return function(x, *args, **keywords)

    return transform


for _name in __all__:
    _function = getattr(_fft, _name)
    globals()[_name] = _function if _name in _HELPERS else _lenient(_function)
