"""``python -m nnrun train``: train a classifier on real images and say how good it is.

It prints the device, the data set, a progress bar, a table by epoch and the test
accuracy, and leaves in the folder of results: ``log`` (JSON), ``accuracy.png`` and
``loss.png``, ``snapshot_epoch_N.npz`` (to go on from with ``--resume``) and
``model.npz``.  One seed makes one training: the same on every run with NumPy, and
the same parameters to begin with and the same batches on every device.
"""

from __future__ import annotations

import argparse
import os
import zipfile
from dataclasses import dataclass
from typing import Any

import numpy as np

import nnrun.links as L
import nnrun.optimizers as optimizers
from nnrun import backend
from nnrun.cli.errors import UsageError
from nnrun.cli.models import MODELS
from nnrun.config import no_backprop_mode, using_config
from nnrun.dataset.convert import concat_examples
from nnrun.datasets.idx import IdxError
from nnrun.datasets.image_datasets import to_datasets
from nnrun.datasets.images import SOURCES, Images, MissingDatasetError, load
from nnrun.iterators import SerialIterator
from nnrun.serializers import load_npz, save_npz
from nnrun.training import StandardUpdater, Trainer, extensions

__all__ = ["Job", "add_parser", "make_job"]

# What `--dataset auto` tries, in this order; the last always works.
_AUTO = ("fashion-mnist", "digits")
# Evaluation needs no gradients, so larger batches cost little memory; the test sets are
# multiples of it or smaller, so that the mean over batches is the mean over images.
_TEST_BATCH = 1000


@dataclass(frozen=True, slots=True)
class _Recipe:
    """What is trained for a data set unless the user says otherwise."""

    epochs: int
    units: int


_RECIPES = {
    "fashion-mnist": _Recipe(epochs=15, units=256),
    "mnist": _Recipe(epochs=10, units=256),
    "digits": _Recipe(epochs=40, units=256),
}

# Adam's step size goes down from the first to the last of these over the training.
_STEP_SIZES = (1e-3, 5e-5)


def add_parser(commands: Any) -> None:
    """Add the command ``train`` to the subcommands of an argument parser."""
    parser = commands.add_parser(
        "train", help="train a classifier of images", description=__doc__.partition("\n\n")[0]
    )
    parser.set_defaults(run=run)
    parser.add_argument(
        "--device",
        default="auto",
        help="numpy, cuda:N, host:N (the software GPU), or auto: the first GPU if there is one, "
        "else what trains fastest without (default: auto)",
    )
    parser.add_argument(
        "--dataset",
        default="auto",
        choices=["auto", *SOURCES],
        help="auto is Fashion-MNIST, or the digits that ship if it cannot be had (default: auto)",
    )
    parser.add_argument("--model", default="mlp", choices=sorted(MODELS), help="default: mlp")
    parser.add_argument("--unit", type=_positive, help="units of a hidden layer")
    parser.add_argument("--epochs", type=_positive, help="sweeps over the training images")
    parser.add_argument("--batchsize", type=_positive, default=100, help="default: 100")
    parser.add_argument("--seed", type=_seed, default=0, help="of all randomness (default: 0)")
    parser.add_argument("--out", default="result", help="folder of results (default: result)")
    parser.add_argument("--resume", metavar="FILE", help="go on from this snapshot")
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


def run(args: argparse.Namespace) -> int:
    """Do what the arguments say; return the exit status."""
    device = _get_device(args.device)
    print(f"device: {_describe(device)}", flush=True)
    job = make_job(args, device, _load(args.dataset))
    layers = "-".join(str(n) for n in _layer_sizes(job.model))
    print(
        f"model: {args.model} {layers}, {job.model.count_params():,} parameters; Adam, "
        f"{job.epochs} epochs, batches of {args.batchsize}, seed {args.seed}",
        flush=True,
    )
    if args.resume:
        _resume(args.resume, job)
    try:
        os.makedirs(args.out, exist_ok=True)
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
    recipe = _RECIPES[images.source.name]
    epochs = args.epochs or recipe.epochs
    train, test = to_datasets(images)
    np.random.seed(args.seed)
    n_in, n_out = train[0][0].size, len(images.source.classes)
    model = L.Classifier(MODELS[args.model](n_in, args.unit or recipe.units, n_out))
    optimizer = optimizers.Adam(alpha=_STEP_SIZES[0])
    optimizer.setup(model)
    train_iterator = SerialIterator(train, args.batchsize, seed=args.seed)
    test_iterator = SerialIterator(test, _TEST_BATCH, repeat=False, shuffle=False)
    updater = StandardUpdater(train_iterator, optimizer, device=device)
    trainer = Trainer(updater, (epochs, "epoch"), out=args.out)
    for extension in _extensions(test_iterator, model, device, epochs, not args.no_progress):
        trainer.extend(extension)
    return Job(images, device, model, trainer, test, epochs)


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


def _get_device(spec: str) -> Any:
    try:
        device = backend.get_device(spec)
        device.use()
    except (ValueError, RuntimeError, ImportError) as error:
        raise UsageError(f"--device {spec}: {error}") from error
    return device


def _describe(device: Any) -> str:
    if device.xp is np:
        return f"numpy (NumPy {np.__version__})"
    return f"{device.name} (ndgpu {device.xp.__version__})"


def _load(dataset: str) -> Images:
    """Load the data set asked for, and print which it is and from where."""
    *first, last = _AUTO if dataset == "auto" else (dataset,)
    try:
        for name in first:
            try:
                return _announced(load(name))
            except MissingDatasetError as error:
                print(f"data: {error}", flush=True)
        return _announced(load(last))
    except (MissingDatasetError, IdxError) as error:
        raise UsageError(str(error)) from error


def _announced(images: Images) -> Images:
    print(f"data: {images.describe()}", flush=True)
    return images


def _layer_sizes(model: Any) -> list[int]:
    weights = [param.shape for name, param in model.namedparams() if name.endswith("/W")]
    return [weights[0][1], *(shape[0] for shape in weights)]


def _resume(path: str, job: Job) -> None:
    try:
        load_npz(path, job.trainer)
    except FileNotFoundError:
        raise UsageError(f"--resume: there is no file {path}") from None
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise UsageError(
            f"--resume {path}: this is no snapshot of such a training: {error}"
        ) from error
    done = job.trainer.updater.epoch
    if done >= job.epochs:
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
