"""Products of another shape than `matmul`: kron, cross, einsum, matvec and vecmat."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ndgpu.core import casts, views
from ndgpu.core.dtypes import as_dtype
from ndgpu.core.ndarray import ndarray
from ndgpu.core.transfer import asarray
from ndgpu.core.ufuncs import TABLE
from ndgpu.linalg.product import cross, matmul

__all__ = ["cross", "einsum", "einsum_path", "kron", "matvec", "vecmat"]


def kron(a: Any, b: Any) -> ndarray:
    """Return the Kronecker product.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.kron(ndgpu.asarray([1, 10]), [5, 6])
    array([ 5,  6, 50, 60])
    """
    a, b = asarray(a), asarray(b)
    ndim = max(a.ndim, b.ndim)
    first = (1,) * (ndim - a.ndim) + a._shape
    second = (1,) * (ndim - b.ndim) + b._shape
    left = views.reshape(a, tuple([n for m in first for n in (m, 1)]))
    right = views.reshape(b, tuple([n for m in second for n in (1, m)]))
    product = TABLE["multiply"](left, right)
    return views.reshape(product, tuple([m * n for m, n in zip(first, second, strict=True)]))


def matvec(x1: Any, x2: Any, /, out: ndarray | None = None, **kwargs: Any) -> ndarray:
    """Return products of matrices and vectors: ``(..., m, n), (..., n) -> (..., m)``.

    Raises
    ------
    ValueError
        If the last axes differ.
    """
    x1, x2 = asarray(x1), asarray(x2)
    if x1.ndim < 2 or x2.ndim < 1:
        raise ValueError("matvec: Input operand does not have enough dimensions")
    return _finish(matmul(x1, x2[..., None])[..., 0], out, kwargs)


def vecmat(x1: Any, x2: Any, /, out: ndarray | None = None, **kwargs: Any) -> ndarray:
    """Return products of conjugated vectors and matrices: ``(..., n), (..., n, m) -> (..., m)``.

    Raises
    ------
    ValueError
        If the vectors' axis and the matrices' last but one differ.
    """
    x1, x2 = asarray(x1), asarray(x2)
    if x1.ndim < 1 or x2.ndim < 2:
        raise ValueError("vecmat: Input operand does not have enough dimensions")
    conjugate = TABLE["conjugate"](x1) if x1._dtype.kind == "c" else x1
    return _finish(matmul(conjugate[..., None, :], x2)[..., 0, :], out, kwargs)


def _finish(result: ndarray, out: Any, options: dict[str, Any]) -> ndarray:
    dtype = options.get("dtype")
    if dtype is not None:
        result = casts.astype(result, dtype)
    out = out[0] if isinstance(out, tuple) else out
    if out is None:
        return result
    casts.copy_into(out, result)
    return out


def _parse(operands: tuple[Any, ...]) -> tuple[list[str], str, list[ndarray]]:
    """Return the labels of operands and result, ellipses written out, and the operands."""
    if not operands:
        raise ValueError("No input operands")
    if isinstance(operands[0], str):
        text, arrays = operands[0].replace(" ", ""), [asarray(v) for v in operands[1:]]
    else:
        # Alternating operands and lists of axis numbers.
        letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
        parts = list(operands)
        result = parts.pop() if len(parts) % 2 else None
        arrays = [asarray(v) for v in parts[::2]]

        def written(numbers: Any) -> str:
            return "".join(["..." if k is Ellipsis else letters[k] for k in numbers])

        text = ",".join([written(numbers) for numbers in parts[1::2]])
        if result is not None:
            text += "->" + written(result)
    if text.count("->") > 1 or (("-" in text or ">" in text) and "->" not in text):
        raise ValueError("Subscripts can only contain one '->'.")
    left, arrow, right = text.partition("->")
    terms = left.split(",")
    if len(terms) != len(arrays):
        raise ValueError("Number of einsum subscripts must be equal to the number of operands.")
    for letter in text.replace("->", "").replace("...", "").replace(",", ""):
        if not (letter.isascii() and letter.isalpha()):
            raise ValueError(f"Character {letter} is not a valid symbol.")
    # Letters that no one uses stand for the axes of an ellipsis, the last ones matched first.
    free = [c for c in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" if c not in text]
    longest = 0
    for k, (term, a) in enumerate(zip(terms, arrays, strict=True)):
        if "..." in term:
            count = a.ndim - len(term) + 3
            if count < 0:
                raise ValueError("Einstein sum subscripts string contains too many subscripts")
            longest = max(longest, count)
            terms[k] = term.replace("...", "".join(free[len(free) - count :]))
        elif len(term) != a.ndim:
            raise ValueError(
                f"einstein sum subscripts string contains {len(term)} subscripts for operand {k}, "
                f"which has {a.ndim} axes"
            )
    rest = "".join(free[len(free) - longest :])
    if arrow:
        right = right.replace("...", rest)
    else:
        everything = "".join(terms)
        once = [c for c in sorted(set(everything) - set(rest)) if everything.count(c) == 1]
        right = rest + "".join(once)
    for letter in right:
        if right.count(letter) > 1:
            raise ValueError(f"Output character {letter} appeared more than once.")
        if letter not in "".join(terms):
            raise ValueError(f"Output character {letter} did not appear in the input")
    return terms, right, arrays


def _single(labels: str, a: ndarray, keep: str) -> tuple[str, ndarray]:
    """Take diagonals of repeated labels, and sum those away that nobody needs."""
    for letter in dict.fromkeys(labels):
        while labels.count(letter) > 1:
            first = labels.index(letter)
            second = labels.index(letter, first + 1)
            if a._shape[first] != a._shape[second]:
                raise ValueError(
                    f"dimensions in single operand for collapsing index '{letter}' don't match "
                    f"({a._shape[first]} != {a._shape[second]})"
                )
            a = views.diagonal(a, 0, first, second)
            labels = labels[:first] + labels[first + 1 : second] + labels[second + 1 :] + letter
    gone = tuple([k for k, letter in enumerate(labels) if letter not in keep])
    if gone:
        a = a.sum(gone, dtype=a._dtype)
        labels = "".join([letter for letter in labels if letter in keep])
    return labels, a


def _pair(
    first: tuple[str, ndarray], second: tuple[str, ndarray], keep: str, sizes: dict[str, int]
) -> tuple[str, ndarray]:
    """Contract two operands by one batched matrix product."""
    p, a = _single(*first, keep + second[0])
    q, b = _single(*second, keep + first[0])
    batch = [c for c in p if c in q and c in keep]
    summed = [c for c in p if c in q and c not in keep]
    left = [c for c in p if c not in q]
    right = [c for c in q if c not in p]

    def arranged(labels: str, v: ndarray, order: list[str]) -> ndarray:
        v = views.transpose(v, [labels.index(c) for c in order])
        return views.broadcast_to(v, tuple([sizes[c] for c in order]))

    a = arranged(p, a, [*batch, *left, *summed])
    b = arranged(q, b, [*batch, *summed, *right])
    m, k, n = (prod([sizes[c] for c in labels]) for labels in (left, summed, right))
    lead = a._shape[: len(batch)]
    shape = tuple([sizes[c] for c in (*batch, *left, *right)])
    if not summed:
        x = views.reshape(a, (*lead, m, 1))
        y = views.reshape(b, (*lead, 1, n))
        product = TABLE["multiply"](x, y)
    else:
        product = matmul(views.reshape(a, (*lead, m, k)), views.reshape(b, (*lead, k, n)))
    return "".join([*batch, *left, *right]), views.reshape(product, shape)


def einsum_path(subscripts: Any, *operands: Any, optimize: Any = "greedy") -> tuple[list[Any], str]:
    """Return the order of contractions that NumPy finds for shapes like these, and its report."""
    terms, right, arrays = _parse((subscripts, *operands))
    dummies = [np.broadcast_to(np.zeros((), a._dtype), a._shape) for a in arrays]
    return np.einsum_path(f"{','.join(terms)}->{right}", *dummies, optimize=optimize)


def einsum(
    *operands: Any,
    out: ndarray | None = None,
    dtype: Any = None,
    order: str = "K",
    casting: Any = "safe",
    optimize: Any = False,
) -> ndarray:
    """Return the sum of products that subscripts name, by matrix products of pairs.

    Parameters
    ----------
    *operands
        ``'ij,jk->ik'`` and the arrays; or arrays and lists of axis numbers in turn.
    out : ndarray, optional
    dtype : dtype-like, optional
        Type to calculate in.
    order, casting
        As in NumPy.
    optimize : bool, str or list
        Order of contractions; from left to right by default.

    Raises
    ------
    ValueError
        If the subscripts are malformed or lengths of axes differ.

    Examples
    --------
    >>> import ndgpu
    >>> x = ndgpu.arange(4).reshape(2, 2)
    >>> ndgpu.einsum("ij,kj->ik", x, x)
    array([[ 1,  3],
           [ 3, 13]])
    """
    terms, right, arrays = _parse(operands)
    sizes: dict[str, int] = {}
    for term, a in zip(terms, arrays, strict=True):
        for letter, n in zip(term, a._shape, strict=True):
            known = sizes.setdefault(letter, n)
            if known != n and 1 not in (known, n):
                raise ValueError(
                    f"operands could not be broadcast together with remapped shapes: axis "
                    f"'{letter}' has lengths {known} and {n}"
                )
            sizes[letter] = max(known, n)
    kind = as_dtype(np.result_type(*[a._dtype for a in arrays]) if dtype is None else dtype)
    rule = "unsafe" if dtype is None else casting
    items = [
        (term, casts.astype(a, kind, casting=rule, copy=False))
        for term, a in zip(terms, arrays, strict=True)
    ]
    if optimize and len(items) > 2:
        path: Any = optimize if isinstance(optimize, (list, tuple)) else None
        if path is None or path[0] != "einsum_path":
            method = optimize if isinstance(optimize, (str, tuple)) else "greedy"
            path = einsum_path(f"{','.join(terms)}->{right}", *arrays, optimize=method)[0]
        steps = [tuple(sorted(step)) for step in path[1:]]
    else:
        steps = [(0, 1)] * (len(items) - 1)
    for step in steps:
        chosen = [items[k] for k in step]
        items = [item for k, item in enumerate(items) if k not in step]
        result = chosen[0]
        for j, other in enumerate(chosen[1:], 2):
            needed = right + "".join([t for t, _ in (*items, *chosen[j:])])
            result = _pair(result, other, needed, sizes)
        # The product of the first pair comes first where pairs go from left to right.
        items = [result, *items] if not optimize else [*items, result]
    labels, a = _single(*items[0], right)
    result_array = views.transpose(a, [labels.index(letter) for letter in right])
    if out is not None:
        casts.copy_into(out, result_array)
        return out
    if order in ("C", "F"):
        return casts.astype(result_array, kind, order, copy=False)
    return result_array
