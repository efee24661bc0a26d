"""Trees of links: `Chain` (children by name), `ChainList` (by number), `Sequential`.

Children are gone through in the order of their names in a `Chain`, in their own
order in the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, MutableSequence
from typing import Any

from nnrun.core.link import Link
from nnrun.core.parameter import Parameter

__all__ = ["Chain", "ChainList", "Sequential"]


class _Tree(Link):
    """What all links with children share."""

    def _named_children(self) -> Iterable[tuple[str, Link]]:
        raise NotImplementedError

    def children(self) -> Iterator[Link]:
        """Go through the links directly below."""
        for _, child in self._named_children():
            yield child

    def namedparams(self, include_uninit: bool = True) -> Iterator[tuple[str, Parameter]]:
        """Go through pairs of path and parameter, such as ``('/l1/W', W)``."""
        yield from super().namedparams(include_uninit)
        for name, child in self._named_children():
            for path, param in child.namedparams(include_uninit):
                yield f"/{name}{path}", param

    def namedlinks(self, skipself: bool = False) -> Iterator[tuple[str, Link]]:
        """Go through pairs of path and link, this one first as ``'/'``."""
        if not skipself:
            yield "/", self
        for name, child in self._named_children():
            yield f"/{name}", child
            for path, link in child.namedlinks(skipself=True):
                yield f"/{name}{path}", link

    def serialize(self, serializer: Any) -> None:
        """Save to, or load from, a serializer: own values, then each child's under its name."""
        super().serialize(serializer)
        for name, child in self._named_children():
            child.serialize(serializer[name])

    def _shown(self) -> Iterable[tuple[str, Any]]:
        return self._named_children()

    def __repr__(self) -> str:
        lines = [
            f"  ({name}): " + repr(child).replace("\n", "\n  ") + ","
            for name, child in self._shown()
        ]
        if not lines:
            return f"{type(self).__name__}()"
        return "\n".join([f"{type(self).__name__}(", *lines, ")"])


class Chain(_Tree):
    """A link made of links, each an attribute.

    Parameters
    ----------
    **links : Link
        Children by name.

    Examples
    --------
    >>> import nnrun, nnrun.functions as F, nnrun.links as L
    >>> class MLP(nnrun.Chain):
    ...     def __init__(self):
    ...         super().__init__()
    ...         with self.init_scope():
    ...             self.l1 = L.Linear(4, 3)
    ...             self.l2 = L.Linear(3, 2)
    ...     def forward(self, x):
    ...         return self.l2(F.relu(self.l1(x)))
    >>> MLP()
    MLP(
      (l1): Linear(in_size=4, out_size=3, nobias=False),
      (l2): Linear(in_size=3, out_size=2, nobias=False),
    )
    """

    def __init__(self, **links: Link) -> None:
        super().__init__()
        self._children: set[str] = set()
        for name, link in links.items():
            self.add_link(name, link)

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Link) and self.within_init_scope:
            if name in self.__dict__ and name not in self._children:
                raise AttributeError(f"{type(self).__name__} already has an attribute {name!r}")
            value.name = name
            self._children.add(name)
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        self._children.discard(name)
        super().__delattr__(name)

    def __getitem__(self, name: str) -> Link:
        """Return the child of that name."""
        if name not in self._children:
            raise KeyError(
                f"{type(self).__name__} has no child {name!r}; it has {sorted(self._children)}"
            )
        return self.__dict__[name]

    def add_link(self, name: str, link: Link) -> None:
        """Register a child under a name.

        Raises
        ------
        AttributeError
            If the chain has an attribute of that name.
        TypeError
            If `link` is no link.
        """
        if not isinstance(link, Link):
            raise TypeError(f"add_link: {name!r} must be a Link, not {type(link).__name__}")
        self._check_new(name)
        with self.init_scope():
            setattr(self, name, link)

    def copy(self, mode: str = "share") -> Chain:
        """Return a copy, children included; see `Link.copy`."""
        copied: Any = super().copy(mode)
        if mode != "copy":
            copied._children = set(self._children)
            for name in copied._children:
                child = copied.__dict__[name] = copied.__dict__[name].copy(mode)
                child.name = name
        return copied

    def _named_children(self) -> Iterable[tuple[str, Link]]:
        return [(name, self.__dict__[name]) for name in sorted(self._children)]


