"""What a trainer calls between updates: extensions, and when they are due in order.

An extension is any callable of the trainer.  What is guaranteed about the order:
in one iteration the extensions that are due run by falling priority, and those of
one priority in the order in which they were added.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any

__all__ = [
    "PRIORITY_EDITOR",
    "PRIORITY_READER",
    "PRIORITY_WRITER",
    "Extension",
    "make_extension",
]

#: For extensions that add figures to the observation.
PRIORITY_WRITER = 300
#: For extensions that change figures of the observation.
PRIORITY_EDITOR = 200
#: For extensions that only read the observation; the default.
PRIORITY_READER = 100


class Extension:
    """Base class of extensions; it gives the defaults, and does nothing itself.

    Attributes
    ----------
    trigger : tuple or callable
        When it runs, if `Trainer.extend` is not told; ``(1, 'iteration')``.
    priority : int
        When within an iteration, if `Trainer.extend` is not told; `PRIORITY_READER`.
    name : str or None
        Its name in the trainer, if `Trainer.extend` is not told.

    Examples
    --------
    >>> class Hello(Extension):
    ...     trigger = 1, "epoch"
    ...     def __call__(self, trainer):
    ...         print("epoch", trainer.updater.epoch)
    >>> Hello().default_name
    'Hello'
    """

    trigger: Any = (1, "iteration")
    priority: int = PRIORITY_READER
    name: str | None = None

    @property
    def default_name(self) -> str:
        """The name it has in a trainer when nothing else is said: its class's."""
        return type(self).__name__

    def __call__(self, trainer: Any) -> Any:
        """Run once.

        Parameters
        ----------
        trainer : Trainer
            The trainer that calls.
        """
        raise NotImplementedError(f"{type(self).__name__} must define __call__")

    def initialize(self, trainer: Any) -> None:
        """Get ready; called once, after a loaded state and before the first update."""

    def on_error(self, trainer: Any, exc: BaseException, tb: TracebackType | None) -> None:
        """Take note that the training stops because of an error; called before `finalize`."""

    def finalize(self) -> None:
        """Clean up; called once at the end, after errors and Ctrl-C too."""

    def serialize(self, serializer: Any) -> None:
        """Save or load what the extension remembers."""


def make_extension(
    trigger: Any = None,
    default_name: str | None = None,
    priority: int | None = None,
    finalizer: Callable[[], Any] | None = None,
    initializer: Callable[[Any], Any] | None = None,
    on_error: Callable[[Any, BaseException, Any], Any] | None = None,
) -> Callable[[Callable[[Any], Any]], Callable[[Any], Any]]:
    """Give a function the defaults that a trainer looks for in an extension.

    Parameters
    ----------
    trigger : tuple or callable, optional
        When it runs; ``(1, 'iteration')`` if not given.
    default_name : str, optional
        Its name; the function's if not given.
    priority : int, optional
        Its priority; `PRIORITY_READER` if not given.
    finalizer, initializer, on_error : callable, optional
        Called as the methods of `Extension` are.

    Returns
    -------
    callable
        A decorator.

    Examples
    --------
    >>> @make_extension(trigger=(10, "iteration"))
    ... def note(trainer):
    ...     print(trainer.updater.iteration)
    >>> note.trigger, note.priority
    ((10, 'iteration'), 100)
    """

    def decorate(extension: Any) -> Callable[[Any], Any]:
        extension.trigger = Extension.trigger if trigger is None else trigger
        extension.priority = Extension.priority if priority is None else priority
        extension.default_name = default_name or extension.__name__
        extension.finalize = finalizer
        extension.initialize = initializer
        extension.on_error = on_error
        return extension

    return decorate
