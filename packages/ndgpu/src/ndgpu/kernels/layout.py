"""Strided loops made short: dimensions dropped, ordered and merged.

Guarantees: pure functions of shapes and strides; the loop that comes out visits the same
elements of all operands together, in C order where that is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["broadcast_strides", "collapse", "magic", "round_rank"]

Shape = tuple[int, ...]
_RANKS = (1, 2, 3, 4, 6, 8, 16, 32, 64)


def broadcast_strides(shape: Shape, own_shape: Shape, strides: Shape) -> Shape:
    """Return an operand's strides over a broadcast shape: 0 along repeated dimensions.

    Raises
    ------
    ValueError
        If the operand's shape does not broadcast to `shape`.

    Examples
    --------
    >>> broadcast_strides((2, 3), (3,), (4,))
    (0, 4)
    """
    if own_shape == shape:
        return strides
    extra = len(shape) - len(own_shape)
    if extra < 0:
        raise ValueError(f"an operand of shape {own_shape} does not broadcast to {shape}")
    result = [0] * extra
    for length, own, stride in zip(shape[extra:], own_shape, strides, strict=True):
        if own != length and own != 1:
            raise ValueError(f"an operand of shape {own_shape} does not broadcast to {shape}")
        result.append(0 if own == 1 else stride)
    return tuple(result)


def collapse(
    shape: Shape, strides: Sequence[Shape], *, keep_order: bool
) -> tuple[Shape, tuple[Shape, ...]]:
    """Make a loop over `shape` shorter.

    Parameters
    ----------
    shape : tuple of int
        Lengths, none of them 0.
    strides : sequence of tuple of int
        For each operand its strides over `shape`; the last operand's decide the order.
    keep_order : bool
        Whether the elements must be visited in C order; else the dimensions are ordered by
        falling stride.

    Returns
    -------
    shape : tuple of int
        At least one dimension.
    strides : tuple of tuple of int

    Examples
    --------
    >>> collapse((2, 3, 4), [(48, 16, 4), (48, 16, 4)], keep_order=True)
    ((24,), ((4,), (4,)))
    """
    dims = [d for d, length in enumerate(shape) if length != 1]
    if not dims:
        return (1,), tuple((0,) for _ in strides)
    if not keep_order and len(dims) > 1:
        ranked = tuple(reversed(strides))
        # Dimensions of equal strides stay as they were: sorted() is stable.
        dims.sort(key=lambda d: tuple([-abs(s[d]) for s in ranked]))
    merged_shape = [shape[dims[0]]]
    merged = [[s[dims[0]]] for s in strides]
    for d in dims[1:]:
        length = shape[d]
        if all(m[-1] == s[d] * length for m, s in zip(merged, strides, strict=True)):
            merged_shape[-1] *= length
            for m, s in zip(merged, strides, strict=True):
                m[-1] = s[d]
        else:
            merged_shape.append(length)
            for m, s in zip(merged, strides, strict=True):
                m.append(s[d])
    return tuple(merged_shape), tuple(tuple(m) for m in merged)


def round_rank(rank: int) -> int:
    """Round a rank up to one that kernels are made for."""
    return next(r for r in _RANKS if r >= rank)


def magic(divisor: int) -> tuple[int, int]:
    """Return `m` and `s` such that ``(mulhi(i, m) + i) >> s == i // divisor``.

    For ``0 <= i < 2**31`` and ``1 <= divisor < 2**31``, in unsigned 32-bit arithmetic.

    Examples
    --------
    >>> m, s = magic(7)
    >>> all((((i * m) >> 32) + i) >> s == i // 7 for i in (0, 6, 7, 13, 2**31 - 1))
    True
    """
    shift = (divisor - 1).bit_length()
    return ((1 << 32) * ((1 << shift) - divisor)) // divisor + 1, shift
