"""A function of one's own: `MulAdd`, with its backward, on any array module.

Run with ``python talk_function.py [device]``.
"""

import sys

import numpy as np

import nnrun
from nnrun import Function, Variable, gradient_check


class MulAdd(Function):
    """``w = x * y + z``."""

    def forward(self, inputs):
        x, y, z = inputs
        return (x * y + z,)

    def backward(self, inputs, grad_outputs):
        x, y, _ = inputs
        (gw,) = grad_outputs
        return y * gw, x * gw, gw


def muladd(x, y, z):
    return MulAdd()(x, y, z)


def main(device="numpy"):
    place = nnrun.get_device(device)
    x, y, z = (
        Variable(place.send(np.random.uniform(-1, 1, (3, 2)).astype(np.float32))) for _ in range(3)
    )
    w = muladd(x, y, z)
    w.grad = place.xp.ones_like(w.array)
    w.backward()
    print("w =", w.array)
    print(
        "gradients agree with y, x and 1:",
        bool((x.grad == y.array).all()),
        bool((y.grad == x.array).all()),
        bool((z.grad == 1).all()),
    )
    arrays = tuple(v.array.astype(np.float64) for v in (x, y, z))
    gradient_check.check_backward(muladd, arrays, None)
    print("and with differences")


if __name__ == "__main__":
    main(*sys.argv[1:])
