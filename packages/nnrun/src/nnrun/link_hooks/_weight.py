"""What hooks share that put another weight in place of a link's own during a call."""

from __future__ import annotations

from typing import Any

from nnrun.core import LinkHook, Parameter

__all__ = ["WeightHook"]

# Deconvolutions keep the output channels of their weight second.
_TRANSPOSED = ("Deconvolution",)


class WeightHook(LinkHook):
    """Puts ``self.replaced(link, W)`` in place of the weight, and the parameter back after.

    Parameters
    ----------
    weight_name : str
        The attribute of the link.
    name : str, optional
        Of the hook, where a link has several.
    """

    def __init__(self, weight_name: str, name: str | None) -> None:
        self.weight_name = weight_name
        if name is not None:
            self.name = name
        self._originals: list[Parameter] = []

    def replaced(self, link: Any, W: Parameter) -> Any:
        """Return the Variable to be used as the weight."""
        raise NotImplementedError

    def prepare(self, link: Any, W: Parameter) -> None:
        """Get ready for an initialised weight, before its first use."""

    @staticmethod
    def output_axis(link: Any) -> int:
        """Which axis of the link's weight the outputs go along."""
        return int(type(link).__name__.startswith(_TRANSPOSED))

    def added(self, link: Any) -> None:
        """Check that the link has such a weight."""
        if link is None:
            raise TypeError(
                f"{self.name} belongs on one link: use link.add_hook rather than a `with` block"
            )
        W = getattr(link, self.weight_name, None)
        if not isinstance(W, Parameter):
            raise ValueError(
                f"{self.name}: {type(link).__name__} has no parameter {self.weight_name!r}"
            )
        if W.is_initialized:
            self.prepare(link, W)

    def forward_preprocess(self, args: Any) -> None:
        """Put the other weight in place."""
        link = args.link
        W = getattr(link, self.weight_name)
        if not W.is_initialized:
            # Links take their sizes from the first input: let one do so, and no more.
            link.forward(*args.args, **args.kwargs)
            self.prepare(link, W)
        self._originals.append(W)
        link.__dict__[self.weight_name] = self.replaced(link, W)

    def forward_postprocess(self, args: Any) -> None:
        """Put the parameter back."""
        args.link.__dict__[self.weight_name] = self._originals.pop()
