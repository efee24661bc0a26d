"""Changing a hyperparameter, such as the learning rate, as the training goes on.

A shift counts its calls; the hyperparameter is a function of that count, so that a
resumed training goes on with the value it would have had.
"""

from __future__ import annotations

import bisect
import math
from typing import Any

from nnrun.training.extension import Extension

__all__ = [
    "CosineShift",
    "ExponentialShift",
    "InverseShift",
    "LinearShift",
    "MultistepShift",
    "PolynomialShift",
    "StepShift",
    "WarmupShift",
]


class _Shift(Extension):
    """Sets an attribute of an optimizer to `value(count of calls)`."""

    def __init__(self, attr: str, optimizer: Any) -> None:
        self._attr = attr
        self._optimizer = optimizer
        self._count = 0

    def value(self, count: int) -> float:
        """Return the hyperparameter after `count` calls."""
        raise NotImplementedError

    def _get_optimizer(self, trainer: Any) -> Any:
        return self._optimizer or trainer.updater.get_optimizer("main")

    def initialize(self, trainer: Any) -> None:
        """Set the first value, or the one at which a loaded training stands."""
        setattr(self._get_optimizer(trainer), self._attr, self.value(self._count))

    def __call__(self, trainer: Any) -> None:
        """Count, and set the next value."""
        self._count += 1
        setattr(self._get_optimizer(trainer), self._attr, self.value(self._count))

    def serialize(self, serializer: Any) -> None:
        """Save or load the count."""
        self._count = serializer("_t", self._count)


class _ShiftFromInit(_Shift):
    """A shift that begins at a value, the attribute's where none is given, and may end at one."""

    def __init__(self, attr: str, init: float | None, target: float | None, optimizer: Any) -> None:
        super().__init__(attr, optimizer)
        self._init = init
        self._target = target

    def curve(self, init: float, count: int) -> float:
        """Return the hyperparameter after `count` calls, whatever the target."""
        raise NotImplementedError

    def initialize(self, trainer: Any) -> None:
        """Remember the first value, and set the one at which a loaded training stands."""
        if self._init is None:
            self._init = getattr(self._get_optimizer(trainer), self._attr)
        super().initialize(trainer)

    def value(self, count: int) -> float:
        """Return the hyperparameter after `count` calls."""
        if self._init is None:
            raise RuntimeError(
                f"{type(self).__name__}: without `init` the first value is not known yet"
            )
        value = self.curve(self._init, count)
        # Past the target is on its other side, as seen from the first value.
        if self._target is not None and (value - self._target) * (self._init - self._target) <= 0:
            return self._target
        return value

    def serialize(self, serializer: Any) -> None:
        """Save or load the count and the first value."""
        super().serialize(serializer)
        # An optimizer's loaded attribute is no longer the first value.
        init = float(serializer("_init", float("nan") if self._init is None else self._init))
        self._init = None if init != init else init


class ExponentialShift(_ShiftFromInit):
    """Multiplies a hyperparameter by a rate at each call.

    Parameters
    ----------
    attr : str
        The optimizer's attribute, such as ``lr`` (``alpha`` for Adam).
    rate : float
        The factor; not negative.
    init : float, optional
        The first value; the attribute's at the start of the training if not given.
    target : float, optional
        The value stays there once it is reached.
    optimizer : Optimizer, optional
        Whose attribute; the main optimizer's if not given.

    Raises
    ------
    ValueError
        If `rate` is negative.

    Examples
    --------
    >>> shift = ExponentialShift("lr", 0.5, init=1.0, target=0.2)
    >>> [shift.value(count) for count in range(4)]
    [1.0, 0.5, 0.25, 0.2]
    """

    def __init__(
        self,
        attr: str,
        rate: float,
        init: float | None = None,
        target: float | None = None,
        optimizer: Any = None,
    ) -> None:
        super().__init__(attr, init, target, optimizer)
        if rate < 0:
            raise ValueError(f"ExponentialShift: the rate is not negative, as {rate} is")
        self._rate = rate

    def curve(self, init: float, count: int) -> float:
        """Return ``init * rate**count``."""
        return init * self._rate**count


