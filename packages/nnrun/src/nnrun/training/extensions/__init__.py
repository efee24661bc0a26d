"""What a trainer can do between updates: evaluate, log, print, draw, save, adjust."""

from nnrun.training.extensions.evaluator import Evaluator
from nnrun.training.extensions.fail_on_nonnumber import FailOnNonNumber
from nnrun.training.extensions.log_report import LogReport
from nnrun.training.extensions.plot_report import PlotReport
from nnrun.training.extensions.print_report import PrintReport
from nnrun.training.extensions.progress_bar import ProgressBar
from nnrun.training.extensions.shifts import ExponentialShift, LinearShift
from nnrun.training.extensions.snapshot import snapshot, snapshot_object
from nnrun.training.extensions.value_observation import observe_lr, observe_value

__all__ = [
    "Evaluator",
    "ExponentialShift",
    "FailOnNonNumber",
    "LinearShift",
    "LogReport",
    "PlotReport",
    "PrintReport",
    "ProgressBar",
    "observe_lr",
    "observe_value",
    "snapshot",
    "snapshot_object",
]
