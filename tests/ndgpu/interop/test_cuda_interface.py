"""Arrays of Numba, CuPy and PyTorch on the same device, through fakes that offer what they do."""

import copy
import gc
import pickle
import threading
import weakref

import ml_dtypes
import numpy as np
import pytest

import ndgpu


class Foreign:
    """An array of another library over the memory of one of ours."""

    def __init__(self, array, **changes):
        self.array = array
        self.__cuda_array_interface__ = {
            "shape": array.shape,
            "typestr": array.dtype.str,
            "data": (array.ptr, False),
            "version": 3,
        } | changes


def numba(array):
    """What `numba.cuda` offers: strides always, no stream unless it was given one."""
    return Foreign(array, strides=array.strides, stream=None)


def cupy(array):
    """What CuPy offers: strides only where there are gaps, and its stream."""
    return Foreign(
        array,
        strides=None if array.flags.c_contiguous else array.strides,
        descr=[("", array.dtype.str)],
        stream=1,
    )


def torch(array):
    """What PyTorch offers: version 2, which has no stream."""
    return Foreign(array, strides=None, version=2)


@pytest.mark.parametrize("library", [numba, cupy, torch])
@pytest.mark.parametrize("dtype", "?bhilBHILefdFD")
def test_memory_is_shared(library, dtype):
    x = ndgpu.asarray(np.arange(6).reshape(2, 3).astype(dtype))
    y = ndgpu.asarray(library(x))
    assert (y.ptr, y.shape, y.dtype) == (x.ptr, x.shape, x.dtype)
    y[0] = 1
    np.testing.assert_array_equal(x.get(), y.get())


@pytest.mark.parametrize("library", [numba, cupy])
@pytest.mark.parametrize("index", [np.s_[:, ::2], np.s_[::-1], np.s_[1, ::-2], np.s_[1:, 2:]])
def test_strides_are_kept(library, index):
    x = ndgpu.arange(12.0).reshape(3, 4)[index]
    y = ndgpu.asarray(library(x))
    assert y.strides == x.strides and y.ptr == x.ptr
    np.testing.assert_array_equal(y.get(), x.get())


def test_copies_and_casts():
    x = ndgpu.arange(3)
    assert ndgpu.array(cupy(x)).ptr != x.ptr
    assert ndgpu.array(cupy(x), copy=False).ptr == x.ptr
    y = ndgpu.asarray(cupy(x), "f4", order="F")
    assert y.dtype == "f4" and y.tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="copy"):
        ndgpu.asarray(cupy(x), "f4", copy=False)
    host = ndgpu.asnumpy(cupy(x))
    assert isinstance(host, np.ndarray) and host.tolist() == [0, 1, 2]
    assert ndgpu.add(cupy(x), 1).tolist() == [1, 2, 3]


def test_the_producer_is_kept_alive():
    x = ndgpu.arange(3)
    alive = weakref.ref(x)
    y = ndgpu.asarray(numba(x))[1:]
    del x
    gc.collect()
    assert alive() is not None
    del y
    gc.collect()
    assert alive() is None


def test_memory_of_another_device():
    with ndgpu.cuda.Device(1):
        x = ndgpu.arange(3)
    y = ndgpu.asarray(cupy(x), device=1)
    assert y.device_id == 1 and y.ptr == x.ptr
    z = ndgpu.asarray(cupy(x), device=0)
    assert z.device_id == 0 and z.tolist() == [0, 1, 2]


def test_read_only_memory_is_copied():
    x = ndgpu.arange(3)
    fixed = Foreign(x, data=(x.ptr, True))
    assert ndgpu.asarray(fixed).ptr != x.ptr
    with pytest.raises(ValueError, match="read-only"):
        ndgpu.asarray(fixed, copy=False)


def test_what_is_refused():
    x = ndgpu.arange(3)
    with pytest.raises(BufferError, match="mask"):
        ndgpu.asarray(Foreign(x, mask=x))
    with pytest.raises(TypeError, match="native order"):
        ndgpu.asarray(Foreign(x, typestr=">i8"))
    with pytest.raises(TypeError, match="no place on a device"):
        ndgpu.asarray(Foreign(x, typestr="<M8[s]"))


