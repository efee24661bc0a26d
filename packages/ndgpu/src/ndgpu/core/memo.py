"""Results of functions kept by their arguments, for each device where they belong to one."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ndgpu import runtime

__all__ = ["clear_memo", "memoize"]

_memos: list[dict[Any, Any]] = []


def memoize(for_each_device: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a decorator of functions whose results are kept by their arguments.

    Parameters
    ----------
    for_each_device : bool
        Whether the current device is one of the arguments, as it must be for results that
        belong to a device: compiled kernels, tables.

    Returns
    -------
    callable
        The decorator. Arguments must be hashable.

    Examples
    --------
    >>> import ndgpu
    >>> @ndgpu.memoize(for_each_device=True)
    ... def table(n):
    ...     return ndgpu.arange(n)
    >>> table(4) is table(4)
    True
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        kept: dict[Any, Any] = {}
        _memos.append(kept)

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            device = runtime.current_device_id() if for_each_device else -1
            key = (device, args, frozenset(kwargs.items()))
            if key not in kept:
                kept[key] = function(*args, **kwargs)
            return kept[key]

        return call

    return decorate


def clear_memo() -> None:
    """Forget all results that functions made by `memoize` have kept."""
    for kept in _memos:
        kept.clear()
