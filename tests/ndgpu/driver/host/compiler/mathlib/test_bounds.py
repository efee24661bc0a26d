"""CUDA's mathematical library in float and double, each function within its documented bound."""

from __future__ import annotations

import ctypes
import functools
import os

import numpy as np
import pytest

from .functions import Row
from .measure import bound, measure, points, rows, source

POINTS = int(os.environ.get("MATH_POINTS", "100000"))
_BLOCK = 256


_TYPES = (np.float32, np.float64)


@pytest.fixture(scope="module")
def library(cuda):
    """The kernels of a type, compiled when a test first wants them."""
    return functools.cache(lambda dtype: cuda(source(dtype)))


@pytest.mark.parametrize(
    ("dtype", "row"),
    [pytest.param(t, row, id=f"{row.name}-{t.__name__}") for t in _TYPES for row in rows(t)],
)
def test_error_is_within_the_documented_bound(library, dtype: type, row: Row) -> None:
    x = points(row, dtype, POINTS)
    got = np.empty_like(x[0])
    blocks = -(-POINTS // _BLOCK)
    count = ctypes.c_int32(POINTS)
    assert library(dtype).launch(f"of_{row.name}", (blocks,), (_BLOCK,), *x, got, count) == 0
    outcome = measure(row, dtype, x, got)
    most = bound(row, dtype)
    assert outcome.ulp <= most, f"{row.name} is {outcome.ulp} ulp off at {outcome.at}"
    if row.absolute:
        assert outcome.absolute <= row.absolute[dtype is np.float64]
    # The screen can hide no more than its own error, which is less than one unit.
    assert outcome.screen <= 1
