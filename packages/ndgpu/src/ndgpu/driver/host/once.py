"""A thing that the process has one of, made when it is first wanted."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["once"]

T = TypeVar("T")

_making = threading.RLock()
os.register_at_fork(  # a forked child must not find it held by no one
    before=_making.acquire,
    after_in_parent=_making.release,
    after_in_child=_making.release,
)


def once(make: Callable[[], T]) -> Callable[[], T]:
    """Have a function make its result once, whichever threads call it first at the same time.

    `functools.cache` lets each of them make one, and forgets all but the last: not for what
    others hold the address of.

    Examples
    --------
    >>> @once
    ... def place():
    ...     print("made")
    ...     return []
    >>> place() is place()
    made
    True
    """
    made: list[Any] = []

    @functools.wraps(make)
    def get() -> T:
        if not made:
            with _making:
                if not made:
                    made.append(make())
        return made[0]

    return get
