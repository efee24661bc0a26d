"""Differences from NumPy that stand, and what is not compared: one row each, with its reason."""

import fnmatch

import ml_dtypes  # noqa: F401 - names bfloat16 to NumPy
import numpy as np

__all__ = ["ACCEPTED", "NOT_COMPARED", "accepted"]

_SAME = "it is NumPy's own object"
_RANDOM = "numbers differ by design; tests/ndgpu/random tests distributions"
_FILES = "it reads or writes files or text; tests/ndgpu/routines/test_io.py"
_FUNCTION = "it takes a function that must work on both libraries; tests/ndgpu/routines"
_TEXT = "tests/ndgpu/core compares the text of arrays"
_MEMORY = "it tells of memory, which differs"

NOT_COMPARED = {
    "apply_along_axis": _FUNCTION,
    "apply_over_axes": _FUNCTION,
    "fromfunction": _FUNCTION,
    "fromiter": _FUNCTION,
    "mask_indices": _FUNCTION,
    "array2string": _TEXT,
    "array_repr": _TEXT,
    "array_str": _TEXT,
    "einsum_path": "its text names costs in NumPy's words; tests/ndgpu/routines",
    "frombuffer": _FILES,
    "fromfile": _FILES,
    "fromregex": _FILES,
    "fromstring": _FILES,
    "genfromtxt": _FILES,
    "load": _FILES,
    "loadtxt": _FILES,
    "save": _FILES,
    "savetxt": _FILES,
    "savez": _FILES,
    "savez_compressed": _FILES,
    "from_dlpack": "tests/ndgpu/interop",
    "may_share_memory": _MEMORY,
    "shares_memory": _MEMORY,
    "roots": "eigenvalues come in another order; tests/ndgpu/routines",
    "show_config": "prints what devices there are",
    "ndarray.base": _MEMORY,
    "ndarray.data": _MEMORY,
    "ndarray.device": _MEMORY,
    "ndarray.flags": _MEMORY,
    "ndarray.flat": "an iterator in NumPy",
    "ndarray.dump": _FILES,
    "ndarray.dumps": _FILES,
    "ndarray.tofile": _FILES,
    "ndarray.resize": "in place, of memory that nothing else refers to; tests/ndgpu/core",
    "ndarray.to_device": "tests/ndgpu/interop",
}

_UNPACKED = "an array without axes has none to shift; NumPy fails to unpack its empty shape"


_NO_FLOAT = "bfloat16 is no floating type to NumPy: NaN are not left out, means are not its sums"


def _nan_or_number_of_bfloat16(call):
    a = call.args[0]
    return getattr(a, "dtype", None) == "bfloat16" and (a.ndim == 0 or np.isnan(a).any())


def _always(call):
    return True


# Pattern of the function's name, a word of the difference, calls, the reason.
_NOT_WAITED = (
    "indices that are on the device already are not waited for; the nearest element is taken"
)
ACCEPTED = [
    *(
        (name, "returned", _always, _NOT_WAITED)
        for name in (
            "take",
            "choose",
            "ravel_multi_index",
            "unravel_index",
            "ndarray.take",
            "*.at",
            "put",
        )
    ),
    *(
        ("nan*", word, _nan_or_number_of_bfloat16, _NO_FLOAT)
        for word in ("value", "raised", "returned")
    ),
    ("fft.fftshift", "not enough values", _always, _UNPACKED),
    ("fft.ifftshift", "not enough values", _always, _UNPACKED),
]


def accepted(call, text):
    """Return the reason why a difference stands, or None."""
    for name, word, holds, reason in ACCEPTED:
        if fnmatch.fnmatch(call.name, name) and word in text and holds(call):
            return reason
    return None
