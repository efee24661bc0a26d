"""Discrete distributions: the methods that `Generator` and `RandomState` share.

Guarantees: NumPy's names, parameters, defaults and errors. Parameters may be numbers or
arrays of any shapes that broadcast; `ndgpu.random.parameters` says how they are checked.
Numbers are made as int64 and then converted to `dtype`.
"""

from __future__ import annotations

from typing import Any

from ndgpu.core.ndarray import ndarray
from ndgpu.random.continuous import Continuous

__all__ = ["Discrete"]


class Discrete(Continuous):
    """The discrete distributions, and those they inherit."""

    def binomial(self, n: Any, p: Any, size: Any = None, dtype: Any = int) -> ndarray:
        """Draw numbers of successes in `n` trials.

        Parameters
        ----------
        n : int or array-like
            Number of trials, at least 0.
        p : float or array-like
            Probability of a success, in [0, 1].
        size : int or sequence of int, optional
            Shape of the result; by default that to which the parameters broadcast.
        dtype : dtype-like
            An integer type.

        Raises
        ------
        ValueError
            If a parameter from the host is out of its range.

        Notes
        -----
        Inversion for means below 10, else W. Hoermann's BTRS, "The generation of binomial random
        variates" (1993).

        Examples
        --------
        >>> import ndgpu
        >>> rng = ndgpu.random.default_rng(0)
        >>> rng.binomial(10, 0.5, size=(2, 3)).shape
        (2, 3)
        """
        return self._draw("binomial", (n, p), size, dtype)

    def geometric(self, p: Any, size: Any = None, dtype: Any = int) -> ndarray:
        """Draw numbers of trials up to and including the first success.

        Parameters
        ----------
        p : float or array-like
            Probability of a success, in (0, 1].
        size : int or sequence of int, optional
            Shape of the result; by default that to which the parameters broadcast.
        dtype : dtype-like
            An integer type.

        Raises
        ------
        ValueError
            If a parameter from the host is out of its range.

        Notes
        -----
        By inversion. Numbers that int64 does not hold are its largest.

        Examples
        --------
        >>> import ndgpu
        >>> rng = ndgpu.random.default_rng(0)
        >>> rng.geometric(0.3, size=(2, 3)).shape
        (2, 3)
        """
        return self._draw("geometric", (p,), size, dtype)

    def hypergeometric(
        self, ngood: Any, nbad: Any, nsample: Any, size: Any = None, dtype: Any = int
    ) -> ndarray:
        """Draw numbers of good items among `nsample`, drawn without replacement.

        Parameters
        ----------
        ngood : int or array-like
            Number of good items, at least 0.
        nbad : int or array-like
            Number of bad items, at least 0.
        nsample : int or array-like
            Number of items drawn, at most ``ngood + nbad``.
        size : int or sequence of int, optional
            Shape of the result; by default that to which the parameters broadcast.
        dtype : dtype-like
            An integer type.

        Raises
        ------
        ValueError
            If a parameter from the host is out of its range.

        Notes
        -----
        E. Stadlober's HRUA, "The ratio of uniforms approach for generating discrete random
        variates" (1990); for samples of less than 10, item by item.

        Examples
        --------
        >>> import ndgpu
        >>> rng = ndgpu.random.default_rng(0)
        >>> rng.hypergeometric(15, 15, 10, size=(2, 3)).shape
        (2, 3)
        """
        return self._draw("hypergeometric", (ngood, nbad, nsample), size, dtype)

    def logseries(self, p: Any, size: Any = None, dtype: Any = int) -> ndarray:
        """Draw from a logarithmic series distribution.

        Parameters
        ----------
        p : float or array-like
            Shape, in [0, 1).
        size : int or sequence of int, optional
            Shape of the result; by default that to which the parameters broadcast.
        dtype : dtype-like
            An integer type.

        Raises
        ------
        ValueError
            If a parameter from the host is out of its range.

        Notes
        -----
        A. W. Kemp, "Efficient generation of logarithmically distributed pseudo-random variables"
        (1981).

        Examples
        --------
        >>> import ndgpu
        >>> rng = ndgpu.random.default_rng(0)
        >>> rng.logseries(0.6, size=(2, 3)).shape
        (2, 3)
        """
        return self._draw("logseries", (p,), size, dtype)

    def negative_binomial(self, n: Any, p: Any, size: Any = None, dtype: Any = int) -> ndarray:
        """Draw numbers of failures before the `n`-th success.

        Parameters
        ----------
        n : float or array-like
            Number of successes, positive; need not be whole.
        p : float or array-like
            Probability of a success, in (0, 1].
        size : int or sequence of int, optional
            Shape of the result; by default that to which the parameters broadcast.
        dtype : dtype-like
            An integer type.

        Raises
        ------
        ValueError
            If a parameter from the host is out of its range.

        Notes
        -----
        Poisson numbers whose mean is a gamma number.

        Examples
        --------
        >>> import ndgpu
        >>> rng = ndgpu.random.default_rng(0)
        >>> rng.negative_binomial(2, 0.4, size=(2, 3)).shape
        (2, 3)
        """
        return self._draw("negative_binomial", (n, p), size, dtype)

    def poisson(self, lam: Any = 1.0, size: Any = None, dtype: Any = int) -> ndarray:
        """Draw from a Poisson distribution.

        Parameters
        ----------
        lam : float or array-like
            Mean, at least 0 and below about 9.2e18.
        size : int or sequence of int, optional
            Shape of the result; by default that to which the parameters broadcast.
        dtype : dtype-like
            An integer type.

        Raises
        ------
        ValueError
            If a parameter from the host is out of its range.

        Notes
        -----
        Inversion for means below 10, else W. Hoermann's PTRS, "The transformed rejection method for
        generating Poisson random variables" (1993).

        Examples
        --------
        >>> import ndgpu
        >>> rng = ndgpu.random.default_rng(0)
        >>> rng.poisson(4, size=(2, 3)).shape
        (2, 3)
        """
        return self._draw("poisson", (lam,), size, dtype)

    def zipf(self, a: Any, size: Any = None, dtype: Any = int) -> ndarray:
        """Draw from a Zipf, or zeta, distribution.

        Parameters
        ----------
        a : float or array-like
            Exponent, greater than 1.
        size : int or sequence of int, optional
            Shape of the result; by default that to which the parameters broadcast.
        dtype : dtype-like
            An integer type.

        Raises
        ------
        ValueError
            If a parameter from the host is out of its range.

        Notes
        -----
        L. Devroye, "Non-uniform random variate generation" (1986), section X.6; numbers are at most
        the largest int64.

        Examples
        --------
        >>> import ndgpu
        >>> rng = ndgpu.random.default_rng(0)
        >>> rng.zipf(2, size=(2, 3)).shape
        (2, 3)
        """
        return self._draw("zipf", (a,), size, dtype)
