"""`TimerHook`: how long each function takes."""

from __future__ import annotations

from typing import Any

from nnrun.core import FunctionHook
from nnrun.utils.timing import Timings

__all__ = ["TimerHook"]


class TimerHook(Timings, FunctionHook):
    """Measures the time of every forward and backward, waiting for the device after each.

    Attributes
    ----------
    call_history : list of (str, float)
        Names of functions and seconds, in the order in which calls end; a
        backward is made of functions, which are calls too.

    Examples
    --------
    >>> import numpy as np, nnrun, nnrun.functions as F
    >>> hook = nnrun.function_hooks.TimerHook()
    >>> with hook:
    ...     F.sum(F.exp(nnrun.Variable(np.zeros(3)))).backward()
    >>> [name for name, seconds in hook.call_history]
    ['exp', 'Sum', 'Reshape', 'BroadcastTo', 'Sum', 'Multiply', 'exp']
    >>> hook.print_report()
    FunctionName  ElapsedTime  Occurrence
             exp  ...           2
             Sum  ...           2
    ...
    """

    name = "TimerHook"

    def forward_preprocess(self, function: Any, in_data: Any) -> None:
        """Start the clock."""
        self._watch.start(in_data)

    def forward_postprocess(self, function: Any, in_data: Any) -> None:
        """Note the time."""
        self.call_history.append((function.label, self._watch.stop(in_data)))

    def backward_preprocess(self, function: Any, in_data: Any, out_grad: Any) -> None:
        """Start the clock."""
        self._watch.start(out_grad)

    def backward_postprocess(self, function: Any, in_data: Any, out_grad: Any) -> None:
        """Note the time."""
        self.call_history.append((function.label, self._watch.stop(out_grad)))
