"""Polynomials in six bases, as `numpy.polynomial`: values on the device, coefficients few.

`ndgpu.polynomial.bases` has the bases as rows of one table.

Examples
--------
>>> from ndgpu.polynomial import Chebyshev
>>> Chebyshev([0, 0, 1])(ndgpu.asarray([0.0, 0.5, 1.0]))
array([-1. , -0.5,  1. ])
"""

from __future__ import annotations

from numpy.polynomial import set_default_printstyle

from ndgpu.polynomial import (
    chebyshev,
    hermite,
    hermite_e,
    laguerre,
    legendre,
    polynomial,
    polyutils,
)

Chebyshev: type = chebyshev._names["Chebyshev"]
Hermite: type = hermite._names["Hermite"]
HermiteE: type = hermite_e._names["HermiteE"]
Laguerre: type = laguerre._names["Laguerre"]
Legendre: type = legendre._names["Legendre"]
Polynomial: type = polynomial._names["Polynomial"]

__all__ = [
    "Chebyshev",
    "Hermite",
    "HermiteE",
    "Laguerre",
    "Legendre",
    "Polynomial",
    "chebyshev",
    "hermite",
    "hermite_e",
    "laguerre",
    "legendre",
    "polynomial",
    "polyutils",
    "set_default_printstyle",
]
