"""Worker processes that read examples, and the memory through which they hand them over.

What is guaranteed:

- the shared memory has no name, so nothing of it can be left behind, however anyone dies;
- a worker ends when its parent does, killed or not, and when it is stopped, at once;
- a worker that dies is reported as `WorkerError`, with the signal and, where the interpreter
  could still write one, the traceback of its last moment.

Arrays travel through shared memory, as the out-of-band buffers of pickle's protocol 5; the rest
of an example, and what does not fit, travels through a pipe.  Only the worker's own replies are
unpickled.
"""

from __future__ import annotations

import contextlib
import faulthandler
import mmap
import os
import pickle
import random
import signal
import tempfile
import traceback
import warnings
from multiprocessing import connection as mp_connection
from multiprocessing import reduction
from typing import Any

import numpy as np

__all__ = ["Area", "Worker", "WorkerError"]

_ALIGNMENT = 64
_POLL_SECONDS = 2.0  # between looks at whether the parent lives: a safety net behind the pipe
_PATIENCE_SECONDS = 5.0  # for a process that was told to end


class WorkerError(RuntimeError):
    """A worker process died, or failed with an error that cannot be sent."""


def _anonymous_file(size: int) -> Any:
    """Open a file of zeros that takes memory only where it is written."""
    if hasattr(os, "memfd_create"):
        file = os.fdopen(os.memfd_create("nnrun", os.MFD_CLOEXEC), "r+b", buffering=0)
    else:
        file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115
    file.truncate(size)
    return file


