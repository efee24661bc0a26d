"""Cutting the graphs behind reported figures."""

from __future__ import annotations

from typing import Any

from nnrun.core import Variable
from nnrun.training.extension import PRIORITY_EDITOR, Extension

__all__ = ["unchain_variables"]


class unchain_variables(Extension):
    """Cuts the computational graph behind every variable that was reported.

    Reported variables have none unless ``nnrun.config.keep_graph_on_report`` is true, for an
    extension that looks at graphs; this one, added with a lower priority than that,
    frees their memory.
    """

    priority = PRIORITY_EDITOR

    def __call__(self, trainer: Any) -> None:
        """Cut the graphs behind this iteration's figures."""
        for value in trainer.observation.values():
            if isinstance(value, Variable):
                value.unchain_backward()
