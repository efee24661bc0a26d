"""Sizes of what windows sliding along an axis make: convolution, pooling, and back."""

from __future__ import annotations

__all__ = ["get_conv_outsize", "get_deconv_outsize"]


def get_conv_outsize(size: int, k: int, s: int, p: int, cover_all: bool = False, d: int = 1) -> int:
    """Return how many windows fit along an axis.

    Parameters
    ----------
    size, k, s, p, d : int
        The axis' length, the window's, the stride, the padding on each side, and the
        dilation.
    cover_all : bool
        Let the last window reach past the end rather than leave elements out.

    Returns
    -------
    int
        Not positive where the window is larger than the padded axis.

    Examples
    --------
    >>> from nnrun.utils import get_conv_outsize
    >>> get_conv_outsize(10, k=3, s=2, p=0), get_conv_outsize(10, 3, 2, 0, cover_all=True)
    (4, 5)
    """
    reach = d * (k - 1) + 1
    if cover_all:
        return (size + 2 * p - reach + s - 1) // s + 1
    return (size + 2 * p - reach) // s + 1


def get_deconv_outsize(
    size: int, k: int, s: int, p: int, cover_all: bool = False, d: int = 1
) -> int:
    """Return the length of an axis that `size` windows make when laid side by side.

    Parameters
    ----------
    size : int
        How many windows.
    k, s, p, d : int
        As for `get_conv_outsize`.
    cover_all : bool
        The windows were counted with it: the shortest axis that makes so many.

    Returns
    -------
    int

    Examples
    --------
    >>> from nnrun.utils import get_deconv_outsize
    >>> get_deconv_outsize(4, k=3, s=2, p=0)
    9
    """
    reach = d * (k - 1) + 1
    return s * (size - 1) + reach - 2 * p - (s - 1 if cover_all else 0)
