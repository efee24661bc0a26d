"""Train on several devices at once: each takes a part of every batch.

    python multi_device.py                              # all devices there are
    python multi_device.py --devices cuda:0 cuda:1
    NDGPU_HOST_DEVICES=2 python multi_device.py --smoke # two software GPUs, seconds

The updater copies the model to every device; the parts' gradients are added up on the first, whose
optimizer makes the update, and the new parameters go to the others.  The result is that of one
device with the whole batch; the example checks it on the first steps.
"""

import argparse

import numpy as np

import ndgpu
import nnrun
import nnrun.functions as F
import nnrun.links as L
from nnrun import datasets, iterators, optimizers, training
from nnrun.training import extensions


def make_model(n_units):
    """Return a classifier: the same parameters each time."""
    np.random.seed(0)
    return L.Classifier(
        nnrun.Sequential(
            L.Linear(None, n_units), F.relu, L.Linear(None, n_units), F.relu, L.Linear(None, 10)
        )
    )


def make_updater(train, batch_size, n_units, devices):
    """Return an updater over one device or several."""
    model = make_model(n_units)
    model(*nnrun.dataset.concat_examples(train[:2]))  # parameters are made before they are copied
    optimizer = optimizers.MomentumSGD(0.1).setup(model)
    iterator = iterators.SerialIterator(train, batch_size, seed=0)
    if len(devices) == 1:
        return training.StandardUpdater(iterator, optimizer, device=devices[0])
    named = {"main": devices[0]} | {f"device {i}": d for i, d in enumerate(devices[1:], 1)}
    return training.ParallelUpdater(iterator, optimizer, devices=named)


def largest_difference(several, one, n_steps):
    """Return how far parameters are apart after some updates on several devices and on one."""
    for _ in range(n_steps):
        several.update()
        one.update()
    models = [updater.get_optimizer("main").target for updater in (several, one)]
    pairs = zip(*(model.params() for model in models), strict=True)
    return max(
        float(np.abs(nnrun.cuda.to_cpu(a.array) - nnrun.cuda.to_cpu(b.array)).max())
        for a, b in pairs
    )


def main(argv=None):
    """Train, and return the largest difference and the log."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--devices", nargs="+", help="such as cuda:0 cuda:1 (default: all)")
    parser.add_argument("--batchsize", "-b", type=int, default=200, help="of all devices together")
    parser.add_argument("--epoch", "-e", type=int, default=5)
    parser.add_argument("--unit", "-u", type=int, default=256)
    parser.add_argument("--out", "-o", default="result")
    parser.add_argument("--smoke", action="store_true", help="a few seconds on the small digits")
    args = parser.parse_args(argv)
    if args.smoke:
        args.epoch, args.unit, args.batchsize = 3, 32, 50
    devices = args.devices or [str(i) for i in range(ndgpu.cuda.device_count())]
    train, test = datasets.get_digits() if args.smoke else datasets.get_fashion_mnist()

    several = make_updater(train, args.batchsize, args.unit, devices)
    one = make_updater(train, args.batchsize, args.unit, devices[:1])
    difference = largest_difference(several, one, 5)
    print(f"{len(devices)} devices and one differ by {difference:.2e} after 5 updates")

    updater = make_updater(train, args.batchsize, args.unit, devices)
    trainer = training.Trainer(updater, (args.epoch, "epoch"), out=args.out)
    test_iterator = iterators.SerialIterator(test, 500, repeat=False, shuffle=False)
    model = updater.get_optimizer("main").target
    trainer.extend(extensions.Evaluator(test_iterator, model, device=devices[0]))
    trainer.extend(extensions.LogReport())
    columns = ["epoch", "main/loss", "main/accuracy", "validation/main/accuracy", "elapsed_time"]
    trainer.extend(extensions.PrintReport(columns))
    trainer.run()
    return difference, trainer.get_extension("LogReport").log


if __name__ == "__main__":
    main()
