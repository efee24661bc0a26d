"""The array itself: attributes, conversions, copies, casts and views."""

import copy
import pickle
import threading
import warnings

import numpy as np
import pytest
from tests.ndgpu.core.differential import check, compare, device_twin

import ndgpu

A = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


def test_attributes_are_numpys():
    x = ndgpu.asarray(A)
    for name in ("shape", "strides", "dtype", "size", "ndim", "nbytes", "itemsize"):
        assert getattr(x, name) == getattr(A, name)
        assert getattr(x.T, name) == getattr(A.T, name)
    assert x.flags.c_contiguous and not x.flags["F_CONTIGUOUS"] and x.flags.owndata
    assert x.T.flags.f_contiguous and not x.T.flags.owndata
    assert x.base is None and x.T.base is x and x.T[0].base is x
    assert x.ptr == x.data.ptr and x[1].data.ptr == x.ptr + x.strides[0]
    assert x.device == ndgpu.cuda.Device(0) and x.device_id == 0
    with pytest.raises(AttributeError):
        x.dtype = np.int32
    with pytest.raises(KeyError, match="Unknown flag"):
        x.flags["NOTHING"]


def test_making_arrays():
    x = ndgpu.ndarray((2, 3), "f4", order="F")
    assert x.strides == (4, 8)
    y = ndgpu.ndarray((2, 2), "f4", memptr=x.data, strides=(8, -4 + 8))
    assert y.ptr == x.ptr
    for bad, error in (
        (lambda: ndgpu.ndarray(-1), ValueError),
        (lambda: ndgpu.ndarray(1.5), TypeError),
        (lambda: ndgpu.ndarray(2, object), TypeError),
        (lambda: ndgpu.ndarray(2, order="X"), ValueError),
        (lambda: ndgpu.ndarray((2, 2), strides=(4,)), ValueError),
    ):
        with pytest.raises(error):
            bad()


@pytest.mark.parametrize("dtype", ["U3", "M8[s]", "O", "g", [("a", "i4")]])
def test_dtypes_that_no_device_holds_are_named(dtype):
    with pytest.raises(TypeError, match="has no place on a device"):
        ndgpu.zeros(2, dtype)


@pytest.mark.parametrize(
    "source",
    [3, 2.5, True, 1j, [1, 2], [[1.5], [2]], (), [], np.float32(2), A, A.T, A[::-1, :, ::2],
     np.array([1, 2], ">i4"), range(3), np.zeros((0, 3))],
    ids=repr,
)  # fmt: skip
def test_asarray_takes_what_numpy_takes(source):
    compare(
        ndgpu.asarray(source), np.asarray(source).astype(np.asarray(source).dtype.newbyteorder("="))
    )


def test_array_copies_and_asarray_does_not():
    x = ndgpu.asarray(A)
    assert ndgpu.asarray(x) is x and ndgpu.asarray(x, "f4") is x
    assert ndgpu.array(x).ptr != x.ptr
    assert ndgpu.asarray(x, "f8").dtype == np.float64
    assert ndgpu.array(3, ndmin=2).shape == (1, 1)
    assert ndgpu.array([x, x]).shape == (2, 2, 3, 4)
    assert ndgpu.array([[x[0, 0, 0], 5.0]]).tolist() == [[0.0, 5.0]]
    assert ndgpu.asarray(A.T).flags.f_contiguous
    assert ndgpu.array(x, order="F").flags.f_contiguous
    with pytest.raises(ValueError, match="Unable to avoid copy"):
        ndgpu.array([1], copy=False)
    with pytest.raises(ValueError, match="Unable to avoid copy"):
        ndgpu.asarray(x, "f8", copy=False)
    with pytest.raises(ValueError, match="inhomogeneous"):
        ndgpu.array([x, x[0]])


