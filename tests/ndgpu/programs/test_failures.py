"""Kernels that stop: `assert` and `trap` come out at the next synchronisation, and stay.

In processes of their own, for a context that has failed is lost.
"""

import subprocess
import sys

import pytest

_PROGRAM = """
import ndgpu
kernel = ndgpu.RawKernel(r'''
extern "C" __global__ void stops(const int* x, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) {
    %s;
  }
}''', "stops")
x = ndgpu.asarray([1, 5, 9, 12, 3], dtype="int32")
kernel((2,), (4,), (x, ndgpu.int32(%d)))
for attempt in range(2):
    try:
        ndgpu.cuda.get_current_stream().synchronize()
        print("fine")
    except ndgpu.cuda.CUDADriverError as error:
        print(error.name)
"""


def _run(statement: str, n: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", _PROGRAM % (statement, n)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize(
    ("statement", "n", "wanted"),
    [
        ("assert(x[i] < 10)", 5, "CUDA_ERROR_ASSERT"),
        ("assert(x[i] < 10)", 3, "fine"),
        ("if (x[i] == 3) __trap()", 5, "CUDA_ERROR_LAUNCH_FAILED"),
    ],
)
def test_a_kernel_that_stops(statement, n, wanted):
    found = _run(statement, n)
    assert found.stdout.split() == [wanted, wanted], found.stderr
    told = "block: [0,0,0], thread: [3,0,0] Assertion `x[i] < 10` failed." in found.stderr
    assert told == (wanted == "CUDA_ERROR_ASSERT")