class Area:
    """Memory shared with one process, made of equal slots; can be sent to it as it starts.

    Parameters
    ----------
    slots : int
        How many.
    slot_bytes : int
        How large each is; what is never written takes no memory.
    """

    def __init__(self, slots: int, slot_bytes: int) -> None:
        self.slots = slots
        self.slot_bytes = -(-slot_bytes // mmap.PAGESIZE) * mmap.PAGESIZE
        self._file = _anonymous_file(slots * self.slot_bytes)
        self._memory = mmap.mmap(self._file.fileno(), slots * self.slot_bytes)

    def slot(self, number: int) -> memoryview:
        """Return a slot's memory."""
        start = number * self.slot_bytes
        return memoryview(self._memory)[start : start + self.slot_bytes]

    def close(self) -> None:
        """Let go of the memory, as soon as nobody holds a view of it."""
        with contextlib.suppress(BufferError):
            self._memory.close()
        self._file.close()

    def __getstate__(self) -> tuple[int, int, Any]:
        return self.slots, self.slot_bytes, reduction.DupFd(self._file.fileno())

    def __setstate__(self, state: tuple[int, int, Any]) -> None:
        self.slots, self.slot_bytes, handle = state
        self._file = os.fdopen(handle.detach(), "r+b", buffering=0)
        self._memory = mmap.mmap(self._file.fileno(), self.slots * self.slot_bytes)


class Worker:
    """One process that reads the examples it is asked for, in the order of asking.

    Parameters
    ----------
    context : multiprocessing context
        How processes are started.
    number : int
        Which worker, for messages.
    dataset : sequence
        What is read.
    slots, slot_bytes : int
        Jobs that may be asked for and not yet collected, and room for each.
    siblings : list of Worker
        Those started before; a forked process closes what it inherits of them.
    """

    def __init__(
        self,
        context: Any,
        number: int,
        dataset: Any,
        slots: int,
        slot_bytes: int,
        siblings: list[Worker],
    ) -> None:
        self.number = number
        self._area = Area(slots, slot_bytes)
        self._last_words = Area(1, 1 << 16)
        self._asked = 0
        self._collected = 0
        ours, theirs = context.Pipe()
        self._pipe = ours
        inherited = []
        if context.get_start_method() == "fork":
            inherited = [ours, *[sibling._pipe for sibling in siblings]]
        self.process = context.Process(
            target=_run,
            args=(theirs, inherited, self._area, self._last_words, dataset, os.getpid()),
            name=f"nnrun-worker-{number}",
            daemon=True,
        )
        with warnings.catch_warnings():
            # Python 3.12 warns of forks among threads; the child only ever runs the dataset.
            warnings.filterwarnings("ignore", "This process .* is multi-threaded")
            self.process.start()
        theirs.close()

    def ask(self, indices: list[int], seed: int) -> None:
        """Have examples read, with NumPy's and Python's global generators so seeded."""
        slot = self._area.slot(self._asked % self._area.slots)
        # Through the memory, for the pipe must not fill: its other end may be writing to us.
        slot[: 8 * len(indices)] = np.asarray(indices, np.int64).tobytes()
        with contextlib.suppress(OSError):  # a dead worker is reported by `collect`
            self._pipe.send((self._asked % self._area.slots, len(indices), seed))
        self._asked += 1

    def has_reply(self, timeout: float | None) -> bool:
        """Whether the next reply is there, or the worker is dead, within a time."""
        return bool(mp_connection.wait([self._pipe, self.process.sentinel], timeout))

    def collect(self) -> list[Any]:
        """Wait for the examples asked for first and not yet collected.

        Raises
        ------
        WorkerError
            If the worker is dead.
        Exception
            What the dataset raised, with the worker's traceback as a note.
        """
        self.has_reply(None)
        try:
            kind, payload, sizes, inline = self._pipe.recv()
        except (EOFError, OSError):
            raise WorkerError(self._obituary()) from None
        number = self._collected % self._area.slots
        self._collected += 1
        if kind == "error":
            raise _as_error(payload, f"in worker {self.number} (process {self.process.pid})")
        if inline is None:
            # One copy for all: the slot is for the next job.
            content = bytearray(self._area.slot(number)[: _total(sizes)])
            inline = _views(content, sizes)
        return pickle.loads(payload, buffers=inline)

    def _obituary(self) -> str:
        self.process.join(_PATIENCE_SECONDS)
        code = self.process.exitcode
        how = f"ended with exit code {code}"
        if code is not None and code < 0:
            with contextlib.suppress(ValueError):
                how = f"was killed by {signal.Signals(-code).name}"
        words = bytes(self._last_words.slot(0)).rstrip(b"\0").decode(errors="replace")
        return f"worker {self.number} (process {self.process.pid}) {how} while it read examples" + (
            f"; its last words:\n{words}" if words else ""
        )

    def stop(self) -> None:
        """End the process, whatever it is doing, and give its memory back."""
        self._pipe.close()
        if self.process.is_alive():
            self.process.terminate()
            self.process.join(_PATIENCE_SECONDS)
            if self.process.is_alive():
                self.process.kill()
        self.process.join()
        self.process.close()
        self._area.close()
        self._last_words.close()


def _total(sizes: list[int]) -> int:
    return sum(-(-size // _ALIGNMENT) * _ALIGNMENT for size in sizes)


def _views(content: Any, sizes: list[int]) -> list[memoryview]:
    views, start = [], 0
    for size in sizes:
        views.append(memoryview(content)[start : start + size])
        start += -(-size // _ALIGNMENT) * _ALIGNMENT
    return views


def _as_error(payload: tuple[bytes | None, str], where: str) -> BaseException:
    pickled, text = payload
    if pickled is not None:
        error = pickle.loads(pickled)
        error.add_note(f"{where}:\n{text}")
        return error
    return WorkerError(f"{where}:\n{text}")


def _run(
    pipe: Any, inherited: list[Any], area: Area, last_words: Area, dataset: Any, parent: int
) -> None:
    """The life of a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to deal with
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for other in inherited:
        other.close()  # else the end of the parent would not end the siblings' pipes
    faulthandler.enable(last_words._file, all_threads=False)
    started_by = os.getppid()
    while True:
        try:
            while not pipe.poll(_POLL_SECONDS):
                if os.getppid() != started_by:
                    return
            number, count, seed = pipe.recv()
        except (EOFError, OSError):
            return
        slot = area.slot(number)
        indices = np.frombuffer(slot, np.int64, count).tolist()
        np.random.seed(seed)
        random.seed(seed)
        reply: tuple[str, Any, list[int], Any]
        try:
            reply = _reply([dataset[i] for i in indices], slot)
        except Exception as error:
            reply = "error", _described(error), [], None
        try:
            pipe.send(reply)
        except OSError:
            return


def _reply(examples: list[Any], slot: memoryview) -> tuple[str, Any, list[int], Any]:
    buffers: list[pickle.PickleBuffer] = []
    payload = pickle.dumps(examples, 5, buffer_callback=buffers.append)
    raw = [buffer.raw() for buffer in buffers]
    sizes = [view.nbytes for view in raw]
    if _total(sizes) > len(slot):
        return "examples", payload, sizes, [bytearray(view) for view in raw]
    for view, place in zip(raw, _views(slot, sizes), strict=True):
        place[:] = view
    return "examples", payload, sizes, None


def _described(error: Exception) -> tuple[bytes | None, str]:
    text = "".join(traceback.format_exception(error))
    try:
        pickled = pickle.dumps(error)
        pickle.loads(pickled)  # some can be written and not read
    except Exception:
        pickled = None
    return pickled, text
