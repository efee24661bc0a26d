"""Random numbers: `default_rng` and `Generator`, and the older functions of NumPy.

The functions share one `RandomState`; `seed` starts its stream anew.  All streams are
Philox's: NumPy's own bit generators, which make one word after the other on the host,
are here under their names so that programs that pick one run, and give `Generator` its key.
"""

from __future__ import annotations

from typing import NoReturn

from numpy.random import MT19937, PCG64, PCG64DXSM, SFC64, SeedSequence

from ndgpu.random.bit_generator import BitGenerator, Philox4x3210
from ndgpu.random.generator import Generator, default_rng
from ndgpu.random.legacy import RandomState

__all__ = [
    "MT19937",
    "PCG64",
    "PCG64DXSM",
    "SFC64",
    "BitGenerator",
    "Generator",
    "Philox",
    "Philox4x3210",
    "RandomState",
    "SeedSequence",
    "beta",
    "binomial",
    "bytes",
    "chisquare",
    "choice",
    "default_rng",
    "dirichlet",
    "exponential",
    "f",
    "gamma",
    "geometric",
    "get_bit_generator",
    "get_random_state",
    "get_state",
    "gumbel",
    "hypergeometric",
    "laplace",
    "logistic",
    "lognormal",
    "logseries",
    "multinomial",
    "multivariate_normal",
    "negative_binomial",
    "noncentral_chisquare",
    "noncentral_f",
    "normal",
    "pareto",
    "permutation",
    "poisson",
    "power",
    "rand",
    "randint",
    "randn",
    "random",
    "random_integers",
    "random_sample",
    "ranf",
    "rayleigh",
    "sample",
    "seed",
    "set_bit_generator",
    "set_random_state",
    "set_state",
    "shuffle",
    "standard_cauchy",
    "standard_exponential",
    "standard_gamma",
    "standard_normal",
    "standard_t",
    "triangular",
    "uniform",
    "vonmises",
    "wald",
    "weibull",
    "zipf",
]

Philox = Philox4x3210

_state = RandomState()

beta = _state.beta
binomial = _state.binomial
bytes = _state.bytes
chisquare = _state.chisquare
choice = _state.choice
dirichlet = _state.dirichlet
exponential = _state.exponential
f = _state.f
gamma = _state.gamma
geometric = _state.geometric
get_state = _state.get_state
gumbel = _state.gumbel
hypergeometric = _state.hypergeometric
laplace = _state.laplace
logistic = _state.logistic
lognormal = _state.lognormal
logseries = _state.logseries
multinomial = _state.multinomial
multivariate_normal = _state.multivariate_normal
negative_binomial = _state.negative_binomial
noncentral_chisquare = _state.noncentral_chisquare
noncentral_f = _state.noncentral_f
normal = _state.normal
pareto = _state.pareto
permutation = _state.permutation
poisson = _state.poisson
power = _state.power
rand = _state.rand
randint = _state.randint
randn = _state.randn
random = _state.random
random_integers = _state.random_integers
random_sample = ranf = sample = _state.random_sample
rayleigh = _state.rayleigh
seed = _state.seed
set_state = _state.set_state
shuffle = _state.shuffle
standard_cauchy = _state.standard_cauchy
standard_exponential = _state.standard_exponential
standard_gamma = _state.standard_gamma
standard_normal = _state.standard_normal
standard_t = _state.standard_t
triangular = _state.triangular
uniform = _state.uniform
vonmises = _state.vonmises
wald = _state.wald
weibull = _state.weibull
zipf = _state.zipf

_SERIAL = "it makes one word after the other, so each thread would need its own; use Philox4x3210"
_LEFT_OUT = {
    "XORWOW": _SERIAL,
    "MRG32k3a": _SERIAL,
    "bit_generator": "a module of NumPy's own; `BitGenerator` is here",
    "mtrand": "a module of NumPy's own; its functions are here",
    "test": "it belongs to NumPy's own build and installation",
}


def get_random_state() -> RandomState:
    """Return the state that the module's functions share.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.random.get_random_state().rand(2).shape
    (2,)
    """
    return _state


def set_random_state(rs: RandomState) -> None:
    """Let the module's functions go on with the stream of a state.

    Parameters
    ----------
    rs : RandomState

    Raises
    ------
    TypeError
        If it is something else.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.random.set_random_state(ndgpu.random.RandomState(4))
    >>> bool(ndgpu.random.rand() == ndgpu.random.RandomState(4).rand())
    True
    """
    if not isinstance(rs, RandomState):
        raise TypeError(f"set_random_state: expected a RandomState, got {type(rs).__name__}")
    _state.share(rs)


def get_bit_generator() -> Philox4x3210:
    """Return the bit generator of the module's functions."""
    return _state.bit_generator


def set_bit_generator(bitgen: BitGenerator) -> None:
    """Let the module's functions draw from a bit generator."""
    _state.share(RandomState(bitgen))


def __getattr__(name: str) -> NoReturn:
    reason = _LEFT_OUT.get(name)
    text = f": {reason}" if reason else ""
    raise AttributeError(f"module 'ndgpu.random' has no attribute {name!r}{text}")
