"""`TimerHook`: how long each link takes."""

from __future__ import annotations

from typing import Any

from nnrun.core import LinkHook, Variable
from nnrun.utils.timing import Timings

__all__ = ["TimerHook"]


def _arrays(values: Any) -> list[Any]:
    return [v.array for v in values if isinstance(v, Variable)]


class TimerHook(Timings, LinkHook):
    """Measures the time of every call of a link, waiting for the device after each.

    The time of a chain includes that of its children.

    Attributes
    ----------
    call_history : list of (str, float)
        Names of links' classes and seconds, in the order in which calls ended.

    Examples
    --------
    >>> import numpy as np, nnrun, nnrun.links as L
    >>> hook = nnrun.link_hooks.TimerHook()
    >>> with hook:
    ...     y = L.Linear(3, 2)(np.zeros((1, 3), np.float32))
    >>> hook.summary()["Linear"]["occurrence"]
    1
    """

    name = "TimerHook"
    _head = "LinkName"

    def forward_preprocess(self, args: Any) -> None:
        """Start the clock."""
        self._watch.start(_arrays(args.args))

    def forward_postprocess(self, args: Any) -> None:
        """Note the time."""
        out = args.out if isinstance(args.out, (tuple, list)) else (args.out,)
        self.call_history.append((type(args.link).__name__, self._watch.stop(_arrays(out))))
