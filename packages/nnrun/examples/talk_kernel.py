"""A kernel of one's own: forward and backward of ``x * y + z``, each one pass over memory.

On NumPy the same function runs as NumPy expressions.
Run with ``python talk_kernel.py [device]``.
"""

import sys

import numpy as np

import nnrun
from nnrun import Function, Variable, cuda


class MulAdd(Function):
    """``w = x * y + z``, by kernels of its own on ndgpu."""

    def forward_cpu(self, inputs):
        x, y, z = inputs
        return (x * y + z,)

    def forward_gpu(self, inputs):
        kernel = cuda.elementwise("T x, T y, T z", "T w", "w = x * y + z", "muladd_fwd")
        return (kernel(*inputs),)

    def backward_cpu(self, inputs, grad_outputs):
        x, y, _ = inputs
        (gw,) = grad_outputs
        return y * gw, x * gw, gw

    def backward_gpu(self, inputs, grad_outputs):
        x, y, _ = inputs
        (gw,) = grad_outputs
        kernel = cuda.elementwise(
            "T x, T y, T gw", "T gx, T gy", "gx = y * gw; gy = x * gw", "muladd_bwd"
        )
        return (*kernel(x, y, gw), gw)


def main(device="numpy"):
    place = nnrun.get_device(device)
    with place:
        x, y, z = (Variable(place.send(np.arange(n, n + 4, dtype=np.float32))) for n in (1, 2, 3))
        w = MulAdd()(x, y, z)
        w.grad = place.xp.ones_like(w.array)
        w.backward()
        print(f"on {place}: w = {w.array}, gx = {x.grad}, gy = {y.grad}, gz = {z.grad}")


if __name__ == "__main__":
    main(*sys.argv[1:])
