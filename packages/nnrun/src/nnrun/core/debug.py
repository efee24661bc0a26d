"""What debug mode adds: checks for NaN and of dtypes, and the user's line behind each function.

Nothing here runs unless ``nnrun.config.debug`` is set, except `explain` and
`explain_forward`, which run when a backward or a forward has already failed.
"""

from __future__ import annotations

import linecache
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnrun.backend import get_array_module

if TYPE_CHECKING:
    from nnrun.core.function_node import FunctionNode

__all__ = ["caller", "check_finite", "explain", "explain_forward"]

_PACKAGE = str(Path(__file__).resolve().parents[1])


def caller(depth: int = 3) -> list[str]:
    """Return up to `depth` lines of the user's program that led here, innermost last.

    Each reads ``file:line in function: source``; frames inside nnrun are left out.
    """
    lines: list[str] = []
    frame = sys._getframe(1)
    while frame is not None and len(lines) < depth:
        code = frame.f_code
        if not code.co_filename.startswith(_PACKAGE):
            source = linecache.getline(code.co_filename, frame.f_lineno, frame.f_globals).strip()
            lines.append(f"{code.co_filename}:{frame.f_lineno} in {code.co_name}: {source}")
        frame = frame.f_back  # type: ignore[assignment]
    return lines[::-1]


def check_finite(node: FunctionNode, what: str, arrays: Sequence[Any]) -> None:
    """Raise `RuntimeError` if an array holds NaN, naming function and array.

    Gradients (of the inputs wanted) must have the dtypes of the inputs too, else
    `TypeError` is raised.
    """
    if what == "backward":
        _check_dtypes(node, arrays)
    for i, x in enumerate(arrays):
        if x is not None and x.dtype.kind in "fc":
            xp = get_array_module(x)
            if bool(xp.isnan(x).any()):
                kind = "output" if what == "forward" else "gradient"
                error = RuntimeError(f"NaN in {kind} {i} of {node.label}.{what} (shape {x.shape})")
                explain(node, error)
                raise error


def _check_dtypes(node: FunctionNode, grads: Sequence[Any]) -> None:
    for i, g in zip(node._targets, grads, strict=True):
        wanted = node.inputs[i].dtype
        if g is not None and wanted is not None and g.dtype != wanted:
            error = TypeError(
                f"{node.label}.backward: the gradient of input {i} is {g.dtype} but the input "
                f"is {wanted}"
            )
            explain(node, error)
            raise error


def explain_forward(node: FunctionNode, arrays: Sequence[Any], error: BaseException) -> None:
    """Add to `error`, raised in a forward, a note of the function and of its inputs."""
    given = ", ".join(f"{x.dtype} {x.shape}" for x in arrays)
    error.add_note(f"in {node.label}, applied to {given}")


def explain(node: FunctionNode, error: BaseException) -> None:
    """Add to `error` a note of which function it is about and where that was called."""
    lines = node.where_called()
    if lines is None:
        note = f"in {node.label}; set nnrun.config.debug to see the line that called it"
    else:
        note = f"in {node.label}, called at\n" + "\n".join(f"  {line}" for line in lines)
    if note not in getattr(error, "__notes__", ()):
        error.add_note(note)
