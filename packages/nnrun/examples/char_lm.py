"""A character language model: an LSTM, truncated backpropagation, no trainer.

    python char_lm.py                   # the Constitution, some minutes
    python char_lm.py --text FILE       # any other text
    python char_lm.py --smoke           # seconds

The text is cut into as many parallel streams as a batch has rows.  The network reads all of
them at once, a character a step, and never forgets its state; after every `--steps` characters
the loss is propagated back through those steps, and the graph before them is cut off.
"""

import argparse

import numpy as np

import nnrun
import nnrun.functions as F
import nnrun.links as L
from nnrun import datasets, optimizer_hooks, optimizers


class CharacterModel(nnrun.Chain):
    """Scores of the next character after each that it is given."""

    def __init__(self, n_characters, n_units):
        super().__init__()
        with self.init_scope():
            self.embed = L.EmbedID(n_characters, n_units)
            self.lstm = L.LSTM(n_units, n_units)
            self.out = L.Linear(n_units, n_characters)

    def reset_state(self):
        self.lstm.reset_state()

    def forward(self, x):
        """Map characters, shape (batch,), to scores, shape (batch, n_characters)."""
        return self.out(self.lstm(self.embed(x)))


def make_streams(ids, batch_size):
    """Cut a text into streams: shape (steps, batch_size)."""
    length = len(ids) // batch_size
    return ids[: length * batch_size].reshape(batch_size, length).T.copy()


def train_epoch(model, optimizer, streams, n_steps):
    """Read all streams once; return the mean loss of a character, in nats."""
    model.reset_state()
    total, count = 0.0, 0
    for start in range(0, len(streams) - 1, n_steps):
        loss = 0
        stop = min(start + n_steps, len(streams) - 1)
        for i in range(start, stop):
            loss += F.softmax_cross_entropy(model(streams[i]), streams[i + 1])
        model.cleargrads()
        loss.backward()
        loss.unchain_backward()  # what lies before this piece is forgotten
        optimizer.update()
        total, count = total + float(loss.array), count + stop - start
    return total / count


def write_on(model, characters, beginning, length, temperature, seed):
    """Return `beginning` and the characters that the model writes after it."""
    rng = np.random.default_rng(seed)
    number = {c: i for i, c in enumerate(characters)}
    text = beginning
    model.reset_state()
    with nnrun.using_config("train", False), nnrun.no_backprop_mode():
        for c in beginning[:-1]:
            model(model.xp.asarray([number[c]], dtype=np.int32))
        for _ in range(length):
            scores = model(model.xp.asarray([number[text[-1]]], dtype=np.int32))
            p = nnrun.cuda.to_cpu(F.softmax(scores / temperature).array[0])
            text += characters[rng.choice(len(characters), p=p / p.sum(dtype=np.float64))]
    return text


def main(argv=None):
    """Train, write some text, and return the loss of each epoch."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--text", help="a file to learn (default: one that ships)")
    parser.add_argument("--device", "-d", default="auto")
    parser.add_argument("--batchsize", "-b", type=int, default=32)
    parser.add_argument("--epoch", "-e", type=int, default=40)
    parser.add_argument("--unit", "-u", type=int, default=192)
    parser.add_argument("--steps", type=int, default=32, help="characters between updates")
    parser.add_argument("--write", type=int, default=300, help="characters to write at the end")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--smoke", action="store_true", help="a short text, a small network")
    args = parser.parse_args(argv)
    if args.text:
        with open(args.text, encoding="utf-8") as file:
            text = file.read()
    else:
        text = datasets.get_text("declaration" if args.smoke else "constitution")
    if args.smoke:
        text, args.epoch, args.unit, args.write = text[:4000], 4, 32, 60

    np.random.seed(args.seed)
    device = nnrun.get_device(args.device)
    device.use()
    characters = sorted(set(text))
    number = {c: i for i, c in enumerate(characters)}
    ids = np.array([number[c] for c in text], np.int32)
    streams = device.send(make_streams(ids, args.batchsize))

    model = CharacterModel(len(characters), args.unit)
    model.to_device(device)
    optimizer = optimizers.Adam(5e-3)
    optimizer.setup(model)
    optimizer.add_hook(optimizer_hooks.GradientClipping(5))

    losses = []
    for epoch in range(args.epoch):
        losses.append(train_epoch(model, optimizer, streams, args.steps))
        bits = losses[-1] / np.log(2)
        print(f"epoch {epoch + 1:3}: {losses[-1]:.4f} nats ({bits:.2f} bits) a character")
    print(write_on(model, characters, text[0], args.write, 0.7, args.seed))
    return losses


if __name__ == "__main__":
    main()
