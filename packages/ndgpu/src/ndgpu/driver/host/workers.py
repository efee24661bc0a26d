"""The threads over which a large launch is spread.

A launch is a range of blocks.  The thread that launches cuts it into chunks
and works through them itself; idle helper threads take chunks from the same
iterator.  A block does not know which thread ran it, so results do not depend
on how the chunks fell.  The helpers are started at first need, wait when there
is nothing to do, and are started anew in a forked child.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from queue import SimpleQueue

from ndgpu import config
from ndgpu.driver.host.libc import libc

__all__ = ["Job", "Native", "count", "resize", "scratch"]

Native = Callable[[int, int, int, int, int], int]
"""A kernel's code: ``(params, launch, first_block, end_block, scratch) -> error``."""


_ALIGN = 4096
_OUT_OF_MEMORY = 2  # CUDA_ERROR_OUT_OF_MEMORY
_UNKNOWN = 999  # CUDA_ERROR_UNKNOWN


class _Scratch:
    """Memory that goes with its thread."""

    __slots__ = ("address", "size")

    def __init__(self, size: int) -> None:
        self.size = -(-size // _ALIGN) * _ALIGN
        self.address = libc.aligned_alloc(_ALIGN, self.size) or 0

    def __del__(self, free: Callable[[int], None] = libc.free) -> None:
        free(self.address)


class _Own(threading.local):
    block: _Scratch | None = None
    size = 0
    address = 0


_own = _Own()


def scratch(size: int) -> int:
    """Return the address of `size` > 0 bytes of the calling thread's own; 0 if there are none.

    A kernel keeps the shared and local memory of the block that it is at there.
    """
    own = _own
    if size > own.size:
        block = _Scratch(size)
        if not block.address:
            return 0
        own.block, own.size, own.address = block, block.size, block.address
    return own.address


class Job:
    """The blocks from `first` to `end` of a launch, `step` at a time, for several threads.

    With `backwards` the last blocks are taken first.
    """

    __slots__ = (
        "_called", "_chunks", "_closed", "_end", "_first", "_helpers", "_idle", "_launch", "_lock",
        "_native", "_params", "_scratch", "_step", "code",
    )  # fmt: skip

    def __init__(
        self,
        native: Native,
        params: int,
        launch: int,
        first: int,
        end: int,
        step: int,
        size: int,
        backwards: bool = False,
    ) -> None:
        self.code = 0
        self._native, self._params, self._launch, self._scratch = native, params, launch, size
        self._first, self._end, self._step = first, end, step
        self._called = False
        # next() on a range's iterator is atomic, so each chunk is taken by one thread.
        chunks = range(first, end, step)
        self._chunks = reversed(chunks) if backwards else iter(chunks)
        self._lock = threading.Lock()
        self._helpers = 0
        self._closed = False
        self._idle = threading.Lock()
        self._idle.acquire()

    def work(self) -> None:
        """Take chunks until none is left, or until one has failed."""
        address = scratch(self._scratch)
        if not address:
            self.code = self.code or _OUT_OF_MEMORY
            return
        for chunk in self._chunks:
            end = chunk + self._step
            if end > self._end:  # no call of min(), in which an interrupt would lose the chunk
                end = self._end
            code = self._native(self._params, self._launch, chunk, end, address)
            if code:
                self.code = code
            if self.code:
                return

    def help(self) -> None:
        """Work on the job, unless its launch is over already."""
        with self._lock:
            if self._closed:
                return
            self._helpers += 1
        try:
            self.work()
        except Exception:  # as when there is no memory: the launch must not wait for this thread
            self.code = self.code or _UNKNOWN
        finally:
            with self._lock:
                self._helpers -= 1
                if self._closed and self._helpers == 0:
                    self._idle.release()

    def finish(self) -> None:
        """Let no more helpers in, and wait for those that are."""
        with self._lock:
            self._closed = True
            if self._helpers == 0:
                return
        self._idle.acquire()

    def run(self) -> int:
        """Have every block run, unless one fails; return 0 or an error.

        May be called again if it was interrupted: it goes on where it was.
        """
        pool = _pool or _get()
        if not self._called:
            self._called = True
            chunks = len(range(self._first, self._end, self._step))
            pool.call(self, min(pool.threads, chunks) - 1)
        interrupt: KeyboardInterrupt | None = None
        while True:
            try:
                self.work()
                self.finish()
                break
            except KeyboardInterrupt as error:
                # The helpers still use the arguments: stop only after they have.
                interrupt = error
        if interrupt is not None:
            raise interrupt
        return self.code


class _Pool:
    """Helper threads that wait for jobs."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        for index in range(1, threads):
            threading.Thread(target=self._serve, name=f"ndgpu-host-{index}", daemon=True).start()

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            job.help()
            del job  # it holds a kernel's arguments; do not keep it while waiting

    def call(self, job: Job, helpers: int) -> None:
        for _ in range(helpers):
            self._jobs.put(job)

    def close(self) -> None:
        for _ in range(1, self.threads):
            self._jobs.put(None)


_pool: _Pool | None = None
_pool_lock = threading.Lock()


def _get() -> _Pool:
    global _pool
    with _pool_lock:
        if _pool is None:
            _pool = _Pool(config.value("NDGPU_HOST_THREADS"))
        return _pool


def count() -> int:
    """Return how many threads a large launch is spread over, the launching one included."""
    pool = _pool
    return (pool or _get()).threads


def resize(threads: int) -> None:
    """Use `threads` threads from now on, in place of ``NDGPU_HOST_THREADS``."""
    global _pool
    with _pool_lock:
        if _pool is not None:
            _pool.close()
        _pool = _Pool(threads)


def _forked() -> None:
    """Start afresh in a child process, which has none of the helper threads."""
    global _pool, _pool_lock
    _pool, _pool_lock = None, threading.Lock()


os.register_at_fork(after_in_child=_forked)
