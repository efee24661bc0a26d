"""Distributions of vectors, shared by `Generator` and `RandomState`.

Guarantees: one launch for the numbers, whatever the number of vectors; a vector is made
by one thread. Parameters from the host are checked as NumPy checks them; those on the
device are not waited for, but for the covariance matrix where it is to be checked.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ndgpu.core import casts, layout, views
from ndgpu.core.layout import Shape
from ndgpu.core.ndarray import allocate, ndarray
from ndgpu.core.transfer import asarray
from ndgpu.core.ufuncs import TABLE
from ndgpu.linalg import cholesky, eigh, svd
from ndgpu.random import kernels
from ndgpu.random.orders import Orders
from ndgpu.random.parameters import NOT_NEGATIVE, Param, as_numbers, as_size, broadcast

__all__ = ["Multivariate"]

_INT64 = np.dtype(np.int64)
_FLOAT64 = np.dtype(np.float64)
_METHODS = ("eigh", "svd", "cholesky")
_MOST_MARGINALS = 10**9
_TRIALS = Param("n", NOT_NEGATIVE, True)


class Multivariate(Orders):
    """The distributions of vectors, and what it inherits."""

    def multinomial(self, n: Any, pvals: Any, size: Any = None, dtype: Any = int) -> ndarray:
        """Draw how often each of several outcomes comes in `n` trials.

        Parameters
        ----------
        n : int or array-like
            Number of trials, at least 0.
        pvals : array-like of float, shape (..., k)
            Probability of each outcome. The last one is taken to be what the others leave.
        size : int or sequence of int, optional
            Shape of the draw; by default that to which `n` and the leading axes of `pvals`
            broadcast.
        dtype : dtype-like
            An integer type.

        Returns
        -------
        ndarray
            Of the draw's shape and one axis of length k.

        Raises
        ------
        ValueError
            If a parameter from the host is out of its range, or probabilities sum to more
            than 1.

        Notes
        -----
        One binomial number after the other.

        Examples
        --------
        >>> import ndgpu
        >>> rng = ndgpu.random.default_rng(0)
        >>> int(rng.multinomial(20, [1 / 6] * 6).sum())
        20
        """
        if not isinstance(pvals, ndarray):
            pvals = np.asarray(pvals, _FLOAT64)
        if pvals.ndim == 0 or pvals.shape[-1] == 0:
            raise ValueError(
                "pvals must have at least 1 dimension and the last dimension of pvals must be "
                "greater than 0."
            )
        if isinstance(pvals, np.ndarray):
            if not ((pvals >= 0) & (pvals <= 1)).all():
                raise ValueError("pvals < 0, pvals > 1 or pvals contains NaNs")
            if (pvals[..., :-1].sum(axis=-1) > 1.0 + 1e-12).any():
                raise ValueError("sum(pvals[:-1]) > 1.0")
        p = casts.astype(asarray(pvals), _FLOAT64, copy=False)
        (trials,) = as_numbers((_TRIALS,), (), (n,))
        trials = asarray(trials)
        outer = layout.broadcast_shape([trials._shape, p._shape[:-1]])
        shape = broadcast(size, [views.broadcast_to(trials, outer)])
        return self._vectors("multinomial", trials, p, shape, 0, _integer(dtype))

    def dirichlet(self, alpha: Any, size: Any = None, dtype: Any = float) -> ndarray:
        """Draw vectors of positive numbers that sum to 1, from a Dirichlet distribution.

        Parameters
        ----------
        alpha : sequence of float, length k
            Parameters, at least 0.
        size : int or sequence of int, optional
            Shape of the draw; 0-d by default.
        dtype : dtype-like
            float64, float32 or float16.

        Returns
        -------
        ndarray
            Of the draw's shape and one axis of length k.

        Raises
        ------
        ValueError
            If a parameter from the host is negative, or `alpha` is not one-dimensional.
        TypeError
            If `alpha` is a number.

        Notes
        -----
        Gamma numbers over their sum, by their logarithms, which do not underflow.

        Examples
        --------
        >>> import ndgpu
        >>> rng = ndgpu.random.default_rng(0)
        >>> rng.dirichlet([1, 2, 3], size=4).shape
        (4, 3)
        """
        if not isinstance(alpha, ndarray):
            alpha = np.asarray(alpha, _FLOAT64)
        if alpha.ndim == 0:
            raise TypeError("dirichlet: `alpha` must be a sequence, got a number")
        if alpha.ndim != 1:
            raise ValueError(f"dirichlet: `alpha` must be 1-dimensional, got {alpha.ndim} axes")
        if isinstance(alpha, np.ndarray) and (alpha < 0).any():
            raise ValueError("alpha < 0")
        parameters = casts.astype(asarray(alpha), _FLOAT64, copy=False)
        kind = np.dtype(dtype)
        if kind.kind != "f":
            raise TypeError(f"Unsupported dtype {kind!r} for dirichlet")
        return self._vectors("dirichlet", asarray(0), parameters, as_size(size), 0, kind)

    def multivariate_normal(
        self,
        mean: Any,
        cov: Any,
        size: Any = None,
        check_valid: str = "warn",
        tol: float = 1e-8,
        *,
        method: str = "svd",
        dtype: Any = float,
    ) -> ndarray:
        """Draw vectors from a normal distribution.

        Parameters
        ----------
        mean : array-like, shape (k,)
        cov : array-like, shape (k, k)
            Covariances: symmetric and positive semidefinite.
        size : int or sequence of int, optional
            Shape of the draw; 0-d by default.
        check_valid : {'warn', 'raise', 'ignore'}
            What is done if `cov` is not positive semidefinite. 'ignore' does not look, and
            does not wait for the device.
        tol : float
            How far singular values may be off in that check.
        method : {'svd', 'eigh', 'cholesky'}
            How the root of `cov` is found. 'cholesky', the quickest, wants it positive
            definite.
        dtype : dtype-like
            float64 or float32.

        Returns
        -------
        ndarray
            Of the draw's shape and one axis of length k.

        Raises
        ------
        ValueError
            If a shape or a word is wrong, or with ``check_valid='raise'`` `cov` is.
        TypeError
            If a parameter is complex.
        numpy.linalg.LinAlgError
            With 'cholesky', if `cov` is not positive definite.

        Examples
        --------
        >>> import ndgpu
        >>> rng = ndgpu.random.default_rng(0)
        >>> rng.multivariate_normal([0, 0], [[2, 1], [1, 2]], size=3).shape
        (3, 2)
        """
        if method not in _METHODS:
            raise ValueError("method must be one of {'eigh', 'svd', 'cholesky'}")
        mean, cov = asarray(mean), asarray(cov)
        if mean._dtype.kind == "c" or cov._dtype.kind == "c":
            raise TypeError("mean and cov must not be complex")
        if mean.ndim != 1:
            raise ValueError("mean must be 1 dimensional")
        if cov.ndim != 2 or cov._shape[0] != cov._shape[1]:
            raise ValueError("cov must be 2 dimensional and square")
        if mean._shape[0] != cov._shape[0]:
            raise ValueError("mean and cov must have same length")
        if check_valid not in ("warn", "raise", "ignore"):
            raise ValueError("check_valid must equal 'warn', 'raise', or 'ignore'")
        kind = np.dtype(dtype)
        cov = casts.astype(cov, _FLOAT64, copy=False)
        root, valid = _root(cov, method, tol, check_valid != "ignore")
        if not valid:
            text = "covariance is not symmetric positive-semidefinite."
            if check_valid == "raise":
                raise ValueError(text)
            warnings.warn(text, RuntimeWarning, stacklevel=2)
        shape = (*as_size(size), *mean._shape)
        numbers = self._floats("normal", 0.0, 1.0, shape, _FLOAT64) @ root
        TABLE["add"](numbers, casts.astype(mean, _FLOAT64, copy=False), out=numbers)
        return casts.astype(numbers, kind, copy=False)

    def _multivariate_hypergeometric(
        self, colors: Any, nsample: Any, size: Any, method: str
    ) -> ndarray:
        if method not in ("count", "marginals"):
            raise ValueError('method must be "count" or "marginals".')
        try:
            sample = int(np.asarray(nsample)[()].__index__())
        except (TypeError, AttributeError):
            raise ValueError("nsample must be an integer") from None
        if sample < 0:
            raise ValueError("nsample must be nonnegative.")
        # The sum decides how a draw goes, so colors on the device are waited for.
        host = colors.get() if isinstance(colors, ndarray) else np.asarray(colors)
        if host.size == 0:
            host = host.astype(np.int64)
        if host.ndim != 1 or host.dtype.kind not in "iub" or (host < 0).any():
            raise ValueError(
                "colors must be a one-dimensional sequence of nonnegative integers not "
                f"exceeding {np.iinfo(np.int64).max}."
            )
        total = sum(host.tolist())
        if method == "marginals" and total >= _MOST_MARGINALS:
            raise ValueError(
                f'When method is "marginals", sum(colors) must be less than {_MOST_MARGINALS}.'
            )
        if sample > total:
            raise ValueError("nsample > sum(colors)")
        counts = asarray(host.astype(np.int64))
        name = "multivariate_hypergeometric"
        return self._vectors(name, asarray(sample), counts, as_size(size), total, _INT64)

    def _vectors(
        self,
        name: str,
        trials: ndarray,
        parameters: ndarray,
        shape: Shape,
        total: int,
        kind: np.dtype,
    ) -> ndarray:
        count = parameters._shape[-1]
        made = allocate((*shape, count), _FLOAT64 if name == "dirichlet" else _INT64)
        if made._size:
            step = 0
            if parameters.ndim > 1:
                parameters = views.broadcast_to(parameters, (*shape, count))
                step = count
            place = self._bits.take(made._size // count)
            values = [count, step, total, trials, casts.copy(parameters), made]
            kernels.vector_kernel(name).launch([*place, *values], shape)
        return casts.astype(made, kind, copy=False)


def _integer(dtype: Any) -> np.dtype:
    kind = np.dtype(dtype)
    if kind.kind not in "iu":
        raise TypeError(f"Unsupported dtype {kind!r} for multinomial")
    return kind


def _root(cov: ndarray, method: str, tol: float, check: bool) -> tuple[ndarray, bool]:
    """A matrix R with ``R.T @ R == cov``, and whether `cov` is what it should be."""
    if method == "cholesky":
        return cholesky(cov).T, True
    if method == "eigh":
        values, vectors = eigh(cov)
        valid = not check or bool((values >= -tol).all())
        scaled = vectors * TABLE["sqrt"](TABLE["abs"](values))
        return scaled.T, valid
    vectors, values, rows = svd(cov)
    root = TABLE["sqrt"](values)[:, None] * rows
    # Of a matrix that has negative eigenvalues the product of the factors is another one.
    valid = True
    if check:
        off = TABLE["abs"]((rows.T * values) @ rows - cov)
        scale = TABLE["abs"](cov)
        valid = bool((off <= tol + tol * scale).all())
    return root, valid
