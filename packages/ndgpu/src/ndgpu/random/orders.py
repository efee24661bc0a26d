"""Random orders and selections: `permutation`, `shuffle`, `permuted`, `choice`.

Orders are those of sorted random keys of 64 bits. Equal keys keep their places; for n
elements there are any with a probability of about ``n**2 / 2**65``, below 1e-7 for a
million.  Nothing waits for the device.
"""

from __future__ import annotations

from collections.abc import MutableSequence
from typing import Any

import numpy as np

from ndgpu.core import casts, layout, views
from ndgpu.core.layout import Shape
from ndgpu.core.ndarray import allocate, ndarray
from ndgpu.core.scans import cumsum
from ndgpu.core.sorting import argsort, gather_rows
from ndgpu.core.transfer import asarray
from ndgpu.core.ufuncs import TABLE
from ndgpu.random import kernels
from ndgpu.random.discrete import Discrete
from ndgpu.random.parameters import as_size

__all__ = ["Orders", "permuted_along"]

_INT64 = np.dtype(np.int64)
_FLOAT64 = np.dtype(np.float64)
_MANY = 1 << 20
"""From this many elements on, a small sample is not drawn by putting all in order."""


class Orders(Discrete):
    """What draws from given elements, and the distributions it inherits."""

    def permutation(self, x: Any, axis: int = 0) -> ndarray:
        """Return `x` in random order along an axis; an integer stands for ``arange(x)``.

        Parameters
        ----------
        x : int or array-like
        axis : int

        Raises
        ------
        numpy.exceptions.AxisError
            If there is no such axis.

        Examples
        --------
        >>> import ndgpu
        >>> rng = ndgpu.random.default_rng(0)
        >>> sorted(rng.permutation(4).tolist())
        [0, 1, 2, 3]
        """
        if isinstance(x, (int, np.integer)):
            return self._order(max(int(x), 0))
        x = asarray(x)
        axis = layout.normalize_axis(axis, x.ndim)
        return _taken(x, self._order(x._shape[axis]), axis)

    def shuffle(self, x: Any, axis: int = 0) -> None:
        """Put the parts of `x` along an axis in random order, in place.

        Parameters
        ----------
        x : ndarray or mutable sequence
            A sequence, such as a list, is put in order on the host.
        axis : int
            0 for a sequence.

        Raises
        ------
        TypeError
            If `x` is neither, or has no axis.
        numpy.exceptions.AxisError
            If there is no such axis.

        Examples
        --------
        >>> import ndgpu
        >>> x = ndgpu.arange(6).reshape(3, 2)
        >>> ndgpu.random.default_rng(0).shuffle(x)
        >>> int(x.sum())
        15
        """
        if isinstance(x, ndarray):
            if x.ndim == 0:
                raise TypeError("len() of unsized object")
            casts.copy_into(x, self.permutation(x, axis))
        elif isinstance(x, MutableSequence):
            if axis != 0:
                raise NotImplementedError("Axis argument is only supported on ndarray objects")
            x[:] = [x[k] for k in self._order(len(x)).tolist()]
        else:
            raise TypeError(
                f"shuffle: expected a device array or a mutable sequence, got {type(x).__name__}"
            )

    def _order(self, n: int) -> ndarray:
        """The numbers below `n` in random order."""
        return argsort(self._bits.words((n,)))

    def _distinct(self, n: int, count: int) -> ndarray:
        """`count` different numbers below `n`, in random order."""
        if n < _MANY or count > n // 8:
            return self._order(n)[:count]
        result = allocate((count,), _INT64)
        if count:
            half = -(-(n - 1).bit_length() // 2)
            kernels.order_kernel().launch([*self._bits.take(1), n, half, result], (count,))
        return result

    def _choose(self, a: Any, size: Any, replace: bool, p: Any, axis: int, empty: str) -> ndarray:
        """What `choice` does; `empty` is the error for a number `a` that is not positive."""
        shape = as_size(size)
        count_wanted = int(np.prod(shape, dtype=np.int64))
        array = _population(a)
        if array is not None and not -array.ndim <= axis < array.ndim:
            raise IndexError(f"choice: there is no axis {axis} in an array of {array.ndim}")
        n = int(a) if array is None else array._shape[axis]
        if n < 1 and count_wanted:
            raise ValueError(
                empty if array is None else "a cannot be empty unless no samples are taken"
            )
        weights = None if p is None else _weights(p, n)
        if not replace and count_wanted > n:
            raise ValueError("Cannot take a larger sample than population when replace is False")
        if weights is None:
            order = (
                self._integers(0, max(n, 1), shape, _INT64, False)
                if replace
                else views.reshape(self._distinct(n, count_wanted), shape)
            )
        elif replace:
            order = self._weighted(weights, shape)
        else:
            order = views.reshape(self._weighted_distinct(weights, count_wanted), shape)
        return order if array is None else _taken(array, order, axis)

    def _weighted(self, p: Any, shape: Shape) -> ndarray:
        """Indices with probabilities `p`: the cumulated ones, searched for uniform numbers."""
        if isinstance(p, ndarray):
            total = cumsum(p)
            bounds = TABLE["true_divide"](total, total[-1:])
        else:
            total = p.cumsum()
            bounds = asarray(total / total[-1])
        result = allocate(shape, _INT64)
        if result._size:
            place = self._bits.take(result._size)
            kernels.search_kernel().launch([*place, p.size, bounds, result], shape)
        return result

    def _weighted_distinct(self, p: Any, count: int) -> ndarray:
        """`count` different indices, each drawn with `p` among those that are left.

        Exponential numbers over their weights come in just that order (P. S. Efraimidis and
        P. G. Spirakis, "Weighted random sampling with a reservoir", 2006).
        """
        if not isinstance(p, ndarray):
            if np.count_nonzero(p > 0) < count:
                raise ValueError("Fewer non-zero entries in p than size")
            p = asarray(p)
        waits = allocate(p._shape, _FLOAT64)
        if p._size:
            kernels.wait_kernel().launch([*self._bits.take(p._size), p, waits], p._shape)
        return argsort(waits)[:count]


def _taken(x: ndarray, order: ndarray, axis: int) -> ndarray:
    return x[(slice(None),) * axis + (order,)]


def _population(a: Any) -> ndarray | None:
    """The array to choose from; None for a number."""
    if isinstance(a, (int, np.integer)):
        return None
    if isinstance(a, (str, bytes, float, complex)):
        raise ValueError(f"a must be a sequence or an integer, not {type(a)}")
    array = asarray(a)
    if array.ndim:
        return array
    if array._dtype.kind not in "iu":
        raise ValueError(f"a must be a sequence or an integer, not {type(a)}")
    return None


def _weights(p: Any, n: int) -> Any:
    """Check probabilities; those on the device are not waited for."""
    weights: Any = (
        casts.astype(p, _FLOAT64, copy=False) if isinstance(p, ndarray) else np.asarray(p, _FLOAT64)
    )
    if weights.ndim != 1:
        raise ValueError("p must be 1-dimensional")
    if weights.size != n:
        raise ValueError("a and p must have same size")
    if isinstance(weights, np.ndarray):
        total = weights.sum()
        if np.isnan(total):
            raise ValueError("Probabilities contain NaN")
        if np.any(weights < 0):
            raise ValueError("Probabilities are not non-negative")
        # What float32 probabilities, or sums in another order, may be off.
        given = getattr(p, "dtype", _FLOAT64)
        least = np.finfo(given).eps if given.kind == "f" else np.finfo(_FLOAT64).eps
        if abs(total - 1.0) > max(np.sqrt(np.finfo(_FLOAT64).eps), np.sqrt(least)):
            raise ValueError("Probabilities do not sum to 1.")
    return weights


def permuted_along(keys: ndarray, x: ndarray, axis: int) -> ndarray:
    """Return each line of `x` along `axis` in the order of its `keys`, a copy in C order.

    Parameters
    ----------
    keys : ndarray
        Of the shape of `x` with `axis` last.
    x : ndarray
    axis : int
    """
    rows = casts.copy(views.moveaxis(x, axis, -1))
    return casts.copy(views.moveaxis(gather_rows(rows, argsort(keys)), -1, axis))
