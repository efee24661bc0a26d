"""Hooks that watch links, or change them: times, and weights that are normalised."""

from nnrun.link_hooks.spectral_normalization import SpectralNormalization
from nnrun.link_hooks.timer import TimerHook
from nnrun.link_hooks.weight_standardization import WeightStandardization

__all__ = ["SpectralNormalization", "TimerHook", "WeightStandardization"]
