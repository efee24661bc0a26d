"""What NumPy has and device arrays leave out, and why: one row for each name.

`LEFT_OUT` holds what has no place on a device; the reason is part of the `AttributeError`
that asking for the name raises. `PLANNED` holds what is still to come. A test compares both,
and everything else, with the installed NumPy.
"""

from __future__ import annotations

__all__ = ["LEFT_OUT", "LEFT_OUT_METHODS", "PLANNED", "PLANNED_METHODS"]

_DATES = "dates and times are not a dtype of device arrays"
_OBJECTS = "Python objects cannot lie in device memory"
_TEXT = "text cannot lie in device memory"
_LONG = "devices have no floating-point numbers longer than 64 bits"
_RECORDS = "structured dtypes are not a dtype of device arrays"
_MATRIX = "the matrix class is deprecated in NumPy; use two-dimensional arrays and `@`"
_MASKED = "masked arrays are a package of their own over NumPy arrays; use `where=`"
_ERRORS = "kernels raise no floating-point flags, so there is nothing to set"
_BUILD = "it belongs to NumPy's own build and installation"
_BUFFERED = "it walks over elements one by one on the host; use whole-array operations"

LEFT_OUT: dict[str, str] = {
    "asmatrix": _MATRIX,
    "bmat": _MATRIX,
    "matrix": _MATRIX,
    "busday_count": _DATES,
    "busday_offset": _DATES,
    "busdaycalendar": _DATES,
    "datetime64": _DATES,
    "datetime_as_string": _DATES,
    "datetime_data": _DATES,
    "is_busday": _DATES,
    "isnat": _DATES,
    "timedelta64": _DATES,
    "bytes_": _TEXT,
    "char": _TEXT,
    "character": _TEXT,
    "str_": _TEXT,
    "strings": _TEXT,
    "flexible": _TEXT,
    "clongdouble": _LONG,
    "complex256": _LONG,
    "float128": _LONG,
    "longdouble": _LONG,
    "frompyfunc": _OBJECTS + ": write the function as an `ElementwiseKernel`, or use `vectorize`",
    "object_": _OBJECTS,
    "rec": _RECORDS,
    "recarray": _RECORDS,
    "record": _RECORDS,
    "void": _RECORDS,
    "ma": _MASKED,
    "memmap": "a file mapped into memory is not on a device; use `numpy.memmap` and `asarray`",
    "ctypeslib": "it passes host memory to C; device pointers are in `ndarray.ptr`",
    "nditer": _BUFFERED,
    "nested_iters": _BUFFERED,
    "flatiter": "`ndarray.flat` is an array here",
    "getbufsize": "there is no buffered casting on a device",
    "setbufsize": "there is no buffered casting on a device",
    "geterrcall": _ERRORS,
    "seterrcall": _ERRORS,
    "f2py": _BUILD,
    "get_include": _BUILD,
    "info": "it prints NumPy's own documentation; use `help`",
    "show_runtime": "`show_config` prints the driver and its devices",
    "test": _BUILD,
    "sctypeDict": "it lists dtypes that a device cannot hold",
}

PLANNED: dict[str, str] = {}

PLANNED_METHODS: dict[str, str] = {}

_HOST = "it describes host memory; see `__cuda_array_interface__`"
LEFT_OUT_METHODS: dict[str, str] = {
    "__array_interface__": _HOST,
    "__array_struct__": _HOST,
    "ctypes": _HOST,
    "__array_finalize__": "device arrays are not subclassed by NumPy's rules",
    "__array_wrap__": "device arrays are not subclassed by NumPy's rules",
    "__delitem__": "NumPy raises as well: elements of an array cannot be deleted",
    "__setstate__": "pickles hold a NumPy array, which `__reduce__` sends to the device",
    "getfield": _RECORDS,
    "setfield": _RECORDS,
    "setflags": "device arrays are always aligned and writeable",
}
