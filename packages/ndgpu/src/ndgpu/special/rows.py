"""The table of special functions: for each name, what a kernel computes.

As the table of ufuncs (`ndgpu.core.rows`), which says what a row is.  `like` names the function of
NumPy whose loops tell the dtypes; all are floating.  To add a function, add its row, and a row in
its test's table of references.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["ALIASES", "ROWS", "Special"]


class Special(NamedTuple):
    """One function: its parameters, its C++, and what it is."""

    parameters: str
    code: str
    summary: str

    @property
    def like(self) -> str:
        """A function of NumPy with as many operands and loops for floating types alone."""
        return "logaddexp" if "," in self.parameters else "cbrt"


def _own(name: str, parameters: str, summary: str) -> Special:
    """A function of ``<ndgpu/special.cuh>``."""
    operands = ", ".join(f"x{k}" for k in range(parameters.count(",") + 1))
    return Special(parameters, f"ndgpu::special::{name}({operands})", summary)


def _cuda(function: str, summary: str, parameters: str = "x") -> Special:
    """A function of CUDA's own library."""
    return Special(parameters, f"{function}(x0)", summary)


ROWS: dict[str, Special] = {
    # Error functions and the normal distribution
    "erf": _cuda("erf", "the error function"),
    "erfc": _cuda("erfc", "the complement of the error function, ``1 - erf(x)``"),
    "erfcx": _cuda("erfcx", "the scaled complement of the error function, ``exp(x*x) erfc(x)``"),
    "erfinv": _cuda("erfinv", "the inverse of the error function"),
    "erfcinv": _cuda("erfcinv", "the inverse of the complement of the error function"),
    "ndtr": _cuda("normcdf", "the cumulative distribution of the standard normal distribution"),
    "ndtri": _cuda("normcdfinv", "the inverse of `ndtr`", "p"),
    "log_ndtr": _own("log_ndtr", "x", "the logarithm of `ndtr`"),
    # Gamma and its kin
    "gamma": _cuda("tgamma", "the gamma function"),
    "gammaln": _cuda("lgamma", "the logarithm of the absolute value of the gamma function"),
    "gammasgn": _own("gammasgn", "x", "the sign of the gamma function"),
    "rgamma": _own("rgamma", "x", "the reciprocal of the gamma function"),
    "digamma": _own("psi", "x", "the derivative of the logarithm of the gamma function"),
    "polygamma": _own("polygamma", "n, x", "the derivative of order `n` of `digamma`"),
    "gammainc": _own("gammainc", "a, x", "the regularised lower incomplete gamma function"),
    "gammaincc": _own("gammaincc", "a, x", "the regularised upper incomplete gamma function"),
    "beta": _own("beta", "a, b", "the beta function"),
    "betaln": _own("betaln", "a, b", "the logarithm of the absolute value of the beta function"),
    "binom": _own("binom", "n, k", "the binomial coefficient, of real numbers as well"),
    "poch": _own("poch", "z, m", "Pochhammer's symbol, ``gamma(z + m) / gamma(z)``"),
    "zeta": _own("zeta", "x, q", "Hurwitz's zeta function, the sum of ``(q + k)**-x``"),
    # Bessel functions
    "j0": _cuda("j0", "the Bessel function of the first kind of order 0"),
    "j1": _cuda("j1", "the Bessel function of the first kind of order 1"),
    "y0": _cuda("::y0", "the Bessel function of the second kind of order 0"),
    "y1": _cuda("y1", "the Bessel function of the second kind of order 1"),
    "i0": Special(
        "x", "ndgpu::special::bessel_i(x0, 0)", "the modified Bessel function of order 0"
    ),
    "i1": Special(
        "x", "ndgpu::special::bessel_i(x0, 1)", "the modified Bessel function of order 1"
    ),
    "i0e": Special("x", "ndgpu::special::scaled_bessel_i(x0, 0)", "``exp(-abs(x)) i0(x)``"),
    "i1e": Special("x", "ndgpu::special::scaled_bessel_i(x0, 1)", "``exp(-abs(x)) i1(x)``"),
    # Logistic functions and entropy
    "expit": _own("expit", "x", "the logistic function, ``1 / (1 + exp(-x))``"),
    "logit": _own("logit", "p", "the inverse of `expit`"),
    "log_expit": _own("log_expit", "x", "the logarithm of `expit`"),
    "entr": _own("entr", "x", "``-x log(x)``"),
    "rel_entr": _own("rel_entr", "x, y", "``x log(x / y)``"),
    "kl_div": _own("kl_div", "x, y", "``x log(x / y) - x + y``"),
    "xlogy": _own("xlogy", "x, y", "``x log(y)``, 0 where `x` is"),
    "xlog1py": _own("xlog1py", "x, y", "``x log(1 + y)``, 0 where `x` is"),
    "huber": _own("huber", "delta, r", "Huber's loss of the residual `r`"),
    "pseudo_huber": _own("pseudo_huber", "delta, r", "a smooth approximation of `huber`"),
    "boxcox": _own("boxcox", "x, lmbda", "Box and Cox's transformation"),
    "boxcox1p": _own("boxcox1p", "x, lmbda", "Box and Cox's transformation of ``1 + x``"),
    "inv_boxcox": _own("inv_boxcox", "y, lmbda", "the inverse of `boxcox`"),
    "inv_boxcox1p": _own("inv_boxcox1p", "y, lmbda", "the inverse of `boxcox1p`"),
    # Elementary functions without cancellation
    "cosm1": _own("cosm1", "x", "``cos(x) - 1``"),
    "exprel": _own("exprel", "x", "``(exp(x) - 1) / x``"),
    "exp10": _cuda("exp10", "``10**x``"),
}

ALIASES: dict[str, str] = {"psi": "digamma"}
