"""The methods of arrays whose work is done in another module of `core`, one line for each.

They are given to the class here, when it and all those modules are there, so that none of them
need import another for it.  Methods written on later floors are given by
`ndgpu.core.protocol.attach`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn, SupportsIndex

import numpy as np

from ndgpu.core import (
    casts,
    indexing,
    moments,
    operators,
    protocol,
    reductions,
    transfer,
    views,
)
from ndgpu.core.ndarray import ndarray

__all__ = ["Methods"]


class Methods:
    """The methods, in one namespace; their first argument is an `ndarray`."""

    __slots__ = ()

    # -- parts and views ------------------------------------------------------------

    @property
    def mT(self: Any) -> ndarray:
        """The array with its last two axes exchanged, a view."""
        if len(self._shape) < 2:
            raise ValueError("matrix transpose with ndim < 2 is undefined")
        return views.swapaxes(self, -1, -2)

    @property
    def real(self: Any) -> ndarray:
        """The real part, a view."""
        return views.real(self)

    @real.setter
    def real(self: Any, value: Any) -> None:
        views.real(self)[...] = value

    @property
    def imag(self: Any) -> ndarray:
        """The imaginary part: a view if the array is complex, else zeros."""
        return views.imag(self)

    @imag.setter
    def imag(self: Any, value: Any) -> None:
        if self._dtype.kind != "c":
            raise TypeError("cannot set the imaginary part of an array that is not complex")
        views.imag(self)[...] = value

    @property
    def flat(self: Any) -> ndarray:
        """The elements in C order, as one axis."""
        return views.ravel(self)

    # -- to Python and NumPy --------------------------------------------------------

    def get(
        self: Any,
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
        return transfer.to_host(self, stream, order, out, blocking)

    def set(self: Any, arr: np.ndarray, stream: Any = None) -> None:
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
        transfer.from_host(self, arr, stream)

    def item(self: Any, *args: Any) -> Any:
        """Return one element as a Python number: the only one, or that at the given index."""
        if args:
            index = args[0] if len(args) == 1 else args
            if isinstance(index, tuple):
                if len(index) != len(self._shape):
                    raise ValueError("incorrect number of indices for array")
                return self[index].get().item()
            return views.ravel(self)[index].get().item()
        if self._size != 1:
            raise ValueError("can only convert an array of size 1 to a Python scalar")
        return self.get().item()

    def tolist(self: Any) -> Any:
        """Return the elements as nested lists of Python numbers."""
        return self.get().tolist()

    def tobytes(self: Any, order: str = "C") -> bytes:
        """Return the elements' bytes."""
        return self.get().tobytes(order)

    def _number(self: Any) -> np.ndarray:
        if self._size != 1:
            raise TypeError("only 0-dimensional arrays can be converted to Python scalars")
        return self.get()

    def __bool__(self: Any) -> bool:
        if self._size > 1:
            raise ValueError(
                "The truth value of an array with more than one element is ambiguous. "
                "Use a.any() or a.all()"
            )
        return bool(self.get())

    def __int__(self: Any) -> int:
        return int(self._number())

    def __float__(self: Any) -> float:
        return float(self._number())

    def __complex__(self: Any) -> complex:
        return complex(self._number())

    def __index__(self: Any) -> int:
        if self._shape or self._dtype.kind not in "iu":
            raise TypeError("only integer scalar arrays can be converted to a scalar index")
        return self.get().__index__()

    def __iter__(self: Any) -> Iterator[ndarray]:
        if not self._shape:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(self._shape[0]))

    def __contains__(self: Any, value: Any) -> bool:
        return bool((self == value).any())

    def __repr__(self: Any) -> str:
        return repr(self.get())

    def __str__(self: Any) -> str:
        return str(self.get())

    def __format__(self: Any, spec: str) -> str:
        return format(self.get(), spec) if self._shape else format(self.item(), spec)

    def __array__(self: Any, dtype: Any = None, copy: Any = None) -> NoReturn:
        raise TypeError(
            "a device array is not copied to the host unasked: use `x.get()` or "
            "`ndgpu.asnumpy(x)` for a NumPy array"
        )

    def __array_ufunc__(
        self: Any, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any
    ) -> Any:
        return protocol.array_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(
        self, func: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        return protocol.array_function(func, types, args, kwargs)

    def __reduce__(self: Any) -> tuple[Any, ...]:
        return transfer.from_pickle, (self.get(),)

    def __copy__(self: Any) -> ndarray:
        return self.copy()

    def __deepcopy__(self: Any, memo: dict[int, Any]) -> ndarray:
        return self.copy()

    # -- copies and casts -----------------------------------------------------------

    def copy(self: Any, order: str = "C") -> ndarray:
        """Return a copy on the current device; ``order='K'`` keeps the order of the axes."""
        return casts.copy(self, order)

    def astype(
        self: Any,
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
        return casts.astype(self, dtype, order, casting, copy)

    def view(self: Any, dtype: Any = None) -> ndarray:
        """Return the same memory read as `dtype`, as `numpy.ndarray.view`."""
        return views.view(self, dtype)

    def fill(self: Any, value: Any) -> None:
        """Set every element to `value`."""
        casts.fill(self, value)

    # -- shape ----------------------------------------------------------------------

    def reshape(self: Any, *shape: Any, order: str = "C", copy: bool | None = None) -> ndarray:
        """Return the elements in another shape, a view where that is possible."""
        return views.reshape(self, shape[0] if len(shape) == 1 else shape, order, copy)

    def ravel(self: Any, order: str = "C") -> ndarray:
        """Return the elements along one axis, a view where that is possible."""
        return views.ravel(self, order)

    def flatten(self: Any, order: str = "C") -> ndarray:
        """Return a copy of the elements along one axis."""
        return views.flatten(self, order)

    def transpose(self: Any, *axes: Any) -> ndarray:
        """Return a view with the axes in the given order, or in reverse order."""
        return views.transpose(self, axes[0] if len(axes) == 1 else (axes or None))

    def swapaxes(self: Any, axis1: SupportsIndex, axis2: SupportsIndex) -> ndarray:
        """Return a view with two axes exchanged."""
        return views.swapaxes(self, axis1, axis2)

    def squeeze(self: Any, axis: Any = None) -> ndarray:
        """Return a view without the axes of length one (or without the given ones)."""
        return views.squeeze(self, axis)

    def diagonal(self: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> ndarray:
        """Return a view of the diagonals of two axes, as `numpy.diagonal`."""
        return views.diagonal(self, offset, axis1, axis2)

    # -- indexing -------------------------------------------------------------------

    def __getitem__(self: Any, key: Any) -> ndarray:
        return indexing.getitem(self, key)

    def __setitem__(self: Any, key: Any, value: Any) -> None:
        indexing.setitem(self, key, value)

    def take(
        self, indices: Any, axis: int | None = None, out: Any = None, mode: str = "raise"
    ) -> ndarray:
        """Return the elements at `indices` along `axis`, as `numpy.take`."""
        return indexing.take(self, indices, axis, out, mode)

    def repeat(self: Any, repeats: Any, axis: int | None = None) -> ndarray:
        """Return each element several times, as `numpy.repeat`."""
        return indexing.repeat(self, repeats, axis)

    def nonzero(self: Any) -> tuple[ndarray, ...]:
        """Return the indices of the elements that are not zero; waits for the device."""
        return indexing.nonzero(self)

    # -- reductions -----------------------------------------------------------------

    def sum(
        self: Any,
        axis: Any = None,
        dtype: Any = None,
        out: Any = None,
        keepdims: bool = False,
        initial: Any = None,
        where: Any = True,
    ) -> ndarray:
        """Return the sum over `axis`, as `numpy.sum`."""
        return reductions.sum(self, axis, dtype, out, keepdims, initial, where)

    def prod(
        self: Any,
        axis: Any = None,
        dtype: Any = None,
        out: Any = None,
        keepdims: bool = False,
        initial: Any = None,
        where: Any = True,
    ) -> ndarray:
        """Return the product over `axis`, as `numpy.prod`."""
        return reductions.prod(self, axis, dtype, out, keepdims, initial, where)

    def min(
        self: Any,
        axis: Any = None,
        out: Any = None,
        keepdims: bool = False,
        initial: Any = None,
        where: Any = True,
    ) -> ndarray:
        """Return the minimum over `axis`, as `numpy.min`."""
        return reductions.min(self, axis, out, keepdims, initial, where)

    def max(
        self: Any,
        axis: Any = None,
        out: Any = None,
        keepdims: bool = False,
        initial: Any = None,
        where: Any = True,
    ) -> ndarray:
        """Return the maximum over `axis`, as `numpy.max`."""
        return reductions.max(self, axis, out, keepdims, initial, where)

    def mean(
        self: Any,
        axis: Any = None,
        dtype: Any = None,
        out: Any = None,
        keepdims: bool = False,
        *,
        where: Any = True,
    ) -> ndarray:
        """Return the mean over `axis`, as `numpy.mean`."""
        return moments.mean(self, axis, dtype, out, keepdims, where=where)

    def var(
        self: Any,
        axis: Any = None,
        dtype: Any = None,
        out: Any = None,
        ddof: float = 0,
        keepdims: bool = False,
        *,
        where: Any = True,
    ) -> ndarray:
        """Return the variance over `axis`, as `numpy.var`."""
        return moments.var(self, axis, dtype, out, ddof, keepdims, where=where)

    def std(
        self: Any,
        axis: Any = None,
        dtype: Any = None,
        out: Any = None,
        ddof: float = 0,
        keepdims: bool = False,
        *,
        where: Any = True,
    ) -> ndarray:
        """Return the standard deviation over `axis`, as `numpy.std`."""
        return moments.std(self, axis, dtype, out, ddof, keepdims, where=where)

    def all(
        self, axis: Any = None, out: Any = None, keepdims: bool = False, *, where: Any = True
    ) -> ndarray:
        """Return whether all elements over `axis` are true, as `numpy.all`."""
        return reductions.all(self, axis, out, keepdims, where=where)

    def any(
        self, axis: Any = None, out: Any = None, keepdims: bool = False, *, where: Any = True
    ) -> ndarray:
        """Return whether any element over `axis` is true, as `numpy.any`."""
        return reductions.any(self, axis, out, keepdims, where=where)

    def argmin(self: Any, axis: Any = None, out: Any = None, *, keepdims: bool = False) -> ndarray:
        """Return the index of the first minimum over `axis`, as `numpy.argmin`."""
        return reductions.argmin(self, axis, out, keepdims=keepdims)

    def argmax(self: Any, axis: Any = None, out: Any = None, *, keepdims: bool = False) -> ndarray:
        """Return the index of the first maximum over `axis`, as `numpy.argmax`."""
        return reductions.argmax(self, axis, out, keepdims=keepdims)


for _name, _method in list(vars(Methods).items()):
    if _name not in (
        "__doc__",
        "__module__",
        "__slots__",
        "__firstlineno__",
        "__static_attributes__",
    ):
        setattr(ndarray, _name, _method)
        for _part in (_method, *[getattr(_method, k, None) for k in ("fget", "fset")]):
            if hasattr(_part, "__qualname__"):
                _part.__qualname__ = f"ndarray.{_name}"
operators.install(ndarray)
