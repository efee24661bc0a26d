"""Polynomials against NumPy."""

import numpy as np
from tests.ndgpu.core.differential import check_call, rows

import ndgpu

RNG = np.random.default_rng(7)
P = np.array([1.0, 2, -3])
Q = np.array([2.0, 1])
X = np.arange(5.0)


@rows(
    *[(name, (P, Q)) for name in ("polyadd", "polysub", "polymul", "polydiv", "polyval")],
    ("polyadd", ([1, 2], [3])), ("polyval", ([1, 2, 3], np.arange(4))), ("polyder", (P,)),
    ("polyder", ([1, 2, 3], 2)), ("polyint", (P, 2, [1, 2])), ("polyint", (P, -1)), ("roots", (P,)),
    ("poly", (P,)), ("polyfit", (X, X**2, 2)), ("polyfit", (X, X**2, 1), {"full": True}),
)  # fmt: skip
def test_a_call(name, args, keywords):
    check_call(name, args, keywords, tolerance=1e-9)


def test_poly1d():
    ours, numpys = ndgpu.poly1d([1, 2]), np.poly1d([1, 2])
    assert str(ours * ours - 1) == str(numpys * numpys - 1)
    assert repr(ours) == repr(numpys)
    assert float((ours**2)(3)) == (numpys**2)(3)
    assert ours.integ().deriv() == ndgpu.poly1d([1.0, 2.0]) and ours.order == 1 and ours[7] == 0
    quotient, remainder = (ours * ours + 1) / ours
    assert str(quotient) == str(np.poly1d([1.0, 2.0])) and float(remainder(0)) == 1
