"""Writing lines to a terminal on which a progress bar may be standing."""

from __future__ import annotations

import sys
from typing import TextIO

__all__ = ["write_line"]


def write_line(text: str, out: TextIO) -> None:
    """Write a line, above the progress bars if there are any.

    Parameters
    ----------
    text : str
        The line.
    out : text file
        Where to.
    """
    tqdm = sys.modules.get("tqdm")
    if tqdm is None:  # nobody has made a bar
        out.write(text + "\n")
    else:
        tqdm.tqdm.write(text, file=out)
    out.flush()
