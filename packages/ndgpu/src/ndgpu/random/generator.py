"""`Generator` and `default_rng`: NumPy's newer interface to random numbers.

Guarantees: a seed gives one stream, the same on every device and on the host
device.  The numbers are not those that NumPy's generators give for that seed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ndgpu.core import casts, layout, views
from ndgpu.core.ndarray import ndarray
from ndgpu.core.transfer import asarray
from ndgpu.random.bit_generator import BitGenerator, Philox4x3210, as_philox
from ndgpu.random.draws import check_out, float_dtype
from ndgpu.random.legacy import RandomState
from ndgpu.random.multivariate import Multivariate
from ndgpu.random.orders import permuted_along

__all__ = ["Generator", "default_rng"]


class Generator(Multivariate):
    """Random numbers on the current device.

    Parameters
    ----------
    bit_generator : Philox4x3210 or numpy.random.BitGenerator
        Where the bits come from; `default_rng` makes one from a seed. NumPy's own make one
        word after the other, on the host: from them comes the key of a `Philox4x3210`, their
        next 64 bits.

    Raises
    ------
    TypeError
        If `bit_generator` is something else.

    Examples
    --------
    >>> import ndgpu
    >>> rng = ndgpu.random.Generator(ndgpu.random.Philox4x3210(0))
    >>> rng.random(3).shape
    (3,)
    """

    def __init__(self, bit_generator: Any) -> None:
        self._state = as_philox(bit_generator)

    def __repr__(self) -> str:
        return f"{self} at {id(self):#x}"

    def __str__(self) -> str:
        return f"{type(self).__name__}({type(self._bits).__name__})"

    @property
    def bit_generator(self) -> Philox4x3210:
        """Where the bits come from; its `state` may be read and set."""
        return self._bits

    def spawn(self, n_children: int) -> list[Generator]:
        """Return `n_children` generators whose streams are independent of this one's.

        Examples
        --------
        >>> import ndgpu
        >>> one, two = ndgpu.random.default_rng(0).spawn(2)
        >>> bool(one.random() == two.random())
        False
        """
        return [type(self)(child) for child in self._bits.spawn(n_children)]

    def random(self, size: Any = None, dtype: Any = np.float64, out: Any = None) -> ndarray:
        """Return numbers uniform on [0, 1).

        Parameters
        ----------
        size : int or sequence of int, optional
            Shape of the result; 0-d by default.
        dtype : {float64, float32, float16}
        out : ndarray, optional
            Where to put them: C-contiguous, of that dtype, and of the shape `size` if both
            are given.

        Raises
        ------
        TypeError
            If `dtype` is no floating type, or not that of `out`.
        ValueError
            If `out` does not fit.

        Examples
        --------
        >>> import ndgpu
        >>> x = ndgpu.random.default_rng(0).random(1000)
        >>> bool((0 <= x).all() and (x < 1).all())
        True
        """
        return self._standard("uniform", "random", size, dtype, out)

    def standard_normal(
        self, size: Any = None, dtype: Any = np.float64, out: Any = None
    ) -> ndarray:
        """Return numbers with the standard normal distribution; parameters as for `random`.

        Notes
        -----
        Box and Muller's method, whose tails reach 8.6 deviations, those of float32 6.7.

        Examples
        --------
        >>> import ndgpu
        >>> ndgpu.random.default_rng(0).standard_normal((2, 3)).shape
        (2, 3)
        """
        return self._standard("normal", "standard_normal", size, dtype, out)

    def standard_exponential(
        self,
        size: Any = None,
        dtype: Any = np.float64,
        method: str = "zig",
        out: Any = None,
    ) -> ndarray:
        """Return numbers with the exponential distribution of mean 1.

        Parameters
        ----------
        size, dtype, out
            As for `random`.
        method : {'zig', 'inv'}
            Accepted for NumPy's sake: both are by inversion, which has no branches that
            threads would part at.

        Examples
        --------
        >>> import ndgpu
        >>> ndgpu.random.default_rng(0).standard_exponential((2, 3)).shape
        (2, 3)
        """
        return self._standard("exponential", "standard_exponential", size, dtype, out)

    def standard_gamma(
        self, shape: Any, size: Any = None, dtype: Any = np.float64, out: Any = None
    ) -> ndarray:
        """Return numbers with a gamma distribution of scale 1.

        Parameters
        ----------
        shape : float or array-like
            Shape of the distribution, at least 0.
        size, dtype, out
            As for `random`.

        Raises
        ------
        ValueError
            If a shape from the host is negative, or `out` does not fit.

        Examples
        --------
        >>> import ndgpu
        >>> ndgpu.random.default_rng(0).standard_gamma(2.0, size=(2, 3)).shape
        (2, 3)
        """
        check_out(out, size, float_dtype(dtype, "standard_gamma"))
        return self._draw("standard_gamma", (shape,), size, dtype, out)

    def integers(
        self,
        low: Any,
        high: Any = None,
        size: Any = None,
        dtype: Any = np.int64,
        endpoint: bool = False,
    ) -> ndarray:
        """Return integers from `low` up to, but not including, `high`.

        Parameters
        ----------
        low, high : int or array-like of int
            With one argument it is `high`, and `low` is 0.
        size : int or sequence of int, optional
            By default the shape to which `low` and `high` broadcast.
        dtype : dtype-like
            An integer type, or bool.
        endpoint : bool
            Whether `high` is included.

        Raises
        ------
        ValueError
            If the range is empty, or does not fit `dtype`. Bounds that are device arrays are
            not waited for: `low` stands for an element of an empty range.
        TypeError
            If `dtype` is no integer type.

        Notes
        -----
        Without bias: D. Lemire, "Fast random integer generation in an interval" (2019).

        Examples
        --------
        >>> import ndgpu
        >>> x = ndgpu.random.default_rng(0).integers(1, 6, size=100, endpoint=True)
        >>> int(x.min()), int(x.max())
        (1, 6)
        """
        return self._integers(low, high, size, dtype, endpoint)

    def bytes(self, length: int) -> bytes:
        """Return random bytes, which come to the host.

        Parameters
        ----------
        length : int

        Examples
        --------
        >>> import ndgpu
        >>> len(ndgpu.random.default_rng(0).bytes(5))
        5
        """
        return self._bytes(length)

    def choice(
        self,
        a: Any,
        size: Any = None,
        replace: bool = True,
        p: Any = None,
        axis: int = 0,
        shuffle: bool = True,
    ) -> ndarray:
        """Return random elements of `a` along an axis; an integer stands for ``arange(a)``.

        Parameters
        ----------
        a : int or array-like
        size : int or sequence of int, optional
            Shape in which they come, in place of the axis; 0-d by default.
        replace : bool
            Whether an element may be chosen again.
        p : array-like, optional
            Probability of each; all are equal by default. Those that are on the device are
            not waited for, and not checked.
        axis : int
        shuffle : bool
            Accepted for NumPy's sake: what is drawn without replacement is in random order
            always.

        Raises
        ------
        ValueError
            If there is not enough to choose from, or `p` are no probabilities.
        IndexError
            If there is no such axis.

        Notes
        -----
        A small sample of more than a million elements, without replacement, is drawn by a
        random bijection, which takes memory for the sample only.

        Examples
        --------
        >>> import ndgpu
        >>> rng = ndgpu.random.default_rng(0)
        >>> sorted(rng.choice(4, 4, replace=False).tolist())
        [0, 1, 2, 3]
        >>> rng.choice(10**12, 3, replace=False).shape
        (3,)
        """
        empty = "a must be a positive integer unless no samples are taken"
        return self._choose(a, size, replace, p, axis, empty)

    def permuted(self, x: Any, *, axis: int | None = None, out: Any = None) -> ndarray:
        """Return `x` with each line along an axis in a random order of its own.

        Parameters
        ----------
        x : array-like
        axis : int, optional
            All elements are one line by default.
        out : ndarray, optional
            Where to put the result; may be `x`.

        Raises
        ------
        numpy.exceptions.AxisError
            If there is no such axis.
        ValueError
            If `out` has another shape.
        TypeError
            If `out` does not hold the dtype of `x`.

        Examples
        --------
        >>> import ndgpu
        >>> x = ndgpu.arange(6).reshape(2, 3)
        >>> ndgpu.random.default_rng(0).permuted(x, axis=1).sum(axis=1)
        array([ 3, 12])
        """
        x = asarray(x)
        if out is not None:
            if not isinstance(out, ndarray):
                raise TypeError(f"permuted: `out` must be a device array, got {type(out).__name__}")
            if out._shape != x._shape:
                raise ValueError("out must have the same shape as x")
            if not np.can_cast(x._dtype, out._dtype, "safe"):
                raise TypeError(
                    f"Cannot cast array data from {x._dtype!r} to {out._dtype!r} according to "
                    "the rule 'safe'"
                )
        if axis is None:
            if x.ndim == 0:
                raise TypeError("len() of unsized object")
            flat = views.ravel(x)
            result = views.reshape(flat[self._order(x._size)], x._shape)
        else:
            axis = layout.normalize_axis(axis, x.ndim)
            lines = (*x._shape[:axis], *x._shape[axis + 1 :], x._shape[axis])
            result = permuted_along(self._bits.words(lines), x, axis)
        if out is None:
            return result
        casts.copy_into(out, result)
        return out

    def multivariate_hypergeometric(
        self, colors: Any, nsample: Any, size: Any = None, method: str = "marginals"
    ) -> ndarray:
        """Draw how many items of each color are among `nsample`, without replacement.

        Parameters
        ----------
        colors : sequence of int, length k
            Number of items of each color. Those that are on the device are waited for.
        nsample : int
            At most the sum of `colors`.
        size : int or sequence of int, optional
            Shape of the draw; 0-d by default.
        method : {'marginals', 'count'}
            Accepted for NumPy's sake, with its limits: both draw one hypergeometric number
            after the other.

        Returns
        -------
        ndarray
            int64, of the draw's shape and one axis of length k.

        Raises
        ------
        ValueError
            If a parameter is out of its range, or `method` is neither.

        Examples
        --------
        >>> import ndgpu
        >>> rng = ndgpu.random.default_rng(0)
        >>> int(rng.multivariate_hypergeometric([16, 8, 4], 6).sum())
        6
        """
        return self._multivariate_hypergeometric(colors, nsample, size, method)

    def __getstate__(self) -> Philox4x3210:
        return self._bits

    def __setstate__(self, bits: Philox4x3210) -> None:
        self._state = bits


def default_rng(seed: Any = None) -> Generator:
    """Return a generator with the given seed, or `seed` itself if it is one.

    Parameters
    ----------
    seed : int, sequence of int, SeedSequence, bit generator, Generator, RandomState or None
        Of a bit generator or a RandomState the stream goes on.

    Raises
    ------
    ValueError
        For a negative seed.
    TypeError
        For a seed of another kind.

    Examples
    --------
    >>> import ndgpu
    >>> a, b = (ndgpu.random.default_rng(7).standard_normal(4) for _ in range(2))
    >>> bool((a == b).all())
    True
    """
    if isinstance(seed, Generator):
        return seed
    if isinstance(seed, RandomState):
        return Generator(seed.bit_generator)
    if isinstance(seed, (BitGenerator, np.random.BitGenerator)):
        return Generator(seed)
    return Generator(Philox4x3210(seed))
