"""Random initial values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nnrun.initializers.base import Initializer, get_fans

__all__ = [
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "LeCunNormal",
    "LeCunUniform",
    "Normal",
    "Orthogonal",
    "Uniform",
]

Array = Any


class _Random(Initializer):
    """Draws from ``rng``, a RandomState or Generator of NumPy, or from its global one."""

    def __init__(self, scale: float, dtype: Any, rng: Any) -> None:
        super().__init__(dtype)
        self.scale = scale
        self.rng = rng

    def _normal(self, array: Array, scale: float) -> None:
        rng = np.random if self.rng is None else self.rng
        array[...] = rng.normal(0.0, scale, array.shape)

    def _uniform(self, array: Array, scale: float) -> None:
        rng = np.random if self.rng is None else self.rng
        array[...] = rng.uniform(-scale, scale, array.shape)


class Normal(_Random):
    """Normally distributed around 0.

    Parameters
    ----------
    scale : float
        The standard deviation.
    dtype : dtype, optional
        See `Initializer`.
    rng : numpy.random.RandomState or Generator, optional
        Where to draw from.

    Examples
    --------
    >>> import numpy as np, nnrun
    >>> normal = nnrun.initializers.Normal(0.1, rng=np.random.default_rng(0))
    >>> nnrun.Parameter(normal, (1000,)).array.std() < 0.11
    np.True_
    """

    def __init__(self, scale: float = 0.05, dtype: Any = None, rng: Any = None) -> None:
        super().__init__(scale, dtype, rng)

    def __call__(self, array: Array) -> None:
        """Fill the array."""
        self._normal(array, self.scale)


class Uniform(_Random):
    """Evenly distributed between ``-scale`` and ``scale``."""

    def __init__(self, scale: float = 0.05, dtype: Any = None, rng: Any = None) -> None:
        super().__init__(scale, dtype, rng)

    def __call__(self, array: Array) -> None:
        """Fill the array."""
        self._uniform(array, self.scale)


class LeCunNormal(_Random):
    """Normal with standard deviation ``scale * sqrt(1 / fan_in)``: the default of layers."""

    def __init__(self, scale: float = 1.0, dtype: Any = None, rng: Any = None) -> None:
        super().__init__(scale, dtype, rng)

    def __call__(self, array: Array) -> None:
        """Fill the array."""
        fan_in, _ = get_fans(array.shape)
        self._normal(array, self.scale * math.sqrt(1.0 / max(fan_in, 1)))


class LeCunUniform(_Random):
    """Uniform within ``scale * sqrt(3 / fan_in)``."""

    def __init__(self, scale: float = 1.0, dtype: Any = None, rng: Any = None) -> None:
        super().__init__(scale, dtype, rng)

    def __call__(self, array: Array) -> None:
        """Fill the array."""
        fan_in, _ = get_fans(array.shape)
        self._uniform(array, self.scale * math.sqrt(3.0 / max(fan_in, 1)))


class GlorotNormal(_Random):
    """Normal with standard deviation ``scale * sqrt(2 / (fan_in + fan_out))``."""

    def __init__(self, scale: float = 1.0, dtype: Any = None, rng: Any = None) -> None:
        super().__init__(scale, dtype, rng)

    def __call__(self, array: Array) -> None:
        """Fill the array."""
        self._normal(array, self.scale * math.sqrt(2.0 / max(sum(get_fans(array.shape)), 1)))


class GlorotUniform(_Random):
    """Uniform within ``scale * sqrt(6 / (fan_in + fan_out))``."""

    def __init__(self, scale: float = 1.0, dtype: Any = None, rng: Any = None) -> None:
        super().__init__(scale, dtype, rng)

    def __call__(self, array: Array) -> None:
        """Fill the array."""
        self._uniform(array, self.scale * math.sqrt(6.0 / max(sum(get_fans(array.shape)), 1)))


def _fan(option: str, shape: tuple[int, ...]) -> int:
    if option not in ("fan_in", "fan_out"):
        raise ValueError(f"`fan_option` must be 'fan_in' or 'fan_out', not {option!r}")
    return max(get_fans(shape)[option == "fan_out"], 1)


class HeNormal(_Random):
    """Normal with standard deviation ``scale * sqrt(2 / fan)``, for layers before a relu.

    Parameters
    ----------
    scale : float
        A factor.
    dtype : dtype, optional
        See `Initializer`.
    fan_option : {'fan_in', 'fan_out'}
        Which fan.
    rng : numpy.random.RandomState or Generator, optional
        Where to draw from.
    """

    def __init__(
        self,
        scale: float = 1.0,
        dtype: Any = None,
        fan_option: str = "fan_in",
        rng: Any = None,
    ) -> None:
        super().__init__(scale, dtype, rng)
        self.fan_option = fan_option

    def __call__(self, array: Array) -> None:
        """Fill the array."""
        self._normal(array, self.scale * math.sqrt(2.0 / _fan(self.fan_option, array.shape)))


class HeUniform(_Random):
    """Uniform within ``scale * sqrt(6 / fan_in)``, for layers before a relu."""

    def __init__(self, scale: float = 1.0, dtype: Any = None, rng: Any = None) -> None:
        super().__init__(scale, dtype, rng)

    def __call__(self, array: Array) -> None:
        """Fill the array."""
        self._uniform(array, self.scale * math.sqrt(6.0 / _fan("fan_in", array.shape)))


class Orthogonal(_Random):
    """Rows at right angles to one another, of length ``scale``.

    Parameters
    ----------
    scale : float
        The rows' length.
    dtype : dtype, optional
        See `Initializer`.
    mode : {'auto', 'projection', 'embedding', 'basis'}
        ``projection``: rows at right angles, as there are no more than columns.
        ``embedding``: columns at right angles, as there are no more than rows.
        ``basis``: as many of both.  ``auto``: what the shape allows.
    rng : numpy.random.RandomState or Generator, optional
        Where to draw from.

    Examples
    --------
    >>> import numpy as np, nnrun
    >>> W = nnrun.Parameter(nnrun.initializers.Orthogonal(1.0), (2, 3)).array
    >>> bool(np.allclose(W @ W.T, np.eye(2), atol=1e-6))
    True
    """

    def __init__(
        self, scale: float = 1.1, dtype: Any = None, mode: str = "auto", rng: Any = None
    ) -> None:
        if mode not in ("auto", "projection", "embedding", "basis"):
            raise ValueError(f"Orthogonal: no mode {mode!r}")
        super().__init__(scale, dtype, rng)
        self.mode = mode

    def __call__(self, array: Array) -> None:
        """Fill the array; its rows are those of the matrix after all other axes are taken together.

        Raises
        ------
        ValueError
            If `mode` and the shape don't fit.
        """
        if not array.ndim:
            raise ValueError("Orthogonal: the parameter needs at least one dimension")
        rows = array.shape[0]
        columns = math.prod(array.shape[1:])
        fits = {
            "auto": True,
            "projection": rows <= columns,
            "embedding": rows >= columns,
            "basis": rows == columns,
        }
        if not fits[self.mode]:
            raise ValueError(
                f"Orthogonal: {rows} rows and {columns} columns are no {self.mode} "
                f"(shape {array.shape})"
            )
        long, short = max(rows, columns), min(rows, columns)
        values = np.empty((short, long))
        self._normal(values, 1.0)
        q, r = np.linalg.qr(values.T)
        # With the signs of R's diagonal the distribution is uniform.
        q *= np.sign(np.diagonal(r)) * self.scale
        array[...] = (q.T if rows <= columns else q).reshape(array.shape)
