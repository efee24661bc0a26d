"""The vendor's libraries: calls with types and checked statuses, and handles with owners.

Guarantees: a call that fails raises `LibraryError` with the call's name and what the
library says of its status; a handle is used by the thread that made it, on its device, and
works in that thread's current stream; it is destroyed with its thread, but not while
the interpreter ends, when the driver may be gone.
"""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

from ndgpu.runtime import context
from ndgpu.runtime.stream import get_current_stream

__all__ = ["Handles", "Library", "LibraryError", "Owned"]

_TYPES: dict[str, Any] = {
    "p": ctypes.c_void_p,
    "i": ctypes.c_int,
    "u": ctypes.c_uint,
    "q": ctypes.c_longlong,
    "U": ctypes.c_ulonglong,
    "z": ctypes.c_size_t,
    "f": ctypes.c_float,
    "d": ctypes.c_double,
    "c": ctypes.c_byte,
}
"""What the letters of a prototype mean: pointer, int, unsigned, 64 bits, size, float, ..."""


class LibraryError(RuntimeError):
    """A call of a vendor's library that failed.

    Parameters
    ----------
    call : str
        The function's name.
    status : int
        What it returned.
    meaning : str, optional
        What the library says of that status.

    Attributes
    ----------
    call : str
    status : int

    Examples
    --------
    >>> from ndgpu.runtime.libraries import LibraryError
    >>> str(LibraryError("cublasCreate_v2", 1, "the library was not initialized"))
    'cublasCreate_v2 failed with status 1 (the library was not initialized)'
    """

    def __init__(self, call: str, status: int, meaning: str = "") -> None:
        self.call, self.status, self.meaning = call, status, meaning
        super().__init__(
            f"{call} failed with status {status}" + (f" ({meaning})" if meaning else "")
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.call, self.status, self.meaning)


class Library:
    """A loaded library whose functions are attributes that raise instead of failing.

    Parameters
    ----------
    library : ctypes.CDLL
        Or anything with functions of the same names.
    prototypes : mapping of str to str
        For each function a letter for each parameter: p (pointer), i (int), u (unsigned
        int), q (64 bits), U (64 bits, unsigned), z (size_t), f, d (floats), c (char).
    describe : callable
        From a status to what it means.
    error : type
        Raised by a call that returns anything but zero.
    """

    def __init__(
        self,
        library: Any,
        prototypes: Mapping[str, str],
        describe: Callable[[int], str],
        error: type[LibraryError] = LibraryError,
    ) -> None:
        self._library = library
        self._prototypes = prototypes
        self._describe = describe
        self._error = error

    def has(self, name: str) -> bool:
        """Whether this version of the library has a function."""
        return hasattr(self._library, name)

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name not in self._prototypes:
            raise AttributeError(name)
        function = getattr(self._library, name)
        function.argtypes = [_TYPES[letter] for letter in self._prototypes[name]]
        function.restype = ctypes.c_int

        def call(*args: Any) -> None:
            status = function(*args)
            if status:
                raise self._error(name, status, self._describe(status))

        self.__dict__[name] = call
        return call


class Owned:
    """Something of a library's that is destroyed, on its device, with this object.

    Parameters
    ----------
    value : int
        The library's handle, made on the current device.
    destroy : callable
        Called with it.

    Attributes
    ----------
    value : int
    device_id : int
    stream : int or None
        For the owner's use: the stream it works in.
    """

    __slots__ = ("_destroy", "device_id", "stream", "value")

    def __init__(self, value: int, destroy: Callable[[int], None]) -> None:
        self.value = value
        self.device_id = context.current_device_id()
        self.stream: int | None = None
        self._destroy = destroy

    # Defaults: the module's own names may be gone by the time that this is called last.
    def __del__(self, _ending: Any = sys.is_finalizing, _context: Any = context) -> None:
        # Neither while the interpreter ends nor in a forked child is there a driver to ask.
        if not _ending() and _context.life.usable:
            with _context.entered(self.device_id):
                self._destroy(self.value)


class Handles:
    """Handles of a library, one for each thread and device, made when first asked for.

    Parameters
    ----------
    create : callable
        Returns a new handle for the current device.
    destroy : callable
        Frees one.
    set_stream : callable
        Called as ``set_stream(handle, stream)``.
    """

    def __init__(
        self,
        create: Callable[[], int],
        destroy: Callable[[int], None],
        set_stream: Callable[[int, int], None],
    ) -> None:
        self._create = create
        self._destroy = destroy
        self._set_stream = set_stream
        self._local = threading.local()

    def current(self) -> int:
        """Return the handle of this thread and device, working in the current stream."""
        handles: dict[int, Owned] = self._local.__dict__.setdefault("handles", {})
        device_id = context.current_device_id()
        handle = handles.get(device_id)
        if handle is None:
            handle = handles[device_id] = Owned(self._create(), self._destroy)
        stream = get_current_stream().ptr
        if handle.stream != stream:
            self._set_stream(handle.value, stream)
            handle.stream = stream
        return handle.value
