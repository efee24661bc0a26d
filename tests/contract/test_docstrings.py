"""The examples in the docstrings run, and print what they say."""

import doctest
import importlib
import pkgutil

import numpy
import pytest

import ndgpu
import nnrun

# Importing these runs a program.
PROGRAMS = {"ndgpu.__main__", "nnrun.__main__"}


def modules(package) -> list[str]:
    found = [package.__name__]
    for info in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if info.name not in PROGRAMS:
            found.append(info.name)
    return found


@pytest.mark.parametrize("name", modules(ndgpu) + modules(nnrun))
def test_examples_run(name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # an example may write a file
    module = importlib.import_module(name)
    # Names that a reader of the manual takes for granted.
    names = {"np": numpy, "numpy": numpy, "ndgpu": ndgpu, "nnrun": nnrun}
    names |= {k: v for k, v in vars(module).items() if not k.startswith("__")}
    failed, _ = doctest.testmod(
        module, extraglobs=names, optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    )
    assert failed == 0