class InverseShift(_ShiftFromInit):
    """Divides a hyperparameter by a power of the time: ``init / (1 + gamma * count)**power``.

    Parameters
    ----------
    attr : str
        The optimizer's attribute.
    gamma : float
        How soon it falls; not negative.
    power : float
        How steeply.
    init, target, optimizer
        As for `ExponentialShift`.

    Raises
    ------
    ValueError
        If `gamma` is negative.

    Examples
    --------
    >>> shift = InverseShift("lr", 1.0, 2, init=1.0)
    >>> [shift.value(count) for count in range(2)]
    [1.0, 0.25]
    """

    def __init__(
        self,
        attr: str,
        gamma: float,
        power: float,
        init: float | None = None,
        target: float | None = None,
        optimizer: Any = None,
    ) -> None:
        super().__init__(attr, init, target, optimizer)
        if gamma < 0:
            raise ValueError(f"InverseShift: gamma is not negative, as {gamma} is")
        self._gamma = gamma
        self._power = power

    def curve(self, init: float, count: int) -> float:
        """Return ``init / (1 + gamma * count)**power``."""
        return init / (1 + self._gamma * count) ** self._power


class PolynomialShift(_ShiftFromInit):
    """Lets a hyperparameter fall to zero: ``init * (1 - count / max_count)**rate``.

    Parameters
    ----------
    attr : str
        The optimizer's attribute.
    rate : float
        The exponent.
    max_count : int
        The call at which zero is reached.
    init, target, optimizer
        As for `ExponentialShift`.

    Raises
    ------
    ValueError
        If `max_count` is not positive.

    Examples
    --------
    >>> shift = PolynomialShift("lr", 2, 2, init=1.0)
    >>> [shift.value(count) for count in range(4)]
    [1.0, 0.25, 0.0, 0.0]
    """

    def __init__(
        self,
        attr: str,
        rate: float,
        max_count: int,
        init: float | None = None,
        target: float | None = None,
        optimizer: Any = None,
    ) -> None:
        super().__init__(attr, init, target, optimizer)
        _require_positive("PolynomialShift", "max_count", max_count)
        self._rate = rate
        self._max_count = max_count

    def curve(self, init: float, count: int) -> float:
        """Return ``init * (1 - count / max_count)**rate``, 0 after the end."""
        return init * max(1 - count / self._max_count, 0.0) ** self._rate


class CosineShift(_ShiftFromInit):
    """Moves a hyperparameter to a target along half a cosine, after a linear warm-up if wanted.

    See Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts" (2017).

    Parameters
    ----------
    attr : str
        The optimizer's attribute.
    max_count : int
        The call at which the target is reached, those of the warm-up included.
    init : float, optional
        The value at the top; the attribute's at the start of the training if not given.
    target : float, default 0
        The last value.
    warmup : int, default 0
        Calls during which the value rises from 0 to `init`.
    optimizer : Optimizer, optional
        Whose attribute; the main optimizer's if not given.

    Raises
    ------
    ValueError
        If `warmup` is negative or not less than `max_count`.

    Examples
    --------
    >>> shift = CosineShift("lr", 6, init=1.0, warmup=2)
    >>> [round(shift.value(count), 3) for count in range(8)]
    [0.0, 0.5, 1.0, 0.854, 0.5, 0.146, 0.0, 0.0]
    """

    def __init__(
        self,
        attr: str,
        max_count: int,
        init: float | None = None,
        target: float = 0.0,
        warmup: int = 0,
        optimizer: Any = None,
    ) -> None:
        super().__init__(attr, init, None, optimizer)
        if not 0 <= warmup < max_count:
            raise ValueError(f"CosineShift: 0 <= {warmup} (warmup) < {max_count} (max_count)")
        self._max_count = max_count
        self._last = target
        self._warmup = warmup

    def curve(self, init: float, count: int) -> float:
        """Return the value on the rising line, or on the cosine."""
        if count < self._warmup:
            return init * count / self._warmup
        done = min((count - self._warmup) / (self._max_count - self._warmup), 1.0)
        return self._last + (init - self._last) * (1 + math.cos(math.pi * done)) / 2


