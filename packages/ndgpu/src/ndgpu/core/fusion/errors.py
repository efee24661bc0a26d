"""What fusion says when it cannot be."""

from __future__ import annotations

__all__ = ["CannotFuse", "FusionWarning"]


class CannotFuse(Exception):
    """A function does what cannot be fused; the message says what."""


class FusionWarning(UserWarning):
    """A decorated function runs unfused."""
