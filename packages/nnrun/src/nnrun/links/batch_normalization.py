"""`BatchNormalization`: normalises by the batch in training, by running averages otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nnrun.config import config, get_dtype
from nnrun.core import Link, Parameter, Variable, generate_array
from nnrun.functions import batch_normalization, fixed_batch_normalization

__all__ = ["BatchNormalization"]


class BatchNormalization(Link):
    """Normalises each channel, then scales and shifts it.

    In training (``config.train``) by the mean and variance of the batch, which
    also move the running averages; otherwise by those averages.

    Parameters
    ----------
    size : int or tuple of int, optional
        The channels; taken from the first input where missing.
    decay : float
        How much of the running averages stays at each step.
    eps : float
        Added to the variance.
    dtype : dtype, optional
        Of parameters and averages.
    use_gamma, use_beta : bool
        Whether to learn a scale and a shift.
    initial_gamma, initial_beta : initializer, array or number, optional
        1 and 0 by default.
    axis : int or tuple of int, optional
        What is averaged over: by default the first axis and all after the channels.
    initial_avg_mean, initial_avg_var : initializer, array or number, optional
        Where the averages begin: 0 and 1 by default.

    Attributes
    ----------
    gamma, beta : Parameter or None
        Scale and shift.
    avg_mean, avg_var : array
        The running averages (persistent).
    N : int
        Batches seen while fine-tuning (persistent).

    Examples
    --------
    >>> import numpy as np, nnrun, nnrun.links as L
    >>> bn = L.BatchNormalization(3)
    >>> y = bn(np.random.randn(8, 3).astype(np.float32) * 5 + 2)
    >>> with nnrun.using_config("train", False):
    ...     bn(np.zeros((1, 3), np.float32)).shape
    (1, 3)
    """

    def __init__(
        self,
        size: int | Sequence[int] | None = None,
        decay: float = 0.9,
        eps: float = 2e-5,
        dtype: Any = None,
        use_gamma: bool = True,
        use_beta: bool = True,
        initial_gamma: Any = None,
        initial_beta: Any = None,
        axis: int | Sequence[int] | None = None,
        initial_avg_mean: Any = None,
        initial_avg_var: Any = None,
    ) -> None:
        super().__init__()
        self.decay = decay
        self.eps = eps
        self.axis = axis
        self.N = 0
        self.register_persistent("N")
        self.avg_mean: Any = None
        self.avg_var: Any = None
        self.register_persistent("avg_mean")
        self.register_persistent("avg_var")
        self.gamma: Parameter | None = None
        self.beta: Parameter | None = None
        # Statistics in half precision would soon stand still.
        self._dtype = get_dtype(dtype, map_mixed16=np.float32)
        self._initial_avg = (
            0 if initial_avg_mean is None else initial_avg_mean,
            1 if initial_avg_var is None else initial_avg_var,
        )
        with self.init_scope():
            if use_gamma:
                self.gamma = Parameter(1 if initial_gamma is None else initial_gamma)
            if use_beta:
                self.beta = Parameter(0 if initial_beta is None else initial_beta)
        if size is not None:
            self._initialize((size,) if isinstance(size, int) else tuple(size))

    def _initialize(self, shape: tuple[int, ...]) -> None:
        self.avg_mean, self.avg_var = (
            generate_array(initial, shape, dtype=self._dtype, device=self.device)
            for initial in self._initial_avg
        )
        for p in (self.gamma, self.beta):
            if p is not None:
                p.initialize(shape)
                p.array = p.array.astype(self._dtype, copy=False)

    @property
    def printable_specs(self) -> Iterator[tuple[str, Any]]:
        """What `repr` shows."""
        yield from (
            ("size", None if self.avg_mean is None else self.avg_mean.shape),
            ("decay", self.decay),
            ("eps", self.eps),
        )

    def forward(self, x: Any, finetune: bool = False) -> Variable:
        """Normalise `x`.

        Parameters
        ----------
        x : Variable or array, shape (batch, ...)
            The input.
        finetune : bool
            In training: let the averages be those over all batches since
            `start_finetuning`.

        Returns
        -------
        Variable
            Of the shape of `x`.
        """
        if self.avg_mean is None:
            if self.axis is None:
                shape = x.shape[1:] if x.ndim == 2 else x.shape[1:2]
            else:
                axes = (self.axis,) if isinstance(self.axis, int) else tuple(self.axis)
                averaged = {a % x.ndim for a in axes}
                shape = tuple(n for i, n in enumerate(x.shape) if i not in averaged)
            self._initialize(shape)
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
        return batch_normalization(
            x, gamma, beta, self.eps, self.avg_mean, self.avg_var, decay, self.axis
        )

    def start_finetuning(self) -> None:
        """Start counting batches anew for ``finetune=True``."""
        self.N = 0
