"""Translate dates into one form: a sequence-to-sequence network with attention.

    python seq2seq.py                   # a minute or two
    python seq2seq.py --smoke           # seconds

"Friday, 3 March 1995", "03/03/95" and "march 3rd, 1995" are all 1995-03-03.  A bidirectional LSTM
reads the characters, sequences of different lengths in one batch; an LSTM writes the ten
characters of the answer, and looks before each at what it read: attention by dot products
(Luong et al., 2015).
"""

import argparse
import datetime

import numpy as np

import nnrun
import nnrun.functions as F
import nnrun.links as L
from nnrun import iterators, optimizer_hooks, optimizers

FORMS = ["%A, {d} %B %Y", "{d} %b %Y", "%d/%m/%y", "%B {d}{th}, %Y", "%d.%m.%Y", "%a %b {d} %Y"]
READ = " ,./0123456789abcdefghijklmnopqrstuvwxyz"
WRITTEN = "-0123456789"
LENGTH = 10


def make_examples(count, rng):
    """Return pairs of the characters of a date and those of the answer, as numbers."""
    first = datetime.date(1970, 1, 1)
    examples = []
    for _ in range(count):
        date = first + datetime.timedelta(days=int(rng.integers(0, 50 * 365)))
        th = "th" if date.day in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(date.day % 10)
        form = FORMS[rng.integers(len(FORMS))].replace("{d}", str(date.day))
        text = date.strftime(form.replace("{th}", th or "th")).lower()
        x = np.array([READ.index(c) for c in text], np.int32)
        examples.append((x, np.array([WRITTEN.index(c) for c in date.isoformat()], np.int32)))
    return examples


class Translator(nnrun.Chain):
    """Reads sequences of any length, writes `LENGTH` characters."""

    def __init__(self, n_units):
        super().__init__()
        with self.init_scope():
            self.embed_read = L.EmbedID(len(READ), n_units)
            self.encoder = L.NStepBiLSTM(1, n_units, n_units // 2, 0.0)
            self.embed_written = L.EmbedID(len(WRITTEN) + 1, n_units)  # the last: a beginning
            self.decoder = L.StatelessLSTM(2 * n_units, n_units)
            self.out = L.Linear(2 * n_units, len(WRITTEN))

    def encode(self, xs):
        """Return what was read, shape (batch, longest, n_units), and where there is something."""
        _, _, hs = self.encoder(None, None, [self.embed_read(x) for x in xs])
        lengths = self.xp.asarray([len(x) for x in xs])
        padded = F.pad_sequence(hs)
        return padded, self.xp.arange(padded.shape[1]) < lengths[:, None]

    def attend(self, h, read, mask):
        """Return the mean of what was read, by its likeness to `h`, and the weights."""
        scores = F.matmul(read, h[:, :, None])[:, :, 0]
        weights = F.softmax(F.where(mask, scores, self.xp.full_like(scores.array, -1e9)))
        return F.matmul(weights[:, None], read)[:, 0], weights

    def write(self, xs, ts=None):
        """Return the scores of all characters; each is read from `ts`, or is the likeliest."""
        read, mask = self.encode(xs)
        batch, xp = len(xs), self.xp
        c = h = None
        context = xp.zeros((batch, read.shape[2]), np.float32)
        last = xp.full(batch, len(WRITTEN), np.int32)
        ys = []
        for i in range(LENGTH):
            c, h = self.decoder(c, h, F.concat([self.embed_written(last), context]))
            context, _ = self.attend(h, read, mask)
            y = self.out(F.concat([h, context]))
            ys.append(y)
            last = y.array.argmax(axis=1).astype(np.int32) if ts is None else ts[:, i]
        return F.stack(ys, axis=1)

    def forward(self, xs, ts):
        """Return the mean loss of a character."""
        ys = self.write(xs, ts)
        return F.softmax_cross_entropy(ys.reshape(-1, len(WRITTEN)), ts.reshape(-1))


def convert(batch, device):
    """Sequences stay a list; answers, all of one length, become an array."""
    return [device.send(x) for x, _ in batch], device.send(np.stack([t for _, t in batch]))


def main(argv=None):
    """Train, and return the loss of each epoch and the share of right answers."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--device", "-d", default="auto")
    parser.add_argument("--epoch", "-e", type=int, default=8)
    parser.add_argument("--unit", "-u", type=int, default=128)
    parser.add_argument("--smoke", action="store_true", help="few examples, a small network")
    args = parser.parse_args(argv)
    n_train, n_test = (600, 50) if args.smoke else (10_000, 1000)
    if args.smoke:
        args.epoch, args.unit = 3, 32
    np.random.seed(0)
    rng = np.random.default_rng(0)
    train, test = make_examples(n_train, rng), make_examples(n_test, rng)
    device = nnrun.get_device(args.device)
    device.use()
    model = Translator(args.unit).to_device(device)
    optimizer = optimizers.Adam(3e-3).setup(model)
    optimizer.add_hook(optimizer_hooks.GradientClipping(5))

    losses = []
    for epoch in range(args.epoch):
        total = 0.0
        for batch in iterators.SerialIterator(train, 50, repeat=False, seed=epoch):
            loss = model(*convert(batch, device))
            model.cleargrads()
            loss.backward()
            optimizer.update()
            total += float(loss.array) * len(batch)
        losses.append(total / n_train)
        print(f"epoch {epoch + 1}: loss {losses[-1]:.4f}")

    xs, ts = convert(test, device)
    with nnrun.using_config("train", False), nnrun.no_backprop_mode():
        answers = model.write(xs).array.argmax(axis=2)
    right = float((answers == ts).all(axis=1).mean())
    for x, answer in zip(xs[:5], answers.tolist(), strict=False):
        text = "".join(READ[i] for i in x.tolist())
        print(f"{text:>32} -> {''.join(WRITTEN[i] for i in answer)}")
    print(f"right: {right:.1%} of {n_test} dates")
    return losses, right


if __name__ == "__main__":
    main()
