"""Optimizers: ``optimizer.setup(model)``, then ``optimizer.update(model, x, t)``."""

from nnrun.optimizers.ada_bound import AdaBound, AdaBoundRule, AMSBound
from nnrun.optimizers.ada_delta import AdaDelta, AdaDeltaRule
from nnrun.optimizers.adam import Adam, AdamRule, AdamW, AMSGrad
from nnrun.optimizers.adaptive import AdaGrad, AdaGradRule, RMSprop, RMSpropRule
from nnrun.optimizers.lion import Lion, LionRule
from nnrun.optimizers.msvag import MSVAG, MSVAGRule
from nnrun.optimizers.rmsprop_graves import RMSpropGraves, RMSpropGravesRule
from nnrun.optimizers.sgd import (
    SGD,
    CorrectedMomentumSGD,
    CorrectedMomentumSGDRule,
    MomentumSGD,
    MomentumSGDRule,
    NesterovAG,
    NesterovAGRule,
    SGDRule,
)
from nnrun.optimizers.smorms3 import SMORMS3, SMORMS3Rule

__all__ = [
    "MSVAG",
    "SGD",
    "SMORMS3",
    "AMSBound",
    "AMSGrad",
    "AdaBound",
    "AdaBoundRule",
    "AdaDelta",
    "AdaDeltaRule",
    "AdaGrad",
    "AdaGradRule",
    "Adam",
    "AdamRule",
    "AdamW",
    "CorrectedMomentumSGD",
    "CorrectedMomentumSGDRule",
    "Lion",
    "LionRule",
    "MSVAGRule",
    "MomentumSGD",
    "MomentumSGDRule",
    "NesterovAG",
    "NesterovAGRule",
    "RMSprop",
    "RMSpropGraves",
    "RMSpropGravesRule",
    "RMSpropRule",
    "SGDRule",
    "SMORMS3Rule",
]
