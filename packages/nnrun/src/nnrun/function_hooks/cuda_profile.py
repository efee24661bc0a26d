"""`CUDAProfileHook`: names of functions as ranges in NVIDIA's profilers."""

from __future__ import annotations

import importlib
from typing import Any

from nnrun.core import FunctionHook

__all__ = ["CUDAProfileHook"]


class CUDAProfileHook(FunctionHook):
    """Opens a range (NVTX) around every forward and backward.

    Nsight Systems and its like show the ranges over the kernels.  The package
    ``nvtx``, which talks to them, must be installed.

    Raises
    ------
    ImportError
        If it is not.

    Examples
    --------
    >>> import nnrun
    >>> hook = nnrun.function_hooks.CUDAProfileHook()  # doctest: +SKIP
    """

    name = "CUDAProfileHook"

    def __init__(self) -> None:
        try:
            self._nvtx: Any = importlib.import_module("nvtx")
        except ImportError as error:
            raise ImportError("CUDAProfileHook: the package `nvtx` is not installed") from error

    def forward_preprocess(self, function: Any, in_data: Any) -> None:
        """Open a range."""
        self._nvtx.push_range(f"{function.label}.forward")

    def forward_postprocess(self, function: Any, in_data: Any) -> None:
        """Close it."""
        self._nvtx.pop_range()

    def backward_preprocess(self, function: Any, in_data: Any, out_grad: Any) -> None:
        """Open a range."""
        self._nvtx.push_range(f"{function.label}.backward")

    def backward_postprocess(self, function: Any, in_data: Any, out_grad: Any) -> None:
        """Close it."""
        self._nvtx.pop_range()
