"""Links of normalisation within each example, and of batch renormalisation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nnrun.config import config
from nnrun.core import Link, Parameter, Variable
from nnrun.functions import (
    batch_renormalization,
    fixed_batch_normalization,
    group_normalization,
    layer_normalization,
    rms_normalization,
)
from nnrun.links.batch_normalization import BatchNormalization

__all__ = ["BatchRenormalization", "GroupNormalization", "LayerNormalization", "RMSNormalization"]


class _Affine(Link):
    """A scale and a shift, initialised when the size is known."""

    def __init__(self, size: int | None, initial_gamma: Any, initial_beta: Any) -> None:
        super().__init__()
        with self.init_scope():
            self.gamma = Parameter(1 if initial_gamma is None else initial_gamma)
            self.beta = Parameter(0 if initial_beta is None else initial_beta)
        if size is not None:
            self._initialize(size)

    def _initialize(self, size: int) -> None:
        self.gamma.initialize((size,))
        self.beta.initialize((size,))

    @property
    def printable_specs(self) -> Iterator[tuple[str, Any]]:
        """What `repr` shows."""
        size = self.gamma.shape[0] if self.gamma.is_initialized else None
        yield from (("size", size), ("eps", self.eps))

    eps: float


class LayerNormalization(_Affine):
    """Normalises each row, then scales and shifts it; see `layer_normalization`.

    Parameters
    ----------
    size : int, optional
        Of the rows; taken from the first input where missing.
    eps : float
        Added to the variance.
    initial_gamma, initial_beta : initializer, array or number, optional
        1 and 0 by default.

    Attributes
    ----------
    gamma, beta : Parameter, shape (size,)
        Scale and shift.

    Examples
    --------
    >>> import numpy as np, nnrun.links as L
    >>> L.LayerNormalization()(np.ones((2, 3), np.float32)).shape
    (2, 3)
    """

    def __init__(
        self,
        size: int | None = None,
        eps: float = 1e-6,
        initial_gamma: Any = None,
        initial_beta: Any = None,
    ) -> None:
        super().__init__(size, initial_gamma, initial_beta)
        self.eps = eps

    def forward(self, x: Any) -> Variable:
        """Normalise `x`, of shape (batch, ..., size), over its last axis."""
        if not self.gamma.is_initialized:
            self._initialize(x.shape[-1])
        return layer_normalization(x, self.gamma, self.beta, self.eps)


class GroupNormalization(_Affine):
    """Normalises groups of channels, then scales and shifts; see `group_normalization`.

    Parameters
    ----------
    groups : int
        How many.
    size : int, optional
        Channels; taken from the first input where missing.
    eps : float
        Added to the variance.
    initial_gamma, initial_beta : initializer, array or number, optional
        1 and 0 by default.

    Attributes
    ----------
    gamma, beta : Parameter, shape (size,)
        Scale and shift.

    Examples
    --------
    >>> import numpy as np, nnrun.links as L
    >>> L.GroupNormalization(2)(np.ones((2, 4, 3, 3), np.float32)).shape
    (2, 4, 3, 3)
    """

    def __init__(
        self,
        groups: int,
        size: int | None = None,
        eps: float = 1e-5,
        initial_gamma: Any = None,
        initial_beta: Any = None,
    ) -> None:
        super().__init__(size, initial_gamma, initial_beta)
        self.groups = groups
        self.eps = eps

    def forward(self, x: Any) -> Variable:
        """Normalise `x`, of shape (batch, size, ...)."""
        if not self.gamma.is_initialized:
            self._initialize(x.shape[1])
        return group_normalization(x, self.groups, self.gamma, self.beta, self.eps)


class RMSNormalization(Link):
    """Divides each row by the root of its mean square, then scales; see `rms_normalization`.

    Parameters
    ----------
    size : int, optional
        Of the rows; taken from the first input where missing.
    eps : float
        Added to the mean square.

    Attributes
    ----------
    gamma : Parameter, shape (size,)
        The scale.

    Examples
    --------
    >>> import numpy as np, nnrun.links as L
    >>> L.RMSNormalization()(np.ones((2, 3), np.float32)).shape
    (2, 3)
    """

    def __init__(self, size: int | None = None, eps: float = 1e-6) -> None:
        super().__init__()
        self.eps = eps
        with self.init_scope():
            self.gamma = Parameter(1)
        if size is not None:
            self.gamma.initialize((size,))

    def forward(self, x: Any) -> Variable:
        """Normalise `x`, of shape (..., size), over its last axis."""
        if not self.gamma.is_initialized:
            self.gamma.initialize(x.shape[-1:])
        return rms_normalization(x, self.gamma, self.eps)


class BatchRenormalization(BatchNormalization):
    """Batch normalisation corrected towards the running averages; see `batch_renormalization`.

    Parameters
    ----------
    size : int or tuple of int, optional
        The channels; taken from the first input where missing.
    rmax, dmax : float
        How far the corrections of the deviation and of the mean may go.
    decay, eps, **options
        As for `BatchNormalization`.

    Attributes
    ----------
    gamma, beta : Parameter
        Scale and shift.
    avg_mean, avg_var : array
        The running averages (persistent).

    Examples
    --------
    >>> import numpy as np, nnrun.links as L
    >>> L.BatchRenormalization(3)(np.ones((2, 3), np.float32)).shape
    (2, 3)
    """

    def __init__(
        self,
        size: Any = None,
        rmax: float = 1,
        dmax: float = 0,
        decay: float = 0.9,
        eps: float = 2e-5,
        **options: Any,
    ) -> None:
        super().__init__(size, decay, eps, **options)
        self.rmax = rmax
        self.dmax = dmax

    def forward(self, x: Any, finetune: bool = False) -> Variable:
        """Normalise `x`, of shape (batch, ...); `finetune` as for `BatchNormalization`."""
        if self.avg_mean is None:
            self._initialize(x.shape[1:] if x.ndim == 2 else x.shape[1:2])
        xp = self.xp
        with self.device:
            gamma = xp.ones_like(self.avg_mean) if self.gamma is None else self.gamma
            beta = xp.zeros_like(self.avg_mean) if self.beta is None else self.beta
        if not config.train:
            return fixed_batch_normalization(
                x, gamma, beta, self.avg_mean, self.avg_var, self.eps, self.axis
            )
        decay = self.decay
        if finetune:
            self.N += 1
            decay = 1.0 - 1.0 / self.N
        return batch_renormalization(
            x, gamma, beta, self.rmax, self.dmax, self.eps, self.avg_mean, self.avg_var, decay,
            True, self.axis,
        )  # fmt: skip
