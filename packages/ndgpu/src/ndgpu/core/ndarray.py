"""The device array: a pointer, a shape and strides.

This file holds the class with its memory and its attributes; `ndgpu.core.methods` gives it
the methods of `numpy.ndarray`.  An array never moves between host and device unless it is asked
to: `get`, `asnumpy`, `item`, `tolist`, `bool`, `int`, `float` and printing are the ways out,
`asarray` and `set` the ways in.
"""

from __future__ import annotations

from math import prod
from operator import attrgetter
from typing import Any

import numpy as np

from ndgpu import runtime
from ndgpu.core import layout
from ndgpu.core.attached import Attached
from ndgpu.core.dtypes import as_dtype
from ndgpu.core.flags import Flags
from ndgpu.core.layout import Shape
from ndgpu.kernels import arrays

__all__ = ["allocate", "allocate_like", "ndarray", "view_of"]


class ndarray(Attached):
    """An array in device memory.

    Parameters
    ----------
    shape : int or sequence of int
        Length of each axis.
    dtype : dtype-like, default float64
        bool, an integer, a float (16, 32, 64 bits), bfloat16 or complex.
    memptr : ndgpu.cuda.MemoryPointer, optional
        Memory to use; new memory, not initialised, is taken from the pool by default.
    strides : sequence of int, optional
        Bytes from one element to the next along each axis; dense by default.
    order : {'C', 'F'}
        Layout when no strides are given.

    Raises
    ------
    TypeError
        For a dtype that a device cannot hold.
    ValueError
        For a negative dimension, or strides that do not match `shape`.

    Examples
    --------
    >>> import ndgpu
    >>> x = ndgpu.ndarray((2, 3), dtype="f4")
    >>> x.shape, x.strides, x.nbytes
    ((2, 3), (12, 4), 24)
    """

    __slots__ = (
        "__weakref__",
        "_base",
        "_c_contiguous",
        "_data",
        "_dtype",
        "_ptr",
        "_shape",
        "_size",
        "_strides",
    )

    _base: ndarray | None
    _c_contiguous: bool
    _data: Any
    _dtype: np.dtype
    _ptr: int
    _shape: Shape
    _size: int
    _strides: Shape

    # NumPy arrays defer to ours in mixed expressions, which then raise a clear TypeError.
    __array_priority__ = 100
    __hash__ = None  # type: ignore[assignment]

    def __init__(
        self,
        shape: Any,
        dtype: Any = float,
        memptr: Any = None,
        strides: Any = None,
        order: str = "C",
    ) -> None:
        self._shape = layout.as_shape(shape)
        self._dtype = as_dtype(dtype)
        self._size = prod(self._shape)
        itemsize = self._dtype.itemsize
        if strides is not None:
            self._strides = tuple(int(s) for s in strides)
            if len(self._strides) != len(self._shape):
                raise ValueError("'strides' must be the same length as 'shape'")
        elif order == "F":
            self._strides = layout.f_strides(self._shape, itemsize)
        elif order in ("C", None):
            self._strides = layout.c_strides(self._shape, itemsize)
        else:
            raise ValueError(f"order must be 'C' or 'F' (got {order!r})")
        self._c_contiguous = layout.is_c_contiguous(self._shape, self._strides, itemsize)
        if memptr is None:
            low, high = layout.extent(self._shape, self._strides, itemsize)
            memptr = runtime.alloc(high - low)
            self._ptr = memptr.ptr - low
        else:
            self._ptr = memptr.ptr
        self._data = memptr
        self._base = None

    # attrgetter makes a property that costs no Python frame.

    ptr = property(attrgetter("_ptr"), doc="Device address of element 0, an int.")
    strides = property(attrgetter("_strides"), doc="Bytes between elements along each axis.")
    dtype = property(attrgetter("_dtype"), doc="The elements' `numpy.dtype`.")
    size = property(attrgetter("_size"), doc="Number of elements.")
    base = property(attrgetter("_base"), doc="The array whose memory this one shows, or None.")
    itemsize = property(attrgetter("_dtype.itemsize"), doc="Bytes of one element.")
    device_id = property(attrgetter("_data.device_id"), doc="Ordinal of the array's device.")

    @property
    def shape(self) -> Shape:
        """Length of each axis; may be set to another shape of the same size."""
        return self._shape

    @shape.setter
    def shape(self, shape: Any) -> None:
        new_shape = layout.infer_shape(shape, self._size)
        strides = layout.reshaped_strides(
            self._shape, self._strides, new_shape, self._dtype.itemsize
        )
        if strides is None:
            raise AttributeError(
                "Incompatible shape for in-place modification. "
                "Use `.reshape()` to make a copy with the desired shape."
            )
        self._shape, self._strides = new_shape, strides

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self._shape)

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return self._size * self._dtype.itemsize

    @property
    def data(self) -> Any:
        """The memory as a `MemoryPointer` to element 0."""
        offset = self._ptr - self._data.ptr
        return self._data + offset if offset else self._data

    @property
    def device(self) -> runtime.Device:
        """The device where the elements are."""
        return runtime.Device(self._data.device_id)

    @property
    def flags(self) -> Flags:
        """Memory layout: ``flags.c_contiguous``, ``flags['OWNDATA']``."""
        return Flags(self._c_contiguous, self._f_contiguous, self._base is None)

    @property
    def _f_contiguous(self) -> bool:
        return layout.is_f_contiguous(self._shape, self._strides, self._dtype.itemsize)

    @property
    def T(self) -> ndarray:
        """The array with its axes in reverse order, a view."""
        return view_of(self, self._shape[::-1], self._strides[::-1])

    def __len__(self) -> int:
        if not self._shape:
            raise TypeError("len() of unsized object")
        return self._shape[0]

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        return {
            "shape": self._shape,
            "typestr": self._dtype.str,
            "descr": [("", self._dtype.str)],
            "strides": None if self._c_contiguous else self._strides,
            "data": (self._ptr if self._size else 0, False),
            "stream": runtime.get_current_stream().ptr or 1,
            "version": 3,
        }


