"""DLPack: what is shared, what is copied, who waits for whom, and that memory is freed once."""

import ctypes
import gc
import threading
import weakref

import ml_dtypes
import numpy as np
import pytest

import ndgpu
from ndgpu import driver
from ndgpu.interop import capsules

DTYPES = "?bhilBHILefdFD"
LAYOUTS = {
    "dense": lambda a: a,
    "transposed": lambda a: a.T,
    "every other": lambda a: a[:, ::2],
    "backwards": lambda a: a[::-1, ::-1],
    "broadcast": lambda a: ndgpu.broadcast_to(a[:1], (5, 4)),
    "row": lambda a: a[1],
    "0-d": lambda a: a[1, 2],
    "empty": lambda a: a[:0],
}
attribute = driver.CUpointer_attribute


@pytest.fixture
def gpu(monkeypatch):
    """A driver whose device memory host programs cannot use, as a GPU's."""
    ask = driver.cuPointerGetAttribute

    def answer(which, pointer):
        if which == attribute.CU_POINTER_ATTRIBUTE_HOST_POINTER:
            return driver.CUresult.CUDA_ERROR_INVALID_VALUE, None
        return ask(which, pointer)

    monkeypatch.setattr(driver, "cuPointerGetAttribute", answer)


class Foreign:
    """An array of another library over the memory of one of ours; notes how it was asked."""

    def __init__(self, array, device=(capsules.CUDA, 0), versioned=True, old=False):
        self.array, self.device, self.versioned, self.old = array, device, versioned, old
        self.asked = None

    def __dlpack_device__(self):
        return self.device

    def __dlpack__(self, **keywords):
        if self.old and "max_version" in keywords:
            raise TypeError("__dlpack__() got an unexpected keyword argument 'max_version'")
        self.asked = keywords
        a = self.array
        return capsules.make(
            a.ptr,
            a.shape,
            a.strides,
            a.dtype,
            self.device,
            a,
            versioned=self.versioned,
            copied=False,
        )


def managed(capsule):
    """The structure behind a capsule, and its name."""
    for name in (b"dltensor", b"dltensor_versioned"):
        if capsules._is_valid(capsule, name):
            return capsules._STRUCTURES[name].from_address(capsules._pointer(capsule, name)), name
    raise AssertionError("no capsule")


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_numpy_shares_what_is_exported(dtype, layout):
    host = np.arange(12).reshape(3, 4).astype(dtype)
    x = LAYOUTS[layout](ndgpu.asarray(host))
    if x.__dlpack_device__() != (capsules.CPU, 0):
        pytest.skip("the device's memory is not the processor's")
    y = np.from_dlpack(x)
    np.testing.assert_array_equal(y, x.get())
    assert y.dtype == x.dtype
    if x.size:
        assert y.ctypes.data == x.ptr


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("versioned", [False, True])
def test_a_capsule_comes_back_as_it_went(dtype, layout, versioned):
    x = LAYOUTS[layout](ndgpu.asarray(np.arange(12).reshape(3, 4).astype(dtype)))
    capsule = x.__dlpack__(max_version=(1, 0) if versioned else None)
    assert managed(capsule)[1] == (b"dltensor_versioned" if versioned else b"dltensor")
    y = ndgpu.fromDlpack(capsule)
    assert (y.shape, y.dtype) == (x.shape, x.dtype)
    np.testing.assert_array_equal(y.get(), x.get())
    if x.size > 1:
        assert y.ptr == x.ptr


def test_bfloat16_has_its_own_code():
    x = ndgpu.asarray(np.array([1.5, -2, 3], ml_dtypes.bfloat16))
    capsule = x.__dlpack__()
    tensor = managed(capsule)[0].tensor
    assert (tensor.code, tensor.bits, tensor.lanes) == (4, 16, 1)
    y = ndgpu.fromDlpack(capsule)
    assert y.dtype == x.dtype and y.ptr == x.ptr
    copied = ndgpu.fromDlpack(x.__dlpack__(dl_device=(1, 0), copy=True))
    np.testing.assert_array_equal(copied.get(), x.get())


