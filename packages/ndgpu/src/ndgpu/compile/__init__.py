"""From CUDA C++ to kernels on a device: types, NVRTC, caches, modules and launches.

Guarantees: importing this package loads neither NVRTC nor a driver.  `get_module` is the
way in; below it lie `compile_source` (with the disk cache) and NVRTC, each usable alone.
"""

from __future__ import annotations

from ndgpu.compile.args import Packer
from ndgpu.compile.dtypes import cast, ctype, headers_of, is_supported, pack_code
from ndgpu.compile.errors import CompileException, NvrtcNotFoundError
from ndgpu.compile.images import Image, compile_source
from ndgpu.compile.module import Bound, Function, Module, get_module

__all__ = [
    "Bound",
    "CompileException",
    "Function",
    "Image",
    "Module",
    "NvrtcNotFoundError",
    "Packer",
    "cast",
    "compile_source",
    "ctype",
    "get_module",
    "headers_of",
    "is_supported",
    "pack_code",
]
