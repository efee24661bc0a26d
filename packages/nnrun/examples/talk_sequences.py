"""Define by run: the graph follows the data, here sequences of different lengths.

The network adds up what it reads; the loss is the sum over all steps of all
sequences, and one backward goes through whatever was computed.
Run with ``python talk_sequences.py [device]``.
"""

import sys

import numpy as np

import nnrun
import nnrun.functions as F
import nnrun.links as L
from nnrun import Chain, optimizers


class Recurrent(Chain):
    """Reads a number at a time, and says after each what the sum is so far."""

    def __init__(self, n_units):
        super().__init__()
        with self.init_scope():
            self.read = L.Linear(1, n_units)
            self.keep = L.Linear(n_units, n_units, nobias=True)
            self.say = L.Linear(n_units, 1)
        self.h = None

    def reset_state(self):
        self.h = None

    def forward(self, x):
        h = self.read(x)
        if self.h is not None:
            h += self.keep(self.h)
        self.h = F.tanh(h)
        return self.say(self.h)


def sequence_loss(model, sequence):
    """The loss over one sequence: as long a graph as there are numbers."""
    xp = model.xp
    model.reset_state()
    loss = 0
    total = 0.0
    for number in sequence:
        total += number
        x, t = (xp.asarray(np.array([[v]], np.float32)) for v in (number, total))
        loss += F.mean_squared_error(model(x), t)
    return loss


def main(device="numpy", steps="150"):
    np.random.seed(0)
    model = Recurrent(16).to_device(nnrun.get_device(device))
    optimizer = optimizers.Adam(0.01).setup(model)
    means = []
    for step in range(int(steps)):
        sequences = [
            np.random.uniform(-0.5, 0.5, np.random.randint(2, 7)).tolist() for _ in range(4)
        ]
        loss = 0
        for sequence in sequences:
            loss += sequence_loss(model, sequence)
        model.cleargrads()
        loss.backward()
        optimizer.update()
        means.append(loss.item() / sum(map(len, sequences)))
        if step % 50 == 0:
            print(f"step {step:3}: {list(map(len, sequences))} numbers, mean loss {means[-1]:.5f}")
    return means


if __name__ == "__main__":
    main(*sys.argv[1:])