@pytest.mark.parametrize("dtype", DTYPES)
def test_host_memory_is_copied(dtype):
    host = np.arange(12).reshape(3, 4).astype(dtype)[::-1, ::2]
    x = ndgpu.from_dlpack(host)
    np.testing.assert_array_equal(x.get(), host)
    assert x.dtype == host.dtype
    with pytest.raises(BufferError, match="host memory"):
        ndgpu.from_dlpack(host, copy=False)


def test_an_array_without_elements_needs_no_copy():
    assert ndgpu.from_dlpack(np.empty((0, 3)), copy=False).shape == (0, 3)


def test_device_arrays_are_shared_or_copied():
    x = ndgpu.arange(6.0).reshape(2, 3)
    for copy in (None, False):
        y = ndgpu.from_dlpack(x, copy=copy)
        assert y is not x and y.ptr == x.ptr
    y = ndgpu.from_dlpack(x, copy=True)
    assert y.ptr != x.ptr
    np.testing.assert_array_equal(y.get(), x.get())


def test_another_device_gets_a_copy():
    x = ndgpu.arange(3)
    y = ndgpu.from_dlpack(x, device=1)
    assert y.device_id == 1
    np.testing.assert_array_equal(y.get(), x.get())
    with pytest.raises(BufferError, match="copy=False"):
        ndgpu.from_dlpack(x, device=1, copy=False)
    assert ndgpu.from_dlpack(np.arange(3), device=1).device_id == 1
    assert ndgpu.from_dlpack(Foreign(x), device=1).device_id == 1
    assert ndgpu.from_dlpack(Foreign(y)).device_id == 1  # the driver knows whose it is


@pytest.mark.parametrize("old", [False, True])
def test_a_foreign_array_is_shared_and_kept_alive(old):
    x = ndgpu.arange(6.0).reshape(2, 3)[:, ::2]
    alive = weakref.ref(x)
    foreign = Foreign(x, versioned=not old, old=old)
    y = ndgpu.from_dlpack(foreign)
    assert foreign.asked["stream"] == 1  # the legacy default stream, in DLPack's numbers
    assert ("max_version" in foreign.asked) != old
    assert y.ptr == x.ptr and y.strides == x.strides
    y += 1
    np.testing.assert_array_equal(x.get(), [[1, 3], [4, 6]])
    del x, foreign
    gc.collect()
    assert alive() is not None
    del y
    gc.collect()
    assert alive() is None


def test_the_producer_is_told_our_stream():
    stream = ndgpu.cuda.Stream()
    foreign = Foreign(ndgpu.arange(3))
    with stream:
        ndgpu.from_dlpack(foreign)
    assert foreign.asked["stream"] == stream.ptr
    host = Foreign(ndgpu.arange(3), device=(capsules.CPU, 0))
    ndgpu.from_dlpack(host)
    assert "stream" not in host.asked


def test_read_only_memory_is_copied():
    x = ndgpu.arange(3.0)
    capsule = x.__dlpack__(max_version=(1, 0))
    managed(capsule)[0].flags |= 1
    y = ndgpu.fromDlpack(capsule)
    assert y.ptr != x.ptr

    class ReadOnly(Foreign):
        def __dlpack__(self, **keywords):
            capsule = super().__dlpack__(**keywords)
            managed(capsule)[0].flags |= 1
            return capsule

    with pytest.raises(BufferError, match="read-only"):
        ndgpu.from_dlpack(ReadOnly(x), copy=False)
    assert ndgpu.from_dlpack(ReadOnly(x)).ptr != x.ptr
    host = np.arange(3.0)
    host.flags.writeable = False
    np.testing.assert_array_equal(ndgpu.from_dlpack(host).get(), host)


