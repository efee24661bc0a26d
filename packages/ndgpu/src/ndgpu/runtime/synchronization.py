"""A detector of hidden synchronisations: calls that make the program wait for the device.

A program that keeps a device busy gives it work ahead of time.  Whatever waits, such as
``float(array)``, ``if array.any():`` or a copy to ordinary host memory, lets the device run dry.
The detector watches a part of a program and points at the lines that wait.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from ndgpu import driver

__all__ = ["SynchronizationError", "SynchronizationWarning", "detect_synchronization"]

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
# Calls of the driver that return when the device has come to a certain point.
_WAITING = (
    "cuCtxSynchronize",
    "cuEventSynchronize",
    "cuMemFree",
    "cuMemFreeHost",
    "cuMemcpy",
    "cuMemcpyDtoD",
    "cuMemcpyDtoH",
    "cuMemcpyHtoD",
    "cuMemcpyPeer",
    "cuStreamSynchronize",
)
_TO_HOST = "cuMemcpyDtoHAsync"  # waits where the host's memory is not pinned
# What a program calls in order to wait is not hidden.
_EXPLICIT = frozenset(("synchronize", "deviceSynchronize", "streamSynchronize", "eventSynchronize"))


class SynchronizationWarning(UserWarning):
    """The program waited for the device where it may not have meant to."""


class SynchronizationError(RuntimeError):
    """The program was about to wait for the device where that was forbidden."""


class _Local(threading.local):
    action = ""
    copied: tuple[int, int] | None = None  # where a copy to the host was reported last


_local = _Local()
_lock = threading.Lock()
_before: dict[str, Callable[..., Any]] = {}  # the driver's calls, while they are watched
_watchers = 0


@contextlib.contextmanager
def detect_synchronization(action: str = "warn") -> Iterator[None]:
    """Report, within a ``with`` block, what makes this thread wait for the device.

    Explicit waits (`Stream.synchronize` and the like) are not reported.

    Parameters
    ----------
    action : {"warn", "raise", "ignore"}
        Warn with `SynchronizationWarning`, which names the program's line, raise
        `SynchronizationError` before the wait, or allow it, for a part of a part.  Memory that
        is given back to the driver, which waits too, is never more than warned of, since that
        happens in finalisers.

    Raises
    ------
    ValueError
        If `action` is none of the three.

    Examples
    --------
    >>> import ndgpu as xp
    >>> x = xp.arange(3.0)
    >>> with xp.cuda.detect_synchronization("raise"):
    ...     y = x * 2    # only gives work to the device
    ...     try:
    ...         float(y.sum())
    ...     except xp.cuda.SynchronizationError as error:
    ...         print(str(error).split(":")[0])
    this waits for the device
    """
    global _watchers
    if action not in ("warn", "raise", "ignore"):
        raise ValueError(
            f"detect_synchronization: the action is 'warn', 'raise' or 'ignore', not {action!r}"
        )
    before = _local.action
    with _lock:
        _watchers += 1
        if _watchers == 1:
            _watch()
    _local.action = action
    try:
        yield
    finally:
        _local.action = before
        with _lock:
            _watchers -= 1
            if _watchers == 0:
                for name, function in _before.items():
                    setattr(driver, name, function)
                _before.clear()


def _watch() -> None:
    """Have the driver's calls that wait tell first."""
    for name in (*_WAITING, _TO_HOST):
        function = getattr(driver, name)
        _before[name] = function
        setattr(driver, name, _told(name, function))


def _told(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any) -> Any:
        action = _local.action
        if action in ("warn", "raise") and (name != _TO_HOST or _is_pageable(args[0])):
            _report(name, action)
        return function(*args)

    return call


def _is_pageable(address: int) -> bool:
    kind = driver.CUpointer_attribute.CU_POINTER_ATTRIBUTE_MEMORY_TYPE
    return bool(driver.cuPointerGetAttribute(kind, address)[0])


def _report(name: str, action: str) -> None:
    inner: FrameType | None = sys._getframe(2)
    frame = inner
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        inner, frame = frame, frame.f_back
    if frame is None or inner is None or inner.f_code.co_name in _EXPLICIT:
        return
    here = (id(frame), frame.f_lasti)
    copied, _local.copied = _local.copied, here if name == _TO_HOST else None
    if copied == here and name == "cuStreamSynchronize":
        return  # the copy has waited already, and was reported
    file, line = frame.f_code.co_filename, frame.f_lineno
    message = f"this waits for the device: {inner.f_code.co_name} calls {name} at {file}:{line}"
    if action == "raise" and not name.startswith("cuMemFree"):
        raise SynchronizationError(message)
    warnings.warn_explicit(message, SynchronizationWarning, file, line)
