"""NumPy's functions called on device arrays: `np.sin(x)` stays on the device.

``__array_ufunc__`` finds the ufunc of the same name in the table;
``__array_function__`` finds what `register` was told.  What is in neither is
refused with a `TypeError` that names it: nothing is copied to the host unasked.
Where an operand belongs to a library that answers NumPy's protocols itself (a Dask
array, a quantity with units), the answer is left to it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ndgpu.core.ndarray import ndarray
from ndgpu.core.ufuncs import TABLE

__all__ = ["array_function", "array_ufunc", "attach", "register"]

_OWN = (ndarray, np.ndarray, np.generic)  # types whose answers are those of the device array
_functions: dict[Callable[..., Any], Callable[..., Any]] = {}


def register(numpy_function: Callable[..., Any], ours: Callable[..., Any]) -> None:
    """Let `ours` answer for `numpy_function` when it is called on a device array."""
    _functions[numpy_function] = ours


def attach(**methods: Callable[..., Any]) -> None:
    """Give the array class methods that are written on a later floor.

    Raises
    ------
    TypeError
        If the class has one of them already.
    """
    for name, method in methods.items():
        if name in vars(ndarray):
            raise TypeError(f"ndarray has a method {name!r} already")
        setattr(ndarray, name, method)


def array_ufunc(
    ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Answer ``ufunc.method(*inputs, **kwargs)`` of NumPy; see NEP 13."""
    out = kwargs.get("out") or ()
    for value in (*inputs, *(out if isinstance(out, tuple) else (out,))):
        # NumPy asks the others when this is returned.
        if not isinstance(value, _OWN) and getattr(value, "__array_ufunc__", None) is not None:
            return NotImplemented
    ours: Any = TABLE.get(ufunc.__name__)
    if ours is None:
        ours = _functions.get(ufunc) if method == "__call__" else None
    elif method != "__call__":
        ours = getattr(ours, method, None)
    if ours is None:
        name = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
        raise TypeError(f"numpy.{name} is not supported on device arrays")
    if isinstance(out, tuple) and len(out) == 1:
        kwargs["out"] = out[0]
    return ours(*inputs, **kwargs)


def array_function(
    func: Callable[..., Any], types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Answer a function of NumPy that was called with a device array; see NEP 18."""
    if not all(issubclass(t, _OWN) for t in types):
        return NotImplemented
    ours = _functions.get(func)
    if ours is None:
        raise TypeError(
            f"{func.__module__}.{func.__name__} is not supported on device arrays; copy them to "
            "the host with `.get()` to use NumPy's"
        )
    return ours(*args, **kwargs)
