"""The chapter on interoperability of CuPy's user guide."""

import numpy as np

import ndgpu as cp

from .rows import row

INTEROPERATION = "Interoperability"


class Foreign:
    """Another library's array on the device."""

    def __init__(self, array):
        self._array = array
        self.__cuda_array_interface__ = array.__cuda_array_interface__


@row(INTEROPERATION, "The CUDA array interface, both ways", "__cuda_array_interface__, asarray")
def array_interface():
    x = cp.arange(6, dtype="float32").reshape(2, 3)
    y = cp.asarray(Foreign(x))
    assert y.ptr == x.ptr and y.shape == (2, 3)
    y += 1
    assert x.tolist() == [[1, 2, 3], [4, 5, 6]]


@row(INTEROPERATION, "DLPack, both ways", "from_dlpack, fromDlpack, toDlpack, __dlpack__")
def dlpack():
    x = cp.arange(4)
    for y in (cp.from_dlpack(x), cp.fromDlpack(x.toDlpack())):
        assert y.ptr == x.ptr and y.tolist() == [0, 1, 2, 3]
    assert x.__dlpack_device__()[0] in (2, 13, 1, 3)


@row(INTEROPERATION, "NumPy's protocols", "__array_ufunc__, __array_function__")
def numpy_protocols():
    x = cp.arange(4.0)
    assert type(np.sqrt(x)) is cp.ndarray
    assert type(np.sum(np.stack([x, x]), axis=0)) is cp.ndarray
    assert type(np.ones(3, like=x)) is cp.ndarray


@row(INTEROPERATION, "Memory of others", "cuda.UnownedMemory, cuda.MemoryPointer, ndarray")
def memory_of_others():
    x = cp.arange(6.0)
    memory = cp.cuda.UnownedMemory(x.data.ptr, x.nbytes, x, 0)
    pointer = cp.cuda.MemoryPointer(memory, 16)
    y = cp.ndarray((4,), dtype=x.dtype, memptr=pointer)
    assert y.tolist() == [2, 3, 4, 5]


@row(INTEROPERATION, "Pointers for others", "ndarray.data.ptr, ndarray.data.mem")
def pointers():
    x = cp.arange(6.0)[2:]
    assert x.data.ptr == x.__cuda_array_interface__["data"][0]
    assert x.data.mem.size >= x.nbytes


@row(INTEROPERATION, "The streams of others", "cuda.ExternalStream, Stream.ptr")
def streams_of_others():
    stream = cp.cuda.Stream()
    with cp.cuda.ExternalStream(stream.ptr):
        x = cp.arange(5) * 3
    stream.synchronize()
    assert x.tolist() == [0, 3, 6, 9, 12]
