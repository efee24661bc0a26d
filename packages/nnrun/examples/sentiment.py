"""Sentiment of sentences by a recursive network: a graph of another shape for each tree.

    python sentiment.py                 # a minute
    python sentiment.py --smoke         # seconds

The sentences are made by a small grammar in which "not" turns what it stands before, "very"
strengthens it and "but" lets the second half win, so that the words alone don't tell: the network
has to follow the tree.  Every node gets a vector by joining those of its children (Socher et al.,
2013) with a tree-structured LSTM (Tai et al., 2015), and every node's label is learnt.
"""

import argparse

import numpy as np

import nnrun
import nnrun.functions as F
import nnrun.links as L
from nnrun import optimizer_hooks, optimizers

GOOD = ["good", "great", "funny", "moving", "clever"]
BAD = ["bad", "dull", "silly", "cold", "tired"]
WORDS = [*GOOD, *BAD, "not", "very", "but"]
LABELS = ["very bad", "bad", "good", "very good"]


def make_tree(rng, depth):
    """Return a random tree as (label, word) or (label, left tree, right tree).

    Labels are 0 to 3: `LABELS`; those of "not", "very" and "but" are -1, none.
    """
    kind = rng.choice(["word", "not", "very", "but"], p=[0.1, 0.3, 0.3, 0.3]) if depth else "word"
    if kind == "word":
        good = int(rng.integers(2))
        return (1 + good, str(rng.choice(GOOD if good else BAD)))
    inner = make_tree(rng, depth - 1)
    if kind == "not":
        return ({0: 2, 1: 2, 2: 1, 3: 1}[inner[0]], (-1, "not"), inner)
    if kind == "very":
        return (0 if inner[0] < 2 else 3, (-1, "very"), inner)
    second = make_tree(rng, depth - 1)
    return (second[0], inner, (second[0], (-1, "but"), second))


def text_of(tree):
    """Return the sentence of a tree."""
    return tree[1] if len(tree) == 2 else f"{text_of(tree[1])} {text_of(tree[2])}"


class RecursiveNetwork(nnrun.Chain):
    """A vector and scores for each node of a tree, from the words upwards."""

    def __init__(self, n_units):
        super().__init__()
        with self.init_scope():
            self.embed = L.EmbedID(len(WORDS), n_units)
            self.join = L.NaryTreeLSTM(n_units, n_units, 2)
            self.label = L.Linear(n_units, len(LABELS))

    def node(self, tree, outputs):
        """Return the memory and output of a node; append all that have a label to `outputs`."""
        label, *parts = tree
        if len(parts) == 1:
            x = self.embed(self.xp.asarray([WORDS.index(parts[0])], dtype=np.int32))
            c, h = self.join(None, None, None, None, x)
        else:
            (c1, h1), (c2, h2) = (self.node(part, outputs) for part in parts)
            c, h = self.join(c1, c2, h1, h2, None)
        if label >= 0:
            outputs.append((h, label))
        return c, h

    def forward(self, tree):
        """Return scores, shape (nodes, labels), and labels, shape (nodes,); the root is last."""
        outputs = []
        self.node(tree, outputs)
        hs, labels = zip(*outputs, strict=True)
        return self.label(F.concat(hs, axis=0)), self.xp.asarray(labels, dtype=np.int32)


def accuracy(model, trees):
    """Return the share of trees whose root gets the right label."""
    with nnrun.using_config("train", False), nnrun.no_backprop_mode():
        right = [int(model(tree)[0].array[-1].argmax()) == tree[0] for tree in trees]
    return sum(right) / len(right)


def main(argv=None):
    """Train, and return the loss of each epoch and the accuracy on new sentences."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--device", "-d", default="auto")
    parser.add_argument("--batchsize", "-b", type=int, default=20)
    parser.add_argument("--epoch", "-e", type=int, default=10)
    parser.add_argument("--unit", "-u", type=int, default=32)
    parser.add_argument("--smoke", action="store_true", help="few sentences, few units")
    args = parser.parse_args(argv)
    n_train, n_test = (100, 30) if args.smoke else (1000, 300)
    if args.smoke:
        args.epoch, args.unit = 4, 16

    np.random.seed(0)
    rng = np.random.default_rng(0)
    train = [make_tree(rng, 3) for _ in range(n_train)]
    test = [make_tree(rng, 4) for _ in range(n_test)]  # deeper than those learnt from
    device = nnrun.get_device(args.device)
    device.use()
    model = RecursiveNetwork(args.unit).to_device(device)
    optimizer = optimizers.AdaGrad(0.1).setup(model)
    optimizer.add_hook(optimizer_hooks.WeightDecay(1e-4))

    losses = []
    for epoch in range(args.epoch):
        total = 0.0
        order = rng.permutation(n_train)
        for start in range(0, n_train, args.batchsize):
            picked = order[start : start + args.batchsize]
            loss = sum(F.softmax_cross_entropy(*model(train[i])) for i in picked) / len(picked)
            model.cleargrads()
            loss.backward()
            optimizer.update()
            total += float(loss.array) * len(picked)
        losses.append(total / n_train)
        print(f"epoch {epoch + 1:2}: loss {losses[-1]:.4f}")
    share = accuracy(model, test)
    for tree in test[:5]:
        print(f"{LABELS[tree[0]]:>9}: {text_of(tree)}")
    print(f"right: {share:.1%} of {n_test} new sentences")
    return losses, share


if __name__ == "__main__":
    main()
