"""Memory hooks: what they are told, and what they cost where there is none."""

from __future__ import annotations

import io
import json
import threading

import pytest

import ndgpu as xp
import ndgpu.runtime as rt
from ndgpu.runtime import hooks, memory_hooks


class Log(rt.MemoryHook):
    name = "Log"

    def __init__(self) -> None:
        self.seen: list[tuple[str, dict[str, int]]] = []


def _note(event: str):
    def method(self: Log, **given: int) -> None:
        self.seen.append((event, given))

    return method


for _when in ("preprocess", "postprocess"):
    for _what in ("alloc", "malloc", "free"):
        setattr(Log, f"{_what}_{_when}", _note(f"{_what}_{_when}"))


def test_what_a_hook_is_told() -> None:
    pool = rt.MemoryPool()
    with Log() as log:
        pointer = pool.malloc(1000)
        address, number = pointer.ptr, id(pointer.mem)
        del pointer
        again = pool.malloc(1000)
    assert again.ptr == address
    given = {"device_id": 0, "size": 1000, "mem_size": 1024}
    back = {"device_id": 0, "mem_size": 1024, "mem_ptr": address, "pmem_id": number}
    names = [name for name, _ in log.seen]
    assert names == [
        "malloc_preprocess",
        "alloc_preprocess",
        "alloc_postprocess",
        "malloc_postprocess",
        "free_preprocess",
        "free_postprocess",
        "malloc_preprocess",
        "malloc_postprocess",
    ]
    assert log.seen[0][1] == given
    assert log.seen[1][1] == {"device_id": 0, "mem_size": 2 << 20}
    assert log.seen[2][1] == {"device_id": 0, "mem_size": 2 << 20, "mem_ptr": address}
    assert log.seen[3][1] == {**given, "mem_ptr": address, "pmem_id": number}
    assert log.seen[4][1] == log.seen[5][1] == back
    count = len(log.seen)
    del again
    pool.malloc(5)
    assert len(log.seen) == count  # it is over


def test_hooks_are_of_a_thread_and_apart_by_name() -> None:
    pool = rt.MemoryPool()
    with Log() as log:
        thread = threading.Thread(target=pool.malloc, args=(64,))
        thread.start()
        thread.join()
        assert log.seen == []
        with pytest.raises(KeyError, match="'Log' is active"), Log():
            pass
        pool.malloc(64)
        assert log.seen
    assert hooks.active.number == 0


def test_no_room_is_told_too() -> None:
    pool = rt.MemoryPool()
    pool.set_limit(size=1000)
    with Log() as log, pytest.raises(rt.OutOfMemoryError):
        pool.malloc(10_000)
    name, given = log.seen[-1]
    assert (name, given["mem_ptr"]) == ("malloc_postprocess", 0)


def test_a_plain_hook_does_nothing() -> None:
    with rt.MemoryHook():
        assert rt.MemoryPool().malloc(5).mem.size == 512


def test_debug_print() -> None:
    file = io.StringIO()
    pool = rt.MemoryPool()
    with memory_hooks.DebugPrintHook(file):
        pointer = pool.malloc(700)
        del pointer
    lines = [json.loads(line) for line in file.getvalue().splitlines()]
    assert [line["hook"] for line in lines] == ["alloc", "malloc", "free"]
    assert [line["mem_size"] for line in lines] == [2 << 20, 1024, 1024]


def test_bytes_of_source_lines() -> None:
    def inner() -> object:
        return xp.empty(100_000, xp.int8)

    def outer() -> object:
        return [inner(), inner(), xp.empty(1000, xp.int8)]

    pool = rt.MemoryPool()
    hook = memory_hooks.LineProfileHook()
    with rt.using_allocator(pool.malloc), hook:
        kept = outer()
    file = io.StringIO()
    hook.print_report(file)
    lines = file.getvalue().splitlines()
    size, small = 100_352, 1024
    total = f"{(2 * size + small) / 1024:.2f}KB"
    assert lines[0] == f"_root ({total}, 2.00MB)"
    ours = [line for line in lines if "test_hooks.py" in line]
    indents = [len(line) - len(line.lstrip()) for line in ours]
    functions = [line.split(":")[-1] for line in ours]
    assert functions[0] == f"test_bytes_of_source_lines ({total}, 2.00MB)"
    assert functions[1:] == [
        f"outer ({2 * size / 1024:.2f}KB, 2.00MB)",
        f"inner ({2 * size / 1024:.2f}KB, 2.00MB)",
    ] or functions[1:] == [
        f"outer ({total}, 2.00MB)",
        f"inner ({2 * size / 1024:.2f}KB, 2.00MB)",
    ]
    assert indents == [indents[0], indents[0] + 2, indents[0] + 4]
    assert len(kept) == 3


def test_the_outermost_lines_alone() -> None:
    hook = memory_hooks.LineProfileHook(max_depth=1)
    pool = rt.MemoryPool()
    with hook:
        pool.malloc(512)
    file = io.StringIO()
    hook.print_report(file)
    assert len(file.getvalue().splitlines()) == 2
