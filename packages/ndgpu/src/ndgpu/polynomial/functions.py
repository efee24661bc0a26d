"""The functions of a module of `numpy.polynomial`, made from the row of its basis.

Values at points are computed on the device.  Coefficients are few, and arithmetic on them has
no parallel work: it is NumPy's, on the host, and its results are copied to the device; so are
the samples that a fit is made from.
"""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from ndgpu.core import views
from ndgpu.core.ndarray import ndarray
from ndgpu.core.transfer import asarray
from ndgpu.core.ufuncs import TABLE
from ndgpu.polynomial.bases import Basis, evaluate, polynomials

__all__ = ["functions_of", "on_host", "to_device", "to_host"]

_ON_HOST = (
    *("add", "sub", "mulx", "mul", "div", "pow", "der", "int", "fromroots", "line", "trim"),
    *("roots", "companion", "gauss", "fit", "2poly", "pts1", "pts2"),
)
# The weights for which the polynomials of a basis are orthogonal.
_WEIGHTS: dict[str, Callable[[ndarray], Any]] = {
    "cheb": lambda x: 1.0 / (TABLE["sqrt"](1.0 + x) * TABLE["sqrt"](1.0 - x)),
    "leg": lambda x: x * 0.0 + 1.0,
    "herm": lambda x: TABLE["exp"](-(x * x)),
    "herme": lambda x: TABLE["exp"](-0.5 * x * x),
    "lag": lambda x: TABLE["exp"](-x),
}


def to_host(value: Any) -> Any:
    """Return `value` with device arrays, alone or in lists and tuples, copied to the host."""
    if isinstance(value, ndarray):
        return value.get()
    if isinstance(value, (list, tuple)):
        return type(value)([to_host(v) for v in value])
    return value


def to_device(value: Any) -> Any:
    """Return `value` with NumPy arrays, alone or in lists and tuples, copied to the device."""
    if isinstance(value, np.ndarray):
        return asarray(value)
    if isinstance(value, (list, tuple)):
        return type(value)([to_device(v) for v in value])
    return value


