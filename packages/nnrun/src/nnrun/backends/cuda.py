"""`nnrun.cuda` under the name of Chainer's later versions."""

from typing import Any

from nnrun import cuda
from nnrun.cuda import *  # noqa: F403  (the same names)

__all__ = cuda.__all__


def __getattr__(name: str) -> Any:
    return getattr(cuda, name)