def count_deletions(capsule):
    """Let the capsule's deleter count its calls."""
    structure, _ = managed(capsule)
    original = capsules._DELETER(structure.deleter)
    calls = []

    @capsules._DELETER
    def deleter(address):
        calls.append(address)
        original(address)

    structure.deleter = ctypes.cast(deleter, ctypes.c_void_p).value
    return calls, deleter


@pytest.mark.parametrize("version", [None, (1, 0)])
def test_a_deleter_runs_once(version):
    x = ndgpu.arange(3)
    for consume in (False, True):
        capsule = x.__dlpack__(max_version=version)
        calls, keep = count_deletions(capsule)
        if consume:
            y = ndgpu.fromDlpack(capsule)
            views = y[1:], y[::-1]
            del y
            assert calls == []
            del views
            assert len(calls) == 1
        del capsule
        gc.collect()
        assert len(calls) == 1, keep


def test_what_numpy_took_is_freed_in_any_thread():
    x = ndgpu.arange(3)
    if x.__dlpack_device__() != (capsules.CPU, 0):
        pytest.skip("the device's memory is not the processor's")
    alive = weakref.ref(x)
    held = [np.from_dlpack(x)]
    del x
    gc.collect()
    assert alive() is not None
    thread = threading.Thread(target=held.clear)
    thread.start()
    thread.join()
    assert alive() is None


def test_a_capsule_that_is_refused_stays_its_producers():
    x = ndgpu.arange(3)
    alive = weakref.ref(x)
    for field, value, message in (
        ("lanes", 4, "4 lanes"),
        ("bits", 4, "4 bits"),
        ("code", 3, "type code 3"),
        ("code", 12, "type code 12"),
    ):
        capsule = x.__dlpack__(max_version=(1, 0))
        setattr(managed(capsule)[0].tensor, field, value)
        with pytest.raises(BufferError, match=message):
            ndgpu.fromDlpack(capsule)
        assert managed(capsule)[1] == b"dltensor_versioned"  # not marked as used
    capsule = x.__dlpack__(max_version=(1, 0))
    managed(capsule)[0].major = 2
    with pytest.raises(BufferError, match=r"DLPack 2\.0"):
        ndgpu.fromDlpack(capsule)
    del capsule, x
    gc.collect()
    assert alive() is None


def test_a_pending_exception_survives_the_end_of_a_capsule():
    # NumPy gives up while it holds the capsule, and drops it with its exception set.
    x = ndgpu.asarray(np.ones(3, ml_dtypes.bfloat16))
    if x.__dlpack_device__() != (capsules.CPU, 0):
        pytest.skip("the device's memory is not the processor's")
    alive = weakref.ref(x)
    with pytest.raises((RuntimeError, BufferError), match=r"[Uu]nsupported"):
        np.from_dlpack(x)
    del x
    gc.collect()
    assert alive() is None


def test_a_capsule_is_consumed_once():
    capsule = ndgpu.arange(3).toDlpack()
    ndgpu.fromDlpack(capsule)
    with pytest.raises(BufferError, match="consumed before"):
        ndgpu.fromDlpack(capsule)
    with pytest.raises(TypeError, match="int 3"):
        ndgpu.fromDlpack(3)
    with pytest.raises(AttributeError, match="__dlpack__"):
        ndgpu.from_dlpack(3)


def test_memory_that_is_no_cuda_device_is_refused():
    with pytest.raises(BufferError, match=r"\(10, 0\)"):
        ndgpu.from_dlpack(Foreign(ndgpu.arange(3), device=(10, 0)))


def test_device_memory_that_the_driver_does_not_know_is_refused(monkeypatch):
    x = ndgpu.arange(3)
    invalid = driver.CUresult.CUDA_ERROR_INVALID_VALUE
    monkeypatch.setattr(driver, "cuPointerGetAttribute", lambda which, pointer: (invalid, None))
    with pytest.raises(BufferError, match="NDGPU_DEVICE"):
        ndgpu.from_dlpack(Foreign(x))


