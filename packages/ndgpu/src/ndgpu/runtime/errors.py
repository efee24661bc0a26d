"""What the driver refuses becomes an exception that names the error and the call.

`check` takes a driver result ``(CUresult, value...)`` and returns its values; an
error raises `CUDADriverError` with the error's name, its meaning, the call, and
whatever more the driver has to say.
"""

from __future__ import annotations

import dis
import sys
from types import FrameType
from typing import Any

from ndgpu import driver

__all__ = ["CUDADriverError", "OutOfMemoryError", "check", "format_bytes"]


class CUDADriverError(RuntimeError):
    """A driver call that failed.

    Parameters
    ----------
    status : int
        The call's ``CUresult``.
    call : str, optional
        The call's name, such as ``cuLaunchKernel``.
    detail : str, optional
        What the driver adds, such as the kernel and thread at fault.

    Attributes
    ----------
    status : int
        The ``CUresult``.
    name : str
        Its name, such as ``CUDA_ERROR_INVALID_VALUE``.
    call : str
        The call that failed; empty if unknown.

    Examples
    --------
    >>> from ndgpu.runtime import CUDADriverError
    >>> CUDADriverError(1, "cuMemAlloc").name
    'CUDA_ERROR_INVALID_VALUE'
    """

    def __init__(self, status: int, call: str = "", detail: str = "") -> None:
        self.status = int(status)
        self.name = _text(driver.cuGetErrorName, status) or f"CUresult {self.status}"
        self.call = call
        meaning = _text(driver.cuGetErrorString, status)
        message = f"{call}: {self.name}" if call else self.name
        if meaning:
            message += f" ({meaning})"
        if detail:
            message += f": {detail}"
        super().__init__(message)

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self), self.args[0], self.status, self.name, self.call)


class OutOfMemoryError(MemoryError):
    """A device has no room for an allocation.

    Attributes
    ----------
    wanted : int
        Bytes asked for.
    device_id : int
        The device that had no room.
    used, held : int
        Bytes of the pool that live arrays use, and that the pool holds in all.
    limit : int
        The pool's limit; 0 for none.
    device_free, device_total : int
        Bytes that the driver reports as free, and as the device's memory in all.

    Examples
    --------
    >>> from ndgpu.runtime import OutOfMemoryError
    >>> error = OutOfMemoryError(1024, device_id=0, used=512, held=768, limit=800)
    >>> str(error).split(":")[0]
    'device 0 has no room for 1024 bytes (1.00 KiB)'
    """

    def __init__(
        self,
        wanted: int,
        *,
        device_id: int,
        used: int = 0,
        held: int = 0,
        limit: int = 0,
        device_free: int = 0,
        device_total: int = 0,
    ) -> None:
        self.wanted = wanted
        self.device_id = device_id
        self.used = used
        self.held = held
        self.limit = limit
        self.device_free = device_free
        self.device_total = device_total
        bound = f"its limit is {format_bytes(limit)}" if limit else "it has no limit"
        super().__init__(
            f"device {device_id} has no room for {format_bytes(wanted)}: the pool uses "
            f"{format_bytes(used)} of the {format_bytes(held)} it holds, {bound}; the device has "
            f"{format_bytes(device_free)} of {format_bytes(device_total)} free"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored_out_of_memory, (self.__dict__.copy(),)


def _restored(
    kind: type[CUDADriverError], message: str, status: int, name: str, call: str
) -> CUDADriverError:
    """Unpickle without asking the driver, which the other process may not have."""
    error = kind.__new__(kind, message)
    error.args = (message,)
    error.status, error.name, error.call = status, name, call
    return error


def _restored_out_of_memory(fields: dict[str, Any]) -> OutOfMemoryError:
    return OutOfMemoryError(fields.pop("wanted"), **fields)


def format_bytes(nbytes: int) -> str:
    """Return a size as people read it, exact and rounded.

    Examples
    --------
    >>> format_bytes(512), format_bytes(3 << 20)
    ('512 bytes', '3145728 bytes (3.00 MiB)')
    """
    if nbytes < 1024:
        return f"{nbytes} bytes"
    power = min((nbytes.bit_length() - 1) // 10, 4)
    return f"{nbytes} bytes ({nbytes / 1024**power:.2f} {'_KMGT'[power]}iB)"


def check(result: tuple[Any, ...]) -> Any:
    """Return the values of a driver result, or raise what it says went wrong.

    Parameters
    ----------
    result : tuple
        ``(CUresult, value...)`` as a driver function returns it.

    Returns
    -------
    object
        None for no value, the value for one, a tuple for several.

    Raises
    ------
    CUDADriverError
        If the status is not ``CUDA_SUCCESS``.

    Examples
    --------
    >>> from ndgpu import driver
    >>> check(driver.cuInit(0))
    >>> check(driver.cuDeviceGetCount()) >= 1
    True
    """
    if result[0]:
        raise _error(result[0], sys._getframe(1))
    if len(result) == 2:
        return result[1]
    return result[1:] or None


def _error(status: Any, frame: FrameType) -> CUDADriverError:
    tell = getattr(driver, "last_error_detail", None)
    return CUDADriverError(int(status), _name_of_call(frame), (tell() or "") if tell else "")


def _name_of_call(frame: FrameType) -> str:
    """The driver function that `frame` named last before it stopped.

    Read from the byte code, so that the callers of `check` need not repeat the
    name and a call that succeeds pays nothing for it.
    """
    name = ""
    for instruction in dis.get_instructions(frame.f_code):
        if instruction.offset >= frame.f_lasti:
            break
        text = instruction.argval
        if isinstance(text, str) and text.startswith("cu") and text[2:3].isupper():
            name = text
    return name


def _text(function: Any, status: int) -> str:
    """An error's name or meaning; empty if the driver does not know the status."""
    try:
        failed, text = function(driver.CUresult(status))
    except ValueError:
        return ""
    if failed or text is None:
        return ""
    return text.decode() if isinstance(text, bytes) else str(text)
