"""nvcc, the CUDA toolkit's own compiler, where it is installed: for sources that NVRTC refuses.

Guarantees: one call, no state; the image is kept in the same cache as NVRTC's, under a key that
holds nvcc's version, and a missing nvcc is reported with where it was looked for.
"""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from ndgpu import diskcache
from ndgpu.compile.errors import CompileException
from ndgpu.compile.headers import closure
from ndgpu.compile.images import Image
from ndgpu.compile.options import include_folders

__all__ = ["compile_source", "find"]

_FORMAT = 1


def find() -> str:
    """Return the path of nvcc.

    Raises
    ------
    RuntimeError
        If there is none in ``NVCC``, ``CUDA_HOME``, ``CUDA_PATH`` or ``PATH``.
    """
    given = os.environ.get("NVCC")
    folders = [os.environ.get(name) for name in ("CUDA_HOME", "CUDA_PATH")]
    places = [given, *[os.path.join(folder, "bin", "nvcc") for folder in folders if folder]]
    found = next((p for p in places if p and os.access(p, os.X_OK)), None) or shutil.which("nvcc")
    if found is None:
        raise RuntimeError(
            "backend='nvcc' needs the CUDA toolkit's compiler, which is in none of NVCC, "
            "CUDA_HOME/bin, CUDA_PATH/bin and PATH; backend='nvrtc' needs no toolkit"
        )
    return found


@functools.cache
def _version(path: str) -> str:
    done = subprocess.run([path, "--version"], capture_output=True, text=True, check=True)
    return done.stdout


def compile_source(
    source: str,
    options: Sequence[str],
    target: str,
    *,
    name: str = "kernel.cu",
    log: Callable[[str], object] | None = None,
) -> Image:
    """Compile CUDA C++ by nvcc, or find it compiled on disk.

    Parameters
    ----------
    source : str
    options : sequence of str
        nvcc's own.
    target : str
        ``sm_90`` makes a cubin, ``compute_80`` makes PTX.
    name : str
        What error messages call the source.
    log : callable, optional
        Is given what nvcc says.

    Raises
    ------
    RuntimeError
        If there is no nvcc.
    CompileException
        If it refuses the source.
    """
    nvcc = find()
    form = "cubin" if target.startswith("sm_") else "ptx"
    headers = closure(source, include_folders(options))
    parts = (_FORMAT, "nvcc", _version(nvcc), tuple(options), target, name, source, headers.digest)
    key = hashlib.sha256(repr(parts).encode()).hexdigest()
    cache = diskcache.default()
    data = cache.get(key) if log is None else None
    if data is None:
        data = _run(nvcc, source, options, target, form, name, headers.own, log)
        origin = {"kind": "image", "name": name, "target": target, "made by": "nvcc"}
        cache.put(key, data, origin)
    return Image(data, {})


def _run(
    nvcc: str,
    source: str,
    options: Sequence[str],
    target: str,
    form: str,
    name: str,
    headers: Sequence[tuple[str, str]],
    log: Callable[[str], object] | None,
) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        file, image = here / Path(name).name, here / f"image.{form}"
        file.write_text(source)
        for include, text in headers:
            (here / include).parent.mkdir(parents=True, exist_ok=True)
            (here / include).write_text(text)
        command = [nvcc, f"--{form}", f"-arch={target}", f"-I{folder}", *options]
        done = subprocess.run(
            [*command, "-o", str(image), str(file)], capture_output=True, text=True, check=False
        )
        said = (done.stdout + done.stderr).replace(str(file), name)
        if done.returncode:
            raise CompileException(said, source, command, name)
        if log is not None:
            log(said)
        return image.read_bytes()
