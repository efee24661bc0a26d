"""DLPack's capsules: made of a description of memory, and opened again.

What it guarantees:

* The deleter of a tensor runs exactly once, whoever drops the capsule or the tensor, in
  whichever thread, with or without an exception on its way.
* A capsule that is refused stays unconsumed: it is still its producer's to free.

A capsule made here is one of NumPy's: `numpy.ndarray.__dlpack__` of an array that stands for the
memory and is never read.  Its destructor and deleter are compiled code that takes the GIL, keeps
a pending exception and knows when the interpreter has ended, which no callback written in Python
can do.  The fields that say where the memory is and what it holds are then set to our own.
"""

from __future__ import annotations

import ctypes
from typing import Any, NamedTuple

import numpy as np

from ndgpu.core.dtypes import is_bfloat16
from ndgpu.core.layout import Shape

__all__ = ["CPU", "CUDA", "CUDA_HOST", "CUDA_MANAGED", "Tensor", "make", "open_capsule"]

CPU = 1
"""Memory of the processor (``kDLCPU``)."""
CUDA = 2
"""Memory of a CUDA device."""
CUDA_HOST = 3
"""Page-locked memory of the processor."""
CUDA_MANAGED = 13
"""Memory that the processor and CUDA devices share."""

_MAJOR = 1  # version of the structures below
_READ_ONLY = 1
_IS_COPIED = 2
_LEGACY = b"dltensor"
_VERSIONED = b"dltensor_versioned"
_USED = {_LEGACY: b"used_dltensor", _VERSIONED: b"used_dltensor_versioned"}

# DLDataTypeCode by NumPy's kind; the widths that NumPy names are in the dtype itself.
_CODES = {"i": 0, "u": 1, "f": 2, "c": 5, "b": 6}
_BFLOAT = 4
_KINDS = {code: kind for kind, code in _CODES.items()}


class _Tensor(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    ]


class _Managed(ctypes.Structure):
    """``DLManagedTensor``, what a capsule called ``dltensor`` points at."""

    _fields_ = [
        ("tensor", _Tensor),
        ("context", ctypes.c_void_p),
        ("deleter", ctypes.c_void_p),
    ]


class _ManagedVersioned(ctypes.Structure):
    """``DLManagedTensorVersioned``, of DLPack 1.0."""

    _fields_ = [
        ("major", ctypes.c_uint32),
        ("minor", ctypes.c_uint32),
        ("context", ctypes.c_void_p),
        ("deleter", ctypes.c_void_p),
        ("flags", ctypes.c_uint64),
        ("tensor", _Tensor),
    ]


_STRUCTURES: dict[bytes, Any] = {_LEGACY: _Managed, _VERSIONED: _ManagedVersioned}

# A handle of our own: `ctypes.pythonapi` and the types set on its functions belong to everyone.
_python = ctypes.PyDLL(None)
_is_valid = _python.PyCapsule_IsValid
_is_valid.argtypes = (ctypes.py_object, ctypes.c_char_p)
_pointer = _python.PyCapsule_GetPointer
_pointer.argtypes, _pointer.restype = (ctypes.py_object, ctypes.c_char_p), ctypes.c_void_p
_rename = _python.PyCapsule_SetName
_rename.argtypes = (ctypes.py_object, ctypes.c_char_p)
# The GIL is kept while it runs: deleters of Python's own extensions may count on it.
_DELETER = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)

# NumPy 2.0 makes legacy capsules only, which every consumer takes.
_MAKES_VERSIONED = np.lib.NumpyVersion(np.__version__) >= "2.1.0"


class _Stand:
    """What NumPy is told of the memory, and what keeps `owner` alive as long as the capsule."""

    def __init__(self, address: int, shape: Shape, strides: Shape, dtype: str, owner: Any) -> None:
        self.owner = owner
        self.__array_interface__ = {
            "data": (address, False),
            "shape": shape,
            "strides": strides,
            "typestr": dtype,
            "version": 3,
        }


