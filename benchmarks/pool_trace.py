"""``python -m benchmarks.pool_trace``: the memory pool on a recorded training, its size and speed.

A *trace* is what a program asked of the pool: an array of 32-bit integers, one for each event.
A positive one is an allocation of that many bytes; ``-k`` frees the allocation that was made as
the k-th last before this event.  A loop repeats such numbers, so they compress well: the trace
in ``traces/`` is the first 100,000 allocations of the training that `record` runs.

Examples
--------
Show the figures, and make the trace anew::

    python -m benchmarks.pool_trace
    python -m benchmarks.pool_trace --record
"""

from __future__ import annotations

import argparse
import lzma
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

__all__ = [
    "ALLOCATIONS",
    "TRACE",
    "Driver",
    "Replay",
    "live_peak",
    "load",
    "record",
    "replay",
    "save",
]

TRACE = Path(__file__).parent / "traces" / "training.xz"
ALLOCATIONS = 100_000
_LARGEST = 1 << 31


class Driver:
    """Addresses without memory behind them: what is measured is the pool alone."""

    def __init__(self) -> None:
        self.calls = 0
        self._next = 1 << 40

    def malloc(self, size: int) -> Any:
        from ndgpu.runtime.memory import MemoryPointer, UnownedMemory

        self.calls += 1
        address, self._next = self._next, self._next + size
        return MemoryPointer(UnownedMemory(address, size, None, 0))


def load(path: Path = TRACE) -> list[int]:
    """Read a trace."""
    return np.frombuffer(lzma.decompress(path.read_bytes()), "<i4").tolist()


