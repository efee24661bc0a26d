"""Philox 4x32-10, against the known answers of its authors."""

import numpy as np
import pytest

import ndgpu

_PHILOX = ndgpu.RawKernel(
    r"""
    __device__ uint4 one_round(uint4 c, uint2 k) {
      unsigned low0 = 0xD2511F53u * c.x, high0 = __umulhi(0xD2511F53u, c.x);
      unsigned low1 = 0xCD9E8D57u * c.z, high1 = __umulhi(0xCD9E8D57u, c.z);
      return make_uint4(high1 ^ c.y ^ k.x, low1, high0 ^ c.w ^ k.y, low0);
    }
    extern "C" __global__ void philox(const uint4* counters, const uint2* keys, uint4* out, int n) {
      int i = blockIdx.x * blockDim.x + threadIdx.x;
      if (i >= n) return;
      uint4 c = counters[i];
      uint2 k = keys[i];
      for (int round = 0; round < 10; ++round) {
        if (round) { k.x += 0x9E3779B9u; k.y += 0xBB67AE85u; }
        c = one_round(c, k);
      }
      out[i] = c;
    }
    """,
    "philox",
)
_KNOWN = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000",
     "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff",
     "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0",
     "d16cfe09 94fdcceb 5001e420 24126ea1"),
]  # fmt: skip


def _words(text):
    return [int(word, 16) for word in text.split()]


@pytest.mark.parametrize("threads", [32, 3])
def test_philox_gives_the_known_answers(threads):
    counters, keys, answers = (
        np.array([_words(row[i]) for row in _KNOWN], np.uint32) for i in range(3)
    )
    out = ndgpu.zeros((3, 4), np.uint32)
    arguments = (ndgpu.asarray(counters), ndgpu.asarray(keys), out, np.int32(3))
    _PHILOX((1,), (threads,), arguments)
    np.testing.assert_array_equal(ndgpu.asnumpy(out), answers)
