"""A residual network for 32x32 images (He et al., 2016), 20 layers and more.

    python resnet.py                    # CIFAR-10, from the cache folder or the network
    python resnet.py --layers 56
    python resnet.py --smoke            # seconds: digits that ship, enlarged to 32x32

A block is a small function of its input that is added to it: in Python that is what it says.
"""

import argparse

import numpy as np

import nnrun
import nnrun.functions as F
import nnrun.links as L
from nnrun import datasets, iterators, optimizer_hooks, optimizers, training
from nnrun.training import extensions


class Block(nnrun.Chain):
    """Two convolutions, added to their input; the first may halve the image."""

    def __init__(self, n_in, n_out, stride):
        super().__init__()
        W = nnrun.initializers.HeNormal()
        with self.init_scope():
            self.conv1 = L.Convolution2D(n_in, n_out, 3, stride, 1, nobias=True, initialW=W)
            self.norm1 = L.BatchNormalization(n_out)
            self.conv2 = L.Convolution2D(n_out, n_out, 3, 1, 1, nobias=True, initialW=W)
            self.norm2 = L.BatchNormalization(n_out)

    def forward(self, x):
        h = F.relu(self.norm1(self.conv1(x)))
        h = self.norm2(self.conv2(h))
        return F.relu(h + self.shortcut(x, h.shape))

    @staticmethod
    def shortcut(x, shape):
        """Skip every other pixel and add channels of zeros where the block changes the shape."""
        if x.shape == shape:
            return x
        x = x[:, :, ::2, ::2]
        return F.pad(x, [(0, 0), (0, shape[1] - x.shape[1]), (0, 0), (0, 0)], "constant")


class ResNet(nnrun.Chain):
    """``6 n_blocks + 2`` layers: three stages of blocks of 1, 2 and 4 times `width` channels."""

    def __init__(self, n_blocks, width, n_out):
        super().__init__()
        W = nnrun.initializers.HeNormal()
        with self.init_scope():
            self.conv = L.Convolution2D(None, width, 3, 1, 1, nobias=True, initialW=W)
            self.norm = L.BatchNormalization(width)
            self.blocks = nnrun.Sequential()
            for stage in range(3):
                for i in range(n_blocks):
                    first = i == 0 and stage > 0
                    n_channels = width << stage
                    block = Block(n_channels >> first, n_channels, 2 if first else 1)
                    self.blocks.append(block)
            self.out = L.Linear(4 * width, n_out)

    def forward(self, x):
        h = self.blocks(F.relu(self.norm(self.conv(x))))
        return self.out(F.mean(h, axis=(2, 3)))


def moved(example, rng):
    """An image moved by up to four pixels, and mirrored half of the times."""
    image, label = example
    dy, dx = rng.integers(0, 9, 2)
    image = np.pad(image, ((0, 0), (4, 4), (4, 4)))[:, dy : dy + 32, dx : dx + 32]
    return image[:, :, :: 1 - 2 * int(rng.integers(2))], label


def load(smoke):
    """Return training and test images, (channels, 32, 32), with labels."""
    if not smoke:
        train, test = datasets.get_cifar10()
        rng = np.random.default_rng(0)
        return datasets.TransformDataset(train, lambda example: moved(example, rng)), test
    ones = np.ones((1, 4, 4), np.float32)
    train, test = datasets.get_digits(ndim=3)
    return [
        [(np.kron(image, ones), label) for image, label in part]
        for part in (train[:300], test[:100])
    ]


def main(argv=None):
    """Train, and return the log, one dictionary an epoch."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--layers", type=int, default=20, help="6 n + 2 for some n")
    parser.add_argument("--device", "-d", default="auto")
    parser.add_argument("--batchsize", "-b", type=int, default=128)
    parser.add_argument("--epoch", "-e", type=int, default=160)
    parser.add_argument("--out", "-o", default="result")
    parser.add_argument("--smoke", action="store_true", help="few small images, 8 thin layers")
    args = parser.parse_args(argv)
    width, learning_rate = 16, 0.1
    if args.smoke:
        args.layers, args.epoch, args.batchsize, width, learning_rate = 8, 4, 25, 4, 0.05
    n_blocks, rest = divmod(args.layers - 2, 6)
    if rest or n_blocks < 1:
        parser.error(f"--layers {args.layers}: 8, 14, 20, 26 ... are possible")

    np.random.seed(0)
    device = nnrun.get_device(args.device)
    device.use()
    train, test = load(args.smoke)
    model = L.Classifier(ResNet(n_blocks, width, 10)).to_device(device)
    optimizer = optimizers.NesterovAG(learning_rate).setup(model)
    optimizer.add_hook(optimizer_hooks.WeightDecay(1e-4))
    iterator = iterators.SerialIterator(train, args.batchsize, seed=0)
    updater = training.StandardUpdater(iterator, optimizer, device=device)
    trainer = training.Trainer(updater, (args.epoch, "epoch"), out=args.out)
    test_iterator = iterators.SerialIterator(test, 100, repeat=False, shuffle=False)
    trainer.extend(extensions.Evaluator(test_iterator, model, device=device))
    # The step size falls tenfold after half and after three quarters of the training.
    steps = [args.epoch // 2, args.epoch * 3 // 4]
    trainer.extend(extensions.MultistepShift("lr", 0.1, steps, learning_rate), trigger=(1, "epoch"))
    trainer.extend(extensions.LogReport())
    columns = ["epoch", "main/loss", "main/accuracy", "validation/main/accuracy", "elapsed_time"]
    trainer.extend(extensions.PrintReport(columns))
    trainer.extend(extensions.snapshot(n_retains=2))
    trainer.run()
    return trainer.get_extension("LogReport").log


if __name__ == "__main__":
    main()
