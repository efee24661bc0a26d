"""A small transformer that learns to write: characters, causal attention, no trainer.

    python transformer_lm.py            # the Constitution, some minutes
    python transformer_lm.py --text FILE
    python transformer_lm.py --smoke    # seconds

Blocks of attention and of a map of each position, each normalised before and added to its input;
positions are told by rotating queries and keys (Su et al., 2021).  The step size rises during a
warm-up and then falls along half a cosine.
"""

import argparse
import math

import numpy as np

import nnrun
import nnrun.functions as F
import nnrun.links as L
from nnrun import datasets, optimizer_hooks, optimizers


class Transformer(nnrun.Chain):
    """Scores of the next character at each position."""

    def __init__(self, n_characters, n_layers, n_units, n_heads):
        super().__init__()
        with self.init_scope():
            self.embed = L.EmbedID(n_characters, n_units, nnrun.initializers.Normal(0.02))
            self.blocks = nnrun.ChainList(
                *(L.TransformerBlock(n_units, n_heads, rotary=True) for _ in range(n_layers))
            )
            self.norm = L.LayerNormalization(n_units)
            self.out = L.Linear(n_units, n_characters, nobias=True)

    def forward(self, ids):
        """Map characters, shape (batch, length), to scores, shape (batch, length, characters)."""
        h = self.embed(ids)
        for block in self.blocks:
            h = block(h, causal=True)
        return self.out(self.norm(h), n_batch_axes=2)

    def loss(self, ids):
        """Return the mean loss of telling each character from those before it."""
        scores = self(ids[:, :-1])
        return F.softmax_cross_entropy(scores.reshape(-1, scores.shape[-1]), ids[:, 1:].reshape(-1))


def step_size(step, n_steps, highest):
    """Return the step size: up for a twentieth of the way, then down to a tenth of its height."""
    warmup = n_steps // 20 + 1
    if step < warmup:
        return highest * (step + 1) / warmup
    done = (step - warmup) / max(n_steps - warmup, 1)
    return highest * (0.55 + 0.45 * math.cos(math.pi * done))


def write_on(model, characters, text, count, length, seed):
    """Return `text` and `count` characters that the model writes after it."""
    rng = np.random.default_rng(seed)
    ids = [characters.index(c) for c in text]
    with nnrun.using_config("train", False), nnrun.no_backprop_mode():
        for _ in range(count):
            scores = model(model.xp.asarray([ids[-length:]], dtype=np.int32)).array[0, -1]
            p = nnrun.cuda.to_cpu(scores).astype(np.float64) / 0.8
            p = np.exp(p - p.max())
            ids.append(int(rng.choice(len(characters), p=p / p.sum())))
    return "".join(characters[i] for i in ids)


def main(argv=None):
    """Train, write some text, and return the losses of all steps."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--text", help="a file to learn (default: one that ships)")
    parser.add_argument("--device", "-d", default="auto")
    parser.add_argument("--batchsize", "-b", type=int, default=16)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--length", type=int, default=96, help="characters that are looked at")
    parser.add_argument("--layer", "-l", type=int, default=4)
    parser.add_argument("--unit", "-u", type=int, default=128)
    parser.add_argument("--head", type=int, default=4)
    parser.add_argument("--write", type=int, default=300, help="characters to write at the end")
    parser.add_argument("--smoke", action="store_true", help="a short text, a small network")
    args = parser.parse_args(argv)
    if args.text:
        with open(args.text, encoding="utf-8") as file:
            text = file.read()
    else:
        text = datasets.get_text("declaration" if args.smoke else "constitution")
    if args.smoke:
        args.steps, args.length, args.layer, args.unit, args.head, args.write = 60, 24, 2, 32, 2, 40

    np.random.seed(0)
    rng = np.random.default_rng(0)
    device = nnrun.get_device(args.device)
    device.use()
    characters = sorted(set(text))
    number = {c: i for i, c in enumerate(characters)}
    ids = np.array([number[c] for c in text], np.int32)
    model = Transformer(len(characters), args.layer, args.unit, args.head).to_device(device)
    highest = 3e-3 if args.smoke else 1e-3
    optimizer = optimizers.AdamW(highest, beta2=0.99, weight_decay_rate=0.01).setup(model)
    optimizer.add_hook(optimizer_hooks.GradientClipping(1.0))
    print(f"{model.count_params():,} parameters, {len(text):,} characters")

    losses = []
    for step in range(args.steps):
        starts = rng.integers(0, len(ids) - args.length, args.batchsize)
        batch = ids[starts[:, None] + np.arange(args.length + 1)]
        loss = model.loss(device.send(batch))
        model.cleargrads()
        loss.backward()
        optimizer.alpha = step_size(step, args.steps, highest)
        optimizer.update()
        losses.append(float(loss.array))
        if (step + 1) % max(args.steps // 15, 1) == 0:
            mean = np.mean(losses[-args.steps // 15 :])
            print(f"step {step + 1:5}: {mean:.4f} nats ({mean / np.log(2):.2f} bits) a character")
    print(write_on(model, characters, text[:20], args.write, args.length, seed=0))
    return losses


if __name__ == "__main__":
    main()
