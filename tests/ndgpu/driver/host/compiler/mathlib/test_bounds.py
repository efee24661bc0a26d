"""CUDA's mathematical library in float and double, each function within its documented bound."""

from __future__ import annotations

import ctypes
import os

import numpy as np
import pytest

from .functions import ROWS, Row
from .measure import measure, points, source

POINTS = int(os.environ.get("MATH_POINTS", "100000"))
_BLOCK = 256


@pytest.fixture(scope="module", params=[np.float32, np.float64], ids=["float", "double"])
def library(request, cuda):
    return request.param, cuda(source(request.param))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_error_is_within_the_documented_bound(library, row: Row) -> None:
    dtype, program = library
    x = points(row, dtype, POINTS)
    got = np.empty_like(x[0])
    blocks = -(-POINTS // _BLOCK)
    code = program.launch(f"of_{row.name}", (blocks,), (_BLOCK,), *x, got, ctypes.c_int32(POINTS))
    assert code == 0
    outcome = measure(row, dtype, x, got)
    bound = row.single if dtype is np.float32 else row.double
    assert outcome.ulp <= bound, f"{row.name} is {outcome.ulp} ulp off at {outcome.at}"
    if row.absolute:
        assert outcome.absolute <= row.absolute[dtype is np.float64]
    # The screen can hide no more than its own error, which is less than one unit.
    assert outcome.screen <= 1
