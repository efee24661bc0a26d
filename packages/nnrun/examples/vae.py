"""A variational autoencoder: images from two numbers (Kingma and Welling, 2014).

    python vae.py                       # Fashion-MNIST
    python vae.py --smoke               # seconds, on the digits that ship

The encoder gives each image a normal distribution over codes, a sample of which the decoder turns
into an image again; the loss is what is lost on the way, and how far the codes are from the
standard normal distribution.  A picture of decoded codes is written at the end.
"""

import argparse
import os

import numpy as np

import nnrun
import nnrun.functions as F
import nnrun.links as L
from nnrun import datasets, iterators, optimizers
from nnrun.dataset import concat_examples


class VAE(nnrun.Chain):
    """An encoder and a decoder of vectors with values from 0 to 1."""

    def __init__(self, n_in, n_hidden, n_latent):
        super().__init__()
        with self.init_scope():
            self.encode1 = L.Linear(n_in, n_hidden)
            self.encode_mu = L.Linear(n_hidden, n_latent)
            self.encode_ln_var = L.Linear(n_hidden, n_latent)
            self.decode1 = L.Linear(n_latent, n_hidden)
            self.decode2 = L.Linear(n_hidden, n_in)

    def encode(self, x):
        """Return mean and logarithm of the variance of the codes, each (batch, n_latent)."""
        h = F.tanh(self.encode1(x))
        return self.encode_mu(h), self.encode_ln_var(h)

    def decode(self, z, sigmoid=True):
        """Return images, (batch, n_in), or their logits."""
        h = self.decode2(F.tanh(self.decode1(z)))
        return F.sigmoid(h) if sigmoid else h

    def forward(self, x):
        """Return the negative evidence lower bound, a mean over images."""
        mu, ln_var = self.encode(x)
        z = F.gaussian(mu, ln_var)
        reconstruction = F.bernoulli_nll(x, self.decode(z, sigmoid=False)) / len(x)
        divergence = F.gaussian_kl_divergence(mu, ln_var) / len(x)
        nnrun.report({"reconstruction": reconstruction, "divergence": divergence}, self)
        return reconstruction + divergence


def draw(model, n, side, path):
    """Write a picture of n times n images, of codes from -2 to 2 in the first two dimensions."""
    from matplotlib.image import imsave

    codes = np.zeros((n * n, model.encode_mu.b.size), np.float32)
    codes[:, :2] = np.stack(np.meshgrid(*[np.linspace(-2, 2, n)] * 2), -1).reshape(-1, 2)
    with nnrun.using_config("train", False), nnrun.no_backprop_mode():
        images = nnrun.cuda.to_cpu(model.decode(model.xp.asarray(codes)).array)
    grid = images.reshape(n, n, side, side).transpose(0, 2, 1, 3).reshape(n * side, n * side)
    imsave(path, grid, cmap="gray", vmin=0, vmax=1)


def main(argv=None):
    """Train, draw, and return the loss of each epoch."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--device", "-d", default="auto")
    parser.add_argument("--batchsize", "-b", type=int, default=100)
    parser.add_argument("--epoch", "-e", type=int, default=20)
    parser.add_argument("--unit", "-u", type=int, default=400)
    parser.add_argument("--latent", type=int, default=2, help="numbers in a code")
    parser.add_argument("--out", "-o", default="result")
    parser.add_argument("--smoke", action="store_true", help="a few seconds on the small digits")
    args = parser.parse_args(argv)
    if args.smoke:
        args.epoch, args.unit = 5, 64
        train, _ = datasets.get_digits(withlabel=False)
    else:
        train, _ = datasets.get_fashion_mnist(withlabel=False)

    np.random.seed(0)
    device = nnrun.get_device(args.device)
    device.use()
    model = VAE(train.shape[1], args.unit, args.latent).to_device(device)
    optimizer = optimizers.Adam(1e-3 if not args.smoke else 3e-3).setup(model)
    losses = []
    for epoch in range(args.epoch):
        total = 0.0
        for batch in iterators.SerialIterator(train, args.batchsize, repeat=False, seed=epoch):
            x = concat_examples(batch, device)
            loss = model(x)
            model.cleargrads()
            loss.backward()
            optimizer.update()
            total += float(loss.array) * len(x)
        losses.append(total / len(train))
        print(f"epoch {epoch + 1:2}: loss {losses[-1]:.3f} nats an image")
    os.makedirs(args.out, exist_ok=True)
    draw(model, 12, round(train.shape[1] ** 0.5), os.path.join(args.out, "vae.png"))
    return losses


if __name__ == "__main__":
    main()
