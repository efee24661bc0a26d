"""`FunctionHook`: what is to happen around the forward and backward of functions.

A hook is registered for everything that a thread computes inside a ``with`` block,
or on one function by its ``add_hook``.  Functions that nobody watches pay two
attribute reads for that.
"""

from __future__ import annotations

import threading
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nnrun.core.function_node import FunctionNode

__all__ = ["FunctionHook", "get_function_hooks", "hooks_of", "thread", "with_hook", "without_hook"]

Array = Any


class _Thread(threading.local):
    """The hooks of the calling thread; None until the first is registered."""

    hooks: dict[str, FunctionHook] | None = None


thread = _Thread()


def get_function_hooks() -> dict[str, FunctionHook]:
    """Return the hooks that watch every function of this thread, by name.

    Returns
    -------
    dict
        The one in use: what is added to it is registered.

    Examples
    --------
    >>> import nnrun
    >>> with nnrun.function_hooks.TimerHook():
    ...     list(nnrun.get_function_hooks())
    ['TimerHook']
    """
    if thread.hooks is None:
        thread.hooks = {}
    return thread.hooks


def hooks_of(node: FunctionNode) -> tuple[FunctionHook, ...]:
    """The hooks that watch a node: the thread's, then its own."""
    own = node._hooks
    everywhere = thread.hooks or {}
    return (*everywhere.values(), *(own or {}).values())


class FunctionHook:
    """Called before and after each function; to be subclassed.

    Attributes
    ----------
    name : str
        By which it is registered; one hook of a name at a time.

    Examples
    --------
    >>> import numpy as np, nnrun
    >>> class Shapes(nnrun.FunctionHook):
    ...     name = "Shapes"
    ...     def forward_preprocess(self, function, in_data):
    ...         print(function.label, [x.shape for x in in_data])
    >>> with Shapes():
    ...     y = nnrun.functions.exp(np.zeros((2, 3)))
    exp [(2, 3)]
    """

    name = "FunctionHook"

    def __enter__(self) -> FunctionHook:
        hooks = get_function_hooks()
        if self.name in hooks:
            raise KeyError(f"a hook {self.name!r} watches this thread's functions already")
        self.added(None)  # it may refuse
        hooks[self.name] = self
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        get_function_hooks()[self.name].deleted(None)
        del get_function_hooks()[self.name]

    def added(self, function: FunctionNode | None) -> None:
        """Be told that it was registered: on a function, or (None) for the thread."""

    def deleted(self, function: FunctionNode | None) -> None:
        """Be told that it is registered no more."""

    def forward_preprocess(self, function: FunctionNode, in_data: tuple[Array, ...]) -> None:
        """Act before a forward.

        Parameters
        ----------
        function : FunctionNode
            About to be applied; its ``label`` is its name.
        in_data : tuple of array
            The inputs.
        """

    def forward_postprocess(self, function: FunctionNode, in_data: tuple[Array, ...]) -> None:
        """Act after a forward; parameters as for `forward_preprocess`."""

    def backward_preprocess(
        self,
        function: FunctionNode,
        in_data: tuple[Array | None, ...],
        out_grad: tuple[Array | None, ...],
    ) -> None:
        """Act before a backward.

        Parameters
        ----------
        function : FunctionNode
            Whose backward is about to run.
        in_data : tuple of array or None
            The inputs of its forward that it retained, None for the others.
        out_grad : tuple of array or None
            The gradients of its outputs.
        """

    def backward_postprocess(
        self,
        function: FunctionNode,
        in_data: tuple[Array | None, ...],
        out_grad: tuple[Array | None, ...],
    ) -> None:
        """Act after a backward; parameters as for `backward_preprocess`."""


def with_hook(hooks: Any, hook: Any, name: str | None, owner: str) -> dict[str, Any]:
    """`hooks`, made if need be, with another one; what functions and links share."""
    for method in ("added", "forward_preprocess", "forward_postprocess"):
        if not hasattr(hook, method):
            raise TypeError(f"{owner}.add_hook: a hook is wanted, not {type(hook).__name__}")
    name = hook.name if name is None else name
    if hooks is not None and name in hooks:
        raise KeyError(f"{owner}.add_hook: there is a hook {name!r} already")
    return {**(hooks or {}), name: hook}


def without_hook(hooks: Any, name: str, owner: str) -> Any:
    """The hook of that name, taken out of `hooks`."""
    if hooks is None or name not in hooks:
        raise KeyError(f"{owner}.delete_hook: no hook {name!r}; there are {sorted(hooks or {})}")
    return hooks.pop(name)
