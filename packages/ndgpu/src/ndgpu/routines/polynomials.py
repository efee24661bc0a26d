"""Polynomials as vectors of coefficients, the highest power first.

`roots` and `polyfit` solve their small eigenvalue and least-squares problems with NumPy's
LAPACK on the host: coefficients or samples are copied there and the result is copied back.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ndgpu.core import casts
from ndgpu.core.dtypes import as_dtype
from ndgpu.core.ndarray import allocate, ndarray
from ndgpu.core.transfer import asarray, asnumpy
from ndgpu.core.ufuncs import TABLE
from ndgpu.routines.creation import arange
from ndgpu.routines.joining import concatenate
from ndgpu.routines.manipulation import atleast_1d
from ndgpu.routines.sampling import convolve

__all__ = [
    "poly",
    "poly1d",
    "polyadd",
    "polyder",
    "polydiv",
    "polyfit",
    "polyint",
    "polymul",
    "polysub",
    "polyval",
    "roots",
]


def _coefficients(p: Any) -> ndarray:
    return p.coeffs if isinstance(p, poly1d) else atleast_1d(asarray(p))


def _like(result: ndarray, *operands: Any) -> Any:
    return poly1d(result) if any(isinstance(p, poly1d) for p in operands) else result


def _zeros(n: int, dtype: Any) -> ndarray:
    result = allocate((n,), as_dtype(dtype))
    casts.fill(result, 0)
    return result


def polyval(p: Any, x: Any) -> Any:
    """Return the values of a polynomial, by Horner's rule; of a polynomial if `x` is one.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.polyval([3, 0, 1], ndgpu.asarray([5, 2]))
    array([76, 13])
    """
    p = _coefficients(p)
    if isinstance(x, poly1d):
        y: Any = poly1d([0])
        for k in range(p._size):
            y = y * x + p[k]
        return y
    x = asarray(x)
    total = casts.astype(x * 0, as_dtype(np.result_type(p._dtype, x._dtype)), copy=False)
    for k in range(p._size):
        total = total * x + p[k]
    return total


def _aligned(a1: Any, a2: Any) -> tuple[ndarray, ndarray]:
    a, b = _coefficients(a1), _coefficients(a2)
    short = a._size - b._size
    if short < 0:
        a = concatenate([_zeros(-short, a._dtype), a])
    elif short > 0:
        b = concatenate([_zeros(short, b._dtype), b])
    return a, b


def polyadd(a1: Any, a2: Any) -> Any:
    """Return the sum of two polynomials."""
    a, b = _aligned(a1, a2)
    return _like(a + b, a1, a2)


def polysub(a1: Any, a2: Any) -> Any:
    """Return the difference of two polynomials."""
    a, b = _aligned(a1, a2)
    return _like(a - b, a1, a2)


def polymul(a1: Any, a2: Any) -> Any:
    """Return the product of two polynomials."""
    return _like(convolve(poly1d(a1).coeffs, poly1d(a2).coeffs), a1, a2)


def polydiv(u: Any, v: Any) -> tuple[Any, Any]:
    """Return quotient and remainder of two polynomials; waits for the remainder's degree."""
    a, b = _coefficients(u), _coefficients(v)
    kind = as_dtype(np.result_type(a._dtype, b._dtype, np.float16(0)))
    kind = (
        as_dtype((np.ones(1, a._dtype) / np.ones(1, b._dtype)).dtype) if kind.kind != "c" else kind
    )
    remainder = casts.astype(a, kind)
    m, n = a._size - 1, b._size - 1
    scale = 1.0 / b[0]
    quotient = _zeros(max(m - n + 1, 1), kind)
    for k in range(m - n + 1):
        factor = scale * remainder[k]
        quotient[k] = factor
        remainder[k : k + n + 1] = remainder[k : k + n + 1] - factor * b
    while remainder._size > 1 and np.allclose(asnumpy(remainder[:1]), 0, rtol=1e-14):
        remainder = remainder[1:]
    return _like(quotient, u, v), _like(casts.copy(remainder), u, v)


def polyder(p: Any, m: int = 1) -> Any:
    """Return the derivative of order `m`.

    Raises
    ------
    ValueError
        If `m` is negative.
    """
    m = int(m)
    if m < 0:
        raise ValueError("Order of derivative must be positive (see polyint)")
    result = _coefficients(p)
    for _ in range(m):
        n = result._size - 1
        result = result[:-1] * arange(n, 0, -1)
    return _like(result, p)


def polyint(p: Any, m: int = 1, k: Any = None) -> Any:
    """Return the antiderivative of order `m`, with integration constants `k`.

    Raises
    ------
    ValueError
        If `m` is negative, or there are fewer constants.
    """
    m = int(m)
    if m < 0:
        raise ValueError("Order of integral must be positive (see polyder)")
    constants = np.zeros(m) if k is None else np.atleast_1d(k)
    if len(constants) == 1 and m > 1:
        constants = constants[0] * np.ones(m)
    if len(constants) < m:
        raise ValueError("k must be a scalar or a rank-1 array of length 1 or >m.")
    result = _coefficients(p)
    for constant in constants[:m]:
        scaled = TABLE["true_divide"](result, arange(result._size, 0, -1))
        end = asarray([constant])
        result = concatenate([scaled, end])
    return _like(result, p)


