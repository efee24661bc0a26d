"""Every public name of Chainer 7.8.1 is here, or is left out for a reason that is written down."""

import importlib
import inspect
import json
import re
from pathlib import Path

import numpy as np
import pytest

import nnrun.functions as F
import nnrun.links as L

ROOT = Path(__file__).parents[2]
NAMES = json.loads(Path(__file__).with_name("chainer_names.json").read_text())
PARAMETERS = NAMES.pop("parameters")
PAGE = (ROOT / "docs" / "chainer_compatibility.md").read_text()
LEFT_OUT = {
    (module, name): reason
    for module, name, reason in re.findall(
        r"^\| (\w+) \| (\w+) \| (.+) \|$",
        PAGE.partition("## Left out")[2].partition("\n## ")[0],
        re.MULTILINE,
    )
    if module != "module"
}
MODULES = {
    "chainer": "nnrun",
    "convert": "nnrun.dataset.convert",
    "extensions": "nnrun.training.extensions",
    "snapshot_writers": "nnrun.training.extensions.snapshot_writers",
    "triggers": "nnrun.training.triggers",
    "updaters": "nnrun.training.updaters",
    "cuda": "nnrun.backends.cuda",
    "type_check": "nnrun.utils.type_check",
}
MAIN = ("chainer", "functions", "links", "initializers", "distributions")
# What trains, and what is trained with.
TRAINING = (
    "optimizers",
    "optimizer_hooks",
    "serializers",
    "dataset",
    "convert",
    "datasets",
    "iterators",
    "training",
    "extensions",
    "snapshot_writers",
    "triggers",
    "updaters",
)


def here(module):
    found = importlib.import_module(MODULES.get(module, f"nnrun.{module}"))
    return {name for name in NAMES[module] if hasattr(found, name)}


@pytest.mark.parametrize("module", NAMES)
def test_a_name_is_here_or_left_out(module):
    without = {name for where, name in LEFT_OUT if where == module}
    assert set(NAMES[module]) - here(module) == without


@pytest.mark.parametrize(("modules", "share"), [(MAIN, 0.95), (TRAINING, 0.9)])
def test_nine_tenths_are_here(modules, share):
    total = sum(len(NAMES[module]) for module in modules)
    assert sum(len(here(module)) for module in modules) / total > share


def test_reasons_are_of_names():
    for (module, name), reason in LEFT_OUT.items():
        assert name in NAMES[module]
        assert len(reason) > 10


# What is fixed to one number of axes passes its arguments on; what is left of the rest is old.
PASSED_ON = re.compile(
    r"functions\.((average|max)_pooling|convolution|deconvolution|unpooling)_[123]d$"
    r"|links\.(Convolution|Deconvolution)[13]D$"
    r"|links\.(BatchRenormalization|LSTM|GRU|StatefulGRU|StatefulMGU)$"
)
OTHERWISE = {
    "functions.maximum": "the second operand and all further ones are one list",
    "functions.minimum": "the second operand and all further ones are one list",
    "datasets.TextDataset": "lines end as Python's files of bytes end them: no `newline`",
    "datasets.get_svhn": "the 531,131 further pictures take 1.6 GB at once: no `add_extra`",
    "iterators.MultiprocessIterator": "workers hold nothing that grows: no `maxtasksperchild`",
    "snapshot_writers.ProcessQueueWriter": "who writes is the class's business: no `task`",
    "snapshot_writers.ThreadQueueWriter": "who writes is the class's business: no `task`",
}


@pytest.mark.parametrize("module", [*MAIN[1:], *TRAINING])
def test_chainers_arguments_are_taken_by_name(module):
    found = importlib.import_module(MODULES.get(module, f"nnrun.{module}"))
    missing = {}
    for place, names in PARAMETERS.items():
        where, _, name = place.partition(".")
        if where != module or not hasattr(found, name) or place in OTHERWISE:
            continue
        if PASSED_ON.match(place):
            continue
        lacks = set(names.split()) - set(inspect.signature(getattr(found, name)).parameters)
        if lacks:
            missing[place] = sorted(lacks)
    assert missing == {}


def test_arguments_are_passed_on():
    """Those of what takes ``*args``, by example."""
    x = np.zeros((1, 2, 4), np.float32)
    W = np.zeros((2, 2, 2), np.float32)
    assert F.convolution_1d(x, W=W, b=None, stride=2, pad=1, dilate=1, groups=1).shape == (1, 2, 3)
    assert F.deconvolution_1d(x, W=W, stride=2, outsize=(8,)).shape == (1, 2, 8)
    y, places = F.max_pooling_1d(x, ksize=2, stride=2, cover_all=False, return_indices=True)
    assert y.shape == places.shape == (1, 2, 2)
    assert F.unpooling_1d(x, ksize=2, stride=2, cover_all=False).shape == (1, 2, 8)
    assert F.average_pooling_1d(x, ksize=2, pad_value=None).shape == (1, 2, 2)
    layer = L.Convolution1D(in_channels=2, out_channels=3, ksize=2, nobias=True, groups=1)
    assert layer(x).shape == (1, 3, 3)
    lstm = L.LSTM(in_size=2, out_size=3, lateral_init=0, upward_init=0, forget_bias_init=2)
    assert lstm(x[0].T).shape == (4, 3)
    assert L.GRU(in_size=2, out_size=3, inner_init=0, bias_init=0)(x[0].T).shape == (4, 3)
    norm = L.BatchRenormalization(size=2, use_gamma=False, initial_avg_var=4, dtype=np.float32)
    assert norm.avg_var.tolist() == [4, 4] and norm(x).shape == x.shape
