"""Saving a training, or a part of it, so that it can go on later.

What is guaranteed: under a snapshot's name there is a whole file or none, whenever
the process is killed; old snapshots are removed only after a new one is whole.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from nnrun.serializers import load_npz, save_npz
from nnrun.training.extension import Extension
from nnrun.training.extensions.snapshot_writers import SimpleWriter, Writer

__all__ = ["snapshot", "snapshot_object"]

_LOWEST_PRIORITY = -100


def snapshot(
    savefun: Callable[[str, Any], Any] | None = None,
    filename: str | Callable[[Any], str] = "snapshot_iter_{.updater.iteration}",
    *,
    target: Any = None,
    condition: Callable[[], bool] | None = None,
    writer: Writer | None = None,
    snapshot_on_error: bool = False,
    n_retains: int = -1,
    autoload: bool = False,
) -> Extension:
    """Return an extension that saves the whole trainer, each epoch by default.

    It runs after all others, so that a snapshot has what they did in this iteration.

    Parameters
    ----------
    savefun : callable, optional
        ``savefun(path, target)``; `nnrun.serializers.save_npz` if not given.
    filename : str or callable
        The file in the trainer's folder: a format string whose one argument is the
        trainer, or a function of the trainer.
    target : object, optional
        What is saved; the trainer if not given.
    condition : callable, optional
        A snapshot is taken only if it returns true.
    writer : Writer, optional
        Who writes the file, of `nnrun.training.extensions.snapshot_writers`: a
        `SimpleWriter` if not given; with a `ThreadWriter` the training goes on meanwhile.
    snapshot_on_error : bool, default False
        Whether one is also taken when the training stops by an error or Ctrl-C (which the
        trainer takes between two iterations).
    n_retains : int, default -1
        How many of the newest snapshots are kept; -1 keeps all.
    autoload : bool, default False
        Whether the newest snapshot in the folder is loaded before the training starts.

    Returns
    -------
    Extension

    Raises
    ------
    ValueError
        If `n_retains` is 0 or below -1.

    Examples
    --------
    >>> extension = snapshot(filename="snapshot_epoch_{.updater.epoch}.npz", n_retains=2)
    >>> extension.trigger, extension.priority
    ((1, 'epoch'), -100)
    """
    return _Snapshot(
        target, filename, savefun, condition, writer, snapshot_on_error, n_retains, autoload
    )


def snapshot_object(
    target: Any,
    filename: str | Callable[[Any], str],
    savefun: Callable[[str, Any], Any] | None = None,
    *,
    condition: Callable[[], bool] | None = None,
    writer: Writer | None = None,
    snapshot_on_error: bool = False,
    n_retains: int = -1,
    autoload: bool = False,
) -> Extension:
    """Return an extension that saves one object, such as the model, each epoch by default.

    Parameters
    ----------
    target : object
        What is saved: anything with a ``serialize`` method.
    filename, savefun, condition, writer, snapshot_on_error, n_retains, autoload
        As for `snapshot`.

    Returns
    -------
    Extension
    """
    return _Snapshot(
        target, filename, savefun, condition, writer, snapshot_on_error, n_retains, autoload
    )


class _Snapshot(Extension):
    """Saves an object into a file named after the trainer's state."""

    trigger = (1, "epoch")
    priority = _LOWEST_PRIORITY
    default_name = "snapshot"

    def __init__(
        self,
        target: Any,
        filename: str | Callable[[Any], str],
        savefun: Callable[[str, Any], Any] | None,
        condition: Callable[[], bool] | None,
        writer: Writer | None,
        on_error: bool,
        n_retains: int,
        autoload: bool,
    ) -> None:
        if n_retains != -1 and n_retains < 1:
            raise ValueError(f"snapshot: n_retains is -1 (all) or positive, not {n_retains}")
        self._target = target
        self._filename = filename
        self._savefun = save_npz if savefun is None else savefun
        self._condition = condition
        self._writer = SimpleWriter() if writer is None else writer
        self._on_error = on_error
        self._n_retains = n_retains
        self._autoload = autoload
        self._saved_iteration = -1

    def initialize(self, trainer: Any) -> None:
        """Load the newest snapshot, if asked to."""
        if self._autoload and (files := self._existing(Path(trainer.out))):
            load_npz(str(files[-1]), trainer if self._target is None else self._target)

    def __call__(self, trainer: Any) -> None:
        """Take a snapshot."""
        if self._condition is None or self._condition():
            self._save(trainer)

    def on_error(self, trainer: Any, exc: BaseException, tb: TracebackType | None) -> None:
        """Take a snapshot of what there is, if asked to and not done already."""
        if self._on_error and self._saved_iteration != trainer.updater.iteration:
            self._save(trainer)

    def _save(self, trainer: Any) -> None:
        name = self._filename
        name = name(trainer) if callable(name) else name.format(trainer)
        out = Path(trainer.out)
        self._saved_iteration = trainer.updater.iteration
        target = trainer if self._target is None else self._target
        retire = self._retire if self._n_retains > 0 else None
        self._writer(
            out / name, target, self._savefun, None if retire is None else lambda: retire(out)
        )

    def _retire(self, folder: Path) -> None:
        """Remove what is too old; called once the new snapshot is whole."""
        for old in self._existing(folder)[: -self._n_retains]:
            with contextlib.suppress(FileNotFoundError):
                old.unlink()

    def finalize(self) -> None:
        """Wait until all snapshots are written."""
        self._writer.finalize()

    def _existing(self, folder: Path) -> list[Path]:
        """The snapshots in the folder that this extension (or its like) made, oldest first."""
        if callable(self._filename):
            raise ValueError(
                "snapshot: n_retains and autoload need to know snapshots by name: give "
                "`filename` as a format string"
            )
        place = Path(folder, self._filename)
        literals = re.split(r"\{[^{}]*\}", place.name)
        pattern = re.compile(r"[^/]*".join(re.escape(literal) for literal in literals))
        if not place.parent.is_dir():
            return []
        files = [path for path in place.parent.iterdir() if pattern.fullmatch(path.name)]
        return sorted(files, key=lambda path: (path.stat().st_mtime_ns, path.name))
