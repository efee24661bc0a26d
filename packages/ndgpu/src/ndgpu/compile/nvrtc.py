"""NVRTC: from CUDA C++ to PTX or a cubin.

Guarantees: one function, no state; NVRTC is loaded at the first call, a missing one is
reported with the extra that installs it, and a source that it refuses raises
`CompileException` with the log and the source around the first error.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from ndgpu.compile.errors import CompileException, NvrtcNotFoundError

__all__ = ["compile_program", "version"]

_MISSING = (
    "NVRTC, CUDA's run-time compiler, was not found: {error}. Kernels need it even without a "
    "GPU. Install ndgpu with an extra: ndgpu[nvrtc12] or ndgpu[nvrtc13] (no GPU), or "
    "ndgpu[cuda12] or ndgpu[cuda13] (with the vendor's libraries)"
)


@functools.cache
def _load() -> ModuleType:
    try:
        from cuda.bindings import nvrtc

        nvrtc.nvrtcVersion()
    except Exception as error:
        # cuda.bindings raises errors of several types where the library is not there.
        raise NvrtcNotFoundError(_MISSING.format(error=str(error).strip() or error)) from error
    return nvrtc


@functools.cache
def version() -> tuple[int, int]:
    """Return NVRTC's version, such as ``(12, 9)``.

    Raises
    ------
    NvrtcNotFoundError
        If NVRTC is not installed.
    """
    _, major, minor = _load().nvrtcVersion()
    return int(major), int(minor)


def _check(nvrtc: ModuleType, result: tuple[Any, ...], call: str) -> Any:
    if int(result[0]) != 0:
        _, text = nvrtc.nvrtcGetErrorString(result[0])
        raise RuntimeError(f"{call} failed: {text.decode()}")
    return result[1] if len(result) > 1 else None


def _text(nvrtc: ModuleType, program: Any, what: str) -> bytes:
    """Read a string or a binary out of a program: NVRTC tells the size, then fills it."""
    size_call, call = getattr(nvrtc, f"nvrtcGet{what}Size"), getattr(nvrtc, f"nvrtcGet{what}")
    size = _check(nvrtc, size_call(program), f"nvrtcGet{what}Size")
    # NVRTC writes into the bytes object.  One of length 1 (an empty log) would be CPython's
    # only object of that value, shared by the whole process; a longer one is ours alone.
    data = bytes(size + 2)
    _check(nvrtc, call(program, data), f"nvrtcGet{what}")
    return data[:size]


def compile_program(
    source: str,
    name: str,
    options: Sequence[str],
    headers: Sequence[tuple[str, str]],
    name_expressions: Sequence[str],
    *,
    binary: bool,
) -> tuple[bytes, dict[str, str], str]:
    """Compile a source.

    Parameters
    ----------
    source : str
        CUDA C++.
    name : str
        What messages call the source.
    options : sequence of str
        All of NVRTC's options.
    headers : sequence of (str, str)
        Include name and text of headers given in memory.
    name_expressions : sequence of str
        C++ names, such as ``f<int>``, whose lowered names are wanted.
    binary : bool
        Whether to take the cubin; else the PTX.

    Returns
    -------
    image : bytes
    lowered : dict
        From each name expression to the name in the image.
    log : str
        Warnings.

    Raises
    ------
    CompileException
        If NVRTC refuses the source.
    NvrtcNotFoundError
        If NVRTC is not installed.
    """
    nvrtc = _load()
    program = _check(
        nvrtc,
        nvrtc.nvrtcCreateProgram(
            source.encode(),
            name.encode(),
            len(headers),
            [text.encode() for _, text in headers],
            [include.encode() for include, _ in headers],
        ),
        "nvrtcCreateProgram",
    )
    try:
        for expression in name_expressions:
            call = nvrtc.nvrtcAddNameExpression(program, expression.encode())
            _check(nvrtc, call, f"nvrtcAddNameExpression({expression!r})")
        (status,) = nvrtc.nvrtcCompileProgram(
            program, len(options), [option.encode() for option in options]
        )
        log = _text(nvrtc, program, "ProgramLog").rstrip(b"\0 \n").decode("utf-8", "replace")
        if int(status) != 0:
            raise CompileException(log or status.name, source, options, name)
        lowered = {
            expression: _check(
                nvrtc,
                nvrtc.nvrtcGetLoweredName(program, expression.encode()),
                f"nvrtcGetLoweredName({expression!r})",
            ).decode()
            for expression in name_expressions
        }
        return _text(nvrtc, program, "CUBIN" if binary else "PTX"), lowered, log
    finally:
        nvrtc.nvrtcDestroyProgram(program)
