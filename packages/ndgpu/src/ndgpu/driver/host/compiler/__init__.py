"""The host device's compiler: PTX to native code for the CPU's vector units.

A warp runs as one SIMD program.  `load` reads and checks a PTX module; a kernel's `Kernel.entry`
is native code for one class of block shapes.  What cannot be run is refused by `load` with
`PtxError`, which tells the line.
"""

from __future__ import annotations

from .errors import PtxError
from .program import Kernel, Program, load
from .syntax import Param, Variable

__all__ = ["Kernel", "Param", "Program", "PtxError", "Variable", "load"]
