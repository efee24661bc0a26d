"""Reporting values that no link reports, such as the learning rate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nnrun.training.extension import PRIORITY_WRITER, make_extension

__all__ = ["observe_lr", "observe_value"]


def observe_value(observation_key: str, target_func: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return an extension that reports a value each epoch by default.

    Parameters
    ----------
    observation_key : str
        The figure's name.
    target_func : callable
        Called with the trainer; returns the value.

    Examples
    --------
    >>> observe = observe_value("half", lambda trainer: 0.5)
    >>> observe.trigger
    (1, 'epoch')
    """

    @make_extension(trigger=(1, "epoch"), default_name="observe_value", priority=PRIORITY_WRITER)
    def observe(trainer: Any) -> None:
        trainer.observation[observation_key] = target_func(trainer)

    return observe


def observe_lr(optimizer_name: str = "main", observation_key: str = "lr") -> Callable[[Any], Any]:
    """Return an extension that reports an optimizer's learning rate, each epoch by default.

    Parameters
    ----------
    optimizer_name : str, default 'main'
        Which optimizer; its ``lr`` is reported.
    observation_key : str, default 'lr'
        The figure's name.
    """
    return observe_value(
        observation_key, lambda trainer: trainer.updater.get_optimizer(optimizer_name).lr
    )
