"""Probability distributions: samples, densities, moments, divergences; see `nnrun.Distribution`."""

from nnrun.distribution import cross_entropy, kl_divergence, register_kl
from nnrun.distributions.bernoulli import Bernoulli
from nnrun.distributions.beta import Beta
from nnrun.distributions.categorical import Categorical
from nnrun.distributions.cauchy import Cauchy
from nnrun.distributions.chisquare import Chisquare
from nnrun.distributions.dirichlet import Dirichlet
from nnrun.distributions.exponential import Exponential
from nnrun.distributions.gamma import Gamma
from nnrun.distributions.geometric import Geometric
from nnrun.distributions.gumbel import Gumbel
from nnrun.distributions.independent import Independent
from nnrun.distributions.laplace import Laplace
from nnrun.distributions.log_normal import LogNormal
from nnrun.distributions.multivariate_normal import MultivariateNormal
from nnrun.distributions.normal import Normal
from nnrun.distributions.one_hot_categorical import OneHotCategorical
from nnrun.distributions.pareto import Pareto
from nnrun.distributions.poisson import Poisson
from nnrun.distributions.uniform import Uniform

__all__ = [
    "Bernoulli",
    "Beta",
    "Categorical",
    "Cauchy",
    "Chisquare",
    "Dirichlet",
    "Exponential",
    "Gamma",
    "Geometric",
    "Gumbel",
    "Independent",
    "Laplace",
    "LogNormal",
    "MultivariateNormal",
    "Normal",
    "OneHotCategorical",
    "Pareto",
    "Poisson",
    "Uniform",
    "cross_entropy",
    "kl_divergence",
    "register_kl",
]
