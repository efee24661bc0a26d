"""Shapes and strides against NumPy's own arrays; nothing here needs a device."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ndgpu.core import layout

lengths = st.lists(st.sampled_from([0, 1, 2, 3, 4, 6]), max_size=4)


@st.composite
def arrays(draw):
    shape = draw(lengths)
    a = np.zeros(shape, np.float32).transpose(draw(st.permutations(range(len(shape)))))
    steps = [slice(None, None, draw(st.sampled_from([1, 1, 2, -1]))) for _ in shape]
    return a[tuple(steps)]


@given(arrays())
@settings(max_examples=300, deadline=None)
def test_contiguity_is_numpys(a):
    assert layout.is_c_contiguous(a.shape, a.strides, 4) == a.flags.c_contiguous
    assert layout.is_f_contiguous(a.shape, a.strides, 4) == a.flags.f_contiguous


@given(arrays(), st.data())
@settings(max_examples=300, deadline=None)
def test_a_reshape_is_a_view_exactly_where_numpys_is(a, data):
    new, rest = [], a.size
    while rest > 1:
        factor = data.draw(st.sampled_from([d for d in range(2, rest + 1) if rest % d == 0]))
        new.append(factor)
        rest //= factor
    if a.size == 0:
        new = [0]
    new.insert(data.draw(st.integers(0, len(new))), 1)
    strides = layout.reshaped_strides(a.shape, a.strides, tuple(new), 4)
    try:
        expected = a.reshape(new, copy=False).strides
    except ValueError:
        assert strides is None
        return
    assert strides is not None
    # Axes of length one may have any stride.
    if a.size:
        pairs = zip(new, strides, expected, strict=True)
        assert all(mine == numpys for n, mine, numpys in pairs if n != 1)


@pytest.mark.parametrize("shape", [(-1,), (2, -1), (-1, -1), (4, -1), (0, -1), (7, 3), (6,), (-2,)])
@pytest.mark.parametrize("size", [6, 0])
def test_unknown_dimensions_and_their_errors_are_numpys(shape, size):
    try:
        expected = np.zeros(size).reshape(shape).shape
    except ValueError as error:
        with pytest.raises(ValueError) as info:
            layout.infer_shape(shape, size)
        assert str(info.value) == str(error)
    else:
        assert layout.infer_shape(shape, size) == expected


@given(lengths, lengths)
@settings(max_examples=200, deadline=None)
def test_broadcasting_is_numpys(a, b):
    try:
        expected = np.broadcast_shapes(tuple(a), tuple(b))
    except ValueError:
        with pytest.raises(ValueError, match="could not be broadcast together"):
            layout.broadcast_shape([tuple(a), tuple(b)])
    else:
        assert layout.broadcast_shape([tuple(a), tuple(b)]) == expected


def test_extent_covers_negative_strides():
    a = np.zeros((3, 4), np.int16)[::-1, ::2]
    low, high = layout.extent(a.shape, a.strides, 2)
    bounds = np.lib.array_utils.byte_bounds(a)
    start = a.__array_interface__["data"][0]
    assert (start + low, start + high) == bounds


def test_axes_of_a_reduction():
    assert layout.normalize_axes(None, 3) == (0, 1, 2)
    assert layout.normalize_axes((-1, 0), 3) == (0, 2)
    with pytest.raises(ValueError, match="duplicate value in 'axis'"):
        layout.normalize_axes((0, -3), 3)
    with pytest.raises(np.exceptions.AxisError, match="axis 3 is out of bounds"):
        layout.normalize_axes(3, 3)
