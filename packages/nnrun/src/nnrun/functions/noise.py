"""`dropout`."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnrun.backend import get_array_module
from nnrun.config import config
from nnrun.core import FunctionNode, Variable, as_variable

__all__ = ["dropout"]

Array = Any


class Dropout(FunctionNode):
    """Linear in its input once the mask is drawn, so its own gradient."""

    __slots__ = ("_ratio", "mask")

    def __init__(self, ratio: float, mask: Array | None = None) -> None:
        self._ratio = ratio
        self.mask = mask

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        (x,) = inputs
        if self.mask is None:
            self.mask = _draw(x, self._ratio)
        return (x * self.mask,)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        return Dropout(self._ratio, self.mask).apply(grad_outputs)


def _draw(x: Array, ratio: float) -> Array:
    """Zeros with probability `ratio`, else ``1 / (1 - ratio)``."""
    xp = get_array_module(x)
    kind = np.float64 if x.dtype == np.float64 else np.float32
    if xp is np:
        # Floats of the global generator, so that numpy.random.seed rules.
        kept = np.random.random_sample(x.shape) >= ratio
    else:
        kept = xp.random.random(x.shape, dtype=kind) >= ratio
    return kept.astype(x.dtype) * x.dtype.type(1.0 / (1.0 - ratio))


def dropout(
    x: Variable | Array,
    ratio: float = 0.5,
    *,
    mask: Array | None = None,
    return_mask: bool = False,
) -> Any:
    """Set elements to zero at random while training, and scale up the others.

    Outside training (``config.train`` false) `x` is returned as it is.

    Parameters
    ----------
    x : Variable or array
    ratio : float
        The probability of zero, at least 0 and less than 1.
    mask : array, optional
        What to multiply by instead of drawing it; of the shape of `x`.
    return_mask : bool
        Return the mask too (None outside training).

    Returns
    -------
    Variable, or (Variable, array)

    Raises
    ------
    ValueError
        If `ratio` is out of range or the mask has another shape.

    Examples
    --------
    >>> import numpy as np, nnrun, nnrun.functions as F
    >>> x = np.ones(4)
    >>> set(F.dropout(x, 0.5).array.tolist()) <= {0.0, 2.0}
    True
    >>> with nnrun.using_config("train", False):
    ...     F.dropout(x, 0.5)
    variable([1., 1., 1., 1.])
    """
    if not 0.0 <= ratio < 1.0:
        raise ValueError(f"dropout: `ratio` must be at least 0 and less than 1, not {ratio}")
    if mask is not None and mask.shape != x.shape:
        raise ValueError(
            f"dropout: `mask` must have the shape of `x` (mask.shape={mask.shape}, "
            f"x.shape={x.shape})"
        )
    if not config.train:
        y = as_variable(x)
        return (y, None) if return_mask else y
    node = Dropout(ratio, None if mask is None else mask.astype(x.dtype, copy=False))
    y = node.apply((x,))[0]
    return (y, node.mask) if return_mask else y
