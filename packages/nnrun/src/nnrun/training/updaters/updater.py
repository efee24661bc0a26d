"""What a trainer asks of an updater."""

from __future__ import annotations

from typing import Any

__all__ = ["Updater"]


class Updater:
    """Base class of updaters: ``update()`` advances the training by one iteration.

    A subclass keeps `iteration`, `epoch`, `epoch_detail` and `is_new_epoch` up to
    date; the trainer's triggers read them.
    """

    def connect_trainer(self, trainer: Any) -> None:
        """Take note of the trainer; called once, by its constructor."""

    def finalize(self) -> None:
        """Clean up; called once at the end, after errors too."""

    def get_optimizer(self, name: str) -> Any:
        """Return the optimizer of a name; an updater of one calls it ``main``."""
        raise NotImplementedError(f"{type(self).__name__} must define get_optimizer")

    def get_all_optimizers(self) -> dict[str, Any]:
        """Return all optimizers by name."""
        raise NotImplementedError(f"{type(self).__name__} must define get_all_optimizers")

    def update(self) -> None:
        """Advance by one iteration."""
        raise NotImplementedError(f"{type(self).__name__} must define update")

    def serialize(self, serializer: Any) -> None:
        """Save or load the state of the training: iterators, models, optimizers."""
        raise NotImplementedError(f"{type(self).__name__} must define serialize")
