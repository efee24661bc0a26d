"""Networks as chains of links: a perceptron, and an auto-encoder made of two of them.

Run with ``python talk_chains.py [device]``.
"""

import sys

import numpy as np

import nnrun
import nnrun.functions as F
import nnrun.links as L
from nnrun import Chain, optimizers


class MLP2(Chain):
    """A perceptron with one hidden layer."""

    def __init__(self, n_in, n_units, n_out):
        super().__init__()
        with self.init_scope():
            self.l1 = L.Linear(n_in, n_units)
            self.l2 = L.Linear(n_units, n_out)

    def forward(self, x):
        return self.l2(F.tanh(self.l1(x)))


class AutoEncoder(Chain):
    """Learns to give back its input from fewer numbers."""

    def __init__(self, n_in, n_code):
        super().__init__(encoder=MLP2(n_in, 16, n_code), decoder=MLP2(n_code, 16, n_in))

    def forward(self, x):
        return F.mean_squared_error(self.decoder(self.encoder(x)), x)


def main(device="numpy"):
    np.random.seed(0)
    place = nnrun.get_device(device)
    model = AutoEncoder(8, 2).to_device(place)
    print(model)
    optimizer = optimizers.Adam(0.02).setup(model)
    # Points on a plane in eight dimensions.
    plane = np.random.randn(2, 8).astype(np.float32)
    x = place.send(np.random.randn(64, 2).astype(np.float32) @ plane)
    losses = []
    for step in range(301):
        optimizer.update(model, x)
        if step % 100 == 0:
            losses.append(model(x).item())
            print(f"step {step:3}: loss {losses[-1]:.5f}")
    return losses


if __name__ == "__main__":
    main(*sys.argv[1:])
