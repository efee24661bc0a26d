"""Train a multilayer perceptron with the trainer, as a Chainer program does it.

    python packages/nnrun/examples/train_mnist.py                  # Fashion-MNIST
    python packages/nnrun/examples/train_mnist.py --smoke          # seconds, offline

The model is a chain of links; the updater takes batches from an iterator and lets
the optimizer learn from them; everything else that happens is an extension.
"""

import argparse

import numpy as np

import nnrun
import nnrun.functions as F
import nnrun.links as L
from nnrun import datasets, iterators, optimizers, serializers, training
from nnrun.training import extensions


class MLP(nnrun.Chain):
    """Two hidden layers with ReLU; the sizes of the inputs are found at the first batch."""

    def __init__(self, n_units: int, n_out: int) -> None:
        super().__init__()
        with self.init_scope():
            self.l1 = L.Linear(None, n_units)
            self.l2 = L.Linear(None, n_units)
            self.l3 = L.Linear(None, n_out)

    def forward(self, x):
        """Return a score for each class: shape (batch, n_out)."""
        h = F.relu(self.l1(x))
        h = F.relu(self.l2(h))
        return self.l3(h)


DATASETS = {
    "fashion": datasets.get_fashion_mnist,
    "mnist": datasets.get_mnist,
    "digits": datasets.get_digits,
}


def main(argv: list[str] | None = None) -> float:
    """Train, and return the accuracy on the test images."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--dataset", choices=sorted(DATASETS), default="fashion")
    parser.add_argument("--batchsize", "-b", type=int, default=100)
    parser.add_argument("--epoch", "-e", type=int, default=10)
    parser.add_argument("--unit", "-u", type=int, default=256)
    parser.add_argument("--device", "-d", default="auto")
    parser.add_argument("--out", "-o", default="result")
    parser.add_argument("--resume", "-r", help="go on from this snapshot")
    parser.add_argument("--smoke", action="store_true", help="a few seconds on the small digits")
    args = parser.parse_args(argv)
    if args.smoke:
        args.dataset, args.epoch, args.unit = "digits", 10, 64

    np.random.seed(0)
    device = nnrun.get_device(args.device)
    device.use()
    train, test = DATASETS[args.dataset]()

    # Classifier reports the loss and the accuracy of what it wraps.
    model = L.Classifier(MLP(args.unit, 10))
    model.to_device(device)
    optimizer = optimizers.Adam()
    optimizer.setup(model)

    train_iter = iterators.SerialIterator(train, args.batchsize)
    test_iter = iterators.SerialIterator(test, args.batchsize, repeat=False, shuffle=False)
    updater = training.StandardUpdater(train_iter, optimizer, device=device)
    trainer = training.Trainer(updater, (args.epoch, "epoch"), out=args.out)

    trainer.extend(extensions.Evaluator(test_iter, model, device=device))
    trainer.extend(extensions.snapshot(filename="snapshot_epoch_{.updater.epoch}"))
    trainer.extend(extensions.LogReport())
    for figure in "loss", "accuracy":
        keys = [f"main/{figure}", f"validation/main/{figure}"]
        trainer.extend(
            extensions.PlotReport(keys, "epoch", filename=f"{figure}.png"), name=f"plot_{figure}"
        )
    columns = ["epoch", "main/loss", "validation/main/loss", "validation/main/accuracy"]
    trainer.extend(extensions.PrintReport([*columns, "elapsed_time"]))
    trainer.extend(extensions.ProgressBar())

    if args.resume:
        serializers.load_npz(args.resume, trainer)
    trainer.run()
    serializers.save_npz(f"{args.out}/mlp.model", model)
    return trainer.get_extension("LogReport").log[-1]["validation/main/accuracy"]


if __name__ == "__main__":
    main()