def poly(seq_of_zeros: Any) -> ndarray:
    """Return the coefficients of the polynomial with given roots, or of a matrix.

    Raises
    ------
    ValueError
        If the argument is neither a vector nor a square matrix.
    """
    return asarray(np.poly(asnumpy(atleast_1d(asarray(seq_of_zeros)))))


def roots(p: Any) -> ndarray:
    """Return the roots of a polynomial, found on the host.

    Raises
    ------
    ValueError
        If `p` has several axes.
    """
    return asarray(np.roots(asnumpy(_coefficients(p))))


def polyfit(
    x: Any, y: Any, deg: Any, rcond: Any = None, full: bool = False, w: Any = None, cov: Any = False
) -> Any:
    """Return the polynomial that fits points best, found on the host; as `numpy.polyfit`.

    Parameters
    ----------
    x, y : array-like
    deg : int
    rcond, full, w, cov
        As in NumPy.

    Raises
    ------
    TypeError
        If the arrays are empty or do not match.
    """
    weights = None if w is None else asnumpy(asarray(w))
    twin: Any = np.polyfit
    found = twin(asnumpy(asarray(x)), asnumpy(asarray(y)), deg, rcond, full, weights, cov)
    if isinstance(found, tuple):
        return tuple([asarray(v) if isinstance(v, np.ndarray) else v for v in found])
    return asarray(found)


class poly1d:
    """A polynomial of one variable, its coefficients on the device.

    Parameters
    ----------
    c_or_r : array-like
        Coefficients, the highest power first, or roots.
    r : bool
        Whether they are roots.
    variable : str, optional
        How the variable is printed.

    Raises
    ------
    ValueError
        If the coefficients have several axes.

    Examples
    --------
    >>> import ndgpu
    >>> p = ndgpu.poly1d([1, 2, 3])
    >>> p(2), p.order
    (array(11), 2)
    """

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, c_or_r: Any, r: bool = False, variable: str | None = None) -> None:
        self.coeffs: ndarray
        self.variable: str = variable or str(getattr(c_or_r, "variable", "x"))
        if isinstance(c_or_r, poly1d):
            self.coeffs = c_or_r.coeffs
            return
        values = poly(c_or_r) if r else atleast_1d(asarray(c_or_r))
        if values.ndim > 1:
            raise ValueError("Polynomial must be 1d only.")
        nonzero = asnumpy(values).nonzero()[0]
        self.coeffs = values[nonzero[0] :] if nonzero.size else values[:1] * 0

    @property
    def c(self) -> ndarray:
        """The coefficients, the highest power first."""
        return self.coeffs

    coef = coefficients = c

    @property
    def order(self) -> int:
        """The degree."""
        return self.coeffs._size - 1

    o = order

    @property
    def roots(self) -> ndarray:
        """The roots."""
        return roots(self.coeffs)

    r = roots

    def __call__(self, val: Any) -> Any:
        return polyval(self.coeffs, val)

    def __repr__(self) -> str:
        return f"poly1d({repr(self.coeffs)[6:-1]})"

    def __str__(self) -> str:
        return str(np.poly1d(asnumpy(self.coeffs), variable=self.variable))

    def __len__(self) -> int:
        return self.order

    def __iter__(self) -> Iterator[ndarray]:
        return iter(self.coeffs)

    def __getitem__(self, power: int) -> Any:
        k = self.order - power
        return self.coeffs[k] if 0 <= k <= self.order else 0

    def __neg__(self) -> poly1d:
        return poly1d(-self.coeffs)

    def __pos__(self) -> poly1d:
        return self

    def __add__(self, other: Any) -> poly1d:
        return poly1d(polyadd(self, other))

    __radd__ = __add__

    def __sub__(self, other: Any) -> poly1d:
        return poly1d(polysub(self, other))

    def __rsub__(self, other: Any) -> poly1d:
        return poly1d(polysub(other, self))

    def __mul__(self, other: Any) -> poly1d:
        return poly1d(polymul(self, other))

    __rmul__ = __mul__

    def __pow__(self, power: int) -> poly1d:
        if int(power) != power or power < 0:
            raise ValueError("Power to non-negative integers only.")
        result = poly1d([1])
        for _ in range(int(power)):
            result = result * self
        return result

    def __truediv__(self, other: Any) -> Any:
        if not isinstance(other, poly1d) and np.ndim(other) == 0:
            return poly1d(self.coeffs / other)
        return polydiv(self, other)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, poly1d):
            return NotImplemented
        same = self.coeffs._shape == other.coeffs._shape
        return same and bool((self.coeffs == other.coeffs).all())

    def deriv(self, m: int = 1) -> poly1d:
        """Return the derivative of order `m`."""
        return poly1d(polyder(self.coeffs, m))

    def integ(self, m: int = 1, k: Any = 0) -> poly1d:
        """Return the antiderivative of order `m`."""
        return poly1d(polyint(self.coeffs, m, k))
