"""`SpectralNormalization`: a weight divided by its largest singular value."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnrun.backend import get_device
from nnrun.config import config
from nnrun.core import Parameter, Variable
from nnrun.functions import broadcast_to, matmul, moveaxis, reshape
from nnrun.functions import sum as sum_
from nnrun.link_hooks._weight import WeightHook

__all__ = ["SpectralNormalization"]

Array = Any


class SpectralNormalization(WeightHook):
    """Divides a link's weight by its spectral norm (Miyato et al., 2018).

    The norm is estimated by the power method, one step or some at each call in
    training, from a vector kept with the link.  A weight of more than two axes
    counts as a matrix with one row for each output.

    Parameters
    ----------
    n_power_iteration : int
        Steps at each call.
    eps : float
        Added to lengths before dividing by them.
    use_gamma : bool
        Multiply by a parameter, ``gamma``, that begins as the norm.
    factor : float, optional
        What the norm is divided by.
    weight_name : str
        The link's parameter.
    name : str, optional
        Of the hook.

    Examples
    --------
    >>> import numpy as np, nnrun, nnrun.links as L
    >>> layer = L.Linear(2, 2, initialW=np.diag([4.0, 1.0]).astype("f"))
    >>> layer = layer.add_hook(nnrun.link_hooks.SpectralNormalization(n_power_iteration=30))
    >>> layer(np.ones((1, 2), np.float32)).array.round(3)
    array([[1.  , 0.25]], dtype=float32)
    """

    name = "SpectralNormalization"

    def __init__(
        self,
        n_power_iteration: int = 1,
        eps: float = 1e-6,
        use_gamma: bool = False,
        factor: float | None = None,
        weight_name: str = "W",
        name: str | None = None,
    ) -> None:
        if n_power_iteration < 1:
            raise ValueError(
                f"{self.name}: `n_power_iteration` must be positive, not {n_power_iteration}"
            )
        super().__init__(weight_name, name)
        self.n_power_iteration = n_power_iteration
        self.eps = eps
        self.use_gamma = use_gamma
        self.factor = factor
        self.vector_name = weight_name + "_u"

    def _matrix(self, link: Any, W: Any) -> Any:
        """The weight with one row for each output."""
        axis = self.output_axis(link)
        if axis:
            W = moveaxis(W, axis, 0) if isinstance(W, Variable) else W.swapaxes(0, axis)
        if W.ndim == 2:
            return W
        flat = (W.shape[0], W.size // W.shape[0])
        return reshape(W, flat) if isinstance(W, Variable) else W.reshape(flat)

    def _unit(self, x: Array) -> Array:
        return x / ((x * x).sum() ** 0.5 + self.eps)

    def prepare(self, link: Any, W: Parameter) -> None:
        """Give the link the vector, and `gamma` if it is wanted."""
        if hasattr(link, self.vector_name):  # loaded, or copied with the link
            return
        rows = W.shape[self.output_axis(link)]
        start = np.random.normal(size=(rows,)).astype(W.dtype)
        link.add_persistent(self.vector_name, link.device.send(start))
        if self.use_gamma:
            matrix = get_device("numpy").send(self._matrix(link, W.array)).astype(np.float64)
            norm = np.linalg.svd(matrix, compute_uv=False)[0]
            with link.init_scope():
                link.gamma = Parameter(np.asarray(norm, W.dtype), ())

    def deleted(self, link: Any) -> None:
        """Take the vector and `gamma` away again."""
        if hasattr(link, self.vector_name):
            delattr(link, self.vector_name)
            if self.use_gamma:
                del link.gamma

    def replaced(self, link: Any, W: Parameter) -> Variable:
        """Return the weight over its norm."""
        u = getattr(link, self.vector_name)
        matrix = self._matrix(link, W.array)
        steps = self.n_power_iteration if config.train else 0
        v = self._unit(matrix.T @ u)
        for _ in range(steps):
            u = self._unit(matrix @ v)
            v = self._unit(matrix.T @ u)
        if config.train and not config.in_recomputing:
            getattr(link, self.vector_name)[...] = u
        rows: Any = reshape(matmul(self._matrix(link, W), v), u.shape)
        norm = sum_(rows * u)
        if self.factor is not None:
            norm = norm / self.factor
        scale = link.gamma / norm if self.use_gamma else 1.0 / norm
        return W * broadcast_to(scale, W.shape)
