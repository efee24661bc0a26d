"""``python -m nnrun info``: what a report of an error should say, or what a model consists of."""

from __future__ import annotations

import argparse
import importlib.metadata
import platform
from typing import Any

import numpy as np

from nnrun import backend
from nnrun.cli.common import load_trained
from nnrun.datasets.images import SOURCES, find

__all__ = ["add_parser"]

_PACKAGES = ("nnrun", "ndgpu", "numpy", "h5py", "matplotlib", "cuda-bindings", "llvmlite")


def add_parser(commands: Any) -> None:
    """Add the command ``info`` to the subcommands of an argument parser."""
    parser = commands.add_parser(
        "info", help="versions, devices and data sets, or a model's layers", description=__doc__
    )
    parser.set_defaults(run=run)
    parser.add_argument("folder", nargs="?", help="of a training: describe its model")


def run(args: argparse.Namespace) -> int:
    """Do what the arguments say; return the exit status."""
    if args.folder is None:
        _print_system()
    else:
        _print_model(args.folder)
    return 0


def _print_system() -> None:
    print(f"Python {platform.python_version()} on {platform.platform()}")
    for name in _PACKAGES:
        try:
            print(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            print(f"{name} is not installed")
    devices = ["numpy"]
    try:
        import ndgpu

        first = backend.get_device(0)
        kind = first.name.partition(":")[0]
        count = ndgpu.cuda.device_count()
        devices += [f"{kind}:{i}" for i in range(count)]
    except (RuntimeError, ImportError) as error:
        print(f"ndgpu has no device: {error}")
    print(f"devices: {', '.join(devices)}")
    for name in SOURCES:
        print(f"data set {name}: {find(name) or 'not on this machine'}")


def _print_model(folder: str) -> None:
    trained = load_trained(folder, backend.get_device("numpy"))
    description = trained.description
    print(f"model: {description.model}, {description.units} units, for images {description.shape}")
    print(f"data set: {SOURCES[description.dataset].title}")
    print(f"classes: {', '.join(description.classes)}\n")
    params = sorted(trained.model.namedparams())
    width = max(len(name) for name, _ in params)
    for name, param in params:
        print(
            f"{name:{width}}  {param.shape!s:16}  {param.size:>10,}  "
            f"mean {np.mean(param.array):+.4f}  deviation {np.std(param.array):.4f}"
        )
    print(f"{'all':{width}}  {'':16}  {trained.model.count_params():>10,}")
