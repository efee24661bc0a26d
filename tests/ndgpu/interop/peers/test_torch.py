"""PyTorch tensors and device arrays: shared where the processor's memory is the device's."""

import numpy as np
import pytest

import ndgpu

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
if ndgpu.ones(1).__dlpack_device__()[0] != 1 and not torch.cuda.is_available():
    pytest.skip("PyTorch has no CUDA device", allow_module_level=True)

DTYPES = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64")
DTYPES += ("complex64", "complex128", "bfloat16")


def array(dtype):
    return ndgpu.arange(6).reshape(2, 3).astype(getattr(ndgpu, dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_tensor_shares_our_memory(dtype):
    x = array(dtype)
    t = torch.from_dlpack(x)
    assert t.data_ptr() == x.ptr and tuple(t.shape) == x.shape
    assert t.dtype == getattr(torch, dtype)
    t[0, 0] = 1
    assert float(x[0, 0].real) == 1
    y = ndgpu.from_dlpack(t)
    assert y.ptr == x.ptr and y.dtype == x.dtype
    np.testing.assert_array_equal(y.get(), x.get())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("convert", [ndgpu.asarray, ndgpu.array, ndgpu.from_dlpack])
def test_a_tensor_becomes_an_array(dtype, convert):
    t = torch.arange(6).reshape(2, 3).to(getattr(torch, dtype)).T[::2]
    x = convert(t)
    assert x.dtype == getattr(ndgpu, dtype)
    np.testing.assert_array_equal(x.astype("c16").get(), t.to(torch.complex128).numpy())


def test_strides_and_shapes():
    for x in (array("float32").T, array("float32")[:, ::2], ndgpu.ones(()), ndgpu.ones((0, 3))):
        t = torch.from_dlpack(x)
        assert tuple(t.shape) == x.shape
        np.testing.assert_array_equal(t.numpy(), x.get())


def test_capsules_both_ways():
    x = array("float32")
    np.testing.assert_array_equal(torch.utils.dlpack.from_dlpack(x.toDlpack()).numpy(), x.get())
    t = torch.arange(3.0)
    assert ndgpu.fromDlpack(torch.utils.dlpack.to_dlpack(t)).tolist() == [0, 1, 2]


def test_a_tensor_outlives_the_array():
    t = torch.from_dlpack(ndgpu.arange(1000))
    filler = [ndgpu.full(1000, -1) for _ in range(10)]
    assert int(t.sum()) == 499500 and filler


def test_a_tensor_with_a_gradient_is_refused():
    with pytest.raises(BufferError, match="gradient"):
        ndgpu.asarray(torch.ones(3, requires_grad=True))
