"""Loops made short visit the same elements, in the same order where that is asked."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ndgpu.kernels.layout import broadcast_strides, collapse, magic


def visit(shape, strides):
    """Offsets in the order of the loop, for all operands together."""
    index = np.indices(shape).reshape(len(shape), -1) if shape else np.zeros((0, 1), int)
    return list(
        zip(*[(np.array(s)[:, None] * index).sum(0).tolist() for s in strides], strict=True)
    )


_STEPS = st.sampled_from([-8, 0, 4, 8, 16, 48, 64])
loops = st.integers(0, 4).flatmap(
    lambda rank: st.tuples(
        st.tuples(*[st.integers(1, 4)] * rank),
        st.lists(
            st.tuples(*[st.sampled_from([-8, 0, 4, 8, 16, 48, 64])] * rank), min_size=1, max_size=3
        ),
    )
)


@settings(max_examples=200, deadline=None)
@given(loops)
def test_kept_order(loop):
    shape, strides = loop
    short, merged = collapse(shape, strides, keep_order=True)
    assert visit(short, merged) == visit(shape, strides)
    assert 1 <= len(short) <= max(len(shape), 1)


@settings(max_examples=200, deadline=None)
@given(loops)
def test_any_order(loop):
    shape, strides = loop
    short, merged = collapse(shape, strides, keep_order=False)
    assert sorted(visit(short, merged)) == sorted(visit(shape, strides))
    falling = [abs(s) for s in merged[-1]]
    assert falling == sorted(falling, reverse=True)


@pytest.mark.parametrize(
    ("shape", "strides", "expected"),
    [
        ((), [()], ((1,), ((0,),))),
        ((1, 1), [(4, 4)], ((1,), ((0,),))),
        ((2, 3), [(12, 4), (12, 4)], ((6,), ((4,), (4,)))),
        ((2, 3), [(12, 4), (0, 4)], ((2, 3), ((12, 4), (0, 4)))),
        ((2, 3), [(0, 0), (12, 4)], ((6,), ((0,), (4,)))),
        ((2, 3, 4), [(64, 16, 4), (48, 16, 4)], ((2, 12), ((64, 4), (48, 4)))),
    ],
)
def test_examples(shape, strides, expected):
    assert collapse(shape, strides, keep_order=True) == expected


def test_fortran_order_is_one_loop():
    assert collapse((2, 3), [(4, 8), (4, 8)], keep_order=False) == ((6,), ((4,), (4,)))


@pytest.mark.parametrize(
    ("shape", "own"), [((2, 3), (4,)), ((2, 3), (3, 1)), ((2, 3), (1, 2, 3)), ((), (1,))]
)
def test_shapes_that_do_not_broadcast(shape, own):
    with pytest.raises(ValueError, match="does not broadcast"):
        broadcast_strides(shape, own, own)


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 2**31 - 1), st.integers(0, 2**31 - 1))
def test_division_by_multiplication(divisor, i):
    multiplier, shift = magic(divisor)
    assert multiplier < 2**32
    high = (i * multiplier) >> 32
    assert high + i < 2**32
    assert (high + i) >> shift == i // divisor


@pytest.mark.parametrize("divisor", [1, 2, 3, 7, 2**16, 2**30 + 1, 2**31 - 1])
def test_division_at_the_edges(divisor):
    multiplier, shift = magic(divisor)
    for i in {0, 1, divisor - 1, divisor, 2 * divisor - 1, 2**31 - 1}:
        if i < 2**31:
            assert (((i * multiplier) >> 32) + i) >> shift == i // divisor
