"""How losses end: as they are, or summed, or averaged."""

from __future__ import annotations

from collections.abc import Sequence

from nnrun.core import Variable
from nnrun.functions.reductions import sum as sum_

__all__ = ["check_reduce", "reduced"]


def check_reduce(reduce: str, name: str, known: Sequence[str] = ("mean", "no")) -> None:
    """Raise unless `reduce` is one of those known."""
    if reduce not in known:
        raise ValueError(
            f"{name}: `reduce` must be {' or '.join(repr(k) for k in known)}, not {reduce!r}"
        )


def reduced(loss: Variable, reduce: str) -> Variable:
    """The losses (``no``), their ``sum``, or their ``mean``, which is 0 where there are none."""
    if reduce == "no":
        return loss
    total = sum_(loss)
    return total if reduce == "sum" else total * (1.0 / max(loss.size, 1))
