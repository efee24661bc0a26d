"""Images: what a source compiles to, from the disk cache where it is there.

Guarantees: the key holds everything that changes the image's bytes (source, options with
the architecture, name expressions, content of every header included, NVRTC's version,
version of this format), and an entry that cannot be read is compiled again.  With
``NDGPU_RECORD_SOURCES`` each source is kept, once, as JSON.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from ndgpu import config, diskcache
from ndgpu.compile import nvrtc
from ndgpu.compile.headers import closure
from ndgpu.compile.options import complete, has_lines, include_folders

__all__ = ["Image", "compile_source"]

_FORMAT = 1


class Image(NamedTuple):
    """A compiled source.

    Attributes
    ----------
    data : bytes
        A cubin, or PTX text.
    names : dict
        From each name expression to its name in the image.
    """

    data: bytes
    names: dict[str, str]

    def _dump(self) -> bytes:
        import json  # not needed to import this module

        head = json.dumps(self.names).encode()
        return len(head).to_bytes(8, "little") + head + self.data

    @classmethod
    def _parse(cls, entry: bytes, names: Sequence[str]) -> Image | None:
        """Read an entry; None where it is not one of these names."""
        import json

        size = int.from_bytes(entry[:8], "little")
        try:
            found = json.loads(entry[8 : 8 + size])
        except ValueError:
            return None
        data = entry[8 + size :]
        if not isinstance(found, dict) or set(found) != set(names) or not data:
            return None
        return cls(data, found)


def compile_source(
    source: str,
    options: Sequence[str] = (),
    target: str = "compute_80",
    name_expressions: Sequence[str] = (),
    *,
    name: str = "kernel.cu",
    log: Callable[[str], object] | None = None,
) -> Image:
    """Compile CUDA C++ for an architecture, or find it compiled on disk.

    Parameters
    ----------
    source : str
        CUDA C++; ndgpu's headers are included as ``<ndgpu/complex.cuh>``, CUDA's own
        (``<cuda_fp16.h>``) where the CUDA runtime's headers are installed.
    options : sequence of str
        Options of NVRTC.
    target : str
        ``sm_90`` makes a cubin, ``compute_80`` makes PTX.
    name_expressions : sequence of str
        C++ names, such as ``f<int>``, whose lowered names are wanted.
    name : str
        What error messages, ``__FILE__`` and line information call the source.
    log : callable, optional
        Is given what NVRTC says, which is in no cache: the source is compiled in any case.

    Returns
    -------
    Image

    Raises
    ------
    CompileException
        If NVRTC refuses the source: with its log and the source around the error.
    NvrtcNotFoundError
        If NVRTC is not installed and the image is not in the cache.

    Examples
    --------
    >>> image = compile_source('extern "C" __global__ void f(int* x) { *x = 1; }')
    >>> b".entry f(" in image.data
    True
    """
    expressions = tuple(dict.fromkeys(name_expressions))
    full = complete(options, target)
    headers = closure(source, include_folders(full))
    lines = has_lines(target)
    # The name too changes the bytes: `assert` and line information hold it.
    parts = (_FORMAT, nvrtc.version(), full, name, source, expressions, headers.digest, lines)
    key = hashlib.sha256(repr(parts).encode()).hexdigest()
    cache = diskcache.default()
    entry = cache.get(key) if log is None else None
    image = Image._parse(entry, expressions) if entry is not None else None
    if image is not None:
        _record(source, options, expressions)
        return image
    if headers.cuda_folder is not None:
        full = (*full, f"-I{headers.cuda_folder}")
    binary = target.startswith("sm_")
    data, names, said = nvrtc.compile_program(
        source, name, full, headers.own, expressions, binary=binary
    )
    if log is not None:
        log(said)
    if lines:
        data = _with_source(data, source)
    image = Image(data, names)
    made_by = ".".join(map(str, nvrtc.version()))
    origin = {"kind": "image", "name": name, "target": target, "made by": f"NVRTC {made_by}"}
    cache.put(key, image._dump(), origin)
    _record(source, options, expressions)
    return image


def _with_source(ptx: bytes, source: str) -> bytes:
    """Append the source as comments, for reports that name its lines."""
    lines = "".join(f"//@ {i}: {line}\n" for i, line in enumerate(source.splitlines(), 1))
    return ptx.rstrip(b"\0") + b"\n" + lines.encode() + b"\0"


def _record(source: str, options: Sequence[str], expressions: Sequence[str]) -> None:
    """Keep a source that compiles, as NDGPU_RECORD_SOURCES asks, in a file named by its content."""
    folder: Path | None = config.value("NDGPU_RECORD_SOURCES")
    if folder is None:
        return
    import json
    import tempfile

    text = json.dumps(
        {"source": source, "options": list(options), "name_expressions": list(expressions)},
        indent=1,
    )
    file = folder / f"{hashlib.sha256(text.encode()).hexdigest()}.json"
    if file.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=folder, suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.replace(temporary, file)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
