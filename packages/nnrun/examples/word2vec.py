"""Word vectors: skip-gram with negative sampling or hierarchical softmax.

    python word2vec.py                          # negative sampling, over texts that ship
    python word2vec.py --loss hsm               # hierarchical softmax over a Huffman tree
    python word2vec.py --text FILE              # a text of one's own: the longer, the better
    python word2vec.py --smoke                  # seconds

Each word's vector is to tell which words stand near it (Mikolov et al., 2013).  At the end the
nearest neighbours of some words are shown.
"""

import argparse
import collections

import numpy as np

import nnrun
import nnrun.functions as F
import nnrun.links as L
from nnrun import datasets, optimizers


class SkipGram(nnrun.Chain):
    """Vectors of words, and a loss that says how well they tell the words around."""

    def __init__(self, n_words, n_units, loss):
        super().__init__()
        with self.init_scope():
            self.embed = L.EmbedID(n_words, n_units, nnrun.initializers.Uniform(1 / n_units))
            self.loss = loss

    def forward(self, centers, contexts):
        """Return the mean loss of pairs: two arrays of word numbers, shape (pairs,)."""
        return self.loss(self.embed(centers), contexts) / len(centers)


def make_loss(name, n_units, counts):
    """Return a link from vectors and words to a loss, as its name says."""
    if name == "ns":
        return L.NegativeSampling(n_units, counts, 5)
    tree = L.BinaryHierarchicalSoftmax.create_huffman_tree(dict(enumerate(counts)))
    return L.BinaryHierarchicalSoftmax(n_units, tree)


def read_words(text, smallest_count):
    """Return the words known, how often each comes, and the text as their numbers."""
    words = "".join(c if c.isalpha() else " " for c in text.lower()).split()
    counts = collections.Counter(words)
    known = [word for word, count in counts.most_common() if count >= smallest_count]
    number = {word: i for i, word in enumerate(known)}
    ids = np.array([number[word] for word in words if word in number], np.int32)
    return known, [counts[word] for word in known], ids


def make_pairs(ids, window, rng):
    """Return all pairs of a word and one at most `window` words away, in random order."""
    pairs = []
    for distance in range(1, window + 1):
        left, right = ids[:-distance], ids[distance:]
        pairs += [np.stack([left, right]), np.stack([right, left])]
    together = np.concatenate(pairs, axis=1)
    return together[:, rng.permutation(together.shape[1])]


def neighbours(vectors, i, count):
    """Return the numbers of the `count` words whose vectors point most nearly as word i's does."""
    directions = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.argsort(-directions @ directions[i])[1 : count + 1]


def main(argv=None):
    """Train, show neighbours, and return the loss of each epoch."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--text", help="a file (default: texts that ship)")
    parser.add_argument("--loss", choices=["ns", "hsm"], default="ns")
    parser.add_argument("--device", "-d", default="auto")
    parser.add_argument("--batchsize", "-b", type=int, default=500)
    parser.add_argument("--epoch", "-e", type=int, default=20)
    parser.add_argument("--unit", "-u", type=int, default=100)
    parser.add_argument("--window", "-w", type=int, default=5)
    parser.add_argument("--smoke", action="store_true", help="a short text, few units")
    args = parser.parse_args(argv)
    if args.smoke:
        args.epoch, args.unit, args.window = 3, 20, 2

    if args.text:
        with open(args.text, encoding="utf-8") as file:
            text = file.read()
    else:
        names = ["declaration"] if args.smoke else ["declaration", "constitution"]
        text = " ".join(datasets.get_text(name) for name in names)
    words, counts, ids = read_words(text, 2)
    print(f"{len(ids):,} words, {len(words):,} different ones")

    np.random.seed(0)
    rng = np.random.default_rng(0)
    device = nnrun.get_device(args.device)
    device.use()
    model = SkipGram(len(words), args.unit, make_loss(args.loss, args.unit, counts))
    model.to_device(device)
    optimizer = optimizers.Adam(1e-2 if args.smoke else 2e-3)
    optimizer.setup(model)

    losses = []
    for epoch in range(args.epoch):
        centers, contexts = device.send(make_pairs(ids, args.window, rng))
        total, n_pairs = 0.0, len(centers)
        for start in range(0, n_pairs, args.batchsize):
            piece = slice(start, start + args.batchsize)
            loss = model(centers[piece], contexts[piece])
            model.cleargrads()
            loss.backward()
            optimizer.update()
            total += float(loss.array) * len(centers[piece])
        losses.append(total / n_pairs)
        print(f"epoch {epoch + 1:2}: loss {losses[-1]:.4f} a pair")

    vectors = F.copy(model.embed.W, -1).array
    for i in range(10, min(len(words), 60), 10):
        near = ", ".join(words[j] for j in neighbours(vectors, i, 5))
        print(f"{words[i]}: {near}")
    return losses


if __name__ == "__main__":
    main()
