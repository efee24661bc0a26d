"""`VariableNode`: what the graph knows of a Variable.

A node says which function made it and as which of its outputs.  A gradient
finds its way by that pair ``(creator, index)``, or stays at the node where there
is no creator (a *leaf*: an input or a parameter).  The arrows point from results
to inputs only, so a graph has no reference cycles and vanishes, without waiting
for the garbage collector, with the last Variable that needs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nnrun.core.function_node import FunctionNode
    from nnrun.core.variable import Variable

__all__ = ["VariableNode"]

Array = Any


class VariableNode:
    """What the graph knows of a `Variable`.

    Attributes
    ----------
    creator : FunctionNode or None
        The function that made it; None for a leaf.
    index : int
        As which of the creator's outputs.
    rank : int
        Length of the longest path from a leaf to it.
    requires_grad : bool
        Whether gradients are wanted for it.
    shape, dtype
        Of the array; None while a parameter is uninitialised.
    grad_var : Variable or None
        Its gradient.
    name : str or None
        For people.
    """

    __slots__ = (
        "__weakref__",
        "creator",
        "dtype",
        "grad_var",
        "index",
        "name",
        "rank",
        "requires_grad",
        "shape",
    )

    def __init__(
        self,
        creator: FunctionNode | None,
        index: int,
        rank: int,
        requires_grad: bool,
        shape: Any,
        dtype: Any,
    ) -> None:
        self.creator = creator
        self.index = index
        self.rank = rank
        self.requires_grad = requires_grad
        self.shape = shape
        self.dtype = dtype
        self.grad_var: Variable | None = None
        self.name: str | None = None

    @property
    def creator_node(self) -> FunctionNode | None:
        """The function node that made it (the same as ``creator``)."""
        return self.creator

    @property
    def grad(self) -> Array | None:
        """The gradient's array, or None."""
        return None if self.grad_var is None else self.grad_var._array

    @property
    def label(self) -> str:
        """Shape and dtype, with the name if it has one, as graphs show it."""
        text = f"{self.shape}, {self.dtype}"
        return text if self.name is None else f"{self.name}: {text}"

    def unchain(self) -> None:
        """Forget the creator: the node becomes a leaf."""
        self.creator = None
        self.rank = 0

    def __repr__(self) -> str:
        return f"<VariableNode {self.label}>"