def test_get_and_set():
    x = ndgpu.asarray(A)
    np.testing.assert_array_equal(x.get(), A)
    assert x.T.get(order="A").flags.f_contiguous and x.T.get().flags.c_contiguous
    out = np.empty_like(A)
    assert x.get(out=out) is out and (out == A).all()
    stream = ndgpu.cuda.Stream(non_blocking=True)
    ndgpu.cuda.get_current_stream().synchronize()
    late = (x.T).get(stream, blocking=False)
    stream.synchronize()
    np.testing.assert_array_equal(late, A.T)
    for y, source in ((x, A * 2), (x.T, A.T + 1), (x[:, ::2], A[:, ::2] * 5)):
        y.set(source)
        np.testing.assert_array_equal(y.get(), source)
    x.set(np.ones((2, 3, 4), np.float64))
    with pytest.raises(ValueError, match=r"set: shapes differ: .*\(2, 3, 4\).*\(3,\)"):
        x.set(np.ones(3))
    with pytest.raises(ValueError, match="`out` must have shape"):
        x.get(out=np.empty(3))
    with pytest.raises(TypeError, match=r"`out` must be a numpy\.ndarray"):
        x.get(out=[1])
    with pytest.raises(TypeError, match="got a device array"):
        x.set(x)
    assert ndgpu.asnumpy([1, 2]).tolist() == [1, 2]


def test_no_copy_to_the_host_unasked():
    x = ndgpu.ones(2)
    with pytest.raises(TypeError, match=r"use `x.get\(\)`"):
        np.asarray(x)
    with pytest.raises(TypeError, match=r"numpy\.busday_count is not supported on device arrays"):
        np.busday_count(x, x)
    assert isinstance(np.concatenate([x, x]), ndgpu.ndarray)


CONVERSIONS = [
    (convert, shape)
    for convert in (bool, int, float, complex, len, hash)
    for shape in ((), (1,), (2,), (0,))
    # NumPy warns that a number made of an array of one dimension is deprecated.
    if (convert, shape) not in {(int, (1,)), (float, (1,)), (complex, (1,))}
]


@pytest.mark.parametrize(("convert", "shape"), CONVERSIONS)
def test_conversions_to_python(convert, shape):
    check(lambda xp, a: convert(a), np.full(shape, 3))


def test_index_item_and_lists():
    check(lambda xp, a: [10, 20, 30, 40][a], np.array(2))
    check(lambda xp, a: [10, 20][a], np.array(1.0))
    check(lambda xp, a: a.item(), np.array([[2.5]]))
    check(lambda xp, a: a.item(), A)
    check(lambda xp, a: a.item(5), A)
    check(lambda xp, a: a.item(1, 2, 3), A)
    check(lambda xp, a: a.tolist(), A)
    check(lambda xp, a: a.tobytes(), A.T)
    assert 5.0 in ndgpu.asarray(A) and 99.0 not in ndgpu.asarray(A)


def test_printing_is_numpys():
    for a in (A, np.array(2.5), np.array([True]), np.zeros((0, 2), "i2"), np.arange(2000)):
        assert repr(ndgpu.asarray(a)) == repr(a) and str(ndgpu.asarray(a)) == str(a)
    assert f"{ndgpu.asarray(2.5):.3f}" == "2.500"


def test_pickling_and_copying():
    x = ndgpu.asarray(A)
    for y in (pickle.loads(pickle.dumps(x.T)), copy.copy(x.T), copy.deepcopy(x.T)):
        assert y.base is None and y.ptr != x.ptr
        np.testing.assert_array_equal(y.get(), A.T)


CASTS = ["?", "i1", "u1", "i4", "u8", "e", "f", "d", "F"]


@pytest.mark.parametrize("source", CASTS)
def test_casts(source):
    values = (
        np.array([0, 1, 2, 100, -1, -100]) if source not in ("u1", "u8") else np.array([0, 1, 200])
    )
    a = values.astype(source)
    if a.dtype.kind in "fc":
        a = a * a.dtype.type(1.5)
    for target in CASTS:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", np.exceptions.ComplexWarning)
            expected = a.astype(target)
        if np.dtype(target).kind == "u" and a.dtype.kind in "fc" and target == "u8":
            continue  # a negative number has no answer of its own in C
        compare(ndgpu.asarray(a).astype(target), expected)


def test_astype_keywords():
    x = ndgpu.asarray(A)
    assert x.astype("f4", copy=False) is x and x.astype("f4") is not x
    assert x.T.astype("f8").strides == A.T.astype("f8").strides
    assert x.T.astype("f8", order="C").flags.c_contiguous
    with pytest.raises(TypeError, match="according to the rule 'safe'"):
        x.astype("i4", casting="safe")
    with pytest.raises(ValueError, match="order must be one of"):
        x.astype("f8", order="X")


