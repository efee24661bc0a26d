"""`WeightStandardization`: a weight with mean 0 and variance 1 for each output."""

from __future__ import annotations

from typing import Any

from nnrun.core import Parameter, Variable
from nnrun.functions import average, broadcast_to, rsqrt, square
from nnrun.link_hooks._weight import WeightHook

__all__ = ["WeightStandardization"]


class WeightStandardization(WeightHook):
    """Gives the weight of each output mean 0 and variance 1 (Qiao et al., 2019).

    Parameters
    ----------
    eps : float
        Added to the variance.
    weight_name : str
        The link's parameter.
    name : str, optional
        Of the hook.

    Examples
    --------
    >>> import numpy as np, nnrun, nnrun.links as L
    >>> layer = L.Linear(2, 1, initialW=np.array([[1.0, 5.0]], np.float32))
    >>> layer = layer.add_hook(nnrun.link_hooks.WeightStandardization())
    >>> layer(np.array([[0.0, 1.0]], np.float32)).array.round(3)
    array([[1.]], dtype=float32)
    """

    name = "WeightStandardization"

    def __init__(self, *, eps: float = 1e-5, weight_name: str = "W", name: str | None = None):
        super().__init__(weight_name, name)
        self.eps = eps

    def replaced(self, link: Any, W: Parameter) -> Variable:
        """Return the standardised weight."""
        output = self.output_axis(link)
        axes = tuple(i for i in range(W.ndim) if i != output)
        centred = W - broadcast_to(average(W, axes, keepdims=True), W.shape)
        scale = rsqrt(average(square(centred), axes, keepdims=True) + self.eps)
        return centred * broadcast_to(scale, W.shape)