class StepShift(_ShiftFromInit):
    """Multiplies a hyperparameter by a factor after every so many calls.

    Parameters
    ----------
    attr : str
        The optimizer's attribute.
    gamma : float
        The factor.
    step : int
        After how many calls.
    init, target, optimizer
        As for `ExponentialShift`.

    Raises
    ------
    ValueError
        If `step` is not positive.

    Examples
    --------
    >>> shift = StepShift("lr", 0.1, 2, init=1.0)
    >>> [shift.value(count) for count in range(4)]
    [1.0, 1.0, 0.1, 0.1]
    """

    def __init__(
        self,
        attr: str,
        gamma: float,
        step: int,
        init: float | None = None,
        target: float | None = None,
        optimizer: Any = None,
    ) -> None:
        super().__init__(attr, init, target, optimizer)
        _require_positive("StepShift", "step", step)
        self._gamma = gamma
        self._step = step

    def curve(self, init: float, count: int) -> float:
        """Return ``init * gamma**(count // step)``."""
        return init * self._gamma ** (count // self._step)


class MultistepShift(_ShiftFromInit):
    """Multiplies a hyperparameter by a factor at given calls.

    Parameters
    ----------
    attr : str
        The optimizer's attribute.
    gamma : float
        The factor.
    step_value : list of int
        The calls, rising.
    init : float, optional
        The first value; the attribute's at the start of the training if not given.
    optimizer : Optimizer, optional
        Whose attribute; the main optimizer's if not given.

    Raises
    ------
    ValueError
        If the calls do not rise.

    Examples
    --------
    >>> shift = MultistepShift("lr", 0.1, [1, 3], 1.0)
    >>> [round(shift.value(count), 3) for count in range(5)]
    [1.0, 0.1, 0.1, 0.01, 0.01]
    """

    def __init__(
        self,
        attr: str,
        gamma: float,
        step_value: list[int],
        init: float | None = None,
        optimizer: Any = None,
    ) -> None:
        super().__init__(attr, init, None, optimizer)
        if sorted(set(step_value)) != list(step_value):
            raise ValueError(f"MultistepShift: step_value does not rise: {step_value}")
        self._gamma = gamma
        self._steps = list(step_value)

    def curve(self, init: float, count: int) -> float:
        """Return ``init * gamma**n``, n steps being behind."""
        return init * self._gamma ** bisect.bisect_right(self._steps, count)


class WarmupShift(_ShiftFromInit):
    """Moves a hyperparameter linearly from a start to its first value, and leaves it there.

    Parameters
    ----------
    attr : str
        The optimizer's attribute.
    warmup_start : float
        The value at first.
    warmup_iter : int
        After how many calls `init` is reached.
    init : float, optional
        The value then; the attribute's at the start of the training if not given.
    optimizer : Optimizer, optional
        Whose attribute; the main optimizer's if not given.

    Raises
    ------
    ValueError
        If `warmup_iter` is not positive.

    Examples
    --------
    >>> shift = WarmupShift("lr", 0.0, 2, 1.0)
    >>> [shift.value(count) for count in range(4)]
    [0.0, 0.5, 1.0, 1.0]
    """

    def __init__(
        self,
        attr: str,
        warmup_start: float,
        warmup_iter: int,
        init: float | None = None,
        optimizer: Any = None,
    ) -> None:
        super().__init__(attr, init, None, optimizer)
        _require_positive("WarmupShift", "warmup_iter", warmup_iter)
        self._start = warmup_start
        self._warmup_iter = warmup_iter

    def curve(self, init: float, count: int) -> float:
        """Return the value on the line, `init` after its end."""
        return self._start + (init - self._start) * min(count / self._warmup_iter, 1.0)


def _require_positive(name: str, what: str, value: float) -> None:
    if not value > 0:
        raise ValueError(f"{name}: {what} is positive, not {value}")


class LinearShift(_Shift):
    """Moves a hyperparameter linearly from one value to another.

    Parameters
    ----------
    attr : str
        The optimizer's attribute.
    value_range : (float, float)
        The first and the last value.
    time_range : (int, int)
        The calls at which it begins and ends to move.
    optimizer : Optimizer, optional
        Whose attribute; the main optimizer's if not given.

    Raises
    ------
    ValueError
        If the end is not after the beginning.

    Examples
    --------
    >>> shift = LinearShift("lr", (1.0, 0.0), (1, 3))
    >>> [shift.value(count) for count in range(5)]
    [1.0, 1.0, 0.5, 0.0, 0.0]
    """

    def __init__(
        self,
        attr: str,
        value_range: tuple[float, float],
        time_range: tuple[int, int],
        optimizer: Any = None,
    ) -> None:
        super().__init__(attr, optimizer)
        if not time_range[0] < time_range[1]:
            raise ValueError(f"LinearShift: time_range ends before it begins: {time_range}")
        self._value_range = value_range
        self._time_range = time_range

    def value(self, count: int) -> float:
        """Return the hyperparameter after `count` calls."""
        (first, last), (begin, end) = self._value_range, self._time_range
        done = min(max((count - begin) / (end - begin), 0.0), 1.0)
        return first + (last - first) * done
