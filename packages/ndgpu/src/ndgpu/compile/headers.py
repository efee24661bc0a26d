"""Which headers a source includes, and what is in them.

Guarantees: the closure names each file that ``#include`` lines can reach through ndgpu's
own headers, the caller's include folders and CUDA's headers, so that a cached image is
reused only where all of them are unchanged.  Lines are followed whether or not the
preprocessor would (an over-approximation); ``#include MACRO`` cannot be followed.
ndgpu's own headers are included as ``<ndgpu/name.cuh>`` and need no folder.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

__all__ = ["Closure", "closure", "cuda_folder"]

_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*[<"]([^>"\n]+)[>"]', re.MULTILINE)
_OWN = Path(__file__).resolve().parent.parent / "include"
# CuPy's programs include its complex numbers under this name; ours are spelt the same.
_ALIASES = {"cupy/complex.cuh": "ndgpu/complex.cuh"}
# CUDA's headers include this one, which comes with CCCL and not with the runtime.
_STANDINS = {"nv/target": "ndgpu/nv_target.cuh"}


class Closure(NamedTuple):
    """The headers that a source reaches.

    Attributes
    ----------
    own : tuple of (str, str)
        Include name and text of each ndgpu header, for NVRTC.
    digest : str
        Changes when the content of any header does.
    cuda_folder : str or None
        CUDA's include folder, when the source needs it.
    """

    own: tuple[tuple[str, str], ...]
    digest: str
    cuda_folder: str | None


@functools.cache
def _own_text(name: str) -> str | None:
    file = _OWN / _ALIASES.get(name, name).removeprefix("ndgpu/")
    if not name.startswith("ndgpu/") and name not in _ALIASES:
        return None
    return file.read_text(encoding="utf-8") if file.is_file() else None


@functools.cache
def cuda_folder() -> str | None:
    """CUDA's include folder: in the runtime wheel, conda, or a toolkit; None without one."""
    from cuda import pathfinder

    find = getattr(pathfinder, "find_nvidia_header_directory", None)
    return find("cudart") if find is not None else None


@functools.lru_cache(maxsize=4096)
def _includes_and_digest(path: str, modified: int, size: int) -> tuple[tuple[str, ...], str]:
    data = Path(path).read_bytes()
    names = tuple(_INCLUDE.findall(data.decode("utf-8", "replace")))
    return names, hashlib.sha256(data).hexdigest()


def _on_disk(name: str, folders: Sequence[str]) -> str | None:
    for folder in folders:
        path = os.path.join(folder, name)
        if os.path.isfile(path):
            return path
    return None


@functools.lru_cache(maxsize=256)
def _own_closure(names: tuple[str, ...]) -> Closure | None:
    """The closure where all headers are ndgpu's, which is nearly always; else None."""
    own: dict[str, str] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in own:
            continue
        text = _own_text(name)
        if text is None:
            return None
        own[name] = text
        waiting += _INCLUDE.findall(text)
    rows = tuple(sorted(own.items()))
    return Closure(rows, hashlib.sha256(repr(rows).encode()).hexdigest(), None)


def closure(source: str, folders: Sequence[str] = ()) -> Closure:
    """Find the headers that a source includes, and those that they include.

    Parameters
    ----------
    source : str
        CUDA C++.
    folders : sequence of str
        The caller's include folders.

    Returns
    -------
    Closure
        Names that cannot be found are left to NVRTC, which has a few headers built in
        and reports the rest.
    """
    first = tuple(dict.fromkeys(_INCLUDE.findall(source)))
    simple = _own_closure(first)
    if simple is not None:
        return simple
    own: dict[str, str] = {}
    digests: dict[str, str] = {}
    cuda: str | None = None
    waiting = [(name, "") for name in first]
    while waiting:
        name, beside = waiting.pop()
        if name in own:
            continue
        text = _own_text(name)
        if text is not None:
            own[name] = text
            waiting += [(other, "") for other in _INCLUDE.findall(text)]
            continue
        path = _on_disk(name, (beside, *folders) if beside else folders)
        if path is None and (folder := cuda_folder()) is not None:
            path = _on_disk(name, (folder,))
            cuda = folder if path is not None else cuda
        if path is None and name in _STANDINS:
            own[name] = _own_text(_STANDINS[name]) or ""
            continue
        if path is None or path in digests:
            continue
        status = os.stat(path)
        names, digests[path] = _includes_and_digest(path, status.st_mtime_ns, status.st_size)
        waiting += [(other, os.path.dirname(path)) for other in names]
    rows = tuple(sorted(own.items()))
    # Contents decide, not where the files lie: an installation may move.
    whole = repr((rows, sorted(digests.values())))
    return Closure(rows, hashlib.sha256(whole.encode()).hexdigest(), cuda)
