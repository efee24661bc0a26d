"""Continuous distributions by inversion: methods that `Generator` and `RandomState` share.

Guarantees: NumPy's names, parameters, defaults and errors. Parameters may be numbers or
arrays of any shapes that broadcast; `ndgpu.random.parameters` says how they are checked.
Numbers are made in float64 (those of `uniform` and `exponential` with parameters that are
numbers in the result's own precision) and then converted to `dtype`.
"""

from __future__ import annotations

from typing import Any

from ndgpu.core.ndarray import ndarray
from ndgpu.random.draws import Draws

__all__ = ["Inversions"]


class Inversions(Draws):
    """The distributions that are made by inverting their distribution function."""

    def exponential(self, scale: Any = 1.0, size: Any = None, dtype: Any = float) -> ndarray:
        """Draw from an exponential distribution.

        Parameters
        ----------
        scale : float or array-like
            Mean, at least 0.
        size : int or sequence of int, optional
            Shape of the result; by default that to which the parameters broadcast.
        dtype : dtype-like
            float64, float32 or float16.

        Raises
        ------
        ValueError
            If a parameter from the host is out of its range.

        Examples
        --------
        >>> import ndgpu
        >>> rng = ndgpu.random.default_rng(0)
        >>> rng.exponential(2.0, size=(2, 3)).shape
        (2, 3)
        """
        return self._draw("exponential", (scale,), size, dtype)

    def gumbel(
        self, loc: Any = 0.0, scale: Any = 1.0, size: Any = None, dtype: Any = float
    ) -> ndarray:
        """Draw from a Gumbel distribution, of largest values.

        Parameters
        ----------
        loc : float or array-like
            Mode.
        scale : float or array-like
            Scale, at least 0.
        size : int or sequence of int, optional
            Shape of the result; by default that to which the parameters broadcast.
        dtype : dtype-like
            float64, float32 or float16.

        Raises
        ------
        ValueError
            If a parameter from the host is out of its range.

        Examples
        --------
        >>> import ndgpu
        >>> rng = ndgpu.random.default_rng(0)
        >>> rng.gumbel(size=(2, 3)).shape
        (2, 3)
        """
        return self._draw("gumbel", (loc, scale), size, dtype)

    def laplace(
        self, loc: Any = 0.0, scale: Any = 1.0, size: Any = None, dtype: Any = float
    ) -> ndarray:
        """Draw from a Laplace distribution, the double exponential one.

        Parameters
        ----------
        loc : float or array-like
            Mean.
        scale : float or array-like
            Scale, at least 0.
        size : int or sequence of int, optional
            Shape of the result; by default that to which the parameters broadcast.
        dtype : dtype-like
            float64, float32 or float16.

        Raises
        ------
        ValueError
            If a parameter from the host is out of its range.

        Examples
        --------
        >>> import ndgpu
        >>> rng = ndgpu.random.default_rng(0)
        >>> rng.laplace(size=(2, 3)).shape
        (2, 3)
        """
        return self._draw("laplace", (loc, scale), size, dtype)

    def logistic(
        self, loc: Any = 0.0, scale: Any = 1.0, size: Any = None, dtype: Any = float
    ) -> ndarray:
        """Draw from a logistic distribution.

        Parameters
        ----------
        loc : float or array-like
            Mean.
        scale : float or array-like
            Scale, at least 0.
        size : int or sequence of int, optional
            Shape of the result; by default that to which the parameters broadcast.
        dtype : dtype-like
            float64, float32 or float16.

        Raises
        ------
        ValueError
            If a parameter from the host is out of its range.

        Examples
        --------
        >>> import ndgpu
        >>> rng = ndgpu.random.default_rng(0)
        >>> rng.logistic(size=(2, 3)).shape
        (2, 3)
        """
        return self._draw("logistic", (loc, scale), size, dtype)

    def pareto(self, a: Any, size: Any = None, dtype: Any = float) -> ndarray:
        """Draw from a Pareto II, or Lomax, distribution: of x - 1 for a classical Pareto x.

        Parameters
        ----------
        a : float or array-like
            Shape, positive.
        size : int or sequence of int, optional
            Shape of the result; by default that to which the parameters broadcast.
        dtype : dtype-like
            float64, float32 or float16.

        Raises
        ------
        ValueError
            If a parameter from the host is out of its range.

        Examples
        --------
        >>> import ndgpu
        >>> rng = ndgpu.random.default_rng(0)
        >>> rng.pareto(3, size=(2, 3)).shape
        (2, 3)
        """
        return self._draw("pareto", (a,), size, dtype)

    def power(self, a: Any, size: Any = None, dtype: Any = float) -> ndarray:
        """Draw from a power distribution, with density ``a * x**(a - 1)`` on [0, 1].

        Parameters
        ----------
        a : float or array-like
            Shape, positive.
        size : int or sequence of int, optional
            Shape of the result; by default that to which the parameters broadcast.
        dtype : dtype-like
            float64, float32 or float16.

        Raises
        ------
        ValueError
            If a parameter from the host is out of its range.

        Examples
        --------
        >>> import ndgpu
        >>> rng = ndgpu.random.default_rng(0)
        >>> rng.power(5, size=(2, 3)).shape
        (2, 3)
        """
        return self._draw("power", (a,), size, dtype)

    def rayleigh(self, scale: Any = 1.0, size: Any = None, dtype: Any = float) -> ndarray:
        """Draw from a Rayleigh distribution.

        Parameters
        ----------
        scale : float or array-like
            Mode, at least 0.
        size : int or sequence of int, optional
            Shape of the result; by default that to which the parameters broadcast.
        dtype : dtype-like
            float64, float32 or float16.

        Raises
        ------
        ValueError
            If a parameter from the host is out of its range.

        Examples
        --------
        >>> import ndgpu
        >>> rng = ndgpu.random.default_rng(0)
        >>> rng.rayleigh(size=(2, 3)).shape
        (2, 3)
        """
        return self._draw("rayleigh", (scale,), size, dtype)

    def standard_cauchy(self, size: Any = None, dtype: Any = float) -> ndarray:
        """Draw from a Cauchy distribution with mode 0.

        Parameters
        ----------
        size : int or sequence of int, optional
            Shape of the result; 0-d by default.
        dtype : dtype-like
            float64, float32 or float16.

        Examples
        --------
        >>> import ndgpu
        >>> rng = ndgpu.random.default_rng(0)
        >>> rng.standard_cauchy(size=(2, 3)).shape
        (2, 3)
        """
        return self._draw("standard_cauchy", (), size, dtype)

    def triangular(
        self, left: Any, mode: Any, right: Any, size: Any = None, dtype: Any = float
    ) -> ndarray:
        """Draw from a triangular distribution on [left, right].

        Parameters
        ----------
        left : float or array-like
            Lower limit.
        mode : float or array-like
            Where the density is highest; ``left <= mode <= right``.
        right : float or array-like
            Upper limit, greater than `left`.
        size : int or sequence of int, optional
            Shape of the result; by default that to which the parameters broadcast.
        dtype : dtype-like
            float64, float32 or float16.

        Raises
        ------
        ValueError
            If a parameter from the host is out of its range.

        Examples
        --------
        >>> import ndgpu
        >>> rng = ndgpu.random.default_rng(0)
        >>> rng.triangular(-1, 0, 2, size=(2, 3)).shape
        (2, 3)
        """
        return self._draw("triangular", (left, mode, right), size, dtype)

    def uniform(
        self, low: Any = 0.0, high: Any = 1.0, size: Any = None, dtype: Any = float
    ) -> ndarray:
        """Draw from a uniform distribution on [low, high).

        Parameters
        ----------
        low : float or array-like
            Lower limit.
        high : float or array-like
            Upper limit, at least `low`; ``high - low`` must be finite.
        size : int or sequence of int, optional
            Shape of the result; by default that to which the parameters broadcast.
        dtype : dtype-like
            float64, float32 or float16.

        Raises
        ------
        OverflowError
            If the range is not finite.
        ValueError
            If a parameter from the host is out of its range.

        Examples
        --------
        >>> import ndgpu
        >>> rng = ndgpu.random.default_rng(0)
        >>> rng.uniform(-1, 1, size=(2, 3)).shape
        (2, 3)
        """
        return self._draw("uniform", (low, high), size, dtype)

    def weibull(self, a: Any, size: Any = None, dtype: Any = float) -> ndarray:
        """Draw from a Weibull distribution with scale 1.

        Parameters
        ----------
        a : float or array-like
            Shape, at least 0.
        size : int or sequence of int, optional
            Shape of the result; by default that to which the parameters broadcast.
        dtype : dtype-like
            float64, float32 or float16.

        Raises
        ------
        ValueError
            If a parameter from the host is out of its range.

        Examples
        --------
        >>> import ndgpu
        >>> rng = ndgpu.random.default_rng(0)
        >>> rng.weibull(1.5, size=(2, 3)).shape
        (2, 3)
        """
        return self._draw("weibull", (a,), size, dtype)
