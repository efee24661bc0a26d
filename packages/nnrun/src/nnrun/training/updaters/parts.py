"""Gradients and figures of a batch that is computed in parts."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from nnrun.backend import is_array
from nnrun.core import Variable
from nnrun.reporter import DictSummary, Reporter, get_current_reporter
from nnrun.training.updaters.standard_updater import as_arguments

__all__ = ["Figures", "add_gradients"]


def add_gradients(
    loss_func: Callable[..., Any], inputs: Any, share: float, loss_scale: float | None
) -> None:
    """Add the gradients of one part to those there are.

    Parameters
    ----------
    loss_func : callable
        Gives the part's loss, a mean over its examples.
    inputs : array, tuple or dict
        Its arguments, as a converter gave them.
    share : float
        The part's share of the examples, so that the sum over all parts is the gradient
        of the mean over all examples.
    loss_scale : float or None
        The optimizer's.
    """
    args, named = as_arguments(inputs)
    loss = loss_func(*args, **named)
    (loss * share).backward(loss_scale=loss_scale)


class Figures:
    """Means of what the parts of a batch report, weighted by their shares.

    Parameters
    ----------
    device : Device
        Where the means are computed.
    """

    def __init__(self, device: Any) -> None:
        self._device = device
        self._summary = DictSummary()
        try:
            self._reporter: Reporter | None = get_current_reporter()
        except RuntimeError:  # the updater runs without a trainer
            self._reporter = None

    @contextlib.contextmanager
    def of(self, share: float) -> Iterator[None]:
        """Keep what is reported in the ``with`` block."""
        if self._reporter is None:
            yield
            return
        observation: dict[str, Any] = {}
        with self._reporter.scope(observation):
            yield
        for key, value in observation.items():
            array = value.array if isinstance(value, Variable) else value
            with self._device:
                home = self._device.send(array) if is_array(array) else array
                self._summary.add({key: (home, share)})

    def report(self) -> None:
        """Put the means into the current observation."""
        if self._reporter is not None:
            with self._device:
                self._reporter.observation.update(self._summary.compute_mean())
