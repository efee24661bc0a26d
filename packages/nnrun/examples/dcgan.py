"""A generative adversarial network of convolutions (Radford et al., 2016), with the trainer.

    python dcgan.py                     # Fashion-MNIST, half an hour on 2 cores
    python dcgan.py --smoke             # seconds, on the digits that ship

Two networks, two optimizers, one updater: the critic learns to tell real images from those of the
generator, the generator to be taken for real.  After every epoch a picture of samples is written.
"""

import argparse
import os

import numpy as np

import nnrun
import nnrun.functions as F
import nnrun.links as L
from nnrun import datasets, iterators, optimizers, training
from nnrun.training import extensions


class Generator(nnrun.Chain):
    """Images with values from 0 to 1 of vectors of noise, (batch, n_latent)."""

    def __init__(self, n_latent, n_channels, side):
        super().__init__()
        self.n_latent, self.shape = n_latent, (2 * n_channels, side // 4, side // 4)
        W = nnrun.initializers.Normal(0.02)
        with self.init_scope():
            self.l0 = L.Linear(n_latent, int(np.prod(self.shape)), initialW=W)
            self.norm0 = L.BatchNormalization(self.shape[0])
            self.up1 = L.Deconvolution2D(2 * n_channels, n_channels, 4, 2, 1, initialW=W)
            self.norm1 = L.BatchNormalization(n_channels)
            self.up2 = L.Deconvolution2D(n_channels, 1, 4, 2, 1, initialW=W)

    def forward(self, z):
        h = F.relu(self.norm0(self.l0(z).reshape(-1, *self.shape)))
        return F.sigmoid(self.up2(F.relu(self.norm1(self.up1(h)))))

    def noise(self, count):
        """Return random vectors, (count, n_latent), on the generator's device."""
        return self.xp.asarray(np.random.normal(size=(count, self.n_latent)).astype(np.float32))


class Critic(nnrun.Chain):
    """One score an image: above 0 if it looks real."""

    def __init__(self, n_channels):
        super().__init__()
        W = nnrun.initializers.Normal(0.02)
        with self.init_scope():
            self.down1 = L.Convolution2D(1, n_channels, 4, 2, 1, initialW=W)
            self.down2 = L.Convolution2D(n_channels, 2 * n_channels, 4, 2, 1, initialW=W)
            self.norm2 = L.BatchNormalization(2 * n_channels)
            self.l3 = L.Linear(None, 1, initialW=W)

    def forward(self, x):
        h = F.leaky_relu(self.down1(x))
        h = F.leaky_relu(self.norm2(self.down2(h)))
        return self.l3(h)


class AdversarialUpdater(training.updaters.StandardUpdater):
    """Updates the critic with real and made images, then the generator."""

    def update_core(self):
        optimizer_g, optimizer_c = self.get_optimizer("generator"), self.get_optimizer("critic")
        generator, critic = optimizer_g.target, optimizer_c.target
        real = self.converter(next(self.get_iterator("main")), self.device)
        made = generator(generator.noise(len(real)))

        # softplus(-y) is -log(sigmoid(y)): small where the critic says real.
        loss_c = F.mean(F.softplus(-critic(real))) + F.mean(F.softplus(critic(made.array)))
        critic.cleargrads()
        loss_c.backward()
        optimizer_c.update()

        loss_g = F.mean(F.softplus(-critic(made)))
        generator.cleargrads()
        loss_g.backward()
        optimizer_g.update()
        nnrun.report({"loss": loss_c}, critic)
        nnrun.report({"loss": loss_g}, generator)


def sampler(generator, n=8):
    """Return an extension that draws n times n images, of the same noise each time."""
    z = generator.noise(n * n)

    def samples(trainer):
        from matplotlib.image import imsave

        with nnrun.using_config("train", False), nnrun.no_backprop_mode():
            images = nnrun.cuda.to_cpu(generator(z).array)
        side = images.shape[-1]
        grid = images.reshape(n, n, side, side).transpose(0, 2, 1, 3).reshape(n * side, n * side)
        path = os.path.join(trainer.out, f"samples_{trainer.updater.epoch:03}.png")
        imsave(path, grid, cmap="gray", vmin=0, vmax=1)

    return samples


def main(argv=None):
    """Train, and return the log, one dictionary an epoch."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--device", "-d", default="auto")
    parser.add_argument("--batchsize", "-b", type=int, default=100)
    parser.add_argument("--epoch", "-e", type=int, default=20)
    parser.add_argument("--out", "-o", default="result")
    parser.add_argument("--smoke", action="store_true", help="a few seconds on the small digits")
    args = parser.parse_args(argv)
    if args.smoke:
        train, _ = datasets.get_digits(withlabel=False, ndim=3)
        args.epoch, n_latent, n_channels = 4, 8, 8
    else:
        train, _ = datasets.get_fashion_mnist(withlabel=False, ndim=3)
        n_latent, n_channels = 64, 32

    np.random.seed(0)
    device = nnrun.get_device(args.device)
    device.use()
    generator = Generator(n_latent, n_channels, train.shape[-1]).to_device(device)
    critic = Critic(n_channels).to_device(device)
    chosen = {
        name: optimizers.Adam(2e-4 if not args.smoke else 1e-3, beta1=0.5).setup(link)
        for name, link in (("generator", generator), ("critic", critic))
    }
    iterator = iterators.SerialIterator(train, args.batchsize, seed=0)
    updater = AdversarialUpdater(iterator, chosen, device=device)
    trainer = training.Trainer(updater, (args.epoch, "epoch"), out=args.out)
    trainer.extend(sampler(generator), name="samples", trigger=(1, "epoch"))
    trainer.extend(extensions.LogReport())
    trainer.extend(
        extensions.PrintReport(["epoch", "generator/loss", "critic/loss", "elapsed_time"])
    )
    trainer.extend(extensions.snapshot(n_retains=1))
    trainer.run()
    return trainer.get_extension("LogReport").log


if __name__ == "__main__":
    main()
