"""The error that a command ends with when it cannot do what it was asked to."""

__all__ = ["UsageError"]


class UsageError(Exception):
    """What the user asked for cannot be done; the message says why, in one line."""
