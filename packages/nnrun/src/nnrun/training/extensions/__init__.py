"""What a trainer can do between updates: evaluate, log, print, draw, save, adjust."""

from nnrun.training.extensions import snapshot_writers
from nnrun.training.extensions.dump_graph import DumpGraph, dump_graph
from nnrun.training.extensions.evaluator import Evaluator
from nnrun.training.extensions.fail_on_nonnumber import FailOnNonNumber
from nnrun.training.extensions.log_report import LogReport
from nnrun.training.extensions.micro_average import MicroAverage
from nnrun.training.extensions.parameter_statistics import ParameterStatistics
from nnrun.training.extensions.plot_report import PlotReport
from nnrun.training.extensions.print_report import PrintReport
from nnrun.training.extensions.progress_bar import ProgressBar
from nnrun.training.extensions.shifts import (
    CosineShift,
    ExponentialShift,
    InverseShift,
    LinearShift,
    MultistepShift,
    PolynomialShift,
    StepShift,
    WarmupShift,
)
from nnrun.training.extensions.snapshot import snapshot, snapshot_object
from nnrun.training.extensions.tensorboard_report import TensorBoardReport
from nnrun.training.extensions.unchain_variables import unchain_variables
from nnrun.training.extensions.value_observation import observe_lr, observe_value
from nnrun.training.extensions.variable_statistics_plot import VariableStatisticsPlot

__all__ = [
    "CosineShift",
    "DumpGraph",
    "Evaluator",
    "ExponentialShift",
    "FailOnNonNumber",
    "InverseShift",
    "LinearShift",
    "LogReport",
    "MicroAverage",
    "MultistepShift",
    "ParameterStatistics",
    "PlotReport",
    "PolynomialShift",
    "PrintReport",
    "ProgressBar",
    "StepShift",
    "TensorBoardReport",
    "VariableStatisticsPlot",
    "WarmupShift",
    "dump_graph",
    "observe_lr",
    "observe_value",
    "snapshot",
    "snapshot_object",
    "snapshot_writers",
    "unchain_variables",
]
