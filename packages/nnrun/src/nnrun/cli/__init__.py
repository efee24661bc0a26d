"""The command line: ``python -m nnrun train``, ``eval``, ``predict``, ``graph`` and ``info``.

What is wrong with what the user asked for (an unknown device, a missing file) is
one line on standard error and exit status 2, not a traceback.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from nnrun.cli import evaluate, graph, info, predict, train
from nnrun.cli.errors import UsageError

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; those of the process if not given.

    Returns
    -------
    int
        The exit status: 0, 2 for wrong arguments, 130 after Ctrl-C, 1 if the output's reader
        has gone.
    """
    parser = argparse.ArgumentParser(prog="python -m nnrun", description="Train networks.")
    commands = parser.add_subparsers(dest="command", required=True)
    for command in (train, evaluate, predict, graph, info):
        command.add_parser(commands)
    args = parser.parse_args(argv)
    try:
        return args.run(args)
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # Whoever read the output has had enough; nothing more is to be written at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
