"""`nnrun.cuda` and `nnrun.backends.cuda`: devices, copies, and names of ndgpu."""

import numpy as np
import pytest

import ndgpu
import nnrun
from nnrun import cuda
from nnrun.backends import cuda as backends_cuda


def test_names_of_ndgpu():
    assert cuda.cupy is ndgpu and cuda.ndarray is ndgpu.ndarray
    assert backends_cuda.Stream is cuda.Stream is ndgpu.cuda.Stream
    assert cuda.available is True and cuda.cudnn_enabled is False
    assert all(getattr(backends_cuda, name) is getattr(cuda, name) for name in cuda.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        backends_cuda.nothing
    cuda.check_cuda_available()
    assert not cuda.should_use_cudnn(">=auto")
    assert not cuda.should_use_cudnn_tensor_core(np.float16)
    with pytest.raises(ValueError, match="`level` must be one of"):
        nnrun.should_use_cudnn("never")


def test_devices():
    x = ndgpu.zeros(2)
    assert cuda.get_device_from_array(np.zeros(2), x) == x.device
    assert cuda.get_device_from_id(0) == ndgpu.cuda.Device(0)
    dummy = cuda.get_device_from_array(np.zeros(2))
    assert dummy is cuda.DummyDevice and cuda.get_device_from_id(None) is dummy
    with dummy as entered:
        entered.use()
        entered.synchronize()
    assert dummy.id == -1 and dummy == cuda.DummyDeviceType() and len({dummy, entered}) == 1


def test_copies():
    x = ndgpu.arange(3)
    y = cuda.copy(x)
    assert y is not x and y.tolist() == [0, 1, 2]
    out = ndgpu.zeros(3, x.dtype)
    with ndgpu.cuda.Stream() as stream:
        assert cuda.copy(x, out=out, stream=stream) is out
    stream.synchronize()
    assert out.tolist() == [0, 1, 2]
    assert cuda.copy(x, out_device=0).tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="give `out` or `out_device`"):
        cuda.copy(x, out=out, out_device=0)
    with ndgpu.cuda.Stream() as stream:
        there = cuda.to_gpu(np.ones(2), stream=stream)
        assert cuda.to_cpu(there, stream=stream).tolist() == [1, 1]


def test_memoize():
    calls = []

    @cuda.memoize()
    def double(x):
        calls.append(x)
        return 2 * x

    assert double(3) == double(3) == 6 and calls == [3]
    cuda.clear_memo()
    assert double(3) == 6 and calls == [3, 3]


def test_types_of_arrays():
    assert nnrun.get_array_types() == (np.ndarray, ndgpu.ndarray)
    assert nnrun.get_cpu_array_types() == (np.ndarray,)
    assert nnrun.is_arrays_compatible([np.ones(1), None, np.ones(2)])
    assert not nnrun.is_arrays_compatible([np.ones(1), ndgpu.ones(1)])
    with pytest.raises(TypeError, match="arrays of NumPy or ndgpu"):
        nnrun.is_arrays_compatible([3])
