"""NumPy's functions that stay on the device: ``np.concatenate([x, y])`` is ours (NEP 18)."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np

from ndgpu.core import protocol

__all__ = ["register"]


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
        # Functions that dispatch have this attribute; ufuncs and types go other ways.
        if function is not None and hasattr(function, "__wrapped__"):
            protocol.register(function, ours)
