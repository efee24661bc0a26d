"""``python -m nnrun graph``: draw what a model computes for one batch."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

import nnrun.functions as F
from nnrun.backend import get_device
from nnrun.cli.common import Description, load_trained
from nnrun.cli.errors import UsageError
from nnrun.cli.models import MODELS, find_model
from nnrun.computational_graph import build_computational_graph
from nnrun.core import Variable
from nnrun.datasets.images import SOURCES

__all__ = ["add_parser"]

_ENDINGS = (".dot", ".svg", ".png")


def add_parser(commands: Any) -> None:
    """Add the command ``graph`` to the subcommands of an argument parser."""
    parser = commands.add_parser(
        "graph", help="draw what a model computes", description=(__doc__ or "").strip()
    )
    parser.set_defaults(run=run)
    parser.add_argument(
        "model",
        nargs="?",
        default="result",
        help=f"{', '.join(MODELS)}, FILE.py:NAME or MODULE:NAME as for train, or the folder of a "
        "training (default: result)",
    )
    parser.add_argument(
        "--out", "-o", default="graph.svg", help="a .dot, .svg or .png file (default: graph.svg)"
    )
    parser.add_argument("--ndim", type=int, choices=[1, 2, 3], help="as for train")
    parser.add_argument("--batchsize", type=int, default=1, help="of the shapes (default: 1)")
    parser.add_argument("--loss", action="store_true", help="up to the loss, not to the scores")


def run(args: argparse.Namespace) -> int:
    """Do what the arguments say; return the exit status."""
    if Path(args.out).suffix not in _ENDINGS:
        raise UsageError(f"--out {args.out}: the ending is one of {', '.join(_ENDINGS)}")
    if Path(args.model).is_dir():
        trained = load_trained(args.model, get_device("numpy"))
        model, description = trained.model, trained.description
    else:
        description = _of_digits(args.model, args.ndim)
        model = description.make()
    x = Variable(np.zeros((args.batchsize, *description.shape), np.float32), name="image")
    y = model(x)
    if args.loss:
        y = F.softmax_cross_entropy(y, np.zeros(args.batchsize, np.int32))
    try:
        build_computational_graph([y]).save(args.out)
    except (OSError, ModuleNotFoundError) as error:
        raise UsageError(f"--out {args.out}: {error}") from error
    print(f"wrote {args.out}")
    return 0


def _of_digits(name: str, ndim: int | None) -> Description:
    """A model that was not trained, as it would be for the digits that ship."""
    if name == "result":
        raise UsageError("there is no folder result; name another, or a model")
    design, source = find_model(name, ndim), SOURCES["digits"]
    shape = {1: (64,), 2: (8, 8), 3: (1, 8, 8)}[design.ndim]
    return Description(
        name, design.units, design.ndim, source.name, shape, source.classes, source.levels
    )
