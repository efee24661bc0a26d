"""Which registers may hold any NaN, because nothing in the kernel looks at its bits.

A GPU's single-precision arithmetic gives one NaN, 0x7fffffff, and making it so costs two
instructions for each operation.  Most results only feed further arithmetic, whose own result does
not depend on which NaN came in; for those the cost is saved.  What is stored, exchanged, or read
as an integer keeps the GPU's bits.
"""

from __future__ import annotations

from collections.abc import Iterable

from .dataflow import Step

__all__ = ["observed"]

# These hand a NaN on: its bits matter if those of the result do.
_PASSING = frozenset(("mov", "selp", "slct", "neg", "abs"))


def observed(steps: Iterable[Iterable[Step]]) -> frozenset[str]:
    """Registers whose NaN's bits some instruction can tell apart.

    Parameters
    ----------
    steps : iterable of iterables of Step
        All instructions of a kernel, by block.

    Returns
    -------
    frozenset of str
        Their names; `Op.emit` may take ``canonical=False`` for a result in any other register.
    """
    found: set[str] = set()
    passing = []
    for block in steps:
        for step in block:
            if step.op is None:
                found.update(step.uses)
            elif step.op.name in _PASSING:
                passing.append(step)
            elif not step.op.arithmetic(step.ins):
                found.update(step.uses)
    changed = True
    while changed:
        changed = False
        for step in passing:
            if not found.isdisjoint(step.defines) and not found.issuperset(step.uses):
                found.update(step.uses)
                changed = True
    return frozenset(found)
