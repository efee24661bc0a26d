"""Indexing against NumPy: views, index arrays, masks, and their errors."""

import numpy as np
import pytest
from tests.ndgpu.core.differential import check, compare, device_twin

import ndgpu

A = np.arange(2 * 3 * 4 * 5, dtype=np.int32).reshape(2, 3, 4, 5)

BASIC = [
    1,
    -1,
    slice(None),
    slice(1, None),
    slice(None, None, -1),
    slice(5, 1, -2),
    slice(3, 1),
    ...,
    None,
    (),
    (0, 1),
    (0, ..., 1),
    (..., None, 2),
    (None, slice(1), None, ..., slice(None, None, 2)),
    (1, 2, 3, 4),
    (slice(None), -1, slice(-2, None), slice(None, None, -2)),
    np.int64(1),
]
BAD = [
    2,
    -3,
    (0, 3),
    (0, 0, 0, 0, 0),
    (..., ...),
    1.0,
    "x",
    (0, slice(None), 9),
    np.array([0.5]),
    [5],
    np.array([[0, 3]]),
    (slice(None), [0, -4]),
    ([0, 1], [0, 1, 2]),
    np.zeros((2, 4), bool),
]
ADVANCED = [
    [0, 1, 1],
    [],
    np.array([[0, 1], [1, 0]]),
    np.array(1),
    (slice(None), [2, 0]),
    (slice(None), slice(None), [-1, 0, 2]),
    ([0, 1], [1, 2]),
    ([0, 1], slice(None), [1, 2]),
    (slice(None), [0, 2], [1, 3]),
    (0, slice(None), [1, 2]),
    (slice(None), 0, [1, 2]),
    ([[0], [1]], [0, 2]),
    (..., [0, 4]),
    (None, [0, 1]),
    (slice(None, None, -1), [1, 2], ..., slice(1, 3)),
    (np.array([0, 1], np.uint8), None, [1, 2]),
    np.array([True, False]),
    np.arange(6).reshape(2, 3) % 2 == 0,
    A % 3 == 0,
    (slice(None), np.array([True, False, True])),
    (slice(None), np.array([True, False, True]), slice(None), [0, 1]),
    True,
    False,
]


@pytest.mark.parametrize("key", BASIC, ids=repr)
def test_a_basic_index_gives_numpys_view(key):
    x = ndgpu.asarray(A)
    view, expected = x[key], A[key]
    compare(view, expected)
    assert view.base is x
    if expected.size > 1:
        assert view.strides == expected.strides
    assert view.ptr - x.ptr == (
        (A[(*key, ...)] if isinstance(key, tuple) and ... not in key else A[key] if expected.ndim
         else A[key, ...]).__array_interface__["data"][0] - A.__array_interface__["data"][0]
    )  # fmt: skip


@pytest.mark.parametrize("key", BAD, ids=repr)
def test_a_bad_index_raises_numpys_error(key):
    x = ndgpu.asarray(A)
    with pytest.raises(IndexError) as expected:
        A[key]
    with pytest.raises(IndexError) as got:
        x[key]
    if "could not be broadcast" not in str(expected.value):
        assert str(got.value).split(" for axis")[0] == str(expected.value).split(" for axis")[0]


@pytest.mark.parametrize("key", ADVANCED, ids=repr)
@pytest.mark.parametrize("where", ["host", "device"])
def test_an_index_with_arrays_gives_numpys_copy(key, where):
    def read(xp, a):
        index = key
        if xp is ndgpu and where == "device":
            index = _to_device(key)
        return a[index]

    check(read, A)


def _to_device(key):
    if isinstance(key, tuple):
        return tuple(_to_device(k) for k in key)
    if isinstance(key, (list, np.ndarray)):
        return ndgpu.asarray(np.asarray(key, None if len(np.shape(key)) and np.size(key) else int))
    return key


