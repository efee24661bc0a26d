"""The vendor's libraries and headers, where they are installed.

They need no GPU to load, to describe tensors and statuses, and to be compared with.
``python -m pip install nvidia-cudnn-cu12 nvidia-cublas-cu12 nvidia-cusolver-cu12
nvidia-cufft-cu12`` (or their CUDA 13 twins) brings them.
"""

import ctypes
import re
import sys
from pathlib import Path

import pytest

__all__ = ["codes", "header", "library", "prototypes"]


def library(name):
    """The library, or a skipped test."""
    from cuda import pathfinder

    try:
        found = pathfinder.load_nvidia_dynamic_lib(name)
    except pathfinder.DynamicLibNotFoundError:
        pytest.skip(f"{name} is not installed: it is an optional wheel of NVIDIA's")
    return ctypes.CDLL(found.abs_path)


def header(name):
    """The text of a header of an installed wheel, or a skipped test."""
    for folder in sys.path:
        for file in Path(folder).glob(f"nvidia/*/include/{name}"):
            return file.read_text(errors="replace")
    pytest.skip(f"{name} is not installed: it comes with an optional wheel of NVIDIA's")


_FUNCTION = re.compile(
    r"\b(?:CUBLASWINAPI|CUDNNWINAPI|CUFFTAPI|CUSOLVERAPI)?\s*\b(cu\w+)\s*\(([^()]*)\)\s*;"
)


def prototypes(text):
    """Parameters of each function that a header declares."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    text = re.sub(r"//[^\n]*", "", text)
    text = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", "", text, flags=re.M)
    found = {}
    for name, parameters in _FUNCTION.findall(text):
        # A declaration says types; an inline call, which also ends so, does not.
        parts = [" ".join(p.split()) for p in parameters.split(",")]
        if all(" " in p or "*" in p or p in ("void", "") for p in parts):
            found.setdefault(name, [p for p in parts if p not in ("void", "")])
    return found


_SIZES = {"int64_t": "q", "long long int": "q", "uint64_t": "U", "size_t": "z", "float": "f"}
_SIZES |= {"double": "d", "signed char": "c", "unsigned int": "u", "unsigned": "u"}
_SIZES |= {"unsigned long long": "U", "long long": "q"}
# Types ending so are pointers to something that the header does not show.
_HANDLES = re.compile(r"(Handle_t|Params_t|Descriptor_t|Desc_t|Layout_t|Preference_t|Info_t|"
                      r"cudaStream_t|cudnnHandle_t|cudnnCTCLossDescriptor_t)$")  # fmt: skip


def code(parameter):
    """The letter of a parameter, as `ndgpu.runtime.libraries.Library` has it."""
    if "*" in parameter or "[" in parameter:
        return "p"
    words = [w for w in parameter.split() if w != "const"]
    kind = " ".join(words[:-1])
    if kind in ("cufftHandle",):
        return "i"
    if _HANDLES.search(kind):
        return "p"
    return _SIZES.get(kind, "i")


def codes(parameters):
    """The letters of all parameters of a function."""
    return "".join(code(p) for p in parameters)
