"""`Distribution`: what probability distributions share, and divergences between two of them.

A distribution has a batch of independent members (``batch_shape``), each of which
draws values of some shape (``event_shape``).  What it computes are Variables, so
that gradients reach its parameters.

Examples
--------
>>> import numpy as np, nnrun
>>> from nnrun import distributions as D
>>> p, q = D.Normal(np.zeros(2), np.ones(2)), D.Normal(np.ones(2), np.ones(2))
>>> nnrun.kl_divergence(p, q)
variable([0.5, 0.5])
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from nnrun.backend import get_array_module, get_device_from_array, is_array
from nnrun.config import get_dtype
from nnrun.core import Variable, as_variable
from nnrun.functions import broadcast_to, exp, log, sqrt

__all__ = ["Distribution", "cross_entropy", "kl_divergence", "register_kl"]

Array = Any


def _parameter(name: str, owner: str, value: Any) -> Variable:
    if isinstance(value, Variable) or is_array(value):
        return as_variable(value)
    if isinstance(value, (int, float, np.generic)):
        return as_variable(np.asarray(value, get_dtype()))
    raise TypeError(
        f"{owner}: `{name}` must be a Variable, an array or a number, not {type(value).__name__}"
    )


class Distribution:
    """A batch of probability distributions of one kind; to be subclassed.

    Subclasses give their parameters to ``__init__`` and define `sample_n`,
    `log_prob` and what else has a formula; what follows from these is here.

    Parameters
    ----------
    **params : Variable, array or number
        Parameters, which become attributes, broadcast together.

    Attributes
    ----------
    params : dict of str to Variable
        As given.
    batch_shape : tuple of int
        Of the members.
    event_shape : tuple of int
        Of one value that a member draws.
    support : str
        Which values there are.
    """

    support = "real"
    batch_shape: tuple[int, ...]
    event_shape: tuple[int, ...] = ()

    # How many of the parameters' last axes belong to one member.
    _member_ndim = 0

    def __init__(self, **params: Any) -> None:
        name = type(self).__name__
        found = {key: _parameter(key, name, value) for key, value in params.items()}
        try:
            shape = np.broadcast_shapes(*[p.shape for p in found.values()])
        except ValueError:
            shapes = ", ".join(f"{key} {p.shape}" for key, p in found.items())
            raise ValueError(f"{name}: parameters can't be broadcast together: {shapes}") from None
        for key, p in found.items():
            setattr(self, key, p if p.shape == shape else broadcast_to(p, shape))
        self.params = {key: getattr(self, key) for key in found}
        cut = len(shape) - self._member_ndim
        if cut < 0:
            raise ValueError(f"{name}: parameters need {self._member_ndim} axes (shape {shape})")
        self.batch_shape, self.event_shape = shape[:cut], shape[cut:]

    # -- helpers of subclasses -----------------------------------------------------

    @property
    def _like(self) -> Array:
        """The array whose dtype and device results have."""
        return next(iter(self.params.values())).array

    @property
    def xp(self) -> Any:
        """The array module of the parameters: ``numpy`` or ``ndgpu``."""
        return get_array_module(self._like)

    def _draw(self, kind: str, n: int, shape: tuple[int, ...] | None = None) -> Array:
        """Numbers of a standard kind (``uniform``, ``normal``), one for each of `n` samples."""
        like = self._like
        size = (n, *(self.batch_shape + self.event_shape if shape is None else shape))
        with get_device_from_array(like) as device:
            name = {"uniform": "random_sample", "normal": "standard_normal"}[kind]
            return device.xp.asarray(getattr(device.xp.random, name)(size)).astype(like.dtype)

    def _missing(self, what: str) -> NotImplementedError:
        return NotImplementedError(
            f"{type(self).__name__}.{what} has no formula of elementary or supported functions"
        )

    # -- sampling --------------------------------------------------------------------

    def sample(self, sample_shape: int | tuple[int, ...] = ()) -> Variable:
        """Draw values.

        Parameters
        ----------
        sample_shape : int or tuple of int
            How many for each member.

        Returns
        -------
        Variable, shape (*sample_shape, *batch_shape, *event_shape)
            With gradients to the parameters where the class says that values are made
            of them (the reparametrisation trick).
        """
        shape = (sample_shape,) if isinstance(sample_shape, int) else tuple(sample_shape)
        y: Any = self.sample_n(math.prod(shape))
        return y.reshape((*shape, *y.shape[1:]))

    def sample_n(self, n: int) -> Variable:
        """Draw `n` values for each member, along a new first axis."""
        raise self._missing("sample_n")

    # -- densities ---------------------------------------------------------------------

    def log_prob(self, x: Variable | Array) -> Variable:
        """Return the logarithm of the density, or probability, at `x`."""
        raise self._missing("log_prob")

    def prob(self, x: Variable | Array) -> Variable:
        """Return the density, or probability, at `x`."""
        return exp(self.log_prob(x))

    def cdf(self, x: Variable | Array) -> Variable:
        """Return the probability of a value not above `x`."""
        raise self._missing("cdf")

    def icdf(self, x: Variable | Array) -> Variable:
        """Return the value that is not exceeded with probability `x`."""
        raise self._missing("icdf")

    def log_cdf(self, x: Variable | Array) -> Variable:
        """Return the logarithm of `cdf`."""
        return log(self.cdf(x))

    def survival_function(self, x: Variable | Array) -> Variable:
        """Return the probability of a value above `x`."""
        return 1.0 - self.cdf(x)

    def log_survival_function(self, x: Variable | Array) -> Variable:
        """Return the logarithm of `survival_function`."""
        return log(self.survival_function(x))

    # -- moments -----------------------------------------------------------------------

    @property
    def mean(self) -> Variable:
        """The expected value."""
        raise self._missing("mean")

    @property
    def mode(self) -> Variable:
        """The value of the highest density."""
        raise self._missing("mode")

    @property
    def variance(self) -> Variable:
        """The expected square of the distance from the mean."""
        raise self._missing("variance")

    @property
    def stddev(self) -> Variable:
        """The square root of the variance."""
        return sqrt(self.variance)

    @property
    def covariance(self) -> Variable:
        """The covariance matrix of an event of one axis."""
        raise self._missing("covariance")

    @property
    def entropy(self) -> Variable:
        """The expected value of ``-log_prob``, in nats."""
        raise self._missing("entropy")

    def perplexity(self, x: Variable | Array | None = None) -> Variable:
        """Return the exponential of the entropy, or of ``-log_prob(x)`` for values given."""
        return exp(self.entropy if x is None else -self.log_prob(x))

    def __repr__(self) -> str:
        shapes = f"batch_shape={self.batch_shape}, event_shape={self.event_shape}"
        return f"<{type(self).__name__} {shapes}>"


_KL: dict[tuple[type, type], Callable[[Any, Any], Variable]] = {}


def register_kl(
    Dist1: type, Dist2: type
) -> Callable[[Callable[[Any, Any], Variable]], Callable[[Any, Any], Variable]]:
    """Return a decorator that registers a divergence between two kinds of distributions.

    Parameters
    ----------
    Dist1, Dist2 : type
        Subclasses of `Distribution`.

    Returns
    -------
    decorator
        For a function of two distributions.

    Examples
    --------
    >>> import numpy as np, nnrun
    >>> from nnrun import distributions as D
    >>> class Point(D.Normal): pass
    >>> @nnrun.register_kl(Point, D.Normal)
    ... def kl_point_normal(p, q):
    ...     return -q.log_prob(p.loc)
    >>> q = D.Normal(np.zeros(1), np.ones(1))
    >>> nnrun.kl_divergence(Point(np.zeros(1), np.ones(1)), q)
    variable([0.91893853])
    """

    def register(function: Callable[[Any, Any], Variable]) -> Callable[[Any, Any], Variable]:
        _KL[Dist1, Dist2] = function
        return function

    return register


def kl_divergence(dist1: Distribution, dist2: Distribution) -> Variable:
    """Return the Kullback-Leibler divergence ``E[log p(x) - log q(x)]``, x drawn from p.

    Parameters
    ----------
    dist1, dist2 : Distribution
        p and q, of kinds that `register_kl` knows; subclasses count as what they are.

    Returns
    -------
    Variable, shape ``batch_shape``

    Raises
    ------
    NotImplementedError
        If no divergence of these kinds is registered.
    """
    for one in type(dist1).__mro__:
        for other in type(dist2).__mro__:
            function = _KL.get((one, other))
            if function is not None:
                return function(dist1, dist2)
    raise NotImplementedError(
        f"kl_divergence: none is registered of a {type(dist1).__name__} and a "
        f"{type(dist2).__name__}; see register_kl"
    )


def cross_entropy(dist1: Distribution, dist2: Distribution) -> Variable:
    """Return ``E[-log q(x)]``, x drawn from p: the entropy of p and the divergence from it.

    Parameters
    ----------
    dist1, dist2 : Distribution
        p and q, as for `kl_divergence`.

    Returns
    -------
    Variable, shape ``batch_shape``
    """
    return dist1.entropy + kl_divergence(dist1, dist2)