@pytest.mark.parametrize("key", [*BASIC, *ADVANCED[1:3], *ADVANCED[4:]], ids=repr)
def test_assignment_writes_where_numpys_does(key):
    shape = A[key].shape
    value = -np.arange(1, 1 + int(np.prod(shape)), dtype=np.int64).reshape(shape)
    if key is ADVANCED[2]:
        value = np.full(shape, -5)  # each element is named twice: which wins is not defined

    def write(xp, a, v):
        a = a.copy()
        a[key] = v
        return a

    check(write, A, value)
    check(write, A, 7)


@pytest.mark.parametrize("layout", ["transposed", "negative", "strided", "broadcast"])
def test_index_arrays_on_any_layout(layout):
    a = {
        "transposed": A.transpose(3, 1, 0, 2),
        "negative": A[::-1, :, ::-1],
        "strided": A[:, ::2, :, ::3],
        "broadcast": np.broadcast_to(A[:, :1], A.shape),
    }[layout]
    check(lambda xp, a: a[[1, 0]], a)
    check(lambda xp, a: a[:, [1, 0], :, [0, 1]], a)
    check(lambda xp, a: a[a % 2 == 0], a)
    if layout == "broadcast":
        return
    twin, copy = device_twin(a), a.copy()
    twin[:, [1, 0]] = ndgpu.asarray(a[:, :2])
    copy[:, [1, 0]] = a[:, :2]
    compare(twin, copy)


def test_assignment_broadcasts_and_casts():
    def write(xp, a, v):
        a = a.copy()
        a[1:, ::2] = v
        return a

    check(write, A, np.arange(5.0))
    check(write, A, np.ones((1, 1, 1, 2, 4, 5)))
    check(write, A, np.zeros(3))  # does not broadcast
    check(write, A, True)
    check(write, A, 2.75)


def test_overlapping_assignment_reads_first():
    def shift(xp, a):
        a = a.copy()
        a[1:] = a[:-1]
        a[:, ::-1] = a
        return a

    check(shift, np.arange(40).reshape(10, 4))


def test_an_integer_that_does_not_fit_is_refused():
    x = ndgpu.zeros(3, "i1")
    with pytest.raises(OverflowError, match="out of bounds for int8"):
        x[0] = 300


def test_masks_of_fewer_axes_and_scalars():
    def write(xp, a, mask):
        a = a.copy()
        a[mask] = 9
        return a

    check(write, A, np.array([False, True]))
    check(write, A, A[:, :, 0, 0] > 10)


def test_take_repeat_and_nonzero():
    for axis in (None, 0, 2, -1):
        check(lambda xp, a, axis=axis: xp.take(a, [1, 0, -1], axis=axis), A)
    check(lambda xp, a: xp.take(a, [9, -9], axis=1, mode="wrap"), A)
    check(lambda xp, a: xp.take(a, [9, -9], axis=1, mode="clip"), A)
    check(lambda xp, a: xp.take(a, [9], axis=1), A)
    check(lambda xp, a: xp.take(a, [0], mode="unknown"), A)
    check(lambda xp, a: xp.repeat(a, 2, axis=1), A)
    check(lambda xp, a: xp.repeat(a, [1, 0, 2], axis=1), A)
    check(lambda xp, a: xp.repeat(a, [1, 0], axis=1), A)
    check(lambda xp, a: a.nonzero(), A % 7 == 0)
    check(lambda xp, a: xp.nonzero(a), np.array(3))
    check(lambda xp, a: xp.argwhere(a), A % 7 == 0)
    check(lambda xp, a: xp.flatnonzero(a), A % 7 == 0)


def test_iteration_and_length():
    x = ndgpu.asarray(A[0, 0])
    assert len(x) == 4
    assert [row.tolist() for row in x] == A[0, 0].tolist()
    with pytest.raises(TypeError, match="iteration over a 0-d array"):
        iter(x[0, 0])
    with pytest.raises(TypeError, match="unsized"):
        len(x[0, 0])
