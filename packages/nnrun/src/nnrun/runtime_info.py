"""`print_runtime_info`: versions, for reports of problems."""

from __future__ import annotations

import importlib.metadata
import platform
import sys
from typing import TextIO

__all__ = ["print_runtime_info"]

_PACKAGES = ("nnrun", "ndgpu", "numpy", "h5py", "matplotlib")


def print_runtime_info(out: TextIO | None = None) -> None:
    """Print the versions of the system, of Python and of what nnrun uses.

    Parameters
    ----------
    out : text file, optional
        Standard output by default.

    Examples
    --------
    >>> import nnrun
    >>> nnrun.print_runtime_info()
    Platform: ...
    Python: ...
    nnrun: ...
    """
    stream = sys.stdout if out is None else out
    stream.write(f"Platform: {platform.platform()}\n")
    stream.write(f"Python: {platform.python_version()}\n")
    for name in _PACKAGES:
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            version = "not installed"
        stream.write(f"{name}: {version}\n")
