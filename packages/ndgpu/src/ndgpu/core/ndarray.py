"""The device array: a pointer, a shape and strides, with the methods of `numpy.ndarray`.

This file holds the class: its memory, its attributes, its conversions to Python
and to NumPy, and one line for each method whose work is done in another module
of `core`.  An array never moves between host and device unless it is asked to:
`get`, `asnumpy`, `item`, `tolist`, `bool`, `int`, `float` and printing are the
ways out, `asarray` and `set` the ways in.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from operator import attrgetter
from typing import Any, NoReturn, SupportsIndex

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

    # -- attributes -----------------------------------------------------------------
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

    @property
    def mT(self) -> ndarray:
        """The array with its last two axes exchanged, a view."""
        if len(self._shape) < 2:
            raise ValueError("matrix transpose with ndim < 2 is undefined")
        return _views.swapaxes(self, -1, -2)

    @property
    def real(self) -> ndarray:
        """The real part, a view."""
        return _views.real(self)

    @real.setter
    def real(self, value: Any) -> None:
        _views.real(self)[...] = value

    @property
    def imag(self) -> ndarray:
        """The imaginary part: a view if the array is complex, else zeros."""
        return _views.imag(self)

    @imag.setter
    def imag(self, value: Any) -> None:
        if self._dtype.kind != "c":
            raise TypeError("cannot set the imaginary part of an array that is not complex")
        _views.imag(self)[...] = value

    @property
    def flat(self) -> ndarray:
        """The elements in C order, as one axis."""
        return _views.ravel(self)

    # -- to Python and NumPy --------------------------------------------------------

    def get(
        self,
        stream: Any = None,
        order: str = "C",
        out: np.ndarray | None = None,
        blocking: bool = True,
    ) -> np.ndarray:
        """Return a copy in host memory, a `numpy.ndarray`.

        Parameters
        ----------
        stream : ndgpu.cuda.Stream, optional
            Where the copy is queued; the current stream by default.
        order : {'C', 'F', 'A'}
            Layout of the result; ``'A'`` keeps Fortran order where the array has it.
        out : numpy.ndarray, optional
            Where to put it; must have the array's shape and dtype.
        blocking : bool, default True
            Whether to wait for the copy. If False the result is valid after
            `stream` is synchronised.

        Returns
        -------
        numpy.ndarray

        Examples
        --------
        >>> import ndgpu
        >>> ndgpu.arange(3).get()
        array([0, 1, 2])
        """
        return _transfer.to_host(self, stream, order, out, blocking)

    def set(self, arr: np.ndarray, stream: Any = None) -> None:
        """Copy a NumPy array of the same shape into this one.

        Parameters
        ----------
        arr : numpy.ndarray
            Same shape; cast to this array's dtype where it differs.
        stream : ndgpu.cuda.Stream, optional
            Where the copy is queued; the current stream by default.

        Raises
        ------
        ValueError
            If the shapes differ.
        """
        _transfer.from_host(self, arr, stream)

    def item(self, *args: Any) -> Any:
        """Return one element as a Python number: the only one, or that at the given index."""
        if args:
            index = args[0] if len(args) == 1 else args
            if isinstance(index, tuple):
                if len(index) != len(self._shape):
                    raise ValueError("incorrect number of indices for array")
                return self[index].get().item()
            return _views.ravel(self)[index].get().item()
        if self._size != 1:
            raise ValueError("can only convert an array of size 1 to a Python scalar")
        return self.get().item()

    def tolist(self) -> Any:
        """Return the elements as nested lists of Python numbers."""
        return self.get().tolist()

    def tobytes(self, order: str = "C") -> bytes:
        """Return the elements' bytes."""
        return self.get().tobytes(order)  # type: ignore[arg-type]

    def _number(self) -> np.ndarray:
        if self._size != 1:
            raise TypeError("only 0-dimensional arrays can be converted to Python scalars")
        return self.get()

    def __bool__(self) -> bool:
        if self._size > 1:
            raise ValueError(
                "The truth value of an array with more than one element is ambiguous. "
                "Use a.any() or a.all()"
            )
        return bool(self.get())

    def __int__(self) -> int:
        return int(self._number())

    def __float__(self) -> float:
        return float(self._number())

    def __complex__(self) -> complex:
        return complex(self._number())

    def __index__(self) -> int:
        if self._shape or self._dtype.kind not in "iu":
            raise TypeError("only integer scalar arrays can be converted to a scalar index")
        return self.get().__index__()

    def __len__(self) -> int:
        if not self._shape:
            raise TypeError("len() of unsized object")
        return self._shape[0]

    def __iter__(self) -> Iterator[ndarray]:
        if not self._shape:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(self._shape[0]))

    def __contains__(self, value: Any) -> bool:
        return bool((self == value).any())

    def __repr__(self) -> str:
        return repr(self.get())

    def __str__(self) -> str:
        return str(self.get())

    def __format__(self, spec: str) -> str:
        return format(self.get(), spec) if self._shape else format(self.item(), spec)

    def __array__(self, dtype: Any = None, copy: Any = None) -> NoReturn:
        raise TypeError(
            "a device array is not copied to the host unasked: use `x.get()` or "
            "`ndgpu.asnumpy(x)` for a NumPy array"
        )

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return _protocol.array_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(
        self, func: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        return _protocol.array_function(func, types, args, kwargs)

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

    def __reduce__(self) -> tuple[Any, ...]:
        return _transfer.from_pickle, (self.get(),)

    def __copy__(self) -> ndarray:
        return self.copy()

    def __deepcopy__(self, memo: dict[int, Any]) -> ndarray:
        return self.copy()

    # -- copies and casts -----------------------------------------------------------

    def copy(self, order: str = "C") -> ndarray:
        """Return a copy on the current device; ``order='K'`` keeps the order of the axes."""
        return _casts.copy(self, order)

    def astype(
        self,
        dtype: Any,
        order: str = "K",
        casting: Any = "unsafe",
        subok: bool = True,
        copy: bool = True,
    ) -> ndarray:
        """Return the array cast to `dtype`, as `numpy.ndarray.astype`.

        Raises
        ------
        TypeError
            If `casting` does not allow it, or no device array can have `dtype`.
        """
        return _casts.astype(self, dtype, order, casting, copy)

    def view(self, dtype: Any = None) -> ndarray:
        """Return the same memory read as `dtype`, as `numpy.ndarray.view`."""
        return _views.view(self, dtype)

    def fill(self, value: Any) -> None:
        """Set every element to `value`."""
        _casts.fill(self, value)

    # -- shape ----------------------------------------------------------------------

    def reshape(self, *shape: Any, order: str = "C", copy: bool | None = None) -> ndarray:
        """Return the elements in another shape, a view where that is possible."""
        return _views.reshape(self, shape[0] if len(shape) == 1 else shape, order, copy)

    def ravel(self, order: str = "C") -> ndarray:
        """Return the elements along one axis, a view where that is possible."""
        return _views.ravel(self, order)

    def flatten(self, order: str = "C") -> ndarray:
        """Return a copy of the elements along one axis."""
        return _views.flatten(self, order)

    def transpose(self, *axes: Any) -> ndarray:
        """Return a view with the axes in the given order, or in reverse order."""
        return _views.transpose(self, axes[0] if len(axes) == 1 else (axes or None))

    def swapaxes(self, axis1: SupportsIndex, axis2: SupportsIndex) -> ndarray:
        """Return a view with two axes exchanged."""
        return _views.swapaxes(self, axis1, axis2)

    def squeeze(self, axis: Any = None) -> ndarray:
        """Return a view without the axes of length one (or without the given ones)."""
        return _views.squeeze(self, axis)

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> ndarray:
        """Return a view of the diagonals of two axes, as `numpy.diagonal`."""
        return _views.diagonal(self, offset, axis1, axis2)

    # -- indexing -------------------------------------------------------------------

    def __getitem__(self, key: Any) -> ndarray:
        return _indexing.getitem(self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        _indexing.setitem(self, key, value)

    def take(
        self, indices: Any, axis: int | None = None, out: Any = None, mode: str = "raise"
    ) -> ndarray:
        """Return the elements at `indices` along `axis`, as `numpy.take`."""
        return _indexing.take(self, indices, axis, out, mode)

    def repeat(self, repeats: Any, axis: int | None = None) -> ndarray:
        """Return each element several times, as `numpy.repeat`."""
        return _indexing.repeat(self, repeats, axis)

    def nonzero(self) -> tuple[ndarray, ...]:
        """Return the indices of the elements that are not zero; waits for the device."""
        return _indexing.nonzero(self)

    # -- reductions -----------------------------------------------------------------

    def sum(
        self,
        axis: Any = None,
        dtype: Any = None,
        out: Any = None,
        keepdims: bool = False,
        initial: Any = None,
        where: Any = True,
    ) -> ndarray:
        """Return the sum over `axis`, as `numpy.sum`."""
        return _reductions.sum(self, axis, dtype, out, keepdims, initial, where)

    def prod(
        self,
        axis: Any = None,
        dtype: Any = None,
        out: Any = None,
        keepdims: bool = False,
        initial: Any = None,
        where: Any = True,
    ) -> ndarray:
        """Return the product over `axis`, as `numpy.prod`."""
        return _reductions.prod(self, axis, dtype, out, keepdims, initial, where)

    def min(
        self,
        axis: Any = None,
        out: Any = None,
        keepdims: bool = False,
        initial: Any = None,
        where: Any = True,
    ) -> ndarray:
        """Return the minimum over `axis`, as `numpy.min`."""
        return _reductions.min(self, axis, out, keepdims, initial, where)

    def max(
        self,
        axis: Any = None,
        out: Any = None,
        keepdims: bool = False,
        initial: Any = None,
        where: Any = True,
    ) -> ndarray:
        """Return the maximum over `axis`, as `numpy.max`."""
        return _reductions.max(self, axis, out, keepdims, initial, where)

    def mean(
        self,
        axis: Any = None,
        dtype: Any = None,
        out: Any = None,
        keepdims: bool = False,
        *,
        where: Any = True,
    ) -> ndarray:
        """Return the mean over `axis`, as `numpy.mean`."""
        return _moments.mean(self, axis, dtype, out, keepdims, where=where)

    def var(
        self,
        axis: Any = None,
        dtype: Any = None,
        out: Any = None,
        ddof: float = 0,
        keepdims: bool = False,
        *,
        where: Any = True,
    ) -> ndarray:
        """Return the variance over `axis`, as `numpy.var`."""
        return _moments.var(self, axis, dtype, out, ddof, keepdims, where=where)

    def std(
        self,
        axis: Any = None,
        dtype: Any = None,
        out: Any = None,
        ddof: float = 0,
        keepdims: bool = False,
        *,
        where: Any = True,
    ) -> ndarray:
        """Return the standard deviation over `axis`, as `numpy.std`."""
        return _moments.std(self, axis, dtype, out, ddof, keepdims, where=where)

    def all(
        self, axis: Any = None, out: Any = None, keepdims: bool = False, *, where: Any = True
    ) -> ndarray:
        """Return whether all elements over `axis` are true, as `numpy.all`."""
        return _reductions.all(self, axis, out, keepdims, where=where)

    def any(
        self, axis: Any = None, out: Any = None, keepdims: bool = False, *, where: Any = True
    ) -> ndarray:
        """Return whether any element over `axis` is true, as `numpy.any`."""
        return _reductions.any(self, axis, out, keepdims, where=where)

    def argmin(self, axis: Any = None, out: Any = None, *, keepdims: bool = False) -> ndarray:
        """Return the index of the first minimum over `axis`, as `numpy.argmin`."""
        return _reductions.argmin(self, axis, out, keepdims=keepdims)

    def argmax(self, axis: Any = None, out: Any = None, *, keepdims: bool = False) -> ndarray:
        """Return the index of the first maximum over `axis`, as `numpy.argmax`."""
        return _reductions.argmax(self, axis, out, keepdims=keepdims)


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

# The methods above call these modules, which need the class to be defined.
from ndgpu.core import casts as _casts  # noqa: E402
from ndgpu.core import indexing as _indexing  # noqa: E402
from ndgpu.core import moments as _moments  # noqa: E402
from ndgpu.core import operators as _operators  # noqa: E402
from ndgpu.core import protocol as _protocol  # noqa: E402
from ndgpu.core import reductions as _reductions  # noqa: E402
from ndgpu.core import transfer as _transfer  # noqa: E402
from ndgpu.core import views as _views  # noqa: E402

_operators.install(ndarray)
