"""Where ``from nnrun.backends import cuda`` looks."""

from nnrun import cuda as cuda

__all__ = ["cuda"]
