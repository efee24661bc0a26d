"""Networks that differ from one example to the next: branches, loops, recursion, cut graphs.

Run with ``python talk_dynamic.py [device]``.
"""

import random
import sys

import numpy as np

import nnrun
import nnrun.functions as F
import nnrun.links as L
from nnrun import Variable, optimizers


class StochasticDepth(nnrun.Chain):
    """Layers that are left out at random while training (Huang et al., 2016): an ``if``."""

    def __init__(self, n_units, depth):
        super().__init__()
        with self.init_scope():
            self.layers = nnrun.ChainList(*[L.Linear(n_units, n_units) for _ in range(depth)])

    def forward(self, x):
        self.used = 0
        for layer in self.layers:
            if not nnrun.config.train or random.random() < 0.5:
                x = x + F.relu(layer(x))
                self.used += 1
        return x


class TreeSum(nnrun.Chain):
    """A value for a tree, made of those of its branches: recursion."""

    def __init__(self, n_units):
        super().__init__()
        with self.init_scope():
            self.leaf = L.Linear(1, n_units)
            self.join = L.Linear(2 * n_units, n_units)
            self.value = L.Linear(n_units, 1)

    def encode(self, tree):
        if isinstance(tree, tuple):
            left, right = (self.encode(branch) for branch in tree)
            return F.tanh(self.join(F.concat([left, right])))
        return F.tanh(self.leaf(self.xp.asarray([[tree]], dtype=np.float32)))

    def forward(self, tree):
        return self.value(self.encode(tree))


def total(tree):
    return sum(map(total, tree)) if isinstance(tree, tuple) else tree


def random_tree(depth):
    if depth == 0 or random.random() < 0.3:
        return random.uniform(-0.5, 0.5)
    return random_tree(depth - 1), random_tree(depth - 1)


def truncated(place, steps=100, every=10):
    """Backpropagation cut every few steps: memory for ten steps, however long the sequence."""
    layer = L.Linear(2, 2).to_device(place)
    h = Variable(place.send(np.ones((1, 2), np.float32)))
    deepest = 0
    for step in range(1, steps + 1):
        h = F.tanh(layer(h))
        deepest = max(deepest, h.rank)
        if step % every == 0:
            layer.cleargrads()
            F.sum(h).backward()
            h.unchain_backward()
    return deepest


def main(device="numpy", steps="200"):
    random.seed(0)
    np.random.seed(0)
    place = nnrun.get_device(device)

    deep = StochasticDepth(4, 8).to_device(place)
    x = place.send(np.ones((1, 4), np.float32))
    used = []
    for _ in range(5):
        deep(x)
        used.append(deep.used)
    print("layers used of 8:", used)

    model = TreeSum(12).to_device(place)
    optimizer = optimizers.Adam(0.01).setup(model)
    losses = []
    for step in range(int(steps)):
        tree = random_tree(3)
        target = place.send(np.array([[total(tree)]], np.float32))
        loss = F.mean_squared_error(model(tree), target)
        model.cleargrads()
        loss.backward()
        optimizer.update()
        losses.append(loss.item())
        if step % 50 == 0:
            print(f"step {step:3}: {str(tree).count('(')} joints, loss {losses[-1]:.5f}")

    deepest = truncated(place)
    print("functions behind one step at most:", deepest)
    return used, losses, deepest


if __name__ == "__main__":
    main(*sys.argv[1:])
