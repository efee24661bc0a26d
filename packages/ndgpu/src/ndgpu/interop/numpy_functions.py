"""NumPy's functions that stay on the device: ``np.concatenate([x, y])`` is ours (NEP 18, 35)."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np

from ndgpu.core import protocol
from ndgpu.core.ufuncs import TABLE

__all__ = ["LIKE", "register"]

LIKE = frozenset(
    (
        *("arange", "array", "asanyarray", "asarray", "ascontiguousarray", "asfortranarray"),
        *("empty", "eye", "frombuffer", "fromfile", "fromfunction", "fromiter", "fromstring"),
        *("full", "genfromtxt", "identity", "loadtxt", "ones", "require", "tri", "zeros"),
    )
)
"""Functions that NumPy hands over when ``like=`` names a device array (NEP 35)."""


def register(names: Mapping[str, Any], numpy_module: ModuleType = np) -> None:
    """Let each function in `names` answer for the one of NumPy with the same name.

    Parameters
    ----------
    names : mapping of str to object
        Public names; what is no function, and what NumPy lacks, is passed over.
    numpy_module : module
        Where NumPy has them: `numpy`, `numpy.linalg`.
    """
    theirs = vars(numpy_module)
    for name, ours in names.items():
        function = theirs.get(name)
        if isinstance(function, np.ufunc):
            # Products, which are ufuncs in NumPy alone; the others are found in the table.
            if function.__name__ not in TABLE:
                protocol.register(function, ours)
        # Functions that dispatch on their arguments have this attribute.
        elif function is not None and (hasattr(function, "__wrapped__") or name in LIKE):
            protocol.register(function, ours)
