"""What is to be compared: the functions and methods that ndgpu has of NumPy's."""

import numpy as np
from tests.ndgpu.differential import (
    entries_mathematics,
    entries_reductions,
    entries_shapes,
    entries_ufuncs,
)

import ndgpu

__all__ = ["ENTRIES", "WITH_BFLOAT16", "public_names"]

ENTRIES = {
    **entries_ufuncs.ENTRIES,
    **entries_reductions.ENTRIES,
    **entries_shapes.ENTRIES,
    **entries_mathematics.ENTRIES,
}

# Drawn with bfloat16 as well: what is done to elements, and what reduces them.
WITH_BFLOAT16 = {*entries_ufuncs.ENTRIES, *entries_reductions.WITH_BFLOAT16}


def _functions(theirs, ours, prefix=""):
    for name in dir(theirs):
        function = getattr(theirs, name)
        mine = getattr(ours, name, None)
        # A class, and what is NumPy's own object, has nothing to be compared.
        if name[0] == "_" or not callable(function) or isinstance(function, type):
            continue
        if mine is not None and mine is not function:
            yield prefix + name


def public_names():
    """Return all names that are implemented: functions, ufuncs and methods."""
    names = {*_functions(np, ndgpu), *(f"ufunc.{m}" for m in entries_ufuncs.METHODS)}
    names |= {
        *_functions(np.linalg, ndgpu.linalg, "linalg."),
        *_functions(np.fft, ndgpu.fft, "fft."),
    }
    names |= {f"ndarray.{n}" for n in dir(np.ndarray) if n[0] != "_" and hasattr(ndgpu.ndarray, n)}
    return names
