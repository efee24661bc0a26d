"""What savers and loaders have in common: `Serializer` and `Deserializer`.

An object's ``serialize(serializer)`` passes each of its values through
``serializer(name, value)``, and those of its parts through ``serializer[part]``.
A serializer stores the value and returns it; a deserializer returns the stored
one.  So one method both saves and loads.
"""

from __future__ import annotations

from typing import Any

__all__ = ["AbstractSerializer", "Deserializer", "Serializer"]


class AbstractSerializer:
    """A serializer or a deserializer."""

    def __getitem__(self, key: str) -> AbstractSerializer:
        """Return the serializer of the part named `key`."""
        raise NotImplementedError(f"{type(self).__name__} defines no __getitem__")

    def __call__(self, key: str, value: Any) -> Any:
        """Store, or look up, the value named `key`."""
        raise NotImplementedError(f"{type(self).__name__} defines no __call__")


class Serializer(AbstractSerializer):
    """Stores what it is given."""

    def save(self, obj: Any) -> None:
        """Store an object by its ``serialize``."""
        obj.serialize(self)


class Deserializer(AbstractSerializer):
    """Returns what was stored."""

    def load(self, obj: Any) -> None:
        """Fill an object by its ``serialize``."""
        obj.serialize(self)
