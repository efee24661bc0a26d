"""The pool: no two live blocks overlap, nothing is lost, and every promise of `free`."""

from __future__ import annotations

import gc
import itertools
import random
import threading
from collections.abc import Callable

import numpy as np
import pytest

import ndgpu.runtime as rt
from ndgpu.runtime import pool as pool_module
from ndgpu.runtime.memory import MemoryPointer, UnownedMemory

MIB = 1 << 20


class FakeDriver:
    """Addresses without memory behind them, with a model of what is allocated."""

    def __init__(self, capacity: int = 1 << 50) -> None:
        self.capacity = capacity
        self.next = 1 << 40
        self.held: dict[int, int] = {}
        self.calls = 0
        self.inside: Callable[[], None] | None = None

    def __call__(self, size: int) -> MemoryPointer:
        self.calls += 1
        if self.inside is not None:
            self.inside()
        if sum(self.held.values()) + size > self.capacity:
            raise rt.OutOfMemoryError(size, device_id=0)
        address, self.next = self.next, self.next + size  # chunks touch: a hard case
        self.held[address] = size
        return MemoryPointer(FakeMemory(self, address, size))


class FakeMemory(UnownedMemory):
    __slots__ = ("_driver",)

    def __init__(self, driver: FakeDriver, address: int, size: int) -> None:
        super().__init__(address, size, None, device_id=rt.current_device_id())
        self._driver = driver

    def __del__(self) -> None:
        del self._driver.held[self.ptr]


def check_model(live: dict[object, MemoryPointer], driver: FakeDriver) -> None:
    """Live blocks are disjoint and inside what the driver gave."""
    spans = sorted((pointer.ptr, pointer.ptr + pointer.mem.size) for pointer in live.values())
    for (_, end), (start, _) in itertools.pairwise(spans):
        assert end <= start
    chunks = sorted(driver.held.items())
    for start, end in spans:
        assert any(at <= start and end <= at + size for at, size in chunks)


@pytest.mark.parametrize("seed", range(8))
def test_random_trace_against_a_model(seed: int) -> None:
    source = random.Random(seed)
    driver = FakeDriver()
    pool = rt.MemoryPool(driver)
    top = source.choice([12, 18, 23])
    repeated = [int(2 ** source.uniform(0, top)) for _ in range(12)]
    live: dict[object, MemoryPointer] = {}
    for step in range(3000):
        choice = source.random()
        if choice < 0.5:
            size = source.choice(repeated) if choice < 0.3 else int(2 ** source.uniform(0, top))
            live[step] = pool.malloc(size)
            assert live[step].mem.size == (size + 511) // 512 * 512
        elif live:
            del live[source.choice(list(live))]
        if choice > 0.998:
            pool.free_all_blocks()
        if step % 100 == 0:
            check_model(live, driver)
            assert pool.used_bytes() == sum(pointer.mem.size for pointer in live.values())
            assert pool.total_bytes() == sum(driver.held.values())
            assert pool.free_bytes() == pool.total_bytes() - pool.used_bytes()
    live.clear()
    assert pool.used_bytes() == 0
    pool.free_all_blocks()
    assert (pool.total_bytes(), pool.n_free_blocks(), driver.held) == (0, 0, {})


