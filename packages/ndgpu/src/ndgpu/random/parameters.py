"""What the parameters of distributions must be, and how they broadcast.

Guarantees: numbers, lists and NumPy arrays are checked as NumPy checks them, with its
error types and messages.  Device arrays are not waited for: where an element of theirs
breaks a rule, the result is NaN, or the lowest int64 of an integer distribution.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ndgpu.core import casts, layout
from ndgpu.core.layout import Shape
from ndgpu.core.ndarray import ndarray
from ndgpu.core.transfer import asarray

__all__ = [
    "ANY",
    "BELOW_ONE",
    "GREATER_ONE",
    "MEAN",
    "NOT_NEGATIVE",
    "POSITIVE",
    "POSITIVE_NUMBER",
    "PROBABILITY",
    "PROBABILITY_NOT_ZERO",
    "Param",
    "Relation",
    "Rule",
    "as_numbers",
    "as_size",
    "broadcast",
    "is_number",
]


class Rule(NamedTuple):
    """What the values of one parameter must not be.

    Attributes
    ----------
    broken : callable
        Says of a NumPy array which of its elements break the rule.
    code : str
        The same in C++, for ``{0}``.
    message : str
        Of the ValueError, for the parameter's name as ``{0}``.
    array_message : str, optional
        The message where the parameter is an array, if it is another.
    """

    broken: Callable[[Any], Any]
    code: str
    message: str
    array_message: str | None = None


# NaN breaks only the rules that name it: it passes the others, and the result is NaN.
ANY = Rule(lambda x: x != x, "false", "")
NOT_NEGATIVE = Rule(lambda x: x < 0, "{0} < 0", "{0} < 0")
POSITIVE = Rule(lambda x: x <= 0, "{0} <= 0", "{0} <= 0")
POSITIVE_NUMBER = Rule(lambda x: ~(x > 0), "!({0} > 0)", "{0} <= 0")
PROBABILITY = Rule(
    lambda x: ~((x >= 0) & (x <= 1)),
    "!({0} >= 0 && {0} <= 1)",
    "{0} < 0, {0} > 1 or {0} is NaN",
    "{0} < 0, {0} > 1 or {0} contains NaNs",
)
PROBABILITY_NOT_ZERO = Rule(
    lambda x: ~((x > 0) & (x <= 1)),
    "!({0} > 0 && {0} <= 1)",
    "{0} <= 0, {0} > 1 or {0} contains NaNs",
)
BELOW_ONE = Rule(
    lambda x: ~((x >= 0) & (x < 1)),
    "!({0} >= 0 && {0} < 1)",
    "{0} < 0, {0} >= 1 or {0} is NaN",
    "{0} < 0, {0} >= 1 or {0} contains NaNs",
)
GREATER_ONE = Rule(
    lambda x: ~(x > 1), "!({0} > 1)", "{0} <= 1 or {0} is NaN", "{0} <= 1 or {0} contains NaNs"
)
MEAN = Rule(
    lambda x: ~(x >= 0), "!({0} >= 0)", "{0} < 0 or {0} is NaN", "{0} < 0 or {0} contains NaNs"
)


class Param(NamedTuple):
    """A parameter of a distribution: its name, its rule, whether it is an integer."""

    name: str
    rule: Rule = ANY
    integer: bool = False

    @property
    def variable(self) -> str:
        """Its name in C++: `n` itself is the number of elements there."""
        return "n_" if self.name == "n" else self.name


class Relation(NamedTuple):
    """What several parameters must not be together.

    Attributes
    ----------
    broken : callable
        Says of NumPy arrays, which broadcast, where they break it.
    code : str
        The same in C++.
    message : str
    error : type
    """

    broken: Callable[..., Any]
    code: str
    message: str
    error: type[Exception] = ValueError


def is_number(value: Any) -> bool:
    """Whether `value` is a number of Python's or NumPy's."""
    return isinstance(value, (int, float, np.number, np.bool_))


def as_numbers(
    params: Sequence[Param], relations: Sequence[Relation], values: Sequence[Any]
) -> list[Any]:
    """Check the values of parameters.

    Returns
    -------
    list of float or int or numpy.ndarray or ndarray
        Float64 or int64, as each parameter says.

    Raises
    ------
    ValueError
        If a value from the host breaks its rule, or a relation; messages are NumPy's.
    TypeError
        If a value is no real number.
    OverflowError
        If an integer does not fit int64.
    """
    numbers = [_as_number(param, value) for param, value in zip(params, values, strict=True)]
    if any(isinstance(n, ndarray) for n in numbers):
        return numbers
    for relation in relations:
        if np.any(relation.broken(*numbers)):
            raise relation.error(relation.message)
    return numbers


def _as_number(param: Param, value: Any) -> Any:
    wanted: type = np.int64 if param.integer else np.float64
    if isinstance(value, ndarray):
        if value._dtype.kind == "c":
            raise TypeError(f"`{param.name}` must be real, got {value._dtype}")
        return casts.astype(value, np.dtype(wanted), copy=False)
    if is_number(value) or not isinstance(value, (list, tuple, np.ndarray)):
        number = int(value) if param.integer else float(value)
        if param.integer and not -(2**63) <= number < 2**63:
            raise OverflowError("Python int too large to convert to C long")
        if param.rule.broken(wanted(number)) and param.rule is not ANY:
            raise ValueError(param.rule.message.format(param.name))
        return number
    if _holds_device_arrays(value):
        return _as_number(param, asarray(value))
    host = np.asarray(value)
    if host.dtype.kind == "c":
        raise TypeError(f"`{param.name}` must be real, got {host.dtype}")
    if param.integer and host.dtype.kind not in "iub":
        # Python's conversion raises for NaN, infinity and what does not fit.
        host = np.array([int(v) for v in host.flat], object).reshape(host.shape)
    host = host.astype(wanted)
    if param.rule is not ANY and np.any(param.rule.broken(host)):
        message = param.rule.array_message or param.rule.message
        raise ValueError(message.format(param.name))
    return host if host.ndim else host[()].item()


def _holds_device_arrays(values: Any) -> bool:
    return isinstance(values, ndarray) or (
        isinstance(values, (list, tuple)) and any(_holds_device_arrays(v) for v in values)
    )


def as_size(size: Any) -> Shape:
    """Return the shape that `size` says; None is that of a number."""
    return () if size is None else layout.as_shape(size)


def broadcast(size: Any, values: Sequence[Any]) -> Shape:
    """Return the shape of a draw: that of the parameters, or `size` if they broadcast to it.

    Raises
    ------
    ValueError
        If they do not.
    """
    shapes = [tuple(v.shape) for v in values if not is_number(v)]
    shape = layout.broadcast_shape([(), *shapes])
    if size is None:
        return shape
    wanted = as_size(size)
    if layout.broadcast_shape([shape, wanted]) != wanted:
        raise ValueError(
            f"Output size {wanted} is not compatible with broadcast dimensions of inputs {shape}."
        )
    return wanted