def test_kinds_of_memory():
    with ndgpu.cuda.using_allocator(ndgpu.cuda.malloc_managed):
        x = ndgpu.arange(3)
    assert x.__dlpack_device__() == (capsules.CUDA_MANAGED, 0)
    with ndgpu.cuda.Device(1):
        y = ndgpu.empty(0)
    assert y.__dlpack_device__()[0] in (capsules.CPU, capsules.CUDA)
    np.testing.assert_array_equal(np.from_dlpack(x), [0, 1, 2])


def test_a_gpus_memory_is_a_cuda_device(gpu):
    with ndgpu.cuda.Device(1):
        x = ndgpu.arange(6.0).reshape(2, 3).T
    assert x.__dlpack_device__() == (capsules.CUDA, 1)
    capsule = x.__dlpack__(max_version=(1, 0))
    tensor = managed(capsule)[0].tensor
    assert (tensor.device_type, tensor.device_id, tensor.data) == (capsules.CUDA, 1, x.ptr)
    assert managed(capsule)[0].flags == 0
    assert ndgpu.fromDlpack(capsule).ptr == x.ptr


def test_a_gpus_memory_for_the_processor_is_a_copy(gpu):
    x = ndgpu.arange(6.0).reshape(2, 3).T

    class Exported:
        def __dlpack_device__(self):
            return capsules.CPU, 0

        def __dlpack__(self, **keywords):
            keywords.pop("dl_device", None)
            return x.__dlpack__(dl_device=(capsules.CPU, 0), **keywords)

    y = np.from_dlpack(Exported())
    np.testing.assert_array_equal(y, x.get())
    assert y.ctypes.data != x.ptr
    with pytest.raises(BufferError, match="copy=False"):
        x.__dlpack__(dl_device=(capsules.CPU, 0), copy=False)
    with pytest.raises(BufferError, match="not on"):
        x.__dlpack__(dl_device=(capsules.CUDA, 7))


@pytest.mark.parametrize("dl_device", [None, (capsules.CPU, 0)])
def test_a_copy_is_marked(dl_device):
    x = ndgpu.arange(3)
    capsule = x.__dlpack__(max_version=(1, 2), copy=True, dl_device=dl_device)
    assert managed(capsule)[0].flags == 2
    assert managed(capsule)[0].tensor.data != x.ptr


def test_the_consumers_stream_waits_for_ours(gpu):
    mine, theirs = ndgpu.cuda.Stream(non_blocking=True), ndgpu.cuda.Stream(non_blocking=True)
    go = threading.Event()
    with mine:
        x = ndgpu.zeros(1000)
        mine.synchronize()
        mine.launch_host_func(lambda _: go.wait(30))
        x += 1
        capsule = x.__dlpack__(stream=theirs.ptr)
    with theirs:
        total = ndgpu.fromDlpack(capsule).sum()
    assert not theirs.done
    go.set()
    with theirs:
        assert float(total) == 1000


def test_minus_one_asks_for_no_waiting(gpu):
    mine, theirs = ndgpu.cuda.Stream(non_blocking=True), ndgpu.cuda.Stream(non_blocking=True)
    go = threading.Event()
    with mine:
        x = ndgpu.zeros(10)
        mine.synchronize()
        mine.launch_host_func(lambda _: go.wait(30))
        x.__dlpack__(stream=-1)
    theirs.synchronize()
    assert not mine.done
    go.set()
    mine.synchronize()


@pytest.mark.parametrize("stream", [0, -2, 1.5, True, "1"])
def test_what_is_no_stream_is_refused(stream):
    with pytest.raises(ValueError, match="stream"):
        ndgpu.arange(3).__dlpack__(stream=stream)


def test_strides_that_are_no_whole_elements_are_refused():
    x = ndgpu.ndarray((2,), "i4", ndgpu.zeros(16, "i1").data, strides=(6,))
    with pytest.raises(BufferError, match="multiple of itemsize"):
        x.__dlpack__()
