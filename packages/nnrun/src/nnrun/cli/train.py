"""``python -m nnrun train``: train a classifier on real images and say how good it is.

It prints the device, the data set, a progress bar, a table by epoch and the test
accuracy, and leaves in the folder of results: ``log`` (JSON), ``accuracy.png`` and
``loss.png``, ``snapshot_epoch_N.npz`` (to go on from with ``--resume``) and
``model.npz`` with ``training.json``, which the other commands read.  One seed makes
one training: the same on every run with NumPy, and the same parameters to begin with
and the same batches on every device.
"""

from __future__ import annotations

import argparse
import os
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import nnrun.links as L
import nnrun.optimizers as optimizers
from nnrun.cli.common import (
    Description,
    add_device,
    describe_device,
    get_device,
    load_images,
)
from nnrun.cli.errors import UsageError
from nnrun.cli.models import MODELS, find_model
from nnrun.config import no_backprop_mode, using_config
from nnrun.dataset.convert import concat_examples
from nnrun.datasets.image_datasets import to_datasets
from nnrun.datasets.images import SOURCES, Images
from nnrun.iterators import SerialIterator
from nnrun.serializers import load_npz, save_npz
from nnrun.training import StandardUpdater, Trainer, extensions

__all__ = ["Job", "add_parser", "make_job"]

# Evaluation needs no gradients, so larger batches cost little memory; the test sets are
# multiples of it or smaller, so that the mean over batches is the mean over images.
_TEST_BATCH = 1000

# Sweeps over a data set for which the model's design names no number.
_EPOCHS = 10

# What `--resume` without a file stands for.
_NEWEST = ""

# Adam's step size goes down from the first to the last of these over the training.
_STEP_SIZES = (1e-3, 5e-5)


def add_parser(commands: Any) -> None:
    """Add the command ``train`` to the subcommands of an argument parser."""
    parser = commands.add_parser(
        "train", help="train a classifier of images", description=__doc__.partition("\n\n")[0]
    )
    parser.set_defaults(run=run)
    add_device(parser)
    parser.add_argument(
        "--dataset",
        default="auto",
        choices=["auto", *SOURCES],
        help="auto is Fashion-MNIST, or the digits that ship if it cannot be had (default: auto)",
    )
    parser.add_argument(
        "--model",
        default="mlp",
        help=f"{', '.join(MODELS)}, or FILE.py:NAME or MODULE:NAME of a class or function that, "
        "called with the number of classes, gives a link from images to scores (default: mlp)",
    )
    parser.add_argument(
        "--ndim",
        type=int,
        choices=[1, 2, 3],
        help="axes of the images that a model of your own takes (default: 3)",
    )
    parser.add_argument("--unit", type=_positive, help="units of a hidden layer")
    parser.add_argument("--epochs", type=_positive, help="sweeps over the training images")
    parser.add_argument("--batchsize", type=_positive, default=100, help="default: 100")
    parser.add_argument("--seed", type=_seed, default=0, help="of all randomness (default: 0)")
    parser.add_argument("--out", default="result", help="folder of results (default: result)")
    parser.add_argument(
        "--resume",
        metavar="FILE",
        nargs="?",
        const=_NEWEST,
        help="go on from this snapshot; without FILE from the newest one in --out, if there is one",
    )
    parser.add_argument("--no-progress", action="store_true", help="show no progress bar")


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"a positive integer is wanted, not {text}")
    return value


def _seed(text: str) -> int:
    value = int(text)
    if not 0 <= value < 1 << 32:
        raise argparse.ArgumentTypeError(f"an integer from 0 to 2**32 - 1 is wanted, not {text}")
    return value


@dataclass(slots=True)
class Job:
    """All that one training consists of."""

    images: Images
    device: Any
    model: Any
    trainer: Trainer
    test: Any
    epochs: int
    description: Description


def run(args: argparse.Namespace) -> int:
    """Do what the arguments say; return the exit status."""
    device = get_device(args.device)
    print(f"device: {describe_device(device)}", flush=True)
    job = make_job(args, device, load_images(args.dataset))
    print(
        f"model: {args.model}{_sizes(job.model)}, {job.model.count_params():,} parameters; Adam, "
        f"{job.epochs} epochs, batches of {args.batchsize}, seed {args.seed}",
        flush=True,
    )
    snapshot = _newest(Path(args.out)) if args.resume == _NEWEST else args.resume
    if snapshot:
        _resume(snapshot, job, may_be_done=args.resume == _NEWEST)
    try:
        os.makedirs(args.out, exist_ok=True)
        job.description.write(Path(args.out))
    except OSError as error:
        raise UsageError(f"--out {args.out}: {error}") from error
    try:
        job.trainer.run(show_loop_exception_msg=False)
    except KeyboardInterrupt:
        print(
            f"interrupted in epoch {job.trainer.updater.epoch + 1}; what was done is in {args.out}/"
            " (go on with --resume and the newest snapshot there)"
        )
        return 130
    save_npz(os.path.join(args.out, "model.npz"), job.model)
    correct = _count_correct(job)
    print(
        f"test accuracy: {correct / len(job.test):.4f} ({correct} of {len(job.test)} images), "
        f"after {job.trainer.elapsed_time:.1f} s of training on {device}"
    )
    left = sorted(name for name in os.listdir(args.out) if not name.startswith("."))
    print(f"results in {args.out}/: {', '.join(left)}")
    return 0


