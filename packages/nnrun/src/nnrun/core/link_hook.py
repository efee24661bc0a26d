"""`LinkHook`: what is to happen around the forward of links.

Registered for every link that a thread calls inside a ``with`` block, or on one
link by its ``add_hook``.  A hook may change the link it is added to: spectral
normalisation puts another weight in place for the time of the call.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nnrun.core.link import Link

__all__ = ["LinkHook", "LinkHookArgs", "get_link_hooks", "thread"]


class _Thread(threading.local):
    """The hooks of the calling thread; None until the first is registered."""

    hooks: dict[str, LinkHook] | None = None


thread = _Thread()


def get_link_hooks() -> dict[str, LinkHook]:
    """Return the hooks that watch every link of this thread, by name."""
    if thread.hooks is None:
        thread.hooks = {}
    return thread.hooks


@dataclass
class LinkHookArgs:
    """What a hook is told of a call.

    Attributes
    ----------
    link : Link
        The one that is called.
    forward_name : str
        ``forward``.
    args, kwargs
        What it is called with.
    out : object
        What it returned; None before.
    """

    link: Link
    forward_name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    out: Any = None


class LinkHook:
    """Called before and after each call of a link; to be subclassed.

    Attributes
    ----------
    name : str
        By which it is registered; one hook of a name at a time.

    Examples
    --------
    >>> import numpy as np, nnrun, nnrun.links as L
    >>> class Names(nnrun.LinkHook):
    ...     name = "Names"
    ...     def forward_postprocess(self, args):
    ...         print(type(args.link).__name__, args.out.shape)
    >>> with Names():
    ...     y = L.Linear(3, 2)(np.zeros((4, 3), np.float32))
    Linear (4, 2)
    """

    name = "LinkHook"

    def __enter__(self) -> LinkHook:
        hooks = get_link_hooks()
        if self.name in hooks:
            raise KeyError(f"a hook {self.name!r} watches this thread's links already")
        self.added(None)  # it may refuse
        hooks[self.name] = self
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        get_link_hooks()[self.name].deleted(None)
        del get_link_hooks()[self.name]

    def added(self, link: Link | None) -> None:
        """Be told that it was registered: on a link, or (None) for the thread."""

    def deleted(self, link: Link | None) -> None:
        """Be told that it is registered no more."""

    def forward_preprocess(self, args: LinkHookArgs) -> None:
        """Act before a link's forward."""

    def forward_postprocess(self, args: LinkHookArgs) -> None:
        """Act after a link's forward; ``args.out`` is its result."""
