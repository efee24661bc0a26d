"""What a trainer runs at each iteration: one update of the parameters."""

from nnrun.training.updaters.gradient_accumulation_updater import GradientAccumulationUpdater
from nnrun.training.updaters.parallel_updater import ParallelUpdater
from nnrun.training.updaters.standard_updater import StandardUpdater
from nnrun.training.updaters.updater import Updater

__all__ = ["GradientAccumulationUpdater", "ParallelUpdater", "StandardUpdater", "Updater"]
