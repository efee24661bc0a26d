"""Continuous distributions that take several steps, for `Generator` and `RandomState`.

Guarantees: NumPy's names, parameters, defaults and errors. Parameters may be numbers or
arrays of any shapes that broadcast; `ndgpu.random.parameters` says how they are checked.
Numbers are made in float64 (those of `normal` with parameters that are numbers in the result's
own precision) and then converted to `dtype`.
"""

from __future__ import annotations

from typing import Any

from ndgpu.core.ndarray import ndarray
from ndgpu.random.inversions import Inversions

__all__ = ["Continuous"]


class Continuous(Inversions):
    """The continuous distributions."""

    def beta(self, a: Any, b: Any, size: Any = None, dtype: Any = float) -> ndarray:
        """Draw from a beta distribution, on [0, 1].

        Parameters
        ----------
        a : float or array-like
            First shape, positive.
        b : float or array-like
            Second shape, positive.
        size : int or sequence of int, optional
            Shape of the result; by default that to which the parameters broadcast.
        dtype : dtype-like
            float64, float32 or float16.

        Raises
        ------
        ValueError
            If a parameter from the host is out of its range.

        Notes
        -----
        X / (X + Y) of two gamma numbers; by their logarithms where a shape is below 1, so that
        shapes of 1e-3 and less do not underflow.

        Examples
        --------
        >>> import ndgpu
        >>> rng = ndgpu.random.default_rng(0)
        >>> rng.beta(2, 3, size=(2, 3)).shape
        (2, 3)
        """
        return self._draw("beta", (a, b), size, dtype)

    def chisquare(self, df: Any, size: Any = None, dtype: Any = float) -> ndarray:
        """Draw from a chi-square distribution.

        Parameters
        ----------
        df : float or array-like
            Degrees of freedom, positive.
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
        >>> rng.chisquare(3, size=(2, 3)).shape
        (2, 3)
        """
        return self._draw("chisquare", (df,), size, dtype)

    def f(self, dfnum: Any, dfden: Any, size: Any = None, dtype: Any = float) -> ndarray:
        """Draw from an F distribution.

        Parameters
        ----------
        dfnum : float or array-like
            Degrees of freedom of the numerator, positive.
        dfden : float or array-like
            Those of the denominator, positive.
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
        >>> rng.f(3, 8, size=(2, 3)).shape
        (2, 3)
        """
        return self._draw("f", (dfnum, dfden), size, dtype)

    def gamma(self, shape: Any, scale: Any = 1.0, size: Any = None, dtype: Any = float) -> ndarray:
        """Draw from a gamma distribution.

        Parameters
        ----------
        shape : float or array-like
            Shape, at least 0.
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

        Notes
        -----
        G. Marsaglia and W. W. Tsang, "A simple method for generating gamma variables" (2000).

        Examples
        --------
        >>> import ndgpu
        >>> rng = ndgpu.random.default_rng(0)
        >>> rng.gamma(2.0, size=(2, 3)).shape
        (2, 3)
        """
        return self._draw("gamma", (shape, scale), size, dtype)

    def lognormal(
        self, mean: Any = 0.0, sigma: Any = 1.0, size: Any = None, dtype: Any = float
    ) -> ndarray:
        """Draw from a log-normal distribution.

        Parameters
        ----------
        mean : float or array-like
            Mean of the logarithm.
        sigma : float or array-like
            Standard deviation of the logarithm, at least 0.
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
        >>> rng.lognormal(size=(2, 3)).shape
        (2, 3)
        """
        return self._draw("lognormal", (mean, sigma), size, dtype)

    def noncentral_chisquare(
        self, df: Any, nonc: Any, size: Any = None, dtype: Any = float
    ) -> ndarray:
        """Draw from a noncentral chi-square distribution.

        Parameters
        ----------
        df : float or array-like
            Degrees of freedom, positive.
        nonc : float or array-like
            Noncentrality, at least 0.
        size : int or sequence of int, optional
            Shape of the result; by default that to which the parameters broadcast.
        dtype : dtype-like
            float64, float32 or float16.

        Raises
        ------
        ValueError
            If a parameter from the host is out of its range.

        Notes
        -----
        A shifted normal number squared plus a chi-square number where ``df > 1``, else a mixture
        over Poisson numbers.

        Examples
        --------
        >>> import ndgpu
        >>> rng = ndgpu.random.default_rng(0)
        >>> rng.noncentral_chisquare(3, 1.5, size=(2, 3)).shape
        (2, 3)
        """
        return self._draw("noncentral_chisquare", (df, nonc), size, dtype)

    def noncentral_f(
        self, dfnum: Any, dfden: Any, nonc: Any, size: Any = None, dtype: Any = float
    ) -> ndarray:
        """Draw from a noncentral F distribution.

        Parameters
        ----------
        dfnum : float or array-like
            Degrees of freedom of the numerator, positive.
        dfden : float or array-like
            Those of the denominator, positive.
        nonc : float or array-like
            Noncentrality of the numerator, at least 0.
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
        >>> rng.noncentral_f(3, 8, 1.5, size=(2, 3)).shape
        (2, 3)
        """
        return self._draw("noncentral_f", (dfnum, dfden, nonc), size, dtype)

    def normal(
        self, loc: Any = 0.0, scale: Any = 1.0, size: Any = None, dtype: Any = float
    ) -> ndarray:
        """Draw from a normal distribution.

        Parameters
        ----------
        loc : float or array-like
            Mean.
        scale : float or array-like
            Standard deviation, at least 0.
        size : int or sequence of int, optional
            Shape of the result; by default that to which the parameters broadcast.
        dtype : dtype-like
            float64, float32 or float16.

        Raises
        ------
        ValueError
            If a parameter from the host is out of its range.

        Notes
        -----
        Box and Muller's method.

        Examples
        --------
        >>> import ndgpu
        >>> rng = ndgpu.random.default_rng(0)
        >>> rng.normal(size=(2, 3)).shape
        (2, 3)
        """
        return self._draw("normal", (loc, scale), size, dtype)

    def standard_t(self, df: Any, size: Any = None, dtype: Any = float) -> ndarray:
        """Draw from Student's t distribution.

        Parameters
        ----------
        df : float or array-like
            Degrees of freedom, positive.
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
        >>> rng.standard_t(5, size=(2, 3)).shape
        (2, 3)
        """
        return self._draw("standard_t", (df,), size, dtype)

    def vonmises(self, mu: Any, kappa: Any, size: Any = None, dtype: Any = float) -> ndarray:
        """Draw angles from a von Mises distribution, in [-pi, pi].

        Parameters
        ----------
        mu : float or array-like
            Mode, in radians.
        kappa : float or array-like
            Concentration, at least 0.
        size : int or sequence of int, optional
            Shape of the result; by default that to which the parameters broadcast.
        dtype : dtype-like
            float64, float32 or float16.

        Raises
        ------
        ValueError
            If a parameter from the host is out of its range.

        Notes
        -----
        D. J. Best and N. I. Fisher, "Efficient simulation of the von Mises distribution" (1979);
        the normal distribution, wrapped, where `kappa` is above 1e6.

        Examples
        --------
        >>> import ndgpu
        >>> rng = ndgpu.random.default_rng(0)
        >>> rng.vonmises(0, 4, size=(2, 3)).shape
        (2, 3)
        """
        return self._draw("vonmises", (mu, kappa), size, dtype)

    def wald(self, mean: Any, scale: Any, size: Any = None, dtype: Any = float) -> ndarray:
        """Draw from a Wald, or inverse Gaussian, distribution.

        Parameters
        ----------
        mean : float or array-like
            Mean, positive.
        scale : float or array-like
            Scale, positive.
        size : int or sequence of int, optional
            Shape of the result; by default that to which the parameters broadcast.
        dtype : dtype-like
            float64, float32 or float16.

        Raises
        ------
        ValueError
            If a parameter from the host is out of its range.

        Notes
        -----
        J. R. Michael, W. R. Schucany and R. W. Haas, "Generating random variates using
        transformations with multiple roots" (1976).

        Examples
        --------
        >>> import ndgpu
        >>> rng = ndgpu.random.default_rng(0)
        >>> rng.wald(1, 3, size=(2, 3)).shape
        (2, 3)
        """
        return self._draw("wald", (mean, scale), size, dtype)
