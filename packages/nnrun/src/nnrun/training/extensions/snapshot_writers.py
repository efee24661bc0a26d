"""Who writes a snapshot's file: the training's own thread, one beside it, or a process.

What is guaranteed whoever writes: the file appears under its name whole or not at all; what
is written is the state at the moment of the snapshot, because it is copied before the training
goes on; an error of writing is raised in the training, at the latest when it ends.
"""

from __future__ import annotations

import os
import threading
import warnings
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nnrun.serializers import DictionarySerializer, save_npz

__all__ = [
    "ProcessQueueWriter",
    "ProcessWriter",
    "SimpleWriter",
    "ThreadQueueWriter",
    "ThreadWriter",
    "Writer",
]

_Task = Callable[[], None]


class _State:
    """An object's state at one moment, to be saved later."""

    def __init__(self, target: Any) -> None:
        copied = DictionarySerializer()
        copied.save(target)
        self._values = copied.target

    def serialize(self, serializer: Any) -> None:
        """Save the values by their paths."""
        for path, value in self._values.items():
            # None was turned into an empty array of text.
            nothing = value.dtype.kind == "U" and value.shape == (0,)
            serializer(path, None if nothing else value)


class Writer:
    """Base class of writers: makes the file, whole, in the calling thread or another.

    Parameters
    ----------
    savefun : callable, optional
        ``savefun(path, target)``; the snapshot's if not given.
    """

    def __init__(self, savefun: Callable[[str, Any], Any] | None = None) -> None:
        self.savefun = savefun

    def __call__(
        self,
        path: Path,
        target: Any,
        savefun: Callable[[str, Any], Any] = save_npz,
        done: Callable[[], None] | None = None,
    ) -> None:
        """Write a file.

        Parameters
        ----------
        path : Path
            Its place.
        target : object
            What is saved; has ``serialize``.
        savefun : callable
            ``savefun(path, target)``, unless the writer has one of its own.
        done : callable, optional
            Called once the file is in its place, in the thread that writes.
        """
        save, frozen = self.savefun or savefun, self._frozen(target)

        def task() -> None:
            self._write(path, frozen, save)
            if done is not None:
                done()

        self._run(task)

    def _frozen(self, target: Any) -> Any:
        """What may be written while the training goes on."""
        return _State(target)

    def _write(self, path: Path, target: Any, save: Callable[[str, Any], Any]) -> None:
        write_whole(path, target, save)

    def _run(self, task: _Task) -> None:
        raise NotImplementedError(f"{type(self).__name__} must define _run")

    def finalize(self) -> None:
        """Wait until everything is written; raise the error of what could not be."""


class SimpleWriter(Writer):
    """Writes at once; the training waits."""

    def _frozen(self, target: Any) -> Any:
        return target  # nothing changes it meanwhile

    def _run(self, task: _Task) -> None:
        task()


class ThreadQueueWriter(Writer):
    """Writes in one thread, snapshot after snapshot; the training waits only for the copying.

    Parameters
    ----------
    savefun : callable, optional
        ``savefun(path, target)``; the snapshot's if not given.
    most : int, default 4
        How many snapshots may wait; the training waits before there are more.

    Examples
    --------
    >>> import nnrun.links as L
    >>> from pathlib import Path
    >>> writer = ThreadQueueWriter()
    >>> writer(Path("model.npz"), L.Linear(2, 2))
    >>> writer.finalize()
    >>> Path("model.npz").exists()
    True
    """

    def __init__(self, savefun: Callable[[str, Any], Any] | None = None, most: int = 4) -> None:
        super().__init__(savefun)
        if most < 1:
            raise ValueError(f"{type(self).__name__}: at least 1 may wait, not {most}")
        self._most = most
        self._tasks: deque[_Task] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    def _run(self, task: _Task) -> None:
        with self._changed:
            self._changed.wait_for(lambda: len(self._tasks) < self._most)
            self._raise()
            self._tasks.append(task)
            if self._thread is None:
                # Not a daemon: a program that ends writes what it has begun.
                self._thread = threading.Thread(target=self._work, name="snapshot writer")
                self._thread.start()

    def _work(self) -> None:
        while True:
            with self._changed:
                if not self._tasks:
                    self._thread = None
                    self._changed.notify_all()
                    return
                task = self._tasks[0]
            try:
                task()
            except BaseException as error:  # kept for the training's thread
                self._error = self._error or error
            with self._changed:
                self._tasks.popleft()
                self._changed.notify_all()

    def _raise(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error

    def finalize(self) -> None:
        """Wait until everything is written; raise the error of what could not be."""
        with self._changed:
            self._changed.wait_for(lambda: self._thread is None)
            self._raise()


class ThreadWriter(ThreadQueueWriter):
    """Writes in a thread, one snapshot at a time; the next one waits for it.

    Parameters
    ----------
    savefun : callable, optional
        ``savefun(path, target)``; the snapshot's if not given.
    """

    def __init__(self, savefun: Callable[[str, Any], Any] | None = None) -> None:
        super().__init__(savefun, most=1)


class ProcessQueueWriter(ThreadQueueWriter):
    """Writes in processes, snapshot after snapshot: compression and all, on another core.

    A thread starts a process for each snapshot and waits for it.  It is forked where the
    system can, so that `savefun` may be anything; there it must not touch a device.

    Parameters
    ----------
    savefun : callable, optional
        ``savefun(path, target)``; the snapshot's if not given.
    most : int, default 4
        How many snapshots may wait; the training waits before there are more.
    """

    def _write(self, path: Path, target: Any, save: Callable[[str, Any], Any]) -> None:
        import multiprocessing

        can_fork = "fork" in multiprocessing.get_all_start_methods()
        context: Any = multiprocessing.get_context("fork" if can_fork else "spawn")
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_write_and_tell, args=(theirs, path, target, save))
        with warnings.catch_warnings():
            # Python 3.12 warns of forks among threads; the child only ever saves.
            warnings.simplefilter("ignore", DeprecationWarning)
            process.start()
        theirs.close()
        try:
            error = ours.recv()
        except EOFError:
            process.join()
            error = RuntimeError(
                f"the process that was writing {path} died (exit code {process.exitcode})"
            )
        process.join()
        ours.close()
        if error is not None:
            raise error


def _write_and_tell(pipe: Any, path: Path, target: Any, save: Callable[[str, Any], Any]) -> None:
    """In the process: write, and send the error or None."""
    try:
        write_whole(path, target, save)
        error = None
    except BaseException as caught:
        error = caught
    try:
        pipe.send(error)
    except Exception:  # an error that cannot be sent as it is
        pipe.send(RuntimeError(f"writing {path} failed: {error!r}"))


class ProcessWriter(ProcessQueueWriter):
    """Writes in another process, one snapshot at a time; the next one waits for it.

    Parameters
    ----------
    savefun : callable, optional
        As for `ProcessQueueWriter`.
    """

    def __init__(self, savefun: Callable[[str, Any], Any] | None = None) -> None:
        super().__init__(savefun, most=1)


def write_whole(path: Path, target: Any, savefun: Callable[[str, Any], Any]) -> None:
    """Save under a name of its own, and give the file its place when it is whole.

    Parameters
    ----------
    path : Path
        Its place; folders are made.
    target : object
        What is saved.
    savefun : callable
        ``savefun(path, target)``.
    """
    os.makedirs(path.parent, exist_ok=True)
    # The ending stays the same: a saving function may go by it.
    partial = path.with_name(f".part-{os.getpid()}-{path.name}")
    try:
        savefun(str(partial), target)
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