def allocate(shape: Shape, dtype: np.dtype) -> ndarray:
    """Return a new C-contiguous array on the current device, not initialised.

    The hot path of every operation: `shape` is a tuple of int and `dtype` one that
    `as_dtype` returned, and neither is checked.
    """
    result = _new(ndarray)
    size = prod(shape)
    itemsize = dtype.itemsize
    data = _alloc(size * itemsize)
    result._data = data
    result._ptr = data.ptr
    result._shape = shape
    result._strides = (itemsize,) if len(shape) == 1 else layout.c_strides(shape, itemsize)
    result._dtype = dtype
    result._size = size
    result._c_contiguous = True
    result._base = None
    return result


def allocate_like(a: ndarray, dtype: np.dtype) -> ndarray:
    """Return a new array with the layout of a C-contiguous `a`; a shorter `allocate`."""
    result = _new(ndarray)
    result._dtype = dtype
    itemsize = dtype.itemsize
    size = result._size = a._size
    data = result._data = _alloc(size * itemsize)
    result._ptr = data.ptr
    result._shape = a._shape
    if itemsize == a._dtype.itemsize:
        result._strides = a._strides
    else:
        result._strides = layout.c_strides(a._shape, itemsize)
    result._c_contiguous = True
    result._base = None
    return result


def view_of(
    a: ndarray, shape: Shape, strides: Shape, offset: int = 0, c_contiguous: bool | None = None
) -> ndarray:
    """Return an array that shows the memory of `a` from `offset` bytes past its element 0."""
    result = _new(ndarray)
    result._data = a._data
    result._ptr = a._ptr + offset
    result._shape = shape
    result._strides = strides
    result._dtype = a._dtype
    result._size = prod(shape)
    if c_contiguous is None:
        c_contiguous = layout.is_c_contiguous(shape, strides, a._dtype.itemsize)
    result._c_contiguous = c_contiguous
    result._base = a if a._base is None else a._base
    return result


_new = ndarray.__new__
_alloc = runtime.alloc

arrays.register(ndarray, allocate)
