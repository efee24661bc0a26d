"""Compile random kernels, run them under several schedules, and compare with the model."""

from __future__ import annotations

import ctypes
import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from tests.ptx import compile_ptx

from ndgpu.driver.host import compiler
from ndgpu.driver.host.compiler import program as programs

from .generator import DATA, Kernel, module
from .model import COUNTERS, OWN, RESULTS, State

__all__ = ["Failure", "check"]

# Grid and block: blocks that rows of lanes fill, lines with a rest, and others.
SHAPES = (
    (3, (64, 1, 1)), (2, (37, 1, 1)), (2, (8, 4, 2)), (3, (33, 3, 1)), (1, (256, 1, 1)),
    (4, (32, 2, 1)), (2, (20, 1, 1)), (2, (16, 5, 1)),
)  # fmt: skip
WIDTHS = (8, 16, 32)
_ENTRY = ctypes.CFUNCTYPE(
    ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64,
    ctypes.c_void_p,
)  # fmt: skip


class _Launch(ctypes.Structure):
    _fields_ = (
        ("grid", ctypes.c_uint32 * 3),
        ("block", ctypes.c_uint32 * 3),
        ("dynamic_shared", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
        ("variables", ctypes.c_void_p),
    )


@dataclass(frozen=True)
class Failure:
    """A kernel that did not compute what the model does."""

    seed: int
    schedule: str
    what: str
    source: str


def _compiled(source: str) -> str:
    return compile_ptx(source, "--fmad=false", "-default-device", "-w")


class _Run:
    """One launch of a kernel, over blocks in an order of one's own."""

    def __init__(self, loaded: programs.Program, name: str, grid: int, block: tuple) -> None:
        self.kernel = loaded.kernels[name]
        self.grid, self.block = grid, block
        threads = grid * int(np.prod(block))
        self.results = np.zeros((threads, RESULTS), np.uint64)
        self.own = np.zeros((threads, OWN), np.uint32)
        self.counters = np.zeros(COUNTERS, np.uint64)
        self._variables = [
            ctypes.create_string_buffer(bytes(v.data), max(v.size, 1) + 64)
            for v in loaded.variables
        ]

    def go(self, data: np.ndarray, n: int, ranges: list[tuple[int, int]]) -> None:
        arrays = [a.ctypes.data for a in (data, self.results, self.own, self.counters)]
        given = [*(ctypes.c_uint64(a) for a in arrays), ctypes.c_uint32(n)]
        params = (ctypes.c_void_p * len(given))(*map(ctypes.addressof, given))
        places = [ctypes.addressof(v) for v in self._variables]
        table = (ctypes.c_void_p * max(len(places), 1))(*places)
        launch = _Launch((self.grid, 1, 1), self.block, 0, 0, ctypes.addressof(table))
        entry = _ENTRY(self.kernel.entry(self.block))
        size = self.kernel.scratch_bytes(self.block, 0)
        # What a block leaves in the scratch memory is no business of the next one.
        scratch = np.full(size + 64, 0xA5, np.uint8)
        start = scratch.ctypes.data + -scratch.ctypes.data % 64
        for first, end in ranges:
            code = entry(ctypes.addressof(params), ctypes.addressof(launch), first, end, start)
            if code:
                raise RuntimeError(f"{self.kernel.name} answered {code}")


def _schedules(grid: int, chance: random.Random) -> Iterator[tuple[str, list[list]]]:
    """Names, and for each thread its ranges of blocks."""
    single = [(block, block + 1) for block in range(grid)]
    yield "all blocks at once", [[(0, grid)]]
    yield "one at a time, the last first", [single[::-1]]
    chance.shuffle(single)
    yield "shuffled over two threads", [single[::2], single[1::2]]


def _compare(kernel: Kernel, run: _Run, want: State) -> str:
    """What differs, or nothing."""
    for name, got, wanted in (
        ("results", run.results, want.results),
        ("own memory", run.own, want.own),
        ("counters", run.counters, want.counters),
    ):
        if not np.array_equal(got, wanted):
            at = tuple(int(i) for i in np.argwhere(got != wanted)[0])
            count = int((got != wanted).sum())
            return f"{name}{list(at)} is {got[at]:#x}, not {wanted[at]:#x} ({count} differ)"
    return ""


def _input(chance: random.Random) -> np.ndarray:
    """Numbers of all sizes: small ones, bits of floats, any."""
    rng = np.random.default_rng(chance.randrange(1 << 32))
    data = rng.integers(0, 1 << 32, DATA, np.uint32)
    data[::3] = rng.normal(size=len(data[::3])).astype(np.float32).view(np.uint32)
    data[::5] = rng.integers(0, 50, len(data[::5]), np.uint32)
    data[::97] = 0x80000000
    return data


def _check_kernel(kernel: Kernel, loaded: programs.Program, seed: int) -> Iterator[Failure]:
    chance = random.Random(seed + 1)
    data = _input(chance)
    n = chance.randrange(1, 9)
    grid, block = chance.choice(SHAPES)
    want = State(grid, block, n, data)
    with np.errstate(all="ignore"):
        kernel.body.run(want, np.ones(want.threads, bool))
    for name, ranges in _schedules(grid, chance):
        run = _Run(loaded, kernel.name, grid, block)
        workers = [threading.Thread(target=run.go, args=(data, n, part)) for part in ranges[1:]]
        for worker in workers:
            worker.start()
        run.go(data, n, ranges[0])
        for worker in workers:
            worker.join()
        what = _compare(kernel, run, want)
        if what:
            where = f"{name}, grid {grid}, block {block}, {run.kernel.width} lanes, n {n}"
            yield Failure(seed, where, what, kernel.source)


def check(seeds: list[int], depth: int = 3) -> Iterator[Failure]:
    """Kernels of these seeds, compiled as one module, that go wrong.

    Parameters
    ----------
    seeds : list of int
        A kernel is made from each.
    depth : int
        How deep its conditions and loops may nest.

    Yields
    ------
    Failure
        For each schedule under which a kernel does not agree with the model.
    """
    source, kernels = module(seeds, depth)
    # Kernels without warp operations may run any number of lanes together: try them all.
    natural = programs._natural_width
    programs._natural_width = lambda: WIDTHS[seeds[0] % len(WIDTHS)]
    try:
        loaded = compiler.load(_compiled(source))
    finally:
        programs._natural_width = natural
    for kernel, seed in zip(kernels, seeds, strict=True):
        yield from _check_kernel(kernel, loaded, seed)
