"""``NDGPU_HOST_TRACE``: the instructions of one thread, with their values."""

import re

import numpy as np
import pytest

from ndgpu import config
from ndgpu.driver.host import checks

from .conftest import Lab

SOURCE = """extern "C" __global__ void k(double* x, float* y, int n) {
  int t = threadIdx.x + threadIdx.y * blockDim.x;
  int i = blockIdx.x * 40 + t;
  __shared__ float s[64];
  s[t] = 0.5f * i;
  __syncthreads();
  if (i % 3 == 1)
    for (int j = -1; j < n; j++)
      s[t] += 2.0f * j;
  y[i] = s[t] + (float)x[i];
}
extern "C" __global__ void other(float* y) { y[threadIdx.x] = 1; }
"""


@pytest.fixture
def trace(device, monkeypatch, capsys):
    """Run the kernel with a thread traced; return its results and the trace."""

    def run(text, name="k"):
        monkeypatch.setenv("NDGPU_HOST_TRACE", text)
        monkeypatch.setattr(checks, "traced", config.value("NDGPU_HOST_TRACE"))
        bench = Lab(SOURCE)
        x = bench.put(np.arange(80, dtype=np.float64))
        y = np.zeros(80, np.float32)
        out = bench.put(y)
        args = (x, out, 3) if name == "k" else (out,)
        assert bench.run(name, 2, (10, 4), *args) == (0, "")
        from ndgpu.driver import host

        host.cuMemcpyDtoH(y.ctypes.data, out, y.nbytes)
        return y, capsys.readouterr().err

    return run


def expected() -> np.ndarray:
    i = np.arange(80)
    return (0.5 * i + np.where(i % 3 == 1, 2.0 * (-1 + 0 + 1 + 2), 0) + i).astype(np.float32)


@pytest.mark.parametrize(
    ("text", "i"), [("0,0", 0), ("1,7", 47), ("k:1,3.2", 63), ("0,9.3.0", 39), ("k:1.0.0,4.3", 74)]
)
def test_the_values_of_the_thread_are_told(trace, text, i):
    y, told = trace(text)
    assert (y == expected()).all()
    stored = re.findall(r"st\.global\.f32 .*=([-\d.e+]+)$", told, re.M)
    assert [float(v) for v in stored] == [expected()[i]]
    assert re.search(rf"cvt\.rn\.f32\.f64 .*=({i})  -> %\w+={i}$", told, re.M)
    assert "k at kernel.cu:5: s[t] = 0.5f * i;" in told
    assert "bar.sync 0" in told


def test_only_what_the_thread_runs_is_told(trace):
    _, out = trace("1,7")  # 47 % 3 == 2: does not enter the loop
    assert "kernel.cu:9" not in out
    _, out = trace("1,6")  # 46 % 3 == 1
    stores = re.findall(r"st\.shared\.f32 .*=([-\d.e+]+)$", out, re.M)
    assert float(stores[0]) == 23 and float(stores[-1]) == 27


def test_other_kernels_and_threads_that_are_not_there_tell_nothing(trace):
    assert trace("k:0,0", name="other")[1] == ""
    assert trace("5,0")[1] == ""
    assert trace("0,0", name="other")[1].startswith("other at kernel.cu:")


@pytest.mark.parametrize("text", ["3", "1,2,3", "a,b", "k:1", "0,1.2.3.4"])
def test_a_trace_that_names_no_thread_is_refused(monkeypatch, text):
    monkeypatch.setenv("NDGPU_HOST_TRACE", text)
    with pytest.raises(ValueError, match="NDGPU_HOST_TRACE="):
        config.value("NDGPU_HOST_TRACE")