def save(events: list[int], path: Path = TRACE) -> None:
    """Write a trace."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(lzma.compress(np.array(events, "<i4").tobytes(), preset=9))


def live_peak(events: list[int]) -> int:
    """Return the most bytes that are allocated at one time in a trace."""
    live = peak = 0
    sizes: list[int] = []
    for event in events:
        if event > 0:
            sizes.append(event)
            live += event
            peak = max(peak, live)
        else:
            live -= sizes[event]
    return peak


class Replay:
    """A program that asks `malloc` for what a trace says, part by part."""

    def __init__(self, events: list[int], malloc: Callable[[int], Any]) -> None:
        self._events = events
        self._malloc = malloc
        self._pointers: list[Any] = []

    def play(self, start: int = 0, end: int | None = None) -> float:
        """Do what events `start` to `end` say; return the seconds of the processor it took."""
        pointers, malloc = self._pointers, self._malloc
        append = pointers.append
        part = self._events[start:end]
        began = time.process_time()
        for event in part:
            if event > 0:
                append(malloc(event))
            else:
                pointers[event] = None
        return time.process_time() - began


def replay(events: list[int], malloc: Callable[[int], Any]) -> float:
    """Ask `malloc` for what the whole trace says; return the seconds of the processor that took."""
    return Replay(events, malloc).play()


class _Recorder:
    """An allocator that writes down what it is asked for, and when that is freed."""

    def __init__(self, malloc: Callable[[int], Any]) -> None:
        self.events: list[int] = []
        self.count = 0
        self._malloc = malloc
        self._noticed = _noticed()

    def malloc(self, size: int) -> Any:
        if size == 0 or self.count == ALLOCATIONS:
            return self._malloc(size)
        pointer = self._malloc(size)
        self.events.append(min(size, _LARGEST - 1))
        self.count += 1
        return type(pointer)(self._noticed(self, pointer.mem, self.count))


def _noticed() -> type:
    """Return the class of memory that a recorder hands out; made late, for it needs ndgpu."""
    from ndgpu import cuda

    class Noticed(cuda.BaseMemory):
        """Memory that says when it goes."""

        __slots__ = ("_inner", "_number", "_recorder")

        def __init__(self, recorder: _Recorder, inner: Any, number: int) -> None:
            self.ptr, self.size, self.device_id = inner.ptr, inner.size, inner.device_id
            self._recorder, self._inner, self._number = recorder, inner, number

        def __del__(self) -> None:
            recorder = self._recorder
            if recorder.count < ALLOCATIONS:
                recorder.events.append(self._number - recorder.count - 1)

    return Noticed


def record() -> list[int]:
    """Train a convolutional network and a language model by turns, and return the trace.

    The images come in batches of one size, the sentences in batches of every length from 5 to
    40 words, and the models are evaluated in larger batches in between: sizes repeat, but never
    in the same order.
    """
    import nnrun
    import nnrun.functions as F
    import nnrun.links as L
    from ndgpu import cuda
    from nnrun import optimizers

    class Pictures(nnrun.Chain):
        def __init__(self) -> None:
            super().__init__()
            with self.init_scope():
                self.c1 = L.Convolution2D(3, 32, 3, pad=1)
                self.b1 = L.BatchNormalization(32)
                self.c2 = L.Convolution2D(32, 64, 3, pad=1)
                self.b2 = L.BatchNormalization(64)
                self.out = L.Linear(None, 10)

        def forward(self, x: Any) -> Any:
            h = F.max_pooling_2d(F.relu(self.b1(self.c1(x))), 2)
            h = F.max_pooling_2d(F.relu(self.b2(self.c2(h))), 2)
            return self.out(F.dropout(h, 0.3))

    class Words(nnrun.Chain):
        def __init__(self) -> None:
            super().__init__()
            with self.init_scope():
                self.embed = L.EmbedID(2000, 128)
                self.rnn = L.LSTM(128, 256)
                self.out = L.Linear(256, 2000)

        def forward(self, words: Any) -> Any:
            self.rnn.reset_state()
            steps = [self.out(self.rnn(self.embed(words[:, i]))) for i in range(words.shape[1] - 1)]
            return sum(
                F.softmax_cross_entropy(step, words[:, i + 1]) for i, step in enumerate(steps)
            )

    import ndgpu as xp

    rng = np.random.default_rng(1)
    recorder = _Recorder(cuda.get_allocator())
    with cuda.using_allocator(recorder.malloc):
        pictures, words = Pictures(), Words()
        chosen = []
        for model in (pictures, words):
            model.to_device(f"{cuda.kind()}:0")
            optimizer = optimizers.Adam()
            optimizer.setup(model)
            chosen.append(optimizer)
        turn = 0
        while recorder.count < ALLOCATIONS:
            turn += 1
            x = xp.asarray(rng.standard_normal((32, 3, 32, 32), np.float32))
            t = xp.asarray(rng.integers(0, 10, 32).astype(np.int32))
            loss = F.softmax_cross_entropy(pictures(x), t)
            pictures.cleargrads()
            loss.backward()
            chosen[0].update()
            batch = rng.integers(0, 2000, (int(rng.integers(4, 48)), int(rng.integers(5, 40))))
            loss = words(xp.asarray(batch.astype(np.int32)))
            words.cleargrads()
            loss.backward()
            chosen[1].update()
            del loss
            if turn % 10 == 0:
                with nnrun.using_config("train", False), nnrun.no_backprop_mode():
                    pictures(xp.asarray(rng.standard_normal((128, 3, 32, 32), np.float32)))
    return recorder.events


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--record", action="store_true", help="run the training, write the trace")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    if args.record:
        save(record())
    from ndgpu import cuda

    events = load()
    count = sum(event > 0 for event in events)
    wanted = live_peak(events)
    cold, warm = [], []
    for _ in range(args.rounds):
        driver = Driver()
        pool = cuda.MemoryPool(driver.malloc)
        loop = replay(events, lambda size: size)
        cold.append((replay(events, pool.malloc) - loop) / count * 1e6)
        held, calls = pool.peak_bytes(), driver.calls
        warm.append((replay(events, pool.malloc) - loop) / count * 1e6)
    print(f"{count} allocations, {wanted} bytes live at most")
    print(f"the pool held {held} bytes at most, {held / wanted:.3f} times as many")
    print(f"it called the driver {calls} times ({calls / count:.2%} of the allocations)")
    for name, times in (("from an empty pool", cold), ("a second time", warm)):
        middle = statistics.median(times)
        print(f"an allocation with its free, {name}: {middle:.2f} us (least {min(times):.2f})")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
