"""`PrintHook`: shows what goes into functions, forward and backward."""

from __future__ import annotations

from typing import Any, TextIO

from nnrun.core import FunctionHook, Variable
from nnrun.core.variable import wrap

__all__ = ["PrintHook"]


class PrintHook(FunctionHook):
    """Prints each function's name with its inputs, and with its gradients in backward.

    Parameters
    ----------
    sep, end, file, flush
        As for `print`.

    Examples
    --------
    >>> import numpy as np, nnrun, nnrun.functions as F
    >>> with nnrun.function_hooks.PrintHook():
    ...     y = F.sqrt(nnrun.Variable(np.array([4.0])))
    function  sqrt
    input data
    <variable: shape=(1,), dtype=float64, device=numpy>
    [4.]
    """

    name = "PrintHook"

    def __init__(
        self,
        sep: str | None = None,
        end: str = "\n",
        file: TextIO | None = None,
        flush: bool = True,
    ) -> None:
        self.sep = sep
        self.end = end
        self.file = file
        self.flush = flush

    def _print(self, *values: Any) -> None:
        print(*values, sep=self.sep, end=self.end, file=self.file, flush=self.flush)

    def _show(self, arrays: tuple[Any, ...], missing: str) -> None:
        for x in arrays:
            if x is None:
                self._print(missing)
            else:
                variable: Variable = wrap(x, None, False)
                self._print(variable.summary())
                self._print(x)

    def forward_preprocess(self, function: Any, in_data: Any) -> None:
        """Print the inputs."""
        self._print("function ", function.label)
        self._print("input data")
        self._show(in_data, "(none)")

    def backward_preprocess(self, function: Any, in_data: Any, out_grad: Any) -> None:
        """Print the inputs and the outputs' gradients."""
        self._print("function ", function.label)
        self._print("input data")
        self._show(in_data, "(not retained)")
        self._print("output gradient")
        self._show(out_grad, "(none)")
