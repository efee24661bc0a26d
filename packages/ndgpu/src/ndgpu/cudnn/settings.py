"""What the caller may decide about cuDNN's algorithms; settings of the thread.

Devices without cuDNN have one way for everything, whatever is set.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

__all__ = ["Settings", "get_settings", "using_settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """How algorithms are chosen.

    Attributes
    ----------
    workspace_limit : int
        Bytes of scratch memory that a convolution may take.
    autotune : bool
        Whether each new shape of convolution is timed with every algorithm the first time,
        instead of chosen by cuDNN's heuristics.
    deterministic : bool
        Whether only algorithms whose results repeat bit by bit are taken.
    """

    workspace_limit: int = 256 << 20
    autotune: bool = False
    deterministic: bool = False


class _Local(threading.local):
    settings = Settings()


_local = _Local()


def get_settings() -> Settings:
    """Return the settings of this thread.

    Examples
    --------
    >>> from ndgpu import cudnn
    >>> cudnn.get_settings().deterministic
    False
    """
    return _local.settings


@contextlib.contextmanager
def using_settings(**changes: Any) -> Iterator[Settings]:
    """Change settings of this thread within a ``with`` block; see `Settings`.

    Raises
    ------
    TypeError
        If there is no such setting.

    Examples
    --------
    >>> from ndgpu import cudnn
    >>> with cudnn.using_settings(autotune=True, workspace_limit=1 << 20) as settings:
    ...     settings.workspace_limit
    1048576
    """
    before = _local.settings
    _local.settings = replace(before, **changes)
    try:
        yield _local.settings
    finally:
        _local.settings = before
