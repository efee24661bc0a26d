"""Splitting arrays into views: split, array_split and their kin."""

from __future__ import annotations

import itertools
import operator
from typing import Any

from ndgpu.core.layout import is_integer, normalize_axis
from ndgpu.core.ndarray import ndarray
from ndgpu.core.transfer import asarray
from ndgpu.routines.joining import section

__all__ = ["array_split", "dsplit", "hsplit", "split", "vsplit"]


def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[ndarray]:
    """Return views of parts of an array; sections need not be of one length.

    Parameters
    ----------
    ary : array-like
    indices_or_sections : int or sequence of int
        How many sections, or where to cut.
    axis : int

    Raises
    ------
    ValueError
        If the number of sections is not positive.
    """
    ary = asarray(ary)
    axis = normalize_axis(axis, ary.ndim)
    n = ary._shape[axis]
    try:
        cuts = [operator.index(k) for k in indices_or_sections]
    except TypeError:
        sections = operator.index(indices_or_sections)
        if sections <= 0:
            raise ValueError("number sections must be larger than 0.") from None
        each, extra = divmod(n, sections)
        lengths = [each + 1] * extra + [each] * (sections - extra)
        cuts = list(itertools.accumulate(lengths))[:-1]
    result = []
    for start, stop in zip([0, *cuts], [*cuts, n], strict=True):
        first, last, _ = slice(start, stop).indices(n)
        result.append(section(ary, axis, first, max(first, last)))
    return result


def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[ndarray]:
    """Return views of equal parts of an array, or of the parts between the given cuts.

    Raises
    ------
    ValueError
        If the axis does not divide into that many equal parts.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.split(ndgpu.arange(4), 2)
    [array([0, 1]), array([2, 3])]
    """
    ary = asarray(ary)
    if is_integer(indices_or_sections):
        sections = operator.index(indices_or_sections)
        if sections > 0 and ary._shape[normalize_axis(axis, ary.ndim)] % sections:
            raise ValueError("array split does not result in an equal division")
    return array_split(ary, indices_or_sections, axis)


def vsplit(ary: Any, indices_or_sections: Any) -> list[ndarray]:
    """Split along the first axis of an array of two axes or more."""
    ary = asarray(ary)
    if ary.ndim < 2:
        raise ValueError("vsplit only works on arrays of 2 or more dimensions")
    return split(ary, indices_or_sections, 0)


def hsplit(ary: Any, indices_or_sections: Any) -> list[ndarray]:
    """Split along the second axis, or the only one."""
    ary = asarray(ary)
    if ary.ndim == 0:
        raise ValueError("hsplit only works on arrays of 1 or more dimensions")
    return split(ary, indices_or_sections, 1 if ary.ndim > 1 else 0)


def dsplit(ary: Any, indices_or_sections: Any) -> list[ndarray]:
    """Split along the third axis of an array of three axes or more."""
    ary = asarray(ary)
    if ary.ndim < 3:
        raise ValueError("dsplit only works on arrays of 3 or more dimensions")
    return split(ary, indices_or_sections, 2)