def on_host(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function of device arrays from one of NumPy's; it waits for its arguments."""

    def call(*args: Any, **kwargs: Any) -> Any:
        named = {name: to_host(value) for name, value in kwargs.items()}
        return to_device(function(*[to_host(a) for a in args], **named))

    call.__name__ = call.__qualname__ = function.__name__
    call.__doc__ = (
        f"{_summary(function)}\n\nAs `{function.__module__}.{function.__name__}`, calculated on "
        "the host: arguments are copied there and results back."
    )
    call.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    return call


def _summary(function: Callable[..., Any]) -> str:
    lines = (function.__doc__ or "").strip().splitlines()
    return lines[0] if lines else function.__name__


def _points(x: Any) -> ndarray:
    x = asarray(x)
    return x.astype(np.float64) if x._dtype.kind in "iub" else x


def _series(c: Any) -> ndarray:
    c = asarray(c)
    return views.reshape(c, (1,)) if c.ndim == 0 else c


def _degree(value: Any) -> int:
    degree = operator.index(value)
    if degree < 0:
        raise ValueError("deg must be non-negative")
    return degree


def _value(basis: Basis) -> Callable[..., ndarray]:
    def val(x: Any, c: Any, tensor: bool = True) -> ndarray:
        return evaluate(basis, _series(c), _points(x), tensor)

    return val


def _together(points: tuple[Any, ...]) -> list[ndarray]:
    arrays = [_points(p) for p in points]
    if any(a._shape != arrays[0]._shape for a in arrays):
        names = ", ".join("xyz"[: len(arrays)])
        raise ValueError(f"{names} are incompatible: shapes {[a._shape for a in arrays]}")
    return arrays


def _value_nd(basis: Basis, dims: int, grid: bool) -> Callable[..., ndarray]:
    def evaluate_all(points: tuple[Any, ...], c: Any) -> ndarray:
        arrays = [_points(p) for p in points] if grid else _together(points)
        result = _series(c)
        for k, x in enumerate(arrays):
            result = evaluate(basis, result, x, grid or k == 0)
        return result

    def val2d(x: Any, y: Any, c: Any) -> ndarray:
        return evaluate_all((x, y), c)

    def val3d(x: Any, y: Any, z: Any, c: Any) -> ndarray:
        return evaluate_all((x, y, z), c)

    return val2d if dims == 2 else val3d


def _vander(basis: Basis) -> Callable[..., ndarray]:
    def vander(x: Any, deg: Any) -> ndarray:
        points = _points(x)
        points = views.reshape(points, (1,)) if points.ndim == 0 else points
        return polynomials(basis, points, _degree(deg))

    return vander


def _vander_nd(basis: Basis, dims: int) -> Callable[..., ndarray]:
    def product(points: tuple[Any, ...], degrees: Any) -> ndarray:
        if len(degrees) != dims:
            raise ValueError(f"Expected {dims} dimensions of sample points, got {len(degrees)}")
        arrays = _together(points)
        result: Any = None
        for x, degree in zip(arrays, degrees, strict=True):
            rows = polynomials(basis, x, _degree(degree))
            if result is None:
                result = rows
            else:
                shape = (*x._shape, -1)
                result = views.reshape(result[..., None] * rows[..., None, :], shape)
        return result

    def vander2d(x: Any, y: Any, deg: Any) -> ndarray:
        return product((x, y), deg)

    def vander3d(x: Any, y: Any, z: Any, deg: Any) -> ndarray:
        return product((x, y, z), deg)

    return vander2d if dims == 2 else vander3d


def _val_from_roots(x: Any, r: Any, tensor: bool = True) -> ndarray:
    """Return the product of ``x - r`` over the first axis of the roots `r`."""
    x, r = _points(x), _points(_series(r))
    if tensor:
        r = views.reshape(r, r._shape + (1,) * x.ndim)
    elif x.ndim >= r.ndim:
        raise ValueError("x.ndim must be < r.ndim when tensor == False")
    return TABLE["subtract"](x, r).prod(axis=0)


def _interpolate(twin: ModuleType) -> Callable[..., ndarray]:
    def chebinterpolate(func: Callable[..., Any], deg: Any, args: tuple[Any, ...] = ()) -> ndarray:
        return asarray(
            twin.chebinterpolate(lambda x: to_host(func(asarray(x), *args)), deg)  # few points
        )

    return chebinterpolate


def functions_of(basis: Basis) -> dict[str, Callable[..., Any]]:
    """Return the functions of a basis's module by name.

    Examples
    --------
    >>> from ndgpu.polynomial.bases import BASES
    >>> functions_of(BASES["legendre"])["legval"]([0.0, 1.0], [1, 2, 3])
    array([-0.5,  6. ])
    """
    twin: Any = getattr(np.polynomial, basis.module)
    made: dict[str, Callable[..., Any]] = {
        "val": _value(basis),
        "vander": _vander(basis),
        "val2d": _value_nd(basis, 2, False),
        "val3d": _value_nd(basis, 3, False),
        "grid2d": _value_nd(basis, 2, True),
        "grid3d": _value_nd(basis, 3, True),
        "vander2d": _vander_nd(basis, 2),
        "vander3d": _vander_nd(basis, 3),
    }
    if basis.prefix == "poly":
        made["valfromroots"] = _val_from_roots
    if basis.prefix == "cheb":
        made["interpolate"] = _interpolate(twin)
    weight = _WEIGHTS.get(basis.prefix)
    if weight is not None:
        made["weight"] = lambda x: weight(_points(x))
    found = {}
    for name, function in made.items():
        theirs = getattr(twin, basis.prefix + name)
        function.__name__ = function.__qualname__ = theirs.__name__
        where = f"numpy.polynomial.{basis.module}.{theirs.__name__}"
        function.__doc__ = f"{_summary(theirs)}\n\nAs `{where}`, on the device."
        found[theirs.__name__] = function
    names = [basis.prefix + name for name in _ON_HOST] + [f"poly2{basis.prefix}"]
    for name in names:
        theirs = getattr(twin, name, None)
        if theirs is not None and name in twin.__all__:
            found[name] = on_host(theirs)
    return found
