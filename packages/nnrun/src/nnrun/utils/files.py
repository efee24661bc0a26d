"""`tempdir`: a folder that goes away."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from typing import Any

__all__ = ["tempdir"]


@contextlib.contextmanager
def tempdir(**kwargs: Any) -> Iterator[str]:
    """Make a folder for the length of a ``with`` block; all in it is deleted after.

    Parameters
    ----------
    **kwargs
        As for `tempfile.mkdtemp`.

    Yields
    ------
    str
        Its path.

    Examples
    --------
    >>> import os
    >>> from nnrun.utils import tempdir
    >>> with tempdir() as path:
    ...     os.path.isdir(path)
    True
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True, **kwargs) as path:
        yield path
