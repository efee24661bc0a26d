"""Optimizers: ``optimizer.setup(model)``, then ``optimizer.update(model, x, t)``."""

from nnrun.optimizers.adam import Adam, AdamRule, AdamW, AMSGrad
from nnrun.optimizers.adaptive import AdaGrad, AdaGradRule, RMSprop, RMSpropRule
from nnrun.optimizers.sgd import (
    SGD,
    MomentumSGD,
    MomentumSGDRule,
    NesterovAG,
    NesterovAGRule,
    SGDRule,
)

__all__ = [
    "SGD",
    "AMSGrad",
    "AdaGrad",
    "AdaGradRule",
    "Adam",
    "AdamRule",
    "AdamW",
    "MomentumSGD",
    "MomentumSGDRule",
    "NesterovAG",
    "NesterovAGRule",
    "RMSprop",
    "RMSpropRule",
    "SGDRule",
]
