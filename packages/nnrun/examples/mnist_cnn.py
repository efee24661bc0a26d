"""Train a convolutional network on Fashion-MNIST with the trainer: over 91 % on 2 cores.

    python mnist_cnn.py                 # Fashion-MNIST
    python mnist_cnn.py --smoke         # seconds, on the digits that ship

Images are moved and mirrored at random while they are read; the step size of Adam follows half a
cosine; the best model is kept beside the snapshots.
"""

import argparse

import numpy as np

import nnrun
import nnrun.functions as F
import nnrun.links as L
from nnrun import datasets, iterators, optimizers, training
from nnrun.training import extensions, triggers


class CNN(nnrun.Chain):
    """Two blocks of convolution, batch normalisation and pooling, and two linear layers."""

    def __init__(self, n_channels, n_units, n_out):
        super().__init__()
        with self.init_scope():
            self.conv1 = L.Convolution2D(1, n_channels, 3, pad=1, nobias=True)
            self.norm1 = L.BatchNormalization(n_channels)
            self.conv2 = L.Convolution2D(n_channels, 2 * n_channels, 3, pad=1, nobias=True)
            self.norm2 = L.BatchNormalization(2 * n_channels)
            self.l3 = L.Linear(None, n_units)
            self.l4 = L.Linear(n_units, n_out)

    def forward(self, x):
        """Map images, shape (batch, 1, height, width), to scores, shape (batch, n_out)."""
        h = F.max_pooling_2d(F.relu(self.norm1(self.conv1(x))), 2)
        h = F.max_pooling_2d(F.relu(self.norm2(self.conv2(h))), 2)
        return self.l4(F.relu(self.l3(h)))


def moved(example):
    """An image moved by up to two pixels, and mirrored half of the times.

    NumPy's global generator chooses: its state is in every snapshot.
    """
    image, label = example
    _, height, width = image.shape
    dy, dx, mirrored = np.random.randint(0, (5, 5, 2))
    larger = np.zeros((1, height + 4, width + 4), image.dtype)
    larger[:, 2:-2, 2:-2] = image
    image = larger[:, dy : dy + height, dx : dx + width]
    return image[:, :, ::-1] if mirrored else image, label


def main(argv=None):
    """Train, and return the log, one dictionary an epoch."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--batchsize", "-b", type=int, default=100)
    parser.add_argument("--epoch", "-e", type=int, default=8)
    parser.add_argument("--device", "-d", default="auto")
    parser.add_argument("--out", "-o", default="result")
    parser.add_argument("--resume", "-r", action="store_true", help="go on where --out stopped")
    parser.add_argument("--smoke", action="store_true", help="a few seconds on the small digits")
    args = parser.parse_args(argv)

    np.random.seed(0)
    device = nnrun.get_device(args.device)
    device.use()
    if args.smoke:
        train, test = datasets.get_digits(ndim=3)
        args.epoch, n_channels = 3, 8
    else:
        train, test = datasets.get_fashion_mnist(ndim=3)
        train, n_channels = datasets.TransformDataset(train, moved), 32

    model = L.Classifier(CNN(n_channels, 128, 10))
    model.to_device(device)
    optimizer = optimizers.Adam(2e-3)
    optimizer.setup(model)
    iterator = iterators.SerialIterator(train, args.batchsize, seed=0)
    updater = training.StandardUpdater(iterator, optimizer, device=device)
    trainer = training.Trainer(updater, (args.epoch, "epoch"), out=args.out)

    test_iterator = iterators.SerialIterator(test, 500, repeat=False, shuffle=False)
    trainer.extend(extensions.Evaluator(test_iterator, model, device=device))
    steps = args.epoch * len(train) // args.batchsize
    trainer.extend(extensions.CosineShift("alpha", steps, target=2e-5))
    trainer.extend(extensions.LogReport())
    columns = ["epoch", "main/loss", "main/accuracy", "validation/main/accuracy", "elapsed_time"]
    trainer.extend(extensions.PrintReport(columns))
    trainer.extend(extensions.snapshot(n_retains=1, autoload=args.resume))
    best = triggers.MaxValueTrigger("validation/main/accuracy", (1, "epoch"))
    trainer.extend(extensions.snapshot_object(model, "best.npz"), trigger=best)
    if not args.smoke:
        trainer.extend(extensions.ProgressBar())
    trainer.run()
    return trainer.get_extension("LogReport").log


if __name__ == "__main__":
    main()
