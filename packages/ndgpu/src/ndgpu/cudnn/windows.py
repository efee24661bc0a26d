"""Windows over the spatial axes of an array: what convolutions and poolings have in common.

Arrays are (count, channels, spatial...).  Windows are views of a padded copy, so that
products and reductions read each element where it lies.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from ndgpu.core import casts
from ndgpu.core.ndarray import allocate, ndarray, view_of

__all__ = ["output_lengths", "padded", "per_axis", "taps", "windows"]


def per_axis(value: Any, axes: int, name: str, least: int) -> tuple[int, ...]:
    """Return a number for each spatial axis: `value` is one for all, or a sequence.

    Raises
    ------
    ValueError
        If a sequence has another length, or a number is less than `least`.
    """
    numbers = tuple(int(k) for k in value) if hasattr(value, "__iter__") else (int(value),) * axes
    if len(numbers) != axes:
        raise ValueError(f"`{name}` has {len(numbers)} numbers for {axes} spatial axes")
    if min(numbers, default=least) < least:
        raise ValueError(f"`{name}` must be at least {least}, got {numbers}")
    return numbers


def output_lengths(
    shape: Sequence[int],
    window: Sequence[int],
    pad: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
) -> tuple[int, ...]:
    """Return how many windows fit along each spatial axis.

    Raises
    ------
    ValueError
        If none does.
    """
    lengths = tuple(
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, p, s, d in zip(shape, window, pad, stride, dilation, strict=True)
    )
    if min(lengths, default=1) < 1:
        raise ValueError(
            f"no window fits: spatial lengths {tuple(shape)}, window {tuple(window)}, pad "
            f"{tuple(pad)}, stride {tuple(stride)}, dilation {tuple(dilation)}"
        )
    return lengths


def padded(x: ndarray, pad: Sequence[int], value: float) -> ndarray:
    """Return `x` with `value` around its spatial axes; `x` itself if there is no padding."""
    if not any(pad):
        return x
    spatial = [n + 2 * p for n, p in zip(x._shape[2:], pad, strict=True)]
    result = allocate((*x._shape[:2], *spatial), x._dtype)
    casts.fill(result, value)
    inner = tuple(slice(p, p + n) for n, p in zip(x._shape[2:], pad, strict=True))
    casts.copy_into(result[(slice(None), slice(None), *inner)], x)
    return result


def windows(
    x: ndarray,
    window: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
    lengths: Sequence[int],
) -> ndarray:
    """View all windows of a padded array: (count, channels, windows..., window...)."""
    steps = x._strides[2:]
    outer = tuple(s * k for s, k in zip(steps, stride, strict=True))
    inner = tuple(s * k for s, k in zip(steps, dilation, strict=True))
    shape = (*x._shape[:2], *lengths, *window)
    return view_of(x, shape, x._strides[:2] + outer + inner)


def taps(
    x: ndarray,
    window: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
    lengths: Sequence[int],
) -> Iterator[tuple[tuple[int, ...], ndarray]]:
    """Yield each place in the window, and the view of what lies there in all windows."""
    every = windows(x, window, stride, dilation, lengths)
    first = (slice(None),) * (2 + len(window))
    for place in itertools.product(*(range(k) for k in window)):
        yield place, every[(*first, *place)]
