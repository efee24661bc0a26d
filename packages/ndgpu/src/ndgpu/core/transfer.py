"""Between host memory and device memory: `get`, `set`, `array`, `asarray`, `asnumpy`.

Guarantees: host memory given to these functions may be changed or freed as soon
as they return; what they return to the host is complete (unless
``blocking=False`` was asked for).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ndgpu import runtime
from ndgpu.core import casts, views
from ndgpu.core.dtypes import as_dtype
from ndgpu.core.ndarray import allocate, ndarray
from ndgpu.core.placement import as_device

__all__ = ["IMPORTERS", "array", "asarray", "asnumpy", "from_host", "from_pickle", "to_host"]

IMPORTERS: dict[str, Callable[[Any, bool | None], ndarray]] = {}
"""How arrays of other libraries come in, by the attribute that offers them, in order of
preference; `ndgpu.interop` fills it. The second argument is ``copy``, as `array` has it."""

_HOST_TYPES = (np.ndarray, np.generic, list, tuple, int, float, complex, str, bytes)


def to_host(
    a: ndarray,
    stream: Any = None,
    order: str = "C",
    out: np.ndarray | None = None,
    blocking: bool = True,
) -> np.ndarray:
    """Copy `a` to host memory; see `ndarray.get`."""
    if order not in ("C", "F", "A"):
        raise ValueError(f"order must be one of 'C', 'F', or 'A' (got {order!r})")
    fortran = a._f_contiguous and not a._c_contiguous
    if order == "A":
        order = "F" if fortran else "C"
    if out is not None:
        if not isinstance(out, np.ndarray):
            raise TypeError(f"get: `out` must be a numpy.ndarray, got {type(out).__name__}")
        if out.shape != a._shape or out.dtype != a._dtype:
            raise ValueError(
                f"get: `out` must have shape {a._shape} and dtype {a._dtype}, "
                f"got shape {out.shape} and dtype {out.dtype}"
            )
        if not out.flags.c_contiguous or not out.flags.writeable:
            raise ValueError("get: `out` must be C-contiguous and writeable")
        result, order = out, "C"
    else:
        result = np.empty(a._shape, a._dtype, order)  # type: ignore[call-overload]
    with runtime.Device(a.device_id):
        # The copy to one dense block must be queued where the transfer is.
        with _on(stream):
            dense = a
            if not (a._c_contiguous if order == "C" else a._f_contiguous):
                dense = casts.copy(a, order)
            dense.data.copy_to_host_async(result.ctypes.data, a.nbytes)
            queue = runtime.get_current_stream()
        if blocking:
            queue.synchronize()
    return result


class _Nothing:
    def __enter__(self) -> None:
        return None

    def __exit__(self, *args: object) -> None:
        return None


def _on(stream: Any) -> Any:
    return _Nothing() if stream is None else stream


def from_host(a: ndarray, source: Any, stream: Any = None) -> None:
    """Copy a NumPy array of the same shape into `a`; see `ndarray.set`."""
    if isinstance(source, ndarray):
        raise TypeError("set: expected a numpy.ndarray, got a device array: use `a[...] = x`")
    source = np.asarray(source)
    if source.shape != a._shape:
        raise ValueError(
            f"set: shapes differ: the device array has {a._shape}, the NumPy array {source.shape}"
        )
    if a._size == 0:
        return
    fortran = not a._c_contiguous and a._f_contiguous
    source = np.asarray(source, a._dtype, order="F" if fortran else "C")
    with runtime.Device(a.device_id), _on(stream):
        if a._c_contiguous or fortran:
            a.data.copy_from_host(source.ctypes.data, source.nbytes)
        else:
            dense = allocate(a._shape, a._dtype)
            dense._data.copy_from_host(source.ctypes.data, source.nbytes)
            casts.copy_into(a, dense)


def from_pickle(source: np.ndarray) -> ndarray:
    """Make the array that was pickled, on the current device."""
    return _upload(source)


def _upload(source: np.ndarray, order: str = "K") -> ndarray:
    dtype = as_dtype(source.dtype)
    fortran = order == "F" or (
        order in ("K", "A") and source.flags.f_contiguous and not source.flags.c_contiguous
    )
    result = allocate(source.shape[::-1], dtype).T if fortran else allocate(source.shape, dtype)
    result._base = None
    if source.size:
        source = np.asarray(source, dtype, order="F" if fortran else "C")
        result._data.copy_from_host(source.ctypes.data, source.nbytes)
    return result


def array(
    object: Any,
    dtype: Any = None,
    *,
    copy: bool | None = True,
    order: str = "K",
    subok: bool = False,
    ndmin: int = 0,
    ndmax: int = 0,
    like: Any = None,
    blocking: bool = False,
) -> ndarray:
    """Make a device array from anything NumPy makes an array from, or from a device array.

    Parameters
    ----------
    object : array-like
        A device array, a NumPy array, a number, nested sequences of these, or an
        array of another library, with ``__cuda_array_interface__`` or ``__dlpack__``.
    dtype : dtype-like, optional
        As NumPy chooses by default.
    copy : bool, optional
        Whether a device array, of this library or another, is copied; False or None
        does not where it need not be; False raises if it must.
    order : {'K', 'C', 'F', 'A'}
        Memory layout.
    subok : bool
        Accepted for NumPy's sake; there are no subclasses.
    ndmin : int
        Axes of length one are put in front up to this number.
    ndmax : int
        Most axes that nested sequences make; 0 is NumPy's own limit.
    like : object
        Accepted for NumPy's sake.
    blocking : bool
        Accepted for CuPy's sake: host memory may always be changed once this returns.

    Returns
    -------
    ndarray
        On the current device.

    Raises
    ------
    TypeError
        If the elements have a dtype that no device array can have.
    ValueError
        If ``copy=False`` and a copy is needed.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.array([[1, 2], [3, 4]], dtype="f4")
    array([[1., 2.],
           [3., 4.]], dtype=float32)
    """
    if isinstance(object, ndarray):
        result = _from_device(object, dtype, copy, order)
    elif (foreign := _imported(object, copy)) is not None:
        # It was copied already if it had to be.
        result = _from_device(foreign, dtype, copy and None, order)
    else:
        if copy is False:
            raise ValueError(
                "Unable to avoid copy while creating a device array as requested: the data are "
                "in host memory"
            )
        if isinstance(object, (list, tuple)) and _holds_device_array(object):
            result = _from_device(_stack(object), dtype, None, order)
        else:
            wanted = None if dtype is None else as_dtype(dtype)
            limit = {"ndmax": ndmax} if ndmax else {}
            host = np.array(object, wanted, copy=None, **limit)  # type: ignore[call-overload]
            result = _upload(host, order)
    if ndmin > result.ndim:
        result = views.reshape(result, (1,) * (ndmin - result.ndim) + result._shape)
    return result


def asarray(
    a: Any,
    dtype: Any = None,
    order: str = "K",
    *,
    device: Any = None,
    copy: bool | None = None,
    like: Any = None,
    blocking: bool = False,
) -> ndarray:
    """Return `a` as an array on a device, itself if it is one already; see `array`.

    Parameters
    ----------
    a, dtype, order, copy
        As for `array`.
    device : ndgpu.cuda.Device or int, optional
        The current device by default.
    like : object
        Accepted for NumPy's sake.
    blocking : bool
        Accepted for CuPy's sake, as in `array`.

    Examples
    --------
    >>> import ndgpu
    >>> x = ndgpu.asarray([1.0, 2.0])
    >>> ndgpu.asarray(x) is x
    True
    """
    if device is not None:
        with as_device(device):
            return asarray(a, dtype, order, copy=copy)
    if (
        type(a) is ndarray
        and dtype is None
        and copy is None
        and order == "K"
        and a._data.device_id == runtime.current_device_id()
    ):
        return a
    return array(a, dtype, copy=copy, order=order)


def asnumpy(
    a: Any,
    stream: Any = None,
    order: str = "C",
    out: np.ndarray | None = None,
    *,
    blocking: bool = True,
) -> np.ndarray:
    """Return `a` as a NumPy array: a copy of a device array, else ``numpy.asarray(a)``.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.asnumpy(ndgpu.arange(3))
    array([0, 1, 2])
    """
    if isinstance(a, ndarray):
        return to_host(a, stream, order, out, blocking)
    if hasattr(a, "__cuda_array_interface__"):
        return to_host(IMPORTERS["__cuda_array_interface__"](a, None), stream, order, out, blocking)
    result = np.asarray(a, order=order)  # type: ignore[call-overload]
    if out is not None:
        np.copyto(out, result)
        return out
    return result


def _from_device(a: ndarray, dtype: Any, copy: bool | None, order: str) -> ndarray:
    wanted = a._dtype if dtype is None else as_dtype(dtype)
    dense = (
        order in ("K", "A", None)
        or (order == "C" and a._c_contiguous)
        or (order == "F" and a._f_contiguous)
    )
    elsewhere = a.device_id != runtime.current_device_id()
    if wanted == a._dtype and dense and not elsewhere and not copy:
        return a
    if copy is False:
        raise ValueError("Unable to avoid copy while creating an array as requested.")
    if elsewhere:
        a = casts.moved(a)
    return casts.astype(a, wanted, order or "K")


def _imported(value: Any, copy: bool | None) -> ndarray | None:
    """Return another library's array as ours, or None if it is none."""
    if isinstance(value, _HOST_TYPES):
        return None
    for attribute, importer in IMPORTERS.items():
        if hasattr(value, attribute):
            try:
                return importer(value, copy)
            except BufferError as error:
                if copy is not False:
                    raise
                raise ValueError(f"Unable to avoid copy as requested: {error}") from error
    return None


def _holds_device_array(values: Any) -> bool:
    return any(
        isinstance(v, ndarray) or (isinstance(v, (list, tuple)) and _holds_device_array(v))
        for v in values
    )


def _stack(values: Any) -> ndarray:
    parts = [array(v, copy=None) for v in values]
    shape = parts[0]._shape
    if any(part._shape != shape for part in parts):
        raise ValueError(
            "setting an array element with a sequence. The requested array has an inhomogeneous "
            "shape after 1 dimensions."
        )
    result = allocate((len(parts), *shape), np.result_type(*[part._dtype for part in parts]))
    for k, part in enumerate(parts):
        casts.copy_into(result[k], part)
    return result
