"""When things happen in a training: every so often, at given times, at a new best."""

from nnrun.training.triggers.best_value_trigger import (
    BestValueTrigger,
    MaxValueTrigger,
    MinValueTrigger,
)
from nnrun.training.triggers.early_stopping_trigger import EarlyStoppingTrigger
from nnrun.training.triggers.interval_trigger import IntervalTrigger, get_trigger
from nnrun.training.triggers.manual_schedule_trigger import ManualScheduleTrigger
from nnrun.training.triggers.once_trigger import OnceTrigger
from nnrun.training.triggers.time_trigger import TimeTrigger

__all__ = [
    "BestValueTrigger",
    "EarlyStoppingTrigger",
    "IntervalTrigger",
    "ManualScheduleTrigger",
    "MaxValueTrigger",
    "MinValueTrigger",
    "OnceTrigger",
    "TimeTrigger",
    "get_trigger",
]