class ChainList(_Tree, MutableSequence[Any]):
    """A link made of links in a row, reached by number; it has a list's methods.

    Parameters
    ----------
    *links : Link
        The children.

    Examples
    --------
    >>> import nnrun, nnrun.links as L
    >>> layers = nnrun.ChainList(L.Linear(4, 3), L.Linear(3, 2))
    >>> len(layers), layers[1].out_size
    (2, 2)
    >>> layers.insert(1, L.Linear(3, 3))
    >>> [layer.name for layer in layers]
    ['0', '1', '2']
    """

    def __init__(self, *links: Link) -> None:
        super().__init__()
        self._children: list[Any] = []
        self.extend(links)

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Link) and self.within_init_scope:
            raise TypeError(
                f"{type(self).__name__}: a ChainList has no children as attributes "
                f"({name!r}); use add_link, or a Chain"
            )
        super().__setattr__(name, value)

    def _check(self, link: Any) -> Any:
        if not isinstance(link, Link):
            raise TypeError(f"a child must be a Link, not {type(link).__name__}")
        return link

    def _links(self) -> list[Link]:
        return self._children

    def _number(self) -> None:
        """Name the children by their places."""
        for i, link in enumerate(self._links()):
            link.name = str(i)

    def add_link(self, link: Link) -> None:
        """Add a child at the end."""
        self.append(link)

    def insert(self, index: int, value: Any) -> None:
        """Put a child before the one at `index`.

        Raises
        ------
        TypeError
            If it is no link (for a `Sequential`: can't be called).
        """
        self._children.insert(index, self._check(value))
        self._number()

    def __getitem__(self, index: Any) -> Any:
        """Return the child (or, for a slice, the list of children) at `index`."""
        return self._children[index]

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(index, slice):
            self._children[index] = [self._check(link) for link in value]
        else:
            self._children[index] = self._check(value)
        self._number()

    def __delitem__(self, index: Any) -> None:
        del self._children[index]
        self._number()

    def __len__(self) -> int:
        return len(self._children)

    # Links are compared by identity, as all links are; lists would say otherwise.
    __hash__ = Link.__hash__

    def copy(self, mode: str = "share") -> ChainList:
        """Return a copy, children included; see `Link.copy`."""
        copied: Any = super().copy(mode)
        if mode != "copy":
            copied._children = [
                child.copy(mode) if isinstance(child, Link) else child for child in self._children
            ]
            copied._number()
        return copied

    def _named_children(self) -> Iterable[tuple[str, Link]]:
        return [(str(i), child) for i, child in enumerate(self._links())]


class Sequential(ChainList):
    """Links and functions applied one after the other.

    Parameters
    ----------
    *layers : Link or callable
        Each is called on the result of the one before; a tuple result is unpacked.

    Examples
    --------
    >>> import numpy as np, nnrun, nnrun.functions as F, nnrun.links as L
    >>> net = nnrun.Sequential(L.Linear(4, 3), F.relu, L.Linear(3, 2))
    >>> net(np.zeros((5, 4), np.float32)).shape
    (5, 2)
    >>> len(net[:2])
    2
    >>> net.count_by_layer_type("Linear")
    2
    """

    def _check(self, link: Any) -> Any:
        if not callable(link):
            raise TypeError(f"a layer must be callable, not {type(link).__name__}")
        return link

    def _links(self) -> list[Link]:
        return [layer for layer in self._children if isinstance(layer, Link)]

    def __getitem__(self, index: Any) -> Any:
        """Return the layer at `index`, or a `Sequential` of a slice."""
        if isinstance(index, slice):
            return Sequential(*self._children[index])
        return self._children[index]

    def __add__(self, other: Any) -> Sequential:
        """Return a `Sequential` of the layers of both."""
        if not isinstance(other, Sequential):
            return NotImplemented
        return Sequential(*self, *other)

    def _shown(self) -> Iterable[tuple[str, Any]]:
        # Functions too; their addresses would tell nobody anything.
        return [
            (str(i), layer if isinstance(layer, Link) else _Name(layer))
            for i, layer in enumerate(self._children)
        ]

    def _of_type(self, type_name: str | type) -> list[int]:
        name = type_name if isinstance(type_name, str) else type_name.__name__
        return [
            i
            for i, layer in enumerate(self._children)
            if name in (type(layer).__name__, getattr(layer, "__name__", None))
        ]

    def count_by_layer_type(self, type_name: str | type) -> int:
        """Return how many layers are of a class, or functions, of that name."""
        return len(self._of_type(type_name))

    def remove_by_layer_type(self, type_name: str | type) -> None:
        """Take out all layers that are of a class, or functions, of that name."""
        for i in reversed(self._of_type(type_name)):
            del self[i]

    def flatten(self) -> Sequential:
        """Return a `Sequential` with the layers of nested ones in place of them."""
        layers: list[Any] = []
        for layer in self._children:
            layers.extend(layer.flatten() if isinstance(layer, Sequential) else [layer])
        return Sequential(*layers)

    def forward(self, *x: Any) -> Any:
        """Apply the layers in turn."""
        for layer in self._children:
            result = layer(*x)
            x = result if isinstance(result, tuple) else (result,)
        return x[0] if len(x) == 1 else x


class _Name:
    """Shows a function by its name."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._name = getattr(function, "__name__", None) or repr(function)

    def __repr__(self) -> str:
        return self._name