def test_an_array_without_elements_has_no_memory():
    x = ndgpu.ones((0, 3), "f4")
    assert x.__cuda_array_interface__["data"] == (0, False)
    y = ndgpu.asarray(Foreign(x, data=(0, False)))
    assert y.shape == (0, 3) and y.dtype == "f4"


def test_our_work_waits_for_the_producers():
    producer = ndgpu.cuda.Stream(non_blocking=True)
    mine = ndgpu.cuda.Stream(non_blocking=True)
    x = ndgpu.zeros(1000)
    go = threading.Event()
    ndgpu.cuda.get_current_stream().synchronize()
    with producer:
        producer.launch_host_func(lambda _: go.wait(30))
        x += 1
    with mine:
        total = ndgpu.asarray(Foreign(x, stream=producer.ptr)).sum()
    assert not mine.done
    go.set()
    with mine:
        assert float(total) == 1000


def test_what_we_offer():
    x = ndgpu.arange(6, dtype="f4").reshape(2, 3)
    offered = x.__cuda_array_interface__
    assert offered == {
        "shape": (2, 3),
        "typestr": "<f4",
        "descr": [("", "<f4")],
        "strides": None,
        "data": (x.ptr, False),
        "stream": 1,
        "version": 3,
    }
    assert x.T.__cuda_array_interface__["strides"] == (4, 12)
    with ndgpu.cuda.Stream() as stream:
        assert x.__cuda_array_interface__["stream"] == stream.ptr


ARRAYS = {
    "dense": lambda: ndgpu.arange(6.0).reshape(2, 3),
    "transposed": lambda: ndgpu.arange(6, dtype="i2").reshape(2, 3).T,
    "strided": lambda: ndgpu.arange(12.0).reshape(3, 4)[::-1, ::2],
    "0-d": lambda: ndgpu.asarray(2.5),
    "empty": lambda: ndgpu.zeros((0, 2), bool),
    "bfloat16": lambda: ndgpu.asarray(np.arange(3).astype(ml_dtypes.bfloat16)),
    "complex": lambda: ndgpu.asarray([1 + 2j, -1j]),
}


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_comes_back_equal(name, protocol):
    x = ARRAYS[name]()
    y = pickle.loads(pickle.dumps(x, protocol))
    assert isinstance(y, ndgpu.ndarray) and (y.shape, y.dtype) == (x.shape, x.dtype)
    np.testing.assert_array_equal(y.get(), x.get())


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, ndgpu.copy])
def test_a_copy_is_apart(name, duplicate):
    x = ARRAYS[name]()
    y = duplicate(x)
    assert (y.shape, y.dtype, y.base) == (x.shape, x.dtype, None)
    before = x.get()
    np.testing.assert_array_equal(y.get(), before)
    y[...] = 0
    np.testing.assert_array_equal(x.get(), before)


def test_a_deep_copy_keeps_what_is_one_object_one():
    x = ndgpu.arange(3)
    a, b = copy.deepcopy([x, x])
    assert a is b and a is not x


def test_a_pickle_is_made_on_the_current_device():
    data = pickle.dumps(ndgpu.arange(3))
    with ndgpu.cuda.Device(1):
        assert pickle.loads(data).device_id == 1


def test_host_buffers_come_in():
    data = bytearray(np.arange(4, dtype="i4").tobytes())
    for buffer in (data, bytes(data), memoryview(data), np.frombuffer(data, "i4").data):
        assert ndgpu.frombuffer(buffer, "i4").tolist() == [0, 1, 2, 3]
    assert ndgpu.asarray(memoryview(data).cast("i")).tolist() == [0, 1, 2, 3]


def test_pinned_memory_is_a_buffer():
    pinned = ndgpu.cuda.alloc_pinned_memory(32)
    host = np.frombuffer(pinned, "f8", 4)
    host[...] = [1, 2, 3, 4]
    x = ndgpu.asarray(host)
    host[...] = 0
    assert x.tolist() == [1, 2, 3, 4]
    x.get(out=host)
    assert host.tolist() == [1, 2, 3, 4]
