"""Ctrl-C at a moment when the states of a training fit together."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator

__all__ = ["interrupts_between_iterations"]


@contextlib.contextmanager
def interrupts_between_iterations() -> Iterator[Callable[[], None]]:
    """Keep a first Ctrl-C until it is asked for; a second one is raised at once.

    Where a program has a handler of its own, and outside the main thread, nothing changes.

    Yields
    ------
    callable
        Raises the `KeyboardInterrupt` that came meanwhile, if any.

    Examples
    --------
    >>> import signal
    >>> from nnrun.training.interrupts import interrupts_between_iterations
    >>> try:
    ...     with interrupts_between_iterations() as raise_if_interrupted:
    ...         signal.raise_signal(signal.SIGINT)
    ...         print("the iteration ends")
    ...         raise_if_interrupted()
    ... except KeyboardInterrupt:
    ...     print("interrupted")
    the iteration ends
    interrupted
    """
    default = signal.default_int_handler
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or signal.getsignal(signal.SIGINT) is not default:
        yield lambda: None
        return
    came = False

    def keep(number: int, frame: object) -> None:
        nonlocal came
        came = True
        signal.signal(signal.SIGINT, default)

    def raise_if_interrupted() -> None:
        if came:
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, keep)
    try:
        yield raise_if_interrupted
    finally:
        signal.signal(signal.SIGINT, default)
