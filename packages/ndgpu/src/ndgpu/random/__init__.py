"""Random numbers: `default_rng` and `Generator`, and the older functions of NumPy.

The functions share one `RandomState`; `seed` starts its stream anew.
"""

from __future__ import annotations

from ndgpu.random.generator import Generator, default_rng
from ndgpu.random.legacy import RandomState

__all__ = [
    "Generator",
    "RandomState",
    "choice",
    "default_rng",
    "normal",
    "permutation",
    "rand",
    "randint",
    "randn",
    "random",
    "random_integers",
    "random_sample",
    "seed",
    "shuffle",
    "standard_normal",
    "uniform",
]

_state = RandomState()

seed = _state.seed
rand = _state.rand
randn = _state.randn
random = _state.random
random_sample = ranf = sample = _state.random_sample
uniform = _state.uniform
normal = _state.normal
standard_normal = _state.standard_normal
randint = _state.randint
random_integers = _state.random_integers
permutation = _state.permutation
shuffle = _state.shuffle
choice = _state.choice


def get_random_state() -> RandomState:
    """Return the state that the module's functions share."""
    return _state
