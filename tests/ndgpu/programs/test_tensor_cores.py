"""A half-precision product on tensor cores: ldmatrix and mma.sync by inline PTX."""

import numpy as np
import pytest

import ndgpu

# Four warps make a tile of 32 x 16 of C = A B; A by rows, B by rows (loaded transposed).
_GEMM = ndgpu.RawKernel(
    r"""
    #include <cuda_fp16.h>
    #define KT 16
    __device__ unsigned shared_address(const void* p) {
      return (unsigned)__cvta_generic_to_shared(p);
    }
    extern "C" __global__ void gemm(const half* a, const half* b, float* c, int m, int n, int k) {
      __shared__ __align__(16) half as[32][KT], bs[KT][16];
      int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
      int row = blockIdx.y * 32, column = blockIdx.x * 16;
      int warp_row = warp / 2 * 16, warp_column = warp % 2 * 8;
      float d[4] = {0, 0, 0, 0};
      for (int start = 0; start < k; start += KT) {
        for (int i = threadIdx.x; i < 32 * KT; i += blockDim.x) {
          int y = row + i / KT, x = start + i % KT;
          as[i / KT][i % KT] = y < m && x < k ? a[y * k + x] : __float2half(0);
        }
        for (int i = threadIdx.x; i < KT * 16; i += blockDim.x) {
          int y = start + i / 16, x = column + i % 16;
          bs[i / 16][i % 16] = y < k && x < n ? b[y * n + x] : __float2half(0);
        }
        __syncthreads();
        unsigned fa[4], fb[2];
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
            : "=r"(fa[0]), "=r"(fa[1]), "=r"(fa[2]), "=r"(fa[3])
            : "r"(shared_address(&as[warp_row + lane % 16][lane / 16 * 8])));
        asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];"
            : "=r"(fb[0]), "=r"(fb[1])
            : "r"(shared_address(&bs[lane % 16][warp_column])));
        asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
            "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
            : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
            : "r"(fa[0]), "r"(fa[1]), "r"(fa[2]), "r"(fa[3]), "r"(fb[0]), "r"(fb[1]));
        __syncthreads();
      }
      for (int i = 0; i < 4; ++i) {
        int y = row + warp_row + lane / 4 + i / 2 * 8;
        int x = column + warp_column + lane % 4 * 2 + i % 2;
        if (y < m && x < n) c[y * n + x] = d[i];
      }
    }
    """,
    "gemm",
)


@pytest.mark.parametrize("shape", [(32, 16, 16), (45, 40, 70)])
def test_half_precision_matmul(rng, shape):
    m, n, k = shape
    a, b = (rng.standard_normal(size).astype(np.float16) for size in ((m, k), (k, n)))
    c = ndgpu.full((m, n), np.float32(np.nan))
    sizes = tuple(map(np.int32, shape))
    grid = (-(-n // 16), -(-m // 32))
    _GEMM(grid, (128,), (ndgpu.asarray(a), ndgpu.asarray(b), c, *sizes))
    wanted = a.astype("f8") @ b.astype("f8")
    np.testing.assert_allclose(ndgpu.asnumpy(c), wanted, rtol=1e-4, atol=1e-4)