def test_freed_blocks_merge_back_to_a_whole() -> None:
    driver = FakeDriver()
    pool = rt.MemoryPool(driver)
    blocks = [pool.malloc(MIB // 16) for _ in range(32)]
    assert driver.calls == 1
    random.Random(1).shuffle(blocks)
    while blocks:
        blocks.pop()
    assert pool.n_free_blocks() == 32
    again = [pool.malloc(3 * MIB // 16) for _ in range(10)]  # in pieces of three blocks
    assert driver.calls == 1
    assert (pool.n_free_blocks(), len(again)) == (1, 10)


def test_the_same_size_comes_back_at_once() -> None:
    pool = rt.MemoryPool(FakeDriver())
    first = pool.malloc(1000)
    address = first.ptr
    del first
    assert pool.malloc(700).ptr == address


def test_the_best_fit_is_taken() -> None:
    pool = rt.MemoryPool(FakeDriver())
    kept = [pool.malloc(size * MIB) for size in (9, 5, 7)]
    addresses = [pointer.ptr for pointer in kept]
    kept.clear()
    assert pool.malloc(4 * MIB).ptr == addresses[1]


def test_small_blocks_leave_large_chunks_whole() -> None:
    driver = FakeDriver()
    pool = rt.MemoryPool(driver)
    large = pool.malloc(64 * MIB)
    del large
    small = pool.malloc(512)
    pool.free_all_blocks()
    assert pool.total_bytes() == 2 * MIB
    assert small.mem.size == 512


def test_one_small_array_does_not_strand_a_freed_large_one() -> None:
    driver = FakeDriver()
    pool = rt.MemoryPool(driver)
    large = pool.malloc(512 * MIB)
    del large
    # What is too small to be worth a part of the large chunk gets a chunk of its own ...
    kept = [pool.malloc(size) for size in (1, 100_000, 300_000, 20 * MIB)]
    assert pool.total_bytes() <= (512 + 2 + 2 + 20) * MIB
    large = pool.malloc(512 * MIB)
    assert pool.total_bytes() <= (512 + 2 + 2 + 20) * MIB
    del large
    # ... and a part that is worth it leaves the rest to others.
    kept.append(pool.malloc(300 * MIB))
    kept.append(pool.malloc(150 * MIB))
    assert pool.total_bytes() <= (512 + 2 + 2 + 20) * MIB
    assert len(kept) == 6


def test_a_loop_that_grows_in_vain_stops_asking_the_driver() -> None:
    driver = FakeDriver()
    pool = rt.MemoryPool(driver)
    calls = []
    for _ in range(9000):  # each size is in the way of the other, and alone within the bound
        for size in (100, 45):
            pointer = pool.malloc(size * MIB)
            del pointer
        calls.append(driver.calls)
    assert calls[-1] == calls[-1000]
    assert pool.peak_bytes() <= 150 * MIB


def test_growing_sizes_do_not_pile_up() -> None:
    pool = rt.MemoryPool(FakeDriver())
    for step in range(200):
        pointer = pool.malloc((100 + step) * MIB)
        del pointer
    assert pool.peak_bytes() <= 1.15 * 300 * MIB


def test_a_derived_pointer_keeps_the_memory() -> None:
    pool = rt.MemoryPool(FakeDriver())
    inner = pool.malloc(1024) + 512
    assert pool.used_bytes() == 1024
    del inner
    assert pool.used_bytes() == 0


def test_free_twice_is_free_once() -> None:
    pool = rt.MemoryPool(FakeDriver())
    pointer = pool.malloc(512)
    memory = pointer.mem
    assert isinstance(memory, rt.PooledMemory)
    memory.free()
    memory.free()
    del pointer, memory
    a, b = pool.malloc(512), pool.malloc(512)
    assert a.ptr != b.ptr


def test_a_size_of_another_integer_type() -> None:
    pool = rt.MemoryPool(FakeDriver())
    for size in (np.int64(1000), np.uint8(200)):
        assert type(pool.malloc(size).mem.size) is int  # type: ignore[arg-type]
        assert type(pool.malloc(size).mem.size) is int  # type: ignore[arg-type]


def test_zero_bytes() -> None:
    pool = rt.MemoryPool(FakeDriver())
    pointer = pool.malloc(0)
    assert (pointer.ptr, pointer.mem.size, pool.total_bytes()) == (0, 0, 0)


@pytest.mark.parametrize(("size", "error"), [(-1, ValueError), (1.5, TypeError), ("9", TypeError)])
def test_a_bad_size(size: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        rt.MemoryPool(FakeDriver()).malloc(size)  # type: ignore[arg-type]


def test_peak() -> None:
    pool = rt.MemoryPool(FakeDriver())
    pointer = pool.malloc(10 * MIB)
    del pointer
    pool.free_all_blocks()
    assert (pool.peak_bytes(), pool.total_bytes()) == (10 * MIB, 0)
    pool.reset_peak()
    assert pool.peak_bytes() == 0


def test_the_limit_holds_and_the_error_says_all() -> None:
    pool = rt.MemoryPool(FakeDriver())
    pool.set_limit(size=3000)
    assert pool.get_limit() == 3000
    kept = pool.malloc(1000)
    with pytest.raises(rt.OutOfMemoryError) as caught:
        pool.malloc(2000)
    error = caught.value
    assert (error.wanted, error.used, error.held, error.limit) == (2048, 1024, 1024, 3000)
    assert error.device_total > 0
    for words in ("device 0", "2048 bytes", "uses 1024 bytes", "limit is 3000 bytes", "free"):
        assert words in str(error)
    assert error.__context__ is None
    del kept
    assert pool.malloc(2000).mem.size == 2048  # what was unused is given back first
    pool.set_limit(size=0)
    assert pool.malloc(MIB).mem.size == MIB


def test_the_limit_as_a_fraction() -> None:
    pool = rt.MemoryPool(FakeDriver())
    pool.set_limit(fraction=0.25)
    assert pool.get_limit() == int(0.25 * rt.Device().mem_info[1])


@pytest.mark.parametrize(
    "arguments",
    [{}, {"size": 1, "fraction": 0.5}, {"size": -1}, {"fraction": 1.5}, {"fraction": -0.1}],
)
def test_a_bad_limit(arguments: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="set_limit"):
        rt.MemoryPool(FakeDriver()).set_limit(**arguments)  # type: ignore[arg-type]


def test_the_limit_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NDGPU_MEMORY_LIMIT", "1MiB")
    pool = rt.MemoryPool(FakeDriver())
    assert pool.get_limit() == MIB
    with pytest.raises(rt.OutOfMemoryError, match=r"limit is 1048576 bytes \(1.00 MiB\)"):
        pool.malloc(2 * MIB)


def test_the_limit_of_the_environment_as_a_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NDGPU_MEMORY_LIMIT", "25%")
    assert rt.MemoryPool(FakeDriver()).get_limit() == rt.Device().mem_info[1] // 4
    monkeypatch.setenv("NDGPU_MEMORY_LIMIT", "125%")
    with pytest.raises(ValueError, match="percentage such as 50%"):
        rt.MemoryPool(FakeDriver()).get_limit()


def test_the_device_is_full_until_unused_memory_is_given_back() -> None:
    driver = FakeDriver(capacity=10 * MIB)
    pool = rt.MemoryPool(driver)
    a, b = pool.malloc(4 * MIB), pool.malloc(4 * MIB)
    del a, b
    assert pool.malloc(9 * MIB).mem.size == 9 * MIB


def test_other_streams_give_back_too() -> None:
    driver = FakeDriver(capacity=10 * MIB)
    pool = rt.MemoryPool(driver)
    stream = rt.Stream()
    with stream:
        pointer = pool.malloc(8 * MIB)
    del pointer
    assert pool.malloc(8 * MIB).mem.size == 8 * MIB


def test_memory_that_only_a_cycle_keeps_is_collected() -> None:
    pool = rt.MemoryPool(FakeDriver(capacity=10 * MIB))

    class Knot:
        pass

    knot = Knot()
    knot.me, knot.memory = knot, pool.malloc(8 * MIB)  # type: ignore[attr-defined]
    gc.disable()
    try:
        del knot
        assert pool.malloc(8 * MIB).mem.size == 8 * MIB
    finally:
        gc.enable()


def test_streams_do_not_share_freed_memory() -> None:
    driver = FakeDriver()
    pool = rt.MemoryPool(driver)
    one, two = rt.Stream(), rt.Stream(non_blocking=True)
    with one:
        pointer = pool.malloc(4096)
    address = pointer.ptr
    with two:
        del pointer  # freed while another stream is current
        assert pool.malloc(4096).ptr != address
    assert pool.malloc(4096).ptr != address
    with one:
        assert pool.malloc(4096).ptr == address


def test_the_memory_of_a_destroyed_stream_moves_on() -> None:
    driver = FakeDriver()
    pool = rt.MemoryPool(driver)
    stream = rt.Stream()
    with stream:
        freed, kept = pool.malloc(8 * MIB), pool.malloc(8 * MIB)
    addresses = {freed.ptr, kept.ptr}
    del freed
    del stream
    rt.Device().synchronize()  # its work is done, the mark at its end included
    assert pool.malloc(8 * MIB).ptr in addresses  # free before the stream went
    assert driver.calls == 2
    del kept
    assert pool.malloc(6 * MIB).ptr in addresses  # freed after it
    assert driver.calls == 2


def test_free_all_blocks_of_one_stream() -> None:
    pool = rt.MemoryPool(FakeDriver())
    stream = rt.Stream()
    with stream:
        a = pool.malloc(4 * MIB)
    b = pool.malloc(8 * MIB)
    del a, b
    pool.free_all_blocks(stream)
    assert pool.total_bytes() == 8 * MIB
    pool.free_all_blocks(rt.Stream.null)
    assert pool.total_bytes() == 0


def test_devices_are_apart() -> None:
    pool = rt.MemoryPool()
    with rt.Device(1):
        pointer = pool.malloc(1000)
        pool.set_limit(size=5 * MIB)
        assert pool.used_bytes() == 1024
    assert pointer.device_id == 1
    assert pointer.device == rt.Device(1)
    assert (pool.used_bytes(), pool.get_limit()) == (0, 0)
    del pointer
    pool.free_all_blocks()
    with rt.Device(1):
        assert pool.total_bytes() == 2 * MIB
        pool.free_all_blocks()
        assert pool.total_bytes() == 0


def test_a_finaliser_may_allocate_within_an_allocation() -> None:
    driver = FakeDriver()
    pool = rt.MemoryPool(driver)
    live: dict[object, MemoryPointer] = {"first": pool.malloc(3 * MIB)}
    depth = 0

    def nested() -> None:
        nonlocal depth
        if depth == 0:
            depth = 1
            live.pop("first")  # frees
            live["nested"] = pool.malloc(3 * MIB)  # a size that waits on its stack now
            live["other"] = pool.malloc(5 * MIB)  # one that must be looked for
            pool.free_all_blocks()  # has no effect at such a time
            live["small"] = pool.malloc(100)

    driver.inside = nested
    live["outer"] = pool.malloc(7 * MIB)
    assert depth == 1
    check_model(live, driver)
    assert pool.used_bytes() == (3 + 5 + 7) * MIB + 512
    live.clear()
    pool.free_all_blocks()
    assert driver.held == {}


def test_threads() -> None:
    driver = FakeDriver()
    pool = rt.MemoryPool(driver)
    failures: list[object] = []
    exchange: list[MemoryPointer] = []
    owners: dict[int, int] = {}
    guard = threading.Lock()

    def claim(pointer: MemoryPointer) -> None:
        with guard:
            for page in range(pointer.ptr // 512, (pointer.ptr + pointer.mem.size) // 512):
                if page in owners:
                    failures.append(hex(pointer.ptr))
                owners[page] = threading.get_ident()

    def disown(pointer: MemoryPointer) -> None:
        with guard:
            for page in range(pointer.ptr // 512, (pointer.ptr + pointer.mem.size) // 512):
                del owners[page]

    def work(seed: int) -> None:
        source = random.Random(seed)
        mine: list[MemoryPointer] = []
        for _ in range(600):
            if source.random() < 0.55:
                mine.append(pool.malloc(source.choice([512, 1024, 4096, 9000, 70000])))
                claim(mine[-1])
            elif mine:
                pointer = mine.pop(source.randrange(len(mine)))
                if source.random() < 0.3:
                    exchange.append(pointer)  # some other thread frees it
                else:
                    disown(pointer)
                del pointer
            if source.random() < 0.1:
                try:
                    disown(exchange.pop())
                except IndexError:
                    continue
        for pointer in mine:
            disown(pointer)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    exchange.clear()
    assert failures == []
    assert pool.used_bytes() == 0
    pool.free_all_blocks()
    assert driver.held == {}


def test_allocators(monkeypatch: pytest.MonkeyPatch) -> None:
    pool, other = rt.MemoryPool(FakeDriver()), rt.MemoryPool(FakeDriver())
    with rt.using_allocator(pool.malloc):
        kept = rt.alloc(512)
        assert rt.get_allocator() == pool.malloc
        with rt.using_allocator(other.malloc):
            assert isinstance(rt.alloc(100).mem, rt.PooledMemory)
        with pytest.raises(RuntimeError, match="using_allocator"):
            rt.set_allocator(other.malloc)
        seen: list[object] = []
        thread = threading.Thread(target=lambda: seen.append(rt.get_allocator()))
        thread.start()
        thread.join()
        assert seen == [rt.get_default_memory_pool().malloc]
    assert (pool.used_bytes(), other.total_bytes()) == (512, 2 * MIB)
    del kept
    with rt.using_allocator(None):
        assert type(rt.alloc(100).mem) is rt.Memory
    rt.set_allocator(other.malloc)
    try:
        kept = rt.alloc(100)
        assert (kept.mem.size, other.used_bytes()) == (512, 512)
    finally:
        rt.set_allocator(rt.get_default_memory_pool().malloc)
    with pytest.raises(TypeError, match="got int 3"):
        rt.set_allocator(3)  # type: ignore[arg-type]


def test_a_pool_of_managed_memory() -> None:
    pool = rt.MemoryPool(rt.malloc_managed)
    pointer = pool.malloc(100)
    pointer.memset(1, 100)
    assert pool.used_bytes() == 512


def test_sizes_that_repeat_are_found_without_a_search(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = rt.MemoryPool(FakeDriver())
    source = random.Random(3)
    sizes = [int(2 ** source.uniform(8, 22)) for _ in range(40)]
    live = [pool.malloc(size) for size in sizes]
    live.clear()

    def never(*arguments: object) -> object:
        raise RuntimeError("searched")

    monkeypatch.setattr(pool_module.MemoryPool, "_fit", never)
    for _ in range(3):
        source.shuffle(sizes)
        live = [pool.malloc(size) for size in sizes]
        live.clear()
    with pytest.raises(RuntimeError, match="searched"):
        pool.malloc(100 << 20)
