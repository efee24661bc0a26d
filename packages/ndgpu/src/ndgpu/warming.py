"""Kernels compiled before a program needs them: ``python -m ndgpu cache warm``.

Guarantees: what is compiled is what calls of those functions compile, since they are called, on
small arrays; parts are disjoint, so several processes share the work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import ndgpu

__all__ = ["tasks", "warm"]


def _reductions(a: Any) -> Iterator[Callable[[], object]]:
    for name in ("sum", "prod", "max", "min", "mean", "std", "any", "all", "argmax", "argmin"):
        for axis in (None, 0, 1):
            yield lambda name=name, axis=axis: getattr(ndgpu, name)(a, axis=axis)  # type: ignore[misc]


def tasks(dtypes: Sequence[str]) -> Iterator[Callable[[], object]]:
    """Yield calls that between them use the kernels of the table of functions.

    Parameters
    ----------
    dtypes : sequence of str
        Of the arrays.
    """
    ufuncs = {f for f in vars(ndgpu).values() if isinstance(f, ndgpu.ufunc)}
    for dtype in dtypes:
        a = ndgpu.ones((64, 64), dtype=dtype)
        row = a[0]
        for function in sorted(ufuncs, key=lambda f: f.__name__):
            yield lambda f=function, a=a: f(*[a] * f.nin)  # type: ignore[misc]
            if function.nin == 2:
                yield lambda f=function, a=a: f(a, 1)  # type: ignore[misc]
                yield lambda f=function, a=a, r=row: f(a, r)  # type: ignore[misc]
        yield from _reductions(a)
        yield lambda a=a: ndgpu.where(a > 0, a, a)  # type: ignore[misc]
        yield lambda a=a: a.T.copy()  # type: ignore[misc]
        yield lambda a=a: a + a.T  # type: ignore[misc]
        yield lambda a=a: ndgpu.cumsum(a, axis=1)  # type: ignore[misc]
        yield lambda a=a: ndgpu.sort(a, axis=1)  # type: ignore[misc]
        yield lambda a=a: ndgpu.argsort(a, axis=1)  # type: ignore[misc]
        for other in dtypes:
            yield lambda a=a, other=other: a[:, ::2].astype(other)  # type: ignore[misc]


def warm(dtypes: Sequence[str], part: int = 0, parts: int = 1) -> int:
    """Run every call of `tasks` whose number is of this part; return how many ran.

    Parameters
    ----------
    dtypes : sequence of str
    part, parts : int
        Which part of how many.
    """
    done = 0
    for number, task in enumerate(tasks(dtypes)):
        if number % parts == part:
            try:
                task()
                done += 1
            except (TypeError, ValueError):
                continue  # a function that these dtypes do not have
    ndgpu.cuda.get_current_stream().synchronize()
    return done
