"""Python functions that a stream calls when it gets to them.

The driver calls one C function with a *ticket*, by which the Python function is found here.  One
that was given to a running stream is called once and forgotten; one in a graph may be called with
every launch, and is forgotten after the graph is gone and its launches are done.
"""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Callable
from typing import Any

from ndgpu import driver
from ndgpu.runtime.errors import CUDADriverError, check

__all__ = ["drop", "launch", "retire"]

_tickets = itertools.count(1)
# The function, its argument, and whether it is called more than once.
_waiting: dict[int, tuple[Callable[[Any], object], Any, bool]] = {}
# Tickets of graphs that are gone, and what tells whether their launches are done.
_retired: list[tuple[Any, list[int]]] = []
_caller: Any = None


def launch(ptr: int, callback: Callable[[Any], object], arg: Any, again: bool) -> int:
    """Have a stream call ``callback(arg)``, more than once if `again`; return the ticket."""
    _forget_done()
    ticket = next(_tickets)
    _waiting[ticket] = (callback, arg, again)
    try:
        check(driver.cuLaunchHostFunc(ptr, _caller_address(), ticket))
    except CUDADriverError:
        del _waiting[ticket]
        raise
    return ticket


def drop(tickets: list[int]) -> None:
    """Forget functions that will not be called (any more)."""
    for ticket in tickets:
        _waiting.pop(ticket, None)


def retire(tickets: list[int], work: Any) -> None:
    """Forget functions once ``work.done`` is true."""
    if tickets:
        _retired.append((work, tickets))
    _forget_done()


def _forget_done() -> None:
    for entry in list(_retired):
        work, tickets = entry
        if work.done:
            drop(tickets)
            if entry in _retired:  # another thread may have been here
                _retired.remove(entry)


def _run(ticket: int) -> None:
    callback, arg, again = _waiting[ticket]
    if not again:
        del _waiting[ticket]
    callback(arg)


def _caller_address() -> int:
    """The address of the C function that the driver calls with a ticket."""
    global _caller
    if _caller is None:
        _caller = ctypes.CFUNCTYPE(None, ctypes.c_size_t)(_run)
    return ctypes.cast(_caller, ctypes.c_void_p).value or 0
