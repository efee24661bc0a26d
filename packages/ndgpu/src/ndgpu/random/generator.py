"""`Generator` and `default_rng`: NumPy's newer interface to random numbers.

Guarantees: a seed gives one stream, the same on every device and on the host
device.  The numbers are not those that NumPy's generators give for that seed.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ndgpu.core import casts, layout
from ndgpu.core.dtypes import as_dtype
from ndgpu.core.layout import Shape, normalize_axis
from ndgpu.core.ndarray import ndarray
from ndgpu.core.transfer import asarray
from ndgpu.core.ufuncs import TABLE
from ndgpu.random.philox import Engine

__all__ = ["Generator", "default_rng"]


class Generator:
    """Random numbers on the current device.

    Parameters
    ----------
    seed : int, sequence of int, numpy.random.SeedSequence or None

    Examples
    --------
    >>> import ndgpu
    >>> rng = ndgpu.random.default_rng(0)
    >>> rng.random(3).shape
    (3,)
    """

    def __init__(self, seed: Any = None) -> None:
        self._engine = Engine(seed)

    def __repr__(self) -> str:
        return f"Generator(Philox4x32) at {id(self):#x}"

    def spawn(self, n_children: int) -> list[Generator]:
        """Return `n_children` generators whose streams are independent of this one's."""
        return [Generator(child) for child in self._engine.seed_sequence.spawn(n_children)]

    def random(self, size: Any = None, dtype: Any = np.float64, out: Any = None) -> ndarray:
        """Return numbers uniform on [0, 1).

        Parameters
        ----------
        size : int or sequence of int, optional
            Shape of the result; 0-d by default.
        dtype : {float64, float32, float16}
        out : ndarray, optional
            Where to put them.

        Raises
        ------
        TypeError
            If `dtype` is no floating type.
        """
        return self._floats("uniform", 0.0, 1.0, size, dtype, out)

    def uniform(
        self, low: Any = 0.0, high: Any = 1.0, size: Any = None, dtype: Any = np.float64
    ) -> ndarray:
        """Return numbers uniform on [low, high).

        Parameters
        ----------
        low, high : number or array-like
        size : int or sequence of int, optional
            By default the shape to which `low` and `high` broadcast.
        dtype : dtype-like

        Raises
        ------
        OverflowError
            If the range is not finite.
        """
        if _are_numbers(low, high):
            width = float(high) - float(low)
            if not np.isfinite(width):
                raise OverflowError("high - low range exceeds valid bounds")
            return self._floats("uniform", float(low), width, size, dtype)
        low, high = asarray(low), asarray(high)
        return self._scaled("uniform", low, TABLE["subtract"](high, low), size, dtype)

    def standard_normal(
        self, size: Any = None, dtype: Any = np.float64, out: Any = None
    ) -> ndarray:
        """Return numbers with the standard normal distribution; parameters as for `random`."""
        return self._floats("normal", 0.0, 1.0, size, dtype, out)

    def normal(
        self, loc: Any = 0.0, scale: Any = 1.0, size: Any = None, dtype: Any = np.float64
    ) -> ndarray:
        """Return numbers with a normal distribution.

        Parameters
        ----------
        loc, scale : number or array-like
            Mean and standard deviation.
        size : int or sequence of int, optional
            By default the shape to which `loc` and `scale` broadcast.
        dtype : dtype-like

        Raises
        ------
        ValueError
            If `scale` is a negative number.
        """
        if _are_numbers(scale) and float(scale) < 0:
            raise ValueError("scale < 0")
        if _are_numbers(loc, scale):
            return self._floats("normal", float(loc), float(scale), size, dtype)
        return self._scaled("normal", asarray(loc), asarray(scale), size, dtype)

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
        dtype : dtype-like
            An integer type, or bool.
        endpoint : bool
            Whether `high` is included.

        Raises
        ------
        ValueError
            If the range is empty, or does not fit `dtype`.
        TypeError
            If `dtype` is no integer type.
        """
        kind = as_dtype(dtype)
        if kind.kind not in "iub":
            raise TypeError(f"Unsupported dtype {kind!r} for integers")
        if high is None:
            low, high = 0, low
        least, most = (0, 1) if kind.kind == "b" else (np.iinfo(kind).min, np.iinfo(kind).max)
        if _are_numbers(low, high):
            first = operator.index(low) if not isinstance(low, float) else int(low)
            last = (operator.index(high) if not isinstance(high, float) else int(high)) - (
                not endpoint
            )
            if first < least:
                raise ValueError(f"low is out of bounds for {kind.name}")
            if last > most:
                raise ValueError(f"high is out of bounds for {kind.name}")
            if first > last:
                raise ValueError("low >= high" if not endpoint else "low > high")
            span = (last - first + 1) % (1 << 64)
            return self._engine.integers(_shape(size), kind, first % (1 << 64), span)
        low, high = (asarray(v) for v in (low, high))
        for name, bound in (("low", low), ("high", high)):
            if bound._dtype.kind not in "iub":
                raise TypeError(f"integers: `{name}` must be integers, got {bound._dtype}")
        shape = _shape_of(size, low, high)
        # An empty range would never give a number; the host must look before it is drawn from.
        if bool(TABLE["greater" if endpoint else "greater_equal"](low, high).any()):
            raise ValueError("low >= high" if not endpoint else "low > high")
        start = casts.astype(low, np.uint64)
        span = TABLE["subtract"](casts.astype(high, np.uint64), start)
        if endpoint:
            span = TABLE["add"](span, np.uint64(1))
        return self._engine.integers(shape, kind, start, span)

    def permutation(self, x: Any, axis: int = 0) -> ndarray:
        """Return `x` in random order along an axis; an integer stands for ``arange(x)``.

        The order is drawn by the processor.
        """
        if isinstance(x, (int, np.integer)):
            return asarray(self._engine.host_generator().permutation(int(x)))
        x = asarray(x)
        axis = normalize_axis(axis, x.ndim)
        order = self._engine.host_generator().permutation(x._shape[axis])
        return x[(slice(None),) * axis + (order,)]

    def shuffle(self, x: ndarray, axis: int = 0) -> None:
        """Put the parts of `x` along an axis in random order, in place."""
        if not isinstance(x, ndarray):
            raise TypeError(f"shuffle: expected a device array, got {type(x).__name__}")
        casts.copy_into(x, self.permutation(x, axis))

    def choice(
        self, a: Any, size: Any = None, replace: bool = True, p: Any = None, axis: int = 0
    ) -> ndarray:
        """Return random elements of `a` along an axis; an integer stands for ``arange(a)``.

        Parameters
        ----------
        a : int or array-like
        size : int or sequence of int, optional
        replace : bool
            Whether an element may be chosen again.
        p : array-like, optional
            Probability of each; all are equal by default.
        axis : int

        Raises
        ------
        ValueError
            If there is nothing to choose from, or `p` are no probabilities.
        """
        shape = _shape(size)
        array = None if isinstance(a, (int, np.integer)) else asarray(a)
        axis = 0 if array is None else normalize_axis(axis, array.ndim)
        count = int(a) if array is None else array._shape[axis]
        if count < 1 and 0 not in shape:
            raise ValueError("a must be a positive integer unless no samples are taken")
        if replace and p is None:
            order: Any = self.integers(0, max(count, 1), shape)
        else:
            host = p.get() if isinstance(p, ndarray) else p
            order = self._engine.host_generator().choice(count, shape, replace, host)
        if array is None:
            return asarray(order)
        return array[(slice(None),) * axis + (order,)]

    def _floats(
        self, name: str, shift: float, scale: float, size: Any, dtype: Any, out: Any = None
    ) -> ndarray:
        kind = as_dtype(dtype)
        if kind.kind != "f":
            raise TypeError(f"Unsupported dtype {kind!r} for random")
        if out is None:
            return self._engine.floats(name, _shape(size), kind, shift, scale)
        if not isinstance(out, ndarray):
            raise TypeError(f"random: `out` must be a device array, got {type(out).__name__}")
        if out._dtype != kind:
            raise TypeError(
                f"Supplied output array has the wrong type. Expected {kind}, got {out._dtype}"
            )
        if size is not None and _shape(size) != out._shape:
            raise ValueError("size must match out.shape when used together")
        casts.copy_into(out, self._engine.floats(name, out._shape, kind, shift, scale))
        return out

    def _scaled(self, name: str, shift: ndarray, scale: ndarray, size: Any, dtype: Any) -> ndarray:
        kind = as_dtype(dtype)
        numbers = self._floats(name, 0.0, 1.0, _shape_of(size, shift, scale), kind)
        TABLE["multiply"](numbers, casts.astype(scale, kind, copy=False), out=numbers)
        return TABLE["add"](numbers, casts.astype(shift, kind, copy=False), out=numbers)


def _are_numbers(*values: Any) -> bool:
    return all(isinstance(v, (int, float, np.number, np.bool_)) for v in values)


def _shape(size: Any) -> Shape:
    return () if size is None else layout.as_shape(size)


def _shape_of(size: Any, *arrays: ndarray) -> Shape:
    shape = layout.broadcast_shape([a._shape for a in arrays])
    if size is None:
        return shape
    wanted = layout.as_shape(size)
    if layout.broadcast_shape([shape, wanted]) != wanted:
        raise ValueError(
            f"Output size {wanted} is not compatible with broadcast dimensions of inputs {shape}."
        )
    return wanted


def default_rng(seed: Any = None) -> Generator:
    """Return a generator with the given seed, or `seed` itself if it is one.

    Parameters
    ----------
    seed : int, sequence of int, numpy.random.SeedSequence, Generator or None

    Examples
    --------
    >>> import ndgpu
    >>> a, b = (ndgpu.random.default_rng(7).standard_normal(4) for _ in range(2))
    >>> bool((a == b).all())
    True
    """
    return seed if isinstance(seed, Generator) else Generator(seed)
