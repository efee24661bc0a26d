"""What a launch has to know of a module, as bytes: with them on disk, loading parses nothing.

Guarantees: what `decode` returns is what `encode` was given, but for the variables that hold
addresses in the process (`console`), which get those of this process.
"""

from __future__ import annotations

import base64
import dataclasses
import json

from . import console
from .frames import Layout
from .syntax import Param, Variable

__all__ = ["Facts", "decode", "encode"]


@dataclasses.dataclass(frozen=True, slots=True)
class Facts:
    """A kernel as its launches see it.

    Attributes
    ----------
    params : list of Param
        Name, offset, size and alignment in bytes, in order.
    max_threads : int
        Most threads in a block (``.maxntid``), at most 1024.
    registers : int
        Registers of 32 bits that a thread needs at most at once, as far as PTX tells.
    layout : Layout
        Its shared and local memory.
    sizes : dict
        Bytes of each static variable in shared and local memory.
    warp : bool
        Whether it can tell how many lanes run together, which must be a warp's then.
    ordered : bool
        Whether it can tell in which order blocks run: by atomic operations, by accesses that
        others may see, or by what it prints.
    """

    params: list[Param]
    max_threads: int
    registers: int
    layout: Layout
    sizes: dict[str, int]
    warp: bool
    ordered: bool


def encode(variables: list[Variable], kernels: dict[str, Facts]) -> bytes:
    """Facts about a module: its variables, in order, and kernels."""
    rows = []
    for variable in variables:
        row = dataclasses.asdict(variable)
        row["data"] = base64.b64encode(variable.data).decode()
        rows.append(row)
    found = {name: dataclasses.asdict(facts) for name, facts in kernels.items()}
    return json.dumps([rows, found]).encode()


def decode(data: bytes) -> tuple[list[Variable], dict[str, Facts]]:
    """The variables and kernels that `encode` was given."""
    rows, found = json.loads(data)
    variables = []
    for row in rows:
        row["data"] = base64.b64decode(row["data"])
        if row["name"].startswith("@"):
            row["data"] = console.address(row["name"]).to_bytes(8, "little")
        row["relocations"] = tuple(tuple(each) for each in row["relocations"])
        variables.append(Variable(**row))
    kernels = {}
    for name, row in found.items():
        row["params"] = [Param(**param) for param in row["params"]]
        row["layout"] = Layout(**row["layout"])
        kernels[name] = Facts(**row)
    return variables, kernels
