"""Saving a chain to a file, and loading it.

Run with ``python talk_saving.py [folder]``.
"""

import os
import sys
import tempfile

import numpy as np

import nnrun.functions as F
import nnrun.links as L
from nnrun import Chain, serializers


class MLP(Chain):
    """A perceptron with one hidden layer."""

    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.l1 = L.Linear(4, 8)
            self.l2 = L.Linear(8, 3)

    def forward(self, x):
        return self.l2(F.relu(self.l1(x)))


def main(folder=None):
    with tempfile.TemporaryDirectory() as temporary:
        path = os.path.join(folder or temporary, "mlp")
        model, again = MLP(), MLP()
        x = np.ones((1, 4), np.float32)
        print("two models:  ", model(x).array, again(x).array)
        for save, load, suffix in (
            (serializers.save_npz, serializers.load_npz, ".npz"),
            (serializers.save_hdf5, serializers.load_hdf5, ".h5"),
        ):
            save(path + suffix, model)
            load(path + suffix, again)
            print(f"after {suffix}:".ljust(13), model(x).array, again(x).array)
        return np.array_equal(model(x).array, again(x).array)


if __name__ == "__main__":
    main(*sys.argv[1:])
