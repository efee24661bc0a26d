"""Modules loaded again know what they knew, without being parsed; what is refused stays refused."""

import dataclasses

import numpy as np
import pytest

from ndgpu.driver.host.compiler import PtxError, facts, load, program

_SOURCE = """
__constant__ float table[3] = {1.5f, 2.5f, -3.0f};
__device__ int counter = 7;
__device__ int* place = &counter;
extern "C" __global__ void __launch_bounds__(128) sums(const float* x, float* y) {
  __shared__ float part[64];
  part[threadIdx.x] = x[threadIdx.x] * table[threadIdx.x % 3];
  __syncthreads();
  y[threadIdx.x] = part[63 - threadIdx.x] + *place;
}
extern "C" __global__ void speak(char flag, double value) {
  if (flag) printf("%f", value);
}
"""


@pytest.fixture
def ptx(cuda):
    return cuda(_SOURCE).program.text


def _told(kernel):
    names = ("name", "params", "max_threads", "registers", "layout", "sizes", "shared_bytes",
             "local_bytes", "width")  # fmt: skip
    return {name: getattr(kernel, name) for name in names}


def test_a_module_loaded_again_is_not_parsed_and_is_the_same(ptx, monkeypatch, tmp_path):
    monkeypatch.setattr(program.diskcache, "default", lambda: program.diskcache.DiskCache(
        tmp_path, 1 << 30))  # fmt: skip
    first = load(ptx)
    assert "module" in vars(first)
    again = load(ptx)
    assert "module" not in vars(again)
    assert again.variables == first.variables
    assert [_told(k) for k in again.kernels.values()] == [_told(k) for k in first.kernels.values()]
    # Native code and what it needs are found without parsing, too.
    assert first.kernels["sums"].entry((64, 1, 1))
    assert again.kernels["sums"].entry((64, 1, 1))
    sizes = [k.kernels["sums"].scratch_bytes((64, 1, 1), 100) for k in (first, again)]
    assert sizes[0] == sizes[1] > 64 * 4 + 100
    assert "module" not in vars(again)
    # What is asked for beyond that is there.
    assert again.kernels["sums"].ir((64, 1, 1)) == first.kernels["sums"].ir((64, 1, 1))


def test_a_module_loaded_again_runs(cuda, rng):
    x = rng.random(64, np.float32)
    wanted = (x * np.tile([1.5, 2.5, -3.0], 22)[:64].astype("f4"))[::-1] + np.float32(7)
    for _ in range(2):
        y = np.zeros(64, np.float32)
        assert cuda(_SOURCE).launch("sums", (1,), (64,), x, y) == 0
        np.testing.assert_array_equal(y, wanted)


def test_addresses_of_the_process_are_not_kept(ptx, monkeypatch):
    loaded = load(ptx)
    known = {
        k.name: facts.Facts(
            k.params, k.max_threads, k.registers, k.layout, k.sizes, True, k.ordered
        )
        for k in loaded.kernels.values()
    }
    data = facts.encode(loaded.variables, known)
    assert facts.decode(data) == (loaded.variables, known)
    here = facts.console.address
    monkeypatch.setattr(facts.console, "address", lambda holder: here(holder) + 4096)
    moved, _ = facts.decode(data)
    for before, after in zip(loaded.variables, moved, strict=True):
        if before.name.startswith("@"):
            wanted = (here(before.name) + 4096).to_bytes(8, "little")
            assert after == dataclasses.replace(before, data=wanted)
        else:
            assert after == before
    assert any(v.name == "@vprintf" for v in moved)


def test_what_was_refused_is_refused_again():
    text = """.version 8.0
.target sm_80
.address_size 64
.visible .entry bad() { .reg .b32 %r<2>; nonsense.b32 %r1, %r1; ret; }
"""
    for _ in range(2):
        with pytest.raises(PtxError, match="nonsense"):
            load(text)
