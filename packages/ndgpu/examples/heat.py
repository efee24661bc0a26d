"""Heat spreading over a plate: a stencil by slices, and the same as a kernel of one's own.

The plate's edge is held at zero; a hot square cools. Both ways must agree.
"""

import ndgpu as np

step_kernel = np.RawKernel(
    r"""
    extern "C" __global__ void heat_step(const float* now, float* next, int n, float rate) {
        int x = blockIdx.x * blockDim.x + threadIdx.x;
        int y = blockIdx.y;
        if (x < 1 || x >= n - 1 || y < 1 || y >= n - 1) return;
        int i = y * n + x;
        next[i] = now[i] + rate * (now[i - 1] + now[i + 1] + now[i - n] + now[i + n] - 4 * now[i]);
    }
    """,
    "heat_step",
)


def plate(n: int) -> np.ndarray:
    u = np.zeros((n, n), dtype=np.float32)
    u[n // 4 : n // 2, n // 4 : n // 2] = 100
    return u


def by_slices(u: np.ndarray, steps: int, rate: float) -> np.ndarray:
    for _ in range(steps):
        inner = u[1:-1, 1:-1]
        around = u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:]
        u = u.copy()
        u[1:-1, 1:-1] = inner + np.float32(rate) * (around - 4 * inner)
    return u


def by_kernel(u: np.ndarray, steps: int, rate: float) -> np.ndarray:
    n = len(u)
    now, following = u.copy(), np.zeros_like(u)
    for _ in range(steps):
        step_kernel(((n + 127) // 128, n), (128,), (now, following, np.int32(n), np.float32(rate)))
        now, following = following, now
    return now


if __name__ == "__main__":
    start = plate(96)
    one, two = by_slices(start, 50, 0.2), by_kernel(start, 50, 0.2)
    difference = float(np.abs(one - two).max())
    print(
        f"warmest {float(one.max()):.2f}, total {float(one.sum()):.0f}, differ by {difference:.1e}"
    )
    assert difference < 1e-3
