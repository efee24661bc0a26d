"""NaNs that arithmetic makes have the bits of a GPU; `mathlib` measures the functions."""

from __future__ import annotations

import numpy as np


def test_nan_has_the_bits_of_a_gpu_where_they_are_seen(cuda) -> None:
    """Stored, read as an integer, and passed through a choice; also with payloads coming in."""
    source = """
    extern "C" __global__ void k(const float* x, float* y, int* z, float* w) {
        int i = threadIdx.x;
        float a = x[i] + 1.0f, b = a * 2.0f;
        y[i] = b;
        z[i] = __float_as_int(a * 3.0f);
        float c = x[i] > 0 ? b - 1.0f : a - 2.0f;
        w[i] = -c;
    }"""
    bits = np.array([0x7FC00001, 0xFFC12345, 0x7F800001, 0x3F800000], dtype=np.uint32)
    x = bits.view(np.float32)
    y, w = np.zeros_like(x), np.zeros_like(x)
    z = np.zeros(4, dtype=np.int32)
    assert cuda(source).launch("k", (1,), (4,), x, y, z, w) == 0
    assert [hex(v) for v in y.view(np.uint32)[:3]] == ["0x7fffffff"] * 3
    assert [hex(v) for v in z.view(np.uint32)[:3]] == ["0x7fffffff"] * 3
    assert [hex(v) for v in w.view(np.uint32)[:3]] == ["0xffffffff"] * 3
    assert (y[3], z.view(np.float32)[3], w[3]) == (4.0, 6.0, -3.0)
