"""Changing a hyperparameter, such as the learning rate, as the training goes on.

A shift counts its calls; the hyperparameter is a function of that count, so that a
resumed training goes on with the value it would have had.
"""

from __future__ import annotations

from typing import Any

from nnrun.training.extension import Extension

__all__ = ["ExponentialShift", "LinearShift"]


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


class ExponentialShift(_Shift):
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
        super().__init__(attr, optimizer)
        if rate < 0:
            raise ValueError(f"ExponentialShift: the rate is not negative, as {rate} is")
        self._rate = rate
        self._init = init
        self._target = target

    def initialize(self, trainer: Any) -> None:
        """Remember the first value, and set the one at which a loaded training stands."""
        if self._init is None:
            self._init = getattr(self._get_optimizer(trainer), self._attr)
        super().initialize(trainer)

    def value(self, count: int) -> float:
        """Return the hyperparameter after `count` calls."""
        if self._init is None:
            raise RuntimeError("ExponentialShift: without `init` the first value is not known yet")
        value = self._init * self._rate**count
        if self._target is None:
            return value
        # Whether the target is passed from above or from below.
        passed = value < self._target if self._rate < 1 else value > self._target
        passed = not passed if self._init < 0 else passed
        return self._target if passed else value

    def serialize(self, serializer: Any) -> None:
        """Save or load the count and the first value."""
        super().serialize(serializer)
        # An optimizer's loaded attribute is no longer the first value.
        init = float(serializer("_init", float("nan") if self._init is None else self._init))
        self._init = None if init != init else init


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
