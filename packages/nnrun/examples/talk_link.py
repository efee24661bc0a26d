"""A layer of one's own: a link holds parameters, and an optimizer learns them.

Run with ``python talk_link.py [device]``.
"""

import sys

import numpy as np

import nnrun
import nnrun.functions as F
from nnrun import Link, Variable, initializers, optimizers


class FullyConnectedLayer(Link):
    """``y = x W^T + b``."""

    def __init__(self, n_in, n_out):
        super().__init__()
        self.add_param("W", (n_out, n_in), initializer=initializers.LeCunNormal())
        self.add_param("b", (n_out,), initializer=0)

    def __call__(self, x):
        return F.linear(x, self.W, self.b)


def main(device="numpy"):
    np.random.seed(0)
    place = nnrun.get_device(device)
    layer = FullyConnectedLayer(3, 2).to_device(place)
    optimizer = optimizers.SGD(lr=0.1).setup(layer)

    truth = np.array([[1, 2, 3], [-1, 0, 1]], np.float32)
    x = np.random.uniform(-1, 1, (100, 3)).astype(np.float32)
    x, t = Variable(place.send(x)), Variable(place.send(x @ truth.T + 1))
    for step in range(200):
        loss = F.mean_squared_error(layer(x), t)
        layer.cleargrads()
        loss.backward()
        optimizer.update()
        if step % 50 == 0:
            print(f"step {step:3}: loss {loss.item():.5f}")
    print("W =", layer.W.array)
    print("b =", layer.b.array)
    return loss.item()


if __name__ == "__main__":
    main(*sys.argv[1:])
