"""Several devices: arrays know theirs; what mixes them copies, as documented, or says so."""

from __future__ import annotations

import copy
import pickle
import threading

import numpy as np
import pytest

import ndgpu as xp
from ndgpu import cuda


@pytest.fixture
def there() -> xp.ndarray:
    with cuda.Device(1):
        return xp.arange(4.0)


@pytest.fixture
def here() -> xp.ndarray:
    return xp.ones(4)


# Operators, ufuncs and kernels do nothing but launch: they refuse.
REFUSED = {
    "add": lambda h, t: h + t,
    "add a number": lambda h, t: t + 1,
    "in place": lambda h, t: t.__iadd__(1),
    "out": lambda h, t: xp.add(h, h, out=t),
    "raw": lambda h, t: xp.RawKernel('extern "C" __global__ void k(double*){}', "k")(
        (1,), (1,), (t,)
    ),
    "elementwise": xp.ElementwiseKernel("T x, T y", "T z", "z = x + y", "k"),
    "reduction": lambda h, t: xp.ReductionKernel("T x", "T y", "x", "a + b", "y = a", "0", "k")(t),
}


@pytest.mark.parametrize("name", REFUSED)
def test_operations_across_devices_are_refused(name, here, there):
    with pytest.raises(ValueError, match=r"is on device 1 but the current device is 0; copy it"):
        REFUSED[name](here, there)
    assert there.get().tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("name", REFUSED)
def test_and_work_where_the_arrays_are(name, there):
    with cuda.Device(1):
        REFUSED[name](xp.ones(4), there.copy())


def of(array):
    """The library of an array."""
    return np if isinstance(array, np.ndarray) else xp


# Functions bring what they are given to the current device, as `asarray` does.
BROUGHT = {
    "where": lambda h, t: of(t).where(h > 0, h, t),
    "sum": lambda h, t: t.sum(),
    "argmax": lambda h, t: t.argmax(),
    "mean": lambda h, t: of(t).mean(t),
    "cumsum": lambda h, t: of(t).cumsum(t),
    "sort": lambda h, t: of(t).sort(t),
    "matmul": lambda h, t: h @ t,
    "dot": lambda h, t: t.dot(t),
    "einsum": lambda h, t: of(t).einsum("i,i->i", t, h),
    "maximum.reduce": lambda h, t: of(t).maximum.reduce(t),
    "any": lambda h, t: t.any(),
}


@pytest.mark.parametrize("name", BROUGHT)
def test_functions_bring_their_arguments_to_the_current_device(name, here, there):
    result = BROUGHT[name](here, there)
    wanted = BROUGHT[name](np.ones(4), np.arange(4.0))
    assert result.device == cuda.Device(0)
    assert np.array_equal(result.get(), wanted)
    with cuda.Device(1):
        assert BROUGHT[name](xp.ones(4), there).device == cuda.Device(1)


COPIED = {
    "copy": lambda h, t: t.copy(),
    "array": lambda h, t: xp.array(t),
    "asarray": lambda h, t: xp.asarray(t),
    "ascontiguousarray": lambda h, t: xp.ascontiguousarray(t),
    "astype": lambda h, t: t.astype(np.float32),
    "copyto": lambda h, t: xp.copyto(h, t) or h,
    "setitem": lambda h, t: h.__setitem__(slice(None), t) or h,
    "concatenate": lambda h, t: xp.concatenate([h[:0], t]),
    "copy.copy": lambda h, t: copy.copy(t),
    "pickle": lambda h, t: pickle.loads(pickle.dumps(t)),
    "asnumpy": lambda h, t: xp.asarray(xp.asnumpy(t)),
}


@pytest.mark.parametrize("name", COPIED)
def test_copies_come_to_the_current_device(name, here, there):
    result = COPIED[name](here, there)
    assert result.device == cuda.Device(0)
    assert result.get().tolist() == [0, 1, 2, 3]
    assert there.device == cuda.Device(1)
    assert (result + here).shape == (4,)


def test_copies_of_what_is_not_dense(there):
    assert xp.asarray(there[::-1]).get().tolist() == [3, 2, 1, 0]
    assert xp.asarray(there[::2]).get().tolist() == [0, 2]
    with cuda.Device(1):
        wide = xp.arange(6, dtype=np.int16).reshape(2, 3)
    target = xp.zeros((3, 2), np.int64)
    target[...] = wide.T
    assert target.get().tolist() == [[0, 3], [1, 4], [2, 5]]


def test_writing_to_another_device(there):
    there[1:3] = 7
    there[0] = xp.asarray(5.0)
    there[3:] = np.array([9.0])
    assert there.get().tolist() == [5, 7, 7, 9]
    there.fill(2)
    there.set(np.arange(4.0))
    assert there.get().tolist() == [0, 1, 2, 3]
    xp.copyto(there, xp.full(4, 3.0))
    assert there.get().tolist() == [3, 3, 3, 3]
    assert there.device == cuda.Device(1)


def test_copies_wait_for_the_work_of_the_other_device():
    with cuda.Device(1):
        x = xp.zeros(1 << 20)
        for _ in range(20):
            x += 1
        y = None
    y = xp.asarray(x)
    assert y.get().min() == 20
    x2 = xp.zeros(1 << 20)
    for _ in range(20):
        x2 += 1
    x[...] = x2
    with cuda.Device(1):
        assert float((x == 20).all()) == 1


def test_views_and_host_copies_need_no_current_device(there):
    view = there.reshape(2, 2)[1]
    assert view.device == cuda.Device(1)
    assert view.get().tolist() == [2, 3]
    assert str(there) == "[0. 1. 2. 3.]"
    assert [float(x) for x in there] == [0, 1, 2, 3]
    assert there.tolist() == [0, 1, 2, 3]


def test_the_current_device_is_of_the_thread():
    seen = []

    def work() -> None:
        seen.append(cuda.Device().id)
        cuda.Device(1).use()
        seen.append(xp.ones(2).device.id)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [0, 1]
    assert xp.ones(2).device.id == 0


def test_blocks_of_devices_nest():
    with cuda.Device(1):
        with cuda.Device(0), cuda.Device(1), cuda.Device(1):
            assert cuda.get_device_id() == 1
        assert xp.zeros(1).device.id == 1
        with pytest.raises(RuntimeError, match="stop"), cuda.Device(0):
            cuda.Device(1).use()
            raise RuntimeError("stop")
        assert cuda.get_device_id() == 1
    assert cuda.get_device_id() == 0


def test_peer_access(here, there):
    runtime = cuda.runtime
    assert runtime.deviceCanAccessPeer(0, 1) == 1
    assert runtime.deviceCanAccessPeer(0, 0) == 0
    runtime.deviceEnablePeerAccess(1)
    try:
        assert (here + there).get().tolist() == [1, 2, 3, 4]
        assert float(there.sum()) == 6
        assert xp.ElementwiseKernel("T x", "T y", "y = x", "k")(there).device.id == 0
        with cuda.Device(1), pytest.raises(ValueError, match="is on device 0"):
            here + there  # access goes one way
        with pytest.raises(cuda.CUDADriverError, match="ALREADY_ENABLED"):
            runtime.deviceEnablePeerAccess(1)
    finally:
        runtime.deviceDisablePeerAccess(1)
    with pytest.raises(ValueError, match="is on device 1"):
        here + there
    with pytest.raises(cuda.CUDADriverError, match="NOT_ENABLED"):
        runtime.deviceDisablePeerAccess(1)
