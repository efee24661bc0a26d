"""What kernels print: `printf` and the messages of `assert`, as native code calls them.

Guarantees: each `printf` of a thread goes to the process's standard output, and each message of a
failed `assert` to its standard error, in one piece; all of a kernel's output is there when the
kernel has finished.  The formats are C's; a conversion that is not C's is printed as it stands.
"""

from __future__ import annotations

import ctypes
import functools
import os
import re

from . import heap

__all__ = ["address", "formatted"]

_CONVERSION = re.compile(
    rb"%(?P<flags>[-+ #0]*)(?P<width>\*|\d*)(?:\.(?P<precision>\*|\d*))?"
    rb"(?P<length>hh|h|ll|l|j|z|t|L|q)?(?P<kind>[diouxXcspfFeEgGaA%])"
)
_LONG = frozenset((b"l", b"ll", b"j", b"z", b"t", b"q"))
_NARROW = {b"hh": 8, b"h": 16}


class _Arguments:
    """Values in memory, one after the other, each aligned to its size."""

    def __init__(self, address: int) -> None:
        self.address = address
        self.count = 0

    def take(self, type: type[ctypes._SimpleCData]) -> int | float:
        size = ctypes.sizeof(type)
        self.address = -(-self.address // size) * size
        value = type.from_address(self.address).value
        self.address += size
        self.count += 1
        return value


def formatted(format: bytes, address: int) -> tuple[bytes, int]:
    """Format as ``printf`` does.

    Parameters
    ----------
    format : bytes
        A format of C.
    address : int
        Where its arguments lie, as NVRTC lays them out.

    Returns
    -------
    text : bytes
    count : int
        Arguments that the format took.

    Examples
    --------
    >>> values = (ctypes.c_int32 * 2)(-5, 255)
    >>> formatted(b"%d is %#06x, 100%%", ctypes.addressof(values))
    (b'-5 is 0x00ff, 100%', 2)
    """
    arguments = _Arguments(address)
    text = _CONVERSION.sub(lambda m: _converted(m, arguments), format)
    return text, arguments.count


def _converted(match: re.Match[bytes], arguments: _Arguments) -> bytes:
    flags, width, precision, length, kind = match.groups()
    if kind == b"%":
        return b"%"
    if width == b"*":
        width = b"%d" % arguments.take(ctypes.c_int32)
    if precision == b"*":
        precision = b"%d" % arguments.take(ctypes.c_int32)
    lead = b"%" + flags + width
    point = b"" if precision is None else b"." + (precision or b"0")
    if kind in b"fFeEgG":
        return (lead + point + kind) % arguments.take(ctypes.c_double)
    if kind in b"aA":
        value = _hexadecimal(float(arguments.take(ctypes.c_double)), precision)
        return (lead + b"s") % (value.upper() if kind == b"A" else value)
    if kind == b"s":
        start = int(arguments.take(ctypes.c_uint64))
        return (lead + point + b"s") % (ctypes.string_at(start) if start else b"(null)")
    if kind == b"p":
        return (lead + b"s") % (b"%#x" % int(arguments.take(ctypes.c_uint64)) or b"(nil)")
    if kind == b"c":
        return (lead + b"s") % bytes([int(arguments.take(ctypes.c_int32)) & 0xFF])
    return _integer(lead, point, flags, length, kind, arguments)


def _integer(
    lead: bytes, point: bytes, flags: bytes, length: bytes | None, kind: bytes, taken: _Arguments
) -> bytes:
    value = int(taken.take(ctypes.c_int64 if length in _LONG else ctypes.c_int32))
    bits = _NARROW.get(length or b"", 64 if length in _LONG else 32)
    value &= (1 << bits) - 1
    if kind in b"di":
        if value >> bits - 1:
            value -= 1 << bits
        return (lead + point + b"d") % value
    if kind == b"o" and b"#" in flags:
        return (lead.replace(b"#", b"") + b"s") % (b"0%o" % value)
    if kind in b"xX" and not value:
        lead = lead.replace(b"#", b"")
    return (lead + point + (b"d" if kind == b"u" else kind)) % value


def _hexadecimal(value: float, precision: bytes | None) -> bytes:
    """The form ``0x1.8p+1``, with no more digits than it needs unless told how many."""
    text = value.hex()
    if "x" not in text:
        return text.encode()
    mantissa, exponent = text.split("p")
    whole, _, digits = mantissa.partition(".")
    digits = digits.rstrip("0") if precision is None else digits[: int(precision or 0)]
    return f"{whole}{'.' if digits else ''}{digits}p{exponent}".encode()


def _write(descriptor: int, text: bytes) -> None:
    while text:
        text = text[os.write(descriptor, text) :]


@ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p)
def _print(format: int | None, arguments: int | None) -> int:
    text, count = formatted(ctypes.string_at(format or 0), arguments or 0)
    _write(1, text)
    return count


@ctypes.CFUNCTYPE(None, *(ctypes.c_void_p,) * 3, *(ctypes.c_uint32,) * 7)
def _assert_failed(message: int, file: int, function: int, line: int, *where: int) -> None:
    said, path, name = (ctypes.string_at(p).decode("utf-8", "replace") if p else "?"
                        for p in (message, file, function))  # fmt: skip
    block, thread = where[:3], where[3:]
    text = (
        f"{path}:{line}: {name}: block: [{block[0]},{block[1]},{block[2]}], "
        f"thread: [{thread[0]},{thread[1]},{thread[2]}] Assertion `{said}` failed.\n"
    )
    _write(2, text.encode())


@functools.cache
def address(holder: str) -> int:
    """The address, in this process, of what native code calls.

    Parameters
    ----------
    holder : str
        The variable that holds it, such as ``"@malloc"``.
    """
    if holder == "@heap":  # unless the context has one of its own
        return ctypes.addressof(heap.default())
    if holder in ("@malloc", "@free"):
        return heap.functions()[holder == "@free"]
    own = {"@vprintf": _print, "@assertfail": _assert_failed}
    function = own[holder] if holder in own else ctypes.CDLL(None)[holder[1:]]
    return ctypes.cast(function, ctypes.c_void_p).value or 0