def make_job(args: argparse.Namespace, device: Any, images: Images) -> Job:
    """Put a training together, without starting it.

    Parameters
    ----------
    args : argparse.Namespace
        The arguments of the command.
    device : Device
        Where to train.
    images : Images
        What to train on.

    Returns
    -------
    Job
    """
    design = find_model(args.model, args.ndim)
    source = images.source
    epochs = args.epochs or design.epochs.get(source.name, _EPOCHS)
    units = args.unit or design.units
    train, test = to_datasets(images, ndim=design.ndim)
    np.random.seed(args.seed)
    shape = train[0][0].shape
    description = Description(
        args.model, units, design.ndim, source.name, shape, source.classes, source.levels
    )
    model = L.Classifier(description.make())
    if any(param.array is None for param in model.params()):
        # Sizes that a model finds at its first batch are found now, on the CPU as all others.
        with no_backprop_mode(), using_config("train", False):
            model.predictor(concat_examples(test[:1])[0])
    optimizer = optimizers.Adam(alpha=_STEP_SIZES[0])
    optimizer.setup(model)
    train_iterator = SerialIterator(train, args.batchsize, seed=args.seed)
    test_iterator = SerialIterator(test, _TEST_BATCH, repeat=False, shuffle=False)
    updater = StandardUpdater(train_iterator, optimizer, device=device)
    trainer = Trainer(updater, (epochs, "epoch"), out=args.out)
    for extension in _extensions(test_iterator, model, device, epochs, not args.no_progress):
        trainer.extend(extension)
    return Job(images, device, model, trainer, test, epochs, description)


def _extensions(
    test_iterator: Any, model: Any, device: Any, epochs: int, progress: bool
) -> list[Any]:
    shift = extensions.LinearShift("alpha", _STEP_SIZES, (0, max(epochs - 1, 1)))
    shift.trigger = (1, "epoch")
    added = [
        extensions.Evaluator(test_iterator, model, device=device),
        shift,
        extensions.LogReport(),
        extensions.PrintReport(
            [
                "epoch",
                "main/loss",
                "validation/main/loss",
                "main/accuracy",
                "validation/main/accuracy",
                "elapsed_time",
            ]
        ),
    ]
    for figure in ("loss", "accuracy"):
        keys = [f"main/{figure}", f"validation/main/{figure}"]
        plot = extensions.PlotReport(keys, x_key="epoch", filename=f"{figure}.png")
        plot.name = f"plot_{figure}"
        added.append(plot)
    added.append(extensions.snapshot(filename="snapshot_epoch_{.updater.epoch}.npz", n_retains=2))
    if progress:
        added.append(extensions.ProgressBar())
    return added


def _sizes(model: Any) -> str:
    """The widths of the layers, where all are linear."""
    weights = [param.shape for name, param in model.namedparams() if name.endswith("/W")]
    if not weights or any(len(shape) != 2 for shape in weights):
        return ""
    return " " + "-".join(str(n) for n in [weights[0][1], *(shape[0] for shape in weights)])


def _newest(folder: Path) -> str | None:
    """The snapshot of the latest epoch in a folder of results."""
    found = {
        int(match[1]): path
        for path in folder.glob("snapshot_epoch_*.npz")
        if (match := re.fullmatch(r"snapshot_epoch_(\d+)\.npz", path.name))
    }
    return str(found[max(found)]) if found else None


def _resume(path: str, job: Job, may_be_done: bool) -> None:
    try:
        load_npz(path, job.trainer)
    except FileNotFoundError:
        raise UsageError(f"--resume: there is no file {path}") from None
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise UsageError(
            f"--resume {path}: this is no snapshot of such a training: {error}"
        ) from error
    done = job.trainer.updater.epoch
    if done >= job.epochs and not may_be_done:
        raise UsageError(
            f"--resume {path}: {done} epochs are done already; --epochs {job.epochs} asks for no "
            "more"
        )
    print(f"resumed from {path}: {job.trainer.updater.epoch_detail:g} epochs are done", flush=True)


def _count_correct(job: Job) -> int:
    correct = 0
    with no_backprop_mode(), using_config("train", False):
        for start in range(0, len(job.test), _TEST_BATCH):
            x, t = concat_examples(job.test[start : start + _TEST_BATCH], job.device)
            correct += int((job.model.predictor(x).array.argmax(axis=1) == t).sum())
    return correct