def make(
    address: int,
    shape: Shape,
    strides: Shape,
    dtype: np.dtype,
    device: tuple[int, int],
    owner: Any,
    *,
    versioned: bool,
    copied: bool,
) -> Any:
    """Return a capsule for memory that `owner` keeps alive.

    Parameters
    ----------
    address : int
        Of element 0.
    shape, strides : tuple of int
        Strides in bytes.
    dtype : numpy.dtype
        One that a device array may have.
    device : tuple of int
        DLPack's type of device and its number.
    owner : object
        Released when the consumer is done.
    versioned : bool
        Whether the consumer takes capsules of DLPack 1.0.
    copied : bool
        Whether the memory was copied for this capsule.

    Raises
    ------
    BufferError
        If a stride is no multiple of the element's size.
    """
    bfloat = is_bfloat16(dtype)
    stand = _Stand(address, shape, strides, "<u2" if bfloat else dtype.str, owner)
    array = np.asarray(stand)
    if versioned and _MAKES_VERSIONED:
        capsule = array.__dlpack__(max_version=(_MAJOR, 0))
    else:
        capsule = array.__dlpack__()
    name = _name_of(capsule)
    managed = _STRUCTURES[name].from_address(_pointer(capsule, name))
    tensor = managed.tensor
    tensor.data = address or None
    tensor.device_type, tensor.device_id = device
    if bfloat:
        tensor.code = _BFLOAT
    if copied and name == _VERSIONED:
        managed.flags |= _IS_COPIED
    return capsule


class Tensor(NamedTuple):
    """What a consumed capsule holds; the memory is valid while `owner` lives."""

    address: int
    shape: Shape
    strides: Shape | None
    dtype: np.dtype
    device: tuple[int, int]
    read_only: bool
    owner: Any


class _Owner:
    """The tensor of a consumed capsule; its deleter runs when this is dropped."""

    __slots__ = ("_address", "_deleter")

    def __init__(self, address: int, deleter: Any) -> None:
        self._address = address
        self._deleter = deleter

    def __del__(self) -> None:
        if self._deleter is not None:
            self._deleter(self._address)


def open_capsule(capsule: Any) -> Tensor:
    """Consume a capsule.

    Raises
    ------
    TypeError
        If it is no capsule of DLPack.
    BufferError
        If it was consumed before, is of a version that is not known, or holds what no device
        array can.
    """
    name = _name_of(capsule)
    address = _pointer(capsule, name)
    managed = _STRUCTURES[name].from_address(address)
    read_only = False
    if name == _VERSIONED:
        if managed.major != _MAJOR:
            raise BufferError(
                f"from_dlpack: the capsule is of DLPack {managed.major}.{managed.minor}; version "
                f"{_MAJOR} is supported"
            )
        read_only = bool(managed.flags & _READ_ONLY)
    tensor = managed.tensor
    dtype = _dtype_of(tensor.code, tensor.bits, tensor.lanes)
    shape = tuple(tensor.shape[: tensor.ndim]) if tensor.ndim else ()
    strides = None
    if tensor.strides and tensor.ndim:
        strides = tuple(s * dtype.itemsize for s in tensor.strides[: tensor.ndim])
    data = (tensor.data or 0) + tensor.byte_offset
    device = (tensor.device_type, tensor.device_id)
    deleter = _DELETER(managed.deleter) if managed.deleter else None
    # From here on the tensor is ours to free.
    _rename(capsule, _USED[name])
    return Tensor(data, shape, strides, dtype, device, read_only, _Owner(address, deleter))


def _name_of(capsule: Any) -> bytes:
    for name, used in _USED.items():
        if _is_valid(capsule, name):
            return name
        if _is_valid(capsule, used):
            raise BufferError("from_dlpack: the capsule was consumed before")
    raise TypeError(
        "from_dlpack: expected a capsule called 'dltensor' or 'dltensor_versioned', got "
        f"{type(capsule).__name__} {capsule!r}"
    )


def _dtype_of(code: int, bits: int, lanes: int) -> np.dtype:
    if lanes == 1:
        if code == _BFLOAT and bits == 16:
            import ml_dtypes

            return np.dtype(ml_dtypes.bfloat16)
        kind = _KINDS.get(code)
        widths = {"b": (8,), "f": (16, 32, 64), "c": (64, 128)}.get(kind or "", (8, 16, 32, 64))
        if kind is not None and bits in widths:
            return np.dtype(f"{kind}{bits // 8}")
    raise BufferError(
        f"from_dlpack: no device array can hold elements of type code {code} with {bits} bits and "
        f"{lanes} lanes"
    )
