"""Lines of text files, read as they are asked for."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import numpy as np

from nnrun.dataset.dataset_mixin import DatasetMixin

__all__ = ["TextDataset"]


class TextDataset(DatasetMixin):
    """The lines of one text file, or of several files side by side.

    Only where each line begins is kept in memory.  Each process that reads opens the files
    anew, so a dataset may be used by `nnrun.iterators.MultiprocessIterator`.

    Parameters
    ----------
    paths : path or sequence of paths
        One file gives lines; several, of as many lines each, give tuples of lines.
    encoding : str or sequence of str, default 'utf-8'
        Of the files.
    errors : str, default 'strict'
        What becomes of bytes that are no text, as for ``bytes.decode``.
    filter_func : callable, optional
        Called with an example (``filter_func(*lines)``); those it is false for are left out.

    Raises
    ------
    ValueError
        If the files have different numbers of lines.

    Examples
    --------
    >>> from pathlib import Path
    >>> _ = Path("en.txt").write_text("one\\ntwo\\n"), Path("de.txt").write_text("eins\\nzwei\\n")
    >>> TextDataset(["en.txt", "de.txt"])[1]
    ('two', 'zwei')
    >>> len(TextDataset("en.txt", filter_func=lambda line: "w" in line))
    1
    """

    def __init__(
        self,
        paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        encoding: str | Sequence[str] = "utf-8",
        errors: str = "strict",
        filter_func: Callable[..., bool] | None = None,
    ) -> None:
        self._single = isinstance(paths, (str, os.PathLike))
        names = [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
        self._paths = [os.fspath(name) for name in names]
        count = len(self._paths)
        self._encodings = [encoding] * count if isinstance(encoding, str) else list(encoding)
        if not count or len(self._encodings) != count:
            raise ValueError(
                f"TextDataset: {count} files and {len(self._encodings)} encodings were given"
            )
        self._errors = errors
        self._starts = [_line_starts(path) for path in self._paths]
        lengths = {path: len(s) for path, s in zip(self._paths, self._starts, strict=True)}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"TextDataset: the files' numbers of lines differ: {lengths}")
        self._indices: np.ndarray | None = None
        if filter_func is not None:
            kept = [i for i in range(len(self)) if filter_func(*self._lines(i))]
            self._indices = np.array(kept, np.int64)

    def __len__(self) -> int:
        return len(self._starts[0]) if self._indices is None else len(self._indices)

    def get_example(self, i: int) -> str | tuple[str, ...]:
        """Return the i-th line, or tuple of lines, without their ends."""
        lines = self._lines(i if self._indices is None else int(self._indices[i]))
        return lines[0] if self._single else lines

    def _lines(self, i: int) -> tuple[str, ...]:
        lines = []
        for path, encoding, starts in zip(self._paths, self._encodings, self._starts, strict=True):
            # Opened each time: a position shared with other threads or processes is wrong.
            with open(path, "rb") as file:
                file.seek(int(starts[i]))
                lines.append(file.readline().decode(encoding, self._errors).rstrip("\r\n"))
        return tuple(lines)


def _line_starts(path: str) -> np.ndarray:
    starts, position = [], 0
    with open(path, "rb") as file:
        for line in file:
            starts.append(position)
            position += len(line)
    return np.array(starts, np.int64)
