"""`printf`, `assert`, the device's heap and its clocks."""

import ctypes
import math
import struct

import numpy as np
import pytest

from ndgpu.driver.host.compiler.console import formatted


def _laid_out(*values):
    """Arguments in memory as a call passes them: ints of 32 bits, floats and longs of 64."""
    data = b""
    for value in values:
        code = "d" if isinstance(value, float) else "i" if -(2**31) <= value < 2**31 else "Q"
        piece = struct.pack(f"<{code}", value)
        data += bytes(-len(data) % len(piece)) + piece
    return ctypes.create_string_buffer(data, max(len(data), 1))


@pytest.mark.parametrize(
    ("format", "values", "wanted"),
    [
        (b"plain 100%%\n", (), b"plain 100%\n"),
        (b"%d|%5i|%-5d|%05d|%+d", (-7, 8, 9, 10, 11), b"-7|    8|9    |00010|+11"),
        (b"%u %x %X %#x %o %#o", (-1, 255, 255, 255, 8, 8), b"4294967295 ff FF 0xff 10 010"),
        (b"%#x %hhd %hu", (0, 511, -1), b"0 -1 65535"),
        (b"%d %lld %llx", (1, 1 << 40, 1 << 63), b"1 1099511627776 8000000000000000"),
        (b"%f %.2e %g %8.2f|", (1.5, 2e4, 1e-9, math.pi), b"1.500000 2.00e+04 1e-09     3.14|"),
        (b"%f %E %F", (math.inf, -math.inf, math.nan), b"inf -INF NAN"),
        (b"%a %A %.2a", (1.0, 0.75, 1.5), b"0x1p+0 0X1.8P-1 0x1.80p+0"),
        (b"%c%c %*d", (104, 105, 4, 7), b"hi    7"),
        (b"%p", ((1 << 32) + 16,), b"0x100000010"),
        (b"50%!", (), b"50%!"),
    ],
)  # fmt: skip
def test_formats_are_those_of_c(format, values, wanted):
    memory = _laid_out(*values)
    text, count = formatted(format, ctypes.addressof(memory))
    assert text == wanted
    assert count == len(values)


def test_strings_are_read_where_they_lie():
    word = ctypes.create_string_buffer(b"device")
    memory = (ctypes.c_uint64 * 2)(ctypes.addressof(word), 0)
    text, _ = formatted(b"%.3s|%8s|", ctypes.addressof(memory))
    assert text == b"dev|  (null)|"


@pytest.fixture(scope="module")
def program(cuda):
    return cuda("""
extern "C" __global__ void hello(const float* x, int* counts) {
  int i = threadIdx.x;
  counts[i] = i % 3 ? -1 : printf("%d:%d %.1f %s %lld\\n", blockIdx.x, i, x[i], i & 1 ? "odd" : "even", 1LL << i);
}
extern "C" __global__ void below(int n) { assert(threadIdx.x * threadIdx.y < n); }
extern "C" __global__ void heap(int* out, int n) {
  int* mine = (int*)malloc(n * sizeof(int));
  for (int i = 0; i < n; ++i) mine[i] = i * threadIdx.x;
  int sum = 0;
  for (int i = 0; i < n; ++i) sum += mine[i];
  free(mine);
  out[threadIdx.x] = sum;
}
extern "C" __global__ void clocks(long long* out) {
  long long start, end;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(start));
  long long cycles = clock64();
  for (volatile int i = 0; i < 1000; ++i);
  out[0] = clock64() - cycles;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(end));
  out[1] = start; out[2] = end; out[3] = clock() != 0;
}
""")  # noqa: E501


def test_printf_prints_thread_by_thread(program, capfd):
    x, counts = np.arange(7, dtype=np.float32) / 2, np.zeros(7, np.int32)
    assert program.launch("hello", (2,), (7,), x, counts) == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines == [
        f"{block}:{i} {i / 2} {'odd' if i % 2 else 'even'} {1 << i}"
        for block in range(2)
        for i in (0, 3, 6)
    ]
    np.testing.assert_array_equal(counts, [5, -1, -1, 5, -1, -1, 5])


def test_a_failed_assert_tells_where(program, capfd):
    assert program.launch("below", (1,), (4, 3), ctypes.c_int32(7)) == 0
    assert capfd.readouterr().err == ""
    assert program.launch("below", (2,), (4, 3), ctypes.c_int32(5)) == 710
    line = "test.cu:6: void below(int): block: [0,0,0], thread: [3,2,0] Assertion "
    assert capfd.readouterr().err == line + "`threadIdx.x * threadIdx.y < n` failed.\n"


def test_each_thread_allocates_from_the_heap(program):
    out = np.zeros(40, np.int32)
    assert program.launch("heap", (1,), (40,), out, ctypes.c_int32(10)) == 0
    np.testing.assert_array_equal(out, 45 * np.arange(40))


def test_clocks_go_on(program):
    out = np.zeros(4, np.int64)
    assert program.launch("clocks", (1,), (1,), out) == 0
    cycles, start, end, _ = out
    assert cycles > 0
    assert 1_600_000_000 * 10**9 < start < end
