"""`numpy.testing` for device arrays: they are copied to the host, then NumPy compares.

Guarantees: the names, arguments and errors of the functions of `numpy.testing` that compare
arrays; operands may be device arrays, NumPy arrays, lists and numbers in any mixture.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from numpy import testing as _twin
from numpy.testing import (
    assert_no_warnings,
    assert_raises,
    assert_raises_regex,
    assert_warns,
    suppress_warnings,
)

from ndgpu.core.ndarray import ndarray

__all__ = [
    "assert_",
    "assert_allclose",
    "assert_almost_equal",
    "assert_approx_equal",
    "assert_array_almost_equal",
    "assert_array_almost_equal_nulp",
    "assert_array_compare",
    "assert_array_equal",
    "assert_array_less",
    "assert_array_max_ulp",
    "assert_equal",
    "assert_no_warnings",
    "assert_raises",
    "assert_raises_regex",
    "assert_string_equal",
    "assert_warns",
    "suppress_warnings",
]


def _on_host(value: Any) -> Any:
    if isinstance(value, ndarray):
        return value.get()
    if isinstance(value, (list, tuple)):
        return type(value)([_on_host(v) for v in value])
    if isinstance(value, dict):
        return {key: _on_host(v) for key, v in value.items()}
    return value


def _compared(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def compare(*args: Any, **kwargs: Any) -> Any:
        named = {name: _on_host(value) for name, value in kwargs.items()}
        return function(*[_on_host(a) for a in args], **named)

    compare.__doc__ = (
        f"Compare as `numpy.testing.{function.__name__}`, with device arrays copied to the host."
    )
    return compare


assert_ = _twin.assert_
assert_allclose = _compared(_twin.assert_allclose)
assert_almost_equal = _compared(_twin.assert_almost_equal)
assert_approx_equal = _compared(_twin.assert_approx_equal)
assert_array_almost_equal = _compared(_twin.assert_array_almost_equal)
assert_array_almost_equal_nulp = _compared(_twin.assert_array_almost_equal_nulp)
assert_array_compare = _compared(_twin.assert_array_compare)
assert_array_equal = _compared(_twin.assert_array_equal)
assert_array_less = _compared(_twin.assert_array_less)
assert_array_max_ulp = _compared(_twin.assert_array_max_ulp)
assert_equal = _compared(_twin.assert_equal)
assert_string_equal = _twin.assert_string_equal
