"""Products of arrays over named axes: `einsum` and `tensordot`, made of `matmul`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from nnrun.core import Variable, as_variable
from nnrun.functions.matmul import matmul
from nnrun.functions.rearranging import diagonal
from nnrun.functions.reductions import sum as sum_
from nnrun.functions.shape import reshape, transpose

__all__ = ["einsum", "tensordot"]

Array = Any

_SPARE = "".join(chr(0x3B1 + k) for k in range(24))  # letters for the axes of an ellipsis


def tensordot(a: Variable | Array, b: Variable | Array, axes: Any = 2) -> Variable:
    """Multiply and sum over pairs of axes, as ``numpy.tensordot``.

    Parameters
    ----------
    a, b : Variable or array
    axes : int, or pair of sequences of int
        How many axes at the end of `a` and the beginning of `b`, or which of each.

    Returns
    -------
    Variable
        The other axes of `a`, then those of `b`.

    Raises
    ------
    ValueError
        If the lengths of a pair of axes differ.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.tensordot(np.ones((2, 3, 4)), np.ones((4, 3, 5)), axes=([1, 2], [1, 0])).shape
    (2, 5)
    """
    if isinstance(axes, int):
        of_a, of_b = list(range(a.ndim - axes, a.ndim)), list(range(axes))
    else:
        of_a, of_b = ([v] if isinstance(v, int) else list(v) for v in axes)
    bad = len(of_a) != len(of_b) or any(
        not (-a.ndim <= i < a.ndim and -b.ndim <= j < b.ndim) or a.shape[i] != b.shape[j]
        for i, j in zip(of_a, of_b, strict=False)
    )
    if bad:
        raise ValueError(
            f"tensordot: axes {of_a} of `a` and {of_b} of `b` don't pair up (a.shape={a.shape}, "
            f"b.shape={b.shape})"
        )
    of_a, of_b = [i % a.ndim for i in of_a], [j % b.ndim for j in of_b]
    free_a = [i for i in range(a.ndim) if i not in of_a]
    free_b = [j for j in range(b.ndim) if j not in of_b]
    shared = math.prod(a.shape[i] for i in of_a)
    left, right = [a.shape[i] for i in free_a], [b.shape[j] for j in free_b]
    y = matmul(
        reshape(transpose(a, free_a + of_a), (math.prod(left), shared)),
        reshape(transpose(b, of_b + free_b), (shared, math.prod(right))),
    )
    return reshape(y, (*left, *right))


def _parse(subscripts: str, operands: Sequence[Any]) -> tuple[list[str], str]:
    """The letters of each operand and of the result, ellipses spelt out."""
    given, arrow, result = subscripts.replace(" ", "").partition("->")
    terms = given.split(",")
    if len(terms) != len(operands):
        raise ValueError(
            f"einsum: {subscripts!r} names {len(terms)} operands but {len(operands)} are given"
        )
    widest = 0
    for k, (term, x) in enumerate(zip(terms, operands, strict=True)):
        letters = term.replace("...", "", 1)
        more = x.ndim - len(letters)
        if not (letters.isalpha() or not letters) or more < 0 or (more and "..." not in term):
            raise ValueError(
                f"einsum: {term!r} does not name the axes of operand {k} (its shape is {x.shape})"
            )
        if more > len(_SPARE):
            raise ValueError(f"einsum: operand {k} has too many axes ({x.ndim})")
        widest = max(widest, more)
        terms[k] = term.replace("...", _SPARE[len(_SPARE) - more :])
    dots = _SPARE[len(_SPARE) - widest :]
    if arrow:
        out = result.replace("...", dots, 1)
    else:
        every = "".join(terms)
        out = dots + "".join(
            sorted(c for c in set(every) if c not in _SPARE and every.count(c) == 1)
        )
    if len(set(out)) < len(out) or not set(out) <= set("".join(terms)) | set(dots):
        raise ValueError(f"einsum: the result {result!r} must name axes of operands, each once")
    return terms, out


def _without_repeats(x: Variable, term: str) -> tuple[Variable, str]:
    """Diagonals of axes that have the same letter."""
    for c in sorted(set(term)):
        while term.count(c) > 1:
            i = term.index(c)
            j = term.index(c, i + 1)
            x = diagonal(x, 0, i, j)
            term = term[:i] + term[i + 1 : j] + term[j + 1 :] + c
    return x, term


def _summed(x: Variable, term: str, wanted: set[str]) -> tuple[Variable, str]:
    """Sums over axes that nothing else names."""
    over = tuple(i for i, c in enumerate(term) if c not in wanted)
    if not over:
        return x, term
    return sum_(x, over), "".join(c for c in term if c in wanted)


def _product(x: Variable, a: str, y: Variable, b: str, wanted: set[str]) -> tuple[Variable, str]:
    """Two operands as one, by one product of stacks of matrices."""
    # Axes of length 1 spread like axes that are not there.
    for c in set(a) & set(b):
        m, n = x.shape[a.index(c)], y.shape[b.index(c)]
        if m != n and m == 1:
            x, a = (
                reshape(x, [s for s, d in zip(x.shape, a, strict=True) if d != c]),
                a.replace(c, ""),
            )
        elif m != n and n == 1:
            y, b = (
                reshape(y, [s for s, d in zip(y.shape, b, strict=True) if d != c]),
                b.replace(c, ""),
            )
    both = [c for c in a if c in b]
    batch, shared = [c for c in both if c in wanted], [c for c in both if c not in wanted]
    left, right = [c for c in a if c not in b], [c for c in b if c not in a]

    def matrices(v: Variable, term: str, *groups: list[str]) -> Variable:
        size = dict(zip(term, v.shape, strict=True))
        order = [term.index(c) for group in groups for c in group]
        return reshape(transpose(v, order), [math.prod(size[c] for c in g) for g in groups])

    sizes = dict(zip(a + b, x.shape + y.shape, strict=True))
    z = matmul(matrices(x, a, batch, left, shared), matrices(y, b, batch, shared, right))
    term = "".join(batch + left + right)
    return reshape(z, [sizes[c] for c in term]), term


def einsum(subscripts: str, *operands: Variable | Array) -> Variable:
    """Multiply arrays and sum over axes, by Einstein's convention, as ``numpy.einsum``.

    Parameters
    ----------
    subscripts : str
        A letter for each axis of each operand, and those of the result:
        ``"ij,jk->ik"``.  ``...`` stands for axes that are broadcast.
    *operands : Variable or array

    Returns
    -------
    Variable

    Raises
    ------
    ValueError
        If the letters don't suit the operands, or lengths of an axis differ.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.einsum("ij,jk->ik", np.ones((2, 3)), np.ones((3, 4))).shape
    (2, 4)
    >>> F.einsum("ii", np.eye(3))
    variable(3.)
    """
    terms, out = _parse(subscripts, operands)
    lengths: dict[str, int] = {}
    for k, (term, x) in enumerate(zip(terms, operands, strict=True)):
        for c, n in zip(term, x.shape, strict=True):
            if lengths.setdefault(c, n) != n:
                if 1 not in (n, lengths[c]):
                    raise ValueError(
                        f"einsum: axis {c!r} of operand {k} has length {n} but {lengths[c]} before "
                        f"(its shape is {x.shape})"
                    )
                lengths[c] = max(n, lengths[c])
    parts = [
        _without_repeats(as_variable(x), term) for x, term in zip(operands, terms, strict=True)
    ]
    x, term = parts[0]
    for k, (y, other) in enumerate(parts[1:], 1):
        wanted = set(out).union(*[t for _, t in parts[k + 1 :]])
        x, term = _summed(x, term, wanted | set(other))
        y, other = _summed(y, other, wanted | set(term))
        x, term = _product(x, term, y, other, wanted)
    x, term = _summed(x, term, set(out))
    return transpose(x, [term.index(c) for c in out]) if term != out else x
