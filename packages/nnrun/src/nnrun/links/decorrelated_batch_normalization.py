"""`DecorrelatedBatchNormalization`: whitens channels by the batch, or by running averages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from nnrun.config import config
from nnrun.core import Link, Variable
from nnrun.functions import (
    decorrelated_batch_normalization,
    fixed_decorrelated_batch_normalization,
)

__all__ = ["DecorrelatedBatchNormalization"]


class DecorrelatedBatchNormalization(Link):
    """Whitens groups of channels (Huang et al., 2018).

    In training (``config.train``) by the statistics of the batch, which also move the
    running averages; otherwise by those averages.

    Parameters
    ----------
    size : int
        The channels.
    groups : int
        Into which they are divided.
    decay : float
        How much of the running averages stays at each step.
    eps : float
        Added to the covariance's diagonal.
    dtype : dtype
        Of the averages.

    Attributes
    ----------
    avg_mean : array, shape (groups, size / groups)
        Persistent.
    avg_projection : array, shape (groups, size / groups, size / groups)
        Persistent.
    N : int
        Batches seen while fine-tuning (persistent).

    Raises
    ------
    ValueError
        If `size` is no multiple of `groups`.

    Examples
    --------
    >>> import numpy as np, nnrun, nnrun.links as L
    >>> layer = L.DecorrelatedBatchNormalization(4, groups=2)
    >>> y = layer(np.random.randn(8, 4).astype(np.float32))
    >>> with nnrun.using_config("train", False):
    ...     layer(np.zeros((1, 4), np.float32)).shape
    (1, 4)
    """

    avg_mean: Any
    avg_projection: Any
    N: int

    def __init__(
        self,
        size: int,
        groups: int = 16,
        decay: float = 0.9,
        eps: float = 2e-5,
        dtype: Any = np.float32,
    ) -> None:
        super().__init__()
        if groups < 1 or size % groups:
            raise ValueError(
                f"DecorrelatedBatchNormalization: `size` {size} is no multiple of `groups` {groups}"
            )
        self.groups = groups
        self.decay = decay
        self.eps = eps
        n = size // groups
        self.add_persistent("avg_mean", np.zeros((groups, n), dtype))
        self.add_persistent("avg_projection", np.tile(np.eye(n, dtype=dtype), (groups, 1, 1)))
        self.add_persistent("N", 0)

    @property
    def printable_specs(self) -> Iterator[tuple[str, Any]]:
        """What `repr` shows."""
        yield from (
            ("size", self.avg_mean.size),
            ("groups", self.groups),
            ("decay", self.decay),
            ("eps", self.eps),
        )

    def forward(self, x: Any, *, finetune: bool = False) -> Variable:
        """Whiten `x`.

        Parameters
        ----------
        x : Variable or array, shape (batch, size, ...)
            The input.
        finetune : bool
            In training: let the averages be those over all batches since
            `start_finetuning`.

        Returns
        -------
        Variable
            Of the shape of `x`.
        """
        if not config.train:
            return fixed_decorrelated_batch_normalization(
                x, self.avg_mean, self.avg_projection, self.groups
            )
        decay = self.decay
        if finetune:
            self.N += 1
            decay = 1.0 - 1.0 / self.N
        return decorrelated_batch_normalization(
            x,
            groups=self.groups,
            eps=self.eps,
            running_mean=self.avg_mean,
            running_projection=self.avg_projection,
            decay=decay,
        )

    def start_finetuning(self) -> None:
        """Start counting batches anew for ``finetune=True``."""
        self.N = 0
