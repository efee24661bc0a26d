"""The one error of the host device's compiler."""

from __future__ import annotations

__all__ = ["PtxError"]


class PtxError(ValueError):
    """PTX that the host device cannot run.

    Parameters
    ----------
    message : str
        What was wanted and what came.
    line : int, optional
        Line of the PTX text, from 1; 0 where no line is to blame.
    kernel : str
        Name of the kernel or device function; empty outside one.
    opcode : str
        The instruction with its modifiers; empty where none is to blame.
    """

    def __init__(self, message: str, line: int = 0, kernel: str = "", opcode: str = "") -> None:
        super().__init__(message, line, kernel, opcode)
        self.message = message
        self.line = line
        self.kernel = kernel
        self.opcode = opcode

    def __str__(self) -> str:
        place = f"PTX line {self.line}" if self.line else "PTX"
        if self.kernel:
            place += f", in {self.kernel}"
        return f"{place}: {self.message}"
