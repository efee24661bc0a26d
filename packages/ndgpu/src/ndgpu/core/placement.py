"""Where an array is made: the ``device=`` and ``like=`` of functions that make arrays."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from ndgpu import runtime

__all__ = ["as_device", "placed"]


def as_device(device: Any) -> runtime.Device:
    """Return the device that a ``device=`` names: a `Device` or its ordinal.

    Raises
    ------
    ValueError
        If it is no device.
    """
    if isinstance(device, (runtime.Device, int)) and not isinstance(device, bool):
        return runtime.Device(device)
    raise ValueError(f"`device` must be an ndgpu.cuda.Device or its ordinal, got {device!r}")


def placed(like: bool = True) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a function that makes an array the keyword ``device``, and ``like`` if asked.

    ``device`` is where the array is made, the current device by default; ``like``, by which
    NumPy finds other libraries' functions, is accepted and not looked at.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def make(*args: Any, device: Any = None, **kwargs: Any) -> Any:
            if like:
                kwargs.pop("like", None)
            if device is None:
                return function(*args, **kwargs)
            with as_device(device):
                return function(*args, **kwargs)

        signature = inspect.signature(function)
        names = ("device", "like") if like else ("device",)
        more = [inspect.Parameter(n, inspect.Parameter.KEYWORD_ONLY, default=None) for n in names]
        make.__signature__ = signature.replace(  # type: ignore[attr-defined]
            parameters=[*signature.parameters.values(), *more]
        )
        return make

    return decorate
