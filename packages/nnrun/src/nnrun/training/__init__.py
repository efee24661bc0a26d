"""The training loop and all that happens in it."""

from nnrun.training import extensions, triggers, updaters
from nnrun.training.extension import (
    PRIORITY_EDITOR,
    PRIORITY_READER,
    PRIORITY_WRITER,
    Extension,
    make_extension,
)
from nnrun.training.trainer import Trainer
from nnrun.training.triggers.interval_trigger import IntervalTrigger, get_trigger
from nnrun.training.updaters import (
    GradientAccumulationUpdater,
    ParallelUpdater,
    StandardUpdater,
    Updater,
)

__all__ = [
    "PRIORITY_EDITOR",
    "PRIORITY_READER",
    "PRIORITY_WRITER",
    "Extension",
    "GradientAccumulationUpdater",
    "IntervalTrigger",
    "ParallelUpdater",
    "StandardUpdater",
    "Trainer",
    "Updater",
    "extensions",
    "get_trigger",
    "make_extension",
    "triggers",
    "updaters",
]
