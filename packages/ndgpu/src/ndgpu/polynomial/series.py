"""The classes of series: `Polynomial`, `Chebyshev` and the like.

A series keeps its coefficients on the host, as the series of NumPy's class that it wraps: they
are few, and arithmetic on them is NumPy's.  Its values are computed on the device, in one
launch for any number of points; `coef`, `domain` and `window` are given as device arrays, copies
that do not write back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np

from ndgpu.core.ndarray import ndarray
from ndgpu.core.transfer import asarray
from ndgpu.polynomial.bases import BASES, Basis, evaluate
from ndgpu.polynomial.functions import to_device, to_host

__all__ = ["Series", "series_class"]


class Series:
    """A sum of polynomials of one basis, with coefficients.

    Use one of its subclasses (`Polynomial`, `Chebyshev`, `Legendre`, `Hermite`, `HermiteE`,
    `Laguerre`).

    Parameters
    ----------
    coef : array-like
        Coefficients, that of degree 0 first; copied to the host if they are on the device.
    domain, window : array-like of two numbers, optional
        Points are mapped from the domain to the window before evaluation.
    symbol : str
        The variable, as printed.

    Examples
    --------
    >>> from ndgpu.polynomial import Polynomial
    >>> p = Polynomial([1, 2, 3])
    >>> p(ndgpu.asarray([0.0, 1.0]))
    array([1., 6.])
    >>> (p * p).coef
    array([ 1.,  4., 10., 12.,  9.])
    """

    basis: ClassVar[Callable[..., Series]]
    _basis: ClassVar[Basis]
    _numpy: ClassVar[Any]

    __hash__ = None  # type: ignore[assignment]
    __array_ufunc__ = None  # so that an array on the left leaves the operation to the series

    def __init__(
        self, coef: Any, domain: Any = None, window: Any = None, symbol: str = "x"
    ) -> None:
        self._twin = self._numpy(to_host(coef), to_host(domain), to_host(window), symbol)

    @classmethod
    def _wrap(cls, twin: Any) -> Series:
        # A conversion gives a series of another class.
        wrapped = object.__new__(_classes[type(twin)])
        wrapped._twin = twin
        return wrapped

    def _wrapped(self, value: Any) -> Any:
        return self._wrap(value) if type(value) in _classes else to_device(value)

    @property
    def coef(self) -> ndarray:
        """The coefficients, that of degree 0 first."""
        return asarray(self._twin.coef)

    @coef.setter
    def coef(self, value: Any) -> None:
        self._twin.coef = to_host(value)

    @property
    def domain(self) -> ndarray:
        """The two ends of the domain."""
        return asarray(self._twin.domain)

    @domain.setter
    def domain(self, value: Any) -> None:
        self._twin.domain = np.asarray(to_host(value))

    @property
    def window(self) -> ndarray:
        """The two ends of the window."""
        return asarray(self._twin.window)

    @window.setter
    def window(self, value: Any) -> None:
        self._twin.window = np.asarray(to_host(value))

    @property
    def symbol(self) -> str:
        """The variable, as printed."""
        return self._twin.symbol

    @property
    def basis_name(self) -> str | None:
        """What stands for the basis in print; None for powers."""
        return self._twin.basis_name

    @property
    def maxpower(self) -> int:
        """The largest exponent that ``**`` takes."""
        return self._twin.maxpower

    def __call__(self, arg: Any) -> Any:
        """Return the values at points, a device array."""
        offset, scale = self._twin.mapparms()
        x = asarray(arg)
        return evaluate(self._basis, self.coef, asarray(offset + scale * x), True)

    def linspace(self, n: int = 100, domain: Any = None) -> tuple[ndarray, ndarray]:
        """Return `n` points equally spaced in the domain, and the values there."""
        low, high = self._twin.domain if domain is None else to_host(domain)
        x = asarray(np.linspace(low, high, n))
        return x, self(x)

    def convert(self, domain: Any = None, kind: Any = None, window: Any = None) -> Series:
        """Return the same function as a series of another class, domain or window."""
        theirs = None if kind is None else kind._numpy
        return self._wrap(self._twin.convert(to_host(domain), theirs, to_host(window)))

    def has_sametype(self, other: Any) -> bool:
        """Return whether `other` is a series of the same class."""
        return isinstance(other, type(self))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and bool(self._twin == other._twin)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __len__(self) -> int:
        return len(self._twin)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._twin)

    def __repr__(self) -> str:
        return repr(self._twin)

    def __str__(self) -> str:
        return str(self._twin)

    def __format__(self, spec: str) -> str:
        return format(self._twin, spec)

    def _repr_latex_(self) -> str:
        return self._twin._repr_latex_()

    def __copy__(self) -> Series:
        return self._wrap(self._twin.copy())

    @classmethod
    def cast(cls, series: Any, domain: Any = None, window: Any = None) -> Series:
        """Return `series` as one of this class."""
        return cls._wrap(cls._numpy.cast(series._twin, to_host(domain), to_host(window)))


def _unwrapped(value: Any) -> Any:
    return value._twin if isinstance(value, Series) else to_host(value)


def _operator(name: str) -> Callable[..., Any]:
    def operate(self: Series, *others: Any) -> Any:
        result = getattr(self._twin, name)(*[_unwrapped(v) for v in others])
        if isinstance(result, tuple):  # divmod
            return tuple([self._wrapped(v) for v in result])
        return self._wrapped(result)

    operate.__name__ = name
    return operate


def _method(name: str) -> Callable[..., Any]:
    def method(self: Series, *args: Any, **kwargs: Any) -> Any:
        named = {key: _unwrapped(value) for key, value in kwargs.items()}
        return self._wrapped(getattr(self._twin, name)(*[_unwrapped(v) for v in args], **named))

    method.__name__ = name
    method.__doc__ = f"As `numpy.polynomial.Polynomial.{name}`, on the host's coefficients."
    return method


def _constructor(name: str) -> Any:
    def construct(cls: Any, *args: Any, **kwargs: Any) -> Any:
        named = {key: to_host(value) for key, value in kwargs.items()}
        made = getattr(cls._numpy, name)(*[to_host(v) for v in args], **named)
        if isinstance(made, tuple):  # a fit with full=True
            return cls._wrap(made[0]), to_device(made[1])
        return cls._wrap(made)

    construct.__name__ = name
    construct.__doc__ = f"As `numpy.polynomial.Polynomial.{name}`, calculated on the host."
    return classmethod(construct)


for _stem in ("add", "sub", "mul", "truediv", "floordiv", "mod", "divmod"):
    for _name in (f"__{_stem}__", f"__r{_stem}__"):
        setattr(Series, _name, _operator(_name))
for _name in ("__neg__", "__pos__", "__pow__"):
    setattr(Series, _name, _operator(_name))
for _name in (
    *("copy", "cutdeg", "degree", "deriv", "integ", "mapparms", "roots", "trim", "truncate"),
    *("has_samecoef", "has_samedomain", "has_samewindow"),
):
    setattr(Series, _name, _method(_name))
for _name in ("fit", "fromroots", "identity", "basis"):
    setattr(Series, _name, _constructor(_name))

_classes: dict[type, type[Series]] = {}


def _interpolate(
    cls: Any, func: Callable[..., Any], deg: int, domain: Any = None, args: tuple[Any, ...] = ()
) -> Series:
    """Return the series that interpolates a function at the Chebyshev points of the first kind."""
    made = cls._numpy.interpolate(lambda x: to_host(func(asarray(x), *args)), deg, to_host(domain))
    return cls._wrap(made)


def series_class(module: str) -> type[Series]:
    """Make the class of series of a basis."""
    basis = BASES[module]
    twin: Any = getattr(np.polynomial, basis.series)
    names: dict[str, Any] = {
        "__doc__": f"{(twin.__doc__ or '').strip().splitlines()[0]} See `Series`.",
        "__module__": f"ndgpu.polynomial.{module}",
        "_basis": basis,
        "_numpy": twin,
    }
    if hasattr(twin, "interpolate"):
        names["interpolate"] = classmethod(_interpolate)
    made = type(basis.series, (Series,), names)
    _classes[twin] = made
    return made
