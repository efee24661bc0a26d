"""The arena of checked memory: what its shadow says, and when a range is used again."""

import ctypes

import pytest

from ndgpu.compile import compile_source
from ndgpu.driver.host import checks
from ndgpu.driver.host.compiler import load
from ndgpu.driver.host.compiler.findings import STATES

NONE, ALLOCATED, WRITTEN = STATES.values()


@pytest.fixture
def arena(monkeypatch):
    """A small one in place of the process's, its memory the C heap's."""
    monkeypatch.setattr(checks, "_SIZES", (1 << 16,))
    monkeypatch.setattr(checks, "_records", {})
    made = checks.Arena()
    monkeypatch.setattr(checks, "_arena", made)
    yield made
    checks.libc.munmap(made.base, 4 * made.size)


def shadow(arena, address, size):
    return list(ctypes.string_at(address - arena.base + arena.shadow, size))


def test_the_shadow_follows_allocations(arena):
    address = arena.allocate(1000, "device", ALLOCATED)
    assert address % 256 == 0
    assert shadow(arena, address - 4, 8) == [NONE] * 4 + [ALLOCATED] * 4
    assert shadow(arena, address + 996, 8) == [ALLOCATED] * 4 + [NONE] * 4
    assert ctypes.string_at(address, 1000) == b"\xff" * 1000
    arena.release(address)
    assert shadow(arena, address, 1000) == [NONE] * 1000


def test_copies_and_fills_are_noted(arena):
    first, second = (arena.allocate(64, "device", ALLOCATED) for _ in range(2))
    checks.fill(first, 8)
    checks.move(second, first, 16)
    assert shadow(arena, second, 17) == [WRITTEN] * 8 + [ALLOCATED] * 9
    outside = ctypes.create_string_buffer(b"abcd", 4)
    checks.move(second + 20, ctypes.addressof(outside), 4)
    checks.move(second + 24, b"efgh", 4)
    assert ctypes.string_at(second + 20, 8) == b"abcdefgh"
    assert shadow(arena, second + 19, 10) == [ALLOCATED] + [WRITTEN] * 8 + [ALLOCATED]


def test_a_full_arena_goes_round_between_what_lives(arena):
    kept = arena.allocate(5000, "device", WRITTEN)
    ctypes.memset(kept, 7, 5000)
    seen = set()
    for _ in range(100):
        address = arena.allocate(3000, "device", WRITTEN)
        assert address
        assert address + 3000 <= kept or kept + 5000 <= address
        seen.add(address)
        arena.release(address)
    assert len(seen) < 30
    assert ctypes.string_at(kept, 5000) == bytes([7]) * 5000


def test_no_room_is_told(arena):
    assert arena.allocate(1 << 17, "device", WRITTEN) == 0
    held = []
    while address := arena.allocate(4096, "device", WRITTEN):
        held.append(address)
    assert len(held) >= 6
    assert all(b - a >= 4096 for a, b in zip(sorted(held), sorted(held)[1:], strict=False))
    arena.release(held[3])
    assert arena.allocate(4096, "device", WRITTEN) == held[3]


def test_code_without_checks_has_none_of_this(monkeypatch):
    monkeypatch.delenv("NDGPU_HOST_CHECK", raising=False)
    source = """extern "C" __global__ void k(float* y) {
  __shared__ float s[64];
  s[threadIdx.x] = 1;
  __syncthreads();
  y[threadIdx.x] = s[63 - threadIdx.x];
}
"""
    ptx = compile_source(source).data.decode().strip("\0")
    assert ".loc" not in ptx and "//@" not in ptx
    plain, checked = (
        load(ptx, wanted).kernels["k"] for wanted in (frozenset(), frozenset(("race", "leak")))
    )
    block = (64, 1, 1)
    assert plain.checks == frozenset() and checked.checks == {"race"}
    assert "check" not in plain.ir(block) and "@check.access" in checked.ir(block)
    assert plain.scratch_bytes(block, 0) < checked.scratch_bytes(block, 0)
    assert load(ptx, frozenset(("leak",))).kernels["k"].checks == frozenset()