def test_fill():
    for dtype in ("?", "i2", "f4", "f8", "F"):
        a = np.empty((3, 4), dtype)
        for value in (0, 1, 7):
            check(lambda xp, a, v=value: (a.fill(v), a)[1], a)
            check(lambda xp, a, v=value: (a.T[::2].fill(v), a)[1], np.zeros_like(a))
    with pytest.raises(OverflowError):
        ndgpu.zeros(2, "i1").fill(1000)


VIEWS = {
    "reshape": lambda a: a.reshape(4, -1),
    "reshape F": lambda a: a.reshape((6, 4), order="F"),
    "ravel": lambda a: a.ravel(),
    "ravel F": lambda a: a.ravel("F"),
    "flatten": lambda a: a.flatten(),
    "T": lambda a: a.T,
    "mT": lambda a: a.mT,
    "transpose": lambda a: a.transpose(1, 0, 2),
    "transpose tuple": lambda a: a.transpose((2, -2, 0)),
    "swapaxes": lambda a: a.swapaxes(0, -1),
    "squeeze": lambda a: a[:1].squeeze(),
    "squeeze axis": lambda a: a[:, :1].squeeze(axis=1),
    "diagonal": lambda a: a.diagonal(1, 1, 2),
    "diagonal below": lambda a: a.diagonal(-1),
    "view": lambda a: a.view("i4"),
    "view smaller": lambda a: a.view("u1"),
    "view larger": lambda a: a.view("f8"),
    "real": lambda a: a.real,
    "imag": lambda a: a.imag,
    "complex parts": lambda a: a.astype("F").view("f4"),
    "bad reshape": lambda a: a.reshape(5, 5),
    "bad transpose": lambda a: a.transpose(0, 1),
    "repeated transpose": lambda a: a.transpose(0, 0, 1),
    "bad swapaxes": lambda a: a.swapaxes(0, 3),
    "bad squeeze": lambda a: a.squeeze(0),
    "bad view": lambda a: a[:, :, ::2].view("u1"),
    "indivisible view": lambda a: a[:, :, :3].view("f8"),
    "no copy": lambda a: a.T.reshape(-1, copy=False),
}


@pytest.mark.parametrize("name", VIEWS)
def test_views(name):
    check(lambda xp, a: VIEWS[name](a), A)
    x, a = device_twin(A), A.copy()
    try:
        view, expected = VIEWS[name](x), VIEWS[name](a)
    except (ValueError, np.exceptions.AxisError):
        return
    if name != "imag":
        # Both show the array's memory, or neither does.
        shares = np.shares_memory(expected, a)
        assert ndgpu.shares_memory(view, x) == shares
        if shares and expected.size:
            assert view.strides == expected.strides


def test_parts_of_complex_arrays_are_views():
    def change(xp, a):
        a = a.copy()
        a.real = 5
        a.imag[::2] = 7
        a.real[0] += 1
        return a

    check(change, np.arange(4) + 1j)
    with pytest.raises(TypeError, match="not complex"):
        ndgpu.ones(2).imag = 3


def test_the_shape_can_be_set():
    x = ndgpu.arange(6)
    x.shape = (2, -1)
    assert x.shape == (2, 3) and x[1].tolist() == [3, 4, 5]
    with pytest.raises(AttributeError, match="Incompatible shape for in-place modification"):
        x.T.shape = (6,)


def test_cuda_array_interface_round_trip():
    x = ndgpu.asarray(A)[:, ::2]

    class Foreign:
        __cuda_array_interface__ = x.__cuda_array_interface__

    y = ndgpu.asarray(Foreign())
    assert y.ptr == x.ptr and y.strides == x.strides
    y[...] = 1
    assert (x.get() == 1).all()


def test_arrays_of_another_device():
    if ndgpu.cuda.device_count() < 2:
        pytest.skip("one device")
    x = ndgpu.asarray(A)
    with ndgpu.cuda.Device(1):
        y = ndgpu.asarray(x)
        assert y.device_id == 1 and (y.get() == A).all()
        with pytest.raises(ValueError, match="device 0 but the current device is 1"):
            x + y
        y[0] = x[1]
        assert (y[0].get() == A[1]).all()
    assert (y.get()[1] == A[1]).all()
    with pytest.raises(ValueError, match="device 1 but the current device is 0"):
        y + 1.0


def test_threads_share_arrays():
    x = ndgpu.asarray(A)
    results = []

    def work():
        results.append(float((x + x).sum()))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert results == [float(2 * A.sum())] * 4
