"""The protocol of iterators over batches."""

from __future__ import annotations

from typing import Any

__all__ = ["Iterator"]


class Iterator:
    """Base class of iterators that give batches: lists of examples.

    An iterator that a trainer uses offers beyond ``__next__`` the attributes
    ``batch_size``, ``epoch`` (completed sweeps), ``is_new_epoch`` (whether the last
    batch completed a sweep), ``epoch_detail`` and ``previous_epoch_detail`` (the
    same with fractions, now and one batch ago).

    Examples
    --------
    >>> class Once(Iterator):
    ...     batches = [[1, 2], [3]]
    ...     def __next__(self):
    ...         if not self.batches:
    ...             raise StopIteration
    ...         return self.batches.pop(0)
    >>> list(Once())
    [[1, 2], [3]]
    """

    def __iter__(self) -> Iterator:
        return self

    def __next__(self) -> list[Any]:
        """Return the next batch.

        Raises
        ------
        StopIteration
            At the end, for an iterator that does not repeat.
        """
        raise NotImplementedError(f"{type(self).__name__} must define __next__")

    def next(self) -> list[Any]:
        """Return the next batch: another name of ``__next__``."""
        return self.__next__()

    def finalize(self) -> None:
        """Release what the iterator holds, such as worker processes."""

    def __enter__(self) -> Iterator:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.finalize()

    def serialize(self, serializer: Any) -> None:
        """Save or load the state that decides the batches to come.

        Parameters
        ----------
        serializer : Serializer or Deserializer
            Called as ``value = serializer(key, value)``.
        """
