"""A word language model with the trainer: an updater of one's own, and perplexity.

    python word_lm.py                   # a text that ships
    python word_lm.py --text ptb        # the Penn Treebank, from the cache folder or the network
    python word_lm.py --smoke           # seconds

An iterator hands out one word a row, so that each row of the batches reads on in its own part of
the text; the updater asks it for `--steps` batches, adds up their losses, propagates them back
once and cuts the graph there.  Two LSTM layers with dropout, as in Zaremba et al. (2014).
"""

import argparse
import collections

import numpy as np

import nnrun
import nnrun.functions as F
import nnrun.links as L
from nnrun import datasets, optimizer_hooks, optimizers, serializers, training
from nnrun.training import extensions


def make_model(n_words, n_units):
    """Scores of the next word for words of shape (batch,): two LSTMs with dropout around them."""
    model = nnrun.Sequential(L.EmbedID(n_words, n_units), F.dropout)
    for _ in range(2):
        model.append(L.LSTM(n_units, n_units))
        model.append(F.dropout)
    model.append(L.Linear(n_units, n_words))
    for param in model.params():
        param.array[...] = np.random.uniform(-0.1, 0.1, param.shape)
    return model


def reset_state(model):
    """Forget what was read so far."""
    for link in model.links():
        if isinstance(link, L.LSTM):
            link.reset_state()


class ParallelSequentialIterator(nnrun.dataset.Iterator):
    """Pairs of a word and the next one, from `batch_size` places of a text at once."""

    def __init__(self, words, batch_size, repeat=True):
        self.words, self.batch_size, self.repeat = words, batch_size, repeat
        self.offsets = [i * len(words) // batch_size for i in range(batch_size)]
        self.iteration = 0

    def __next__(self):
        length = len(self.words)
        if not self.repeat and self.iteration * self.batch_size >= length:
            raise StopIteration
        at = [(offset + self.iteration) % length for offset in self.offsets]
        self.iteration += 1
        return [(self.words[i], self.words[(i + 1) % length]) for i in at]

    @property
    def epoch_detail(self):
        return self.iteration * self.batch_size / len(self.words)

    @property
    def epoch(self):
        return int(self.epoch_detail)

    def serialize(self, serializer):
        self.iteration = serializer("iteration", self.iteration)


class TruncatedUpdater(training.updaters.StandardUpdater):
    """Goes `n_steps` batches forward, then back through them and no further."""

    def __init__(self, iterator, optimizer, n_steps, device):
        super().__init__(iterator, optimizer, device=device)
        self.n_steps = n_steps

    def update_core(self):
        iterator, optimizer = self.get_iterator("main"), self.get_optimizer("main")
        loss = 0
        for _ in range(self.n_steps):
            loss += optimizer.target(*self.converter(next(iterator), self.device))
        optimizer.target.cleargrads()
        loss.backward()
        loss.unchain_backward()
        optimizer.update()


def load_words(name):
    """Return the numbers of the words of a training and a test text, and how many words."""
    if name == "ptb":
        train, _, test = datasets.get_ptb_words()
        return train, test, len(datasets.get_ptb_words_vocabulary())
    words = datasets.get_text(name).lower().split()
    # As in the Penn Treebank, rare words are one and the same: number 0.
    known = [word for word, count in collections.Counter(words).items() if count > 2]
    number = {word: i for i, word in enumerate(known, 1)}
    ids = np.array([number.get(word, 0) for word in words], np.int32)
    train, test = np.split(ids, [len(ids) * 9 // 10])
    return train, test, len(known) + 1


def main(argv=None):
    """Train, and return the log, one dictionary an epoch."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--text", default="constitution", help="or declaration, or ptb")
    parser.add_argument("--epoch", "-e", type=int, default=39)
    parser.add_argument("--unit", "-u", type=int, default=200)
    parser.add_argument("--device", "-d", default="auto")
    parser.add_argument("--out", "-o", default="result")
    parser.add_argument("--smoke", action="store_true", help="a short text, a small network")
    args = parser.parse_args(argv)
    if args.smoke:
        args.text, args.epoch, args.unit = "declaration", 4, 32
    n_rows, n_steps = (10, 10) if args.smoke else (20, 35)
    np.random.seed(0)
    device = nnrun.get_device(args.device)
    device.use()
    train, test, n_words = load_words(args.text)
    print(f"{len(train):,} words to learn, {len(test):,} to test, {n_words:,} different ones")
    model = L.Classifier(make_model(n_words, args.unit))
    model.compute_accuracy = False
    model.to_device(device)
    optimizer = optimizers.Adam(3e-3)
    optimizer.setup(model)
    optimizer.add_hook(optimizer_hooks.GradientClipping(5))
    iterator = ParallelSequentialIterator(train, n_rows)
    updater = TruncatedUpdater(iterator, optimizer, n_steps, device)
    trainer = training.Trainer(updater, (args.epoch, "epoch"), out=args.out)

    reader = model.copy()  # has the same parameters and a state of its own
    test_iterator = ParallelSequentialIterator(test, 1, repeat=False)
    evaluator = extensions.Evaluator(test_iterator, reader, device=device)
    evaluator.eval_hook = lambda _: reset_state(reader)
    trainer.extend(evaluator)

    def add_perplexity(log):
        log["perplexity"] = np.exp(log["main/loss"])
        log["test_perplexity"] = np.exp(log["validation/main/loss"])

    trainer.extend(extensions.LogReport(postprocess=add_perplexity))
    trainer.extend(extensions.PrintReport(["epoch", "perplexity", "test_perplexity"]))
    trainer.run()
    serializers.save_npz(f"{args.out}/model.npz", model)
    return trainer.get_extension("LogReport").log


if __name__ == "__main__":
    main()
