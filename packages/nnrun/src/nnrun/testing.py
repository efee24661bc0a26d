"""Helpers for tests of functions and links.

Examples
--------
>>> import numpy as np
>>> from nnrun import testing
>>> testing.assert_allclose(np.array([1.0]), np.array([1.0 + 1e-9]))
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nnrun import gradient_check
from nnrun.backend import get_device
from nnrun.core import as_array

__all__ = ["assert_allclose", "assert_gradients"]


def assert_allclose(
    x: Any, y: Any, atol: float = 1e-5, rtol: float = 1e-4, verbose: bool = True
) -> None:
    """Raise unless two arrays, wherever they live, agree within tolerances.

    Parameters
    ----------
    x, y : Variable, array or number
        What is compared; shapes must be equal.
    atol, rtol : float
        How far they may be apart.
    verbose : bool
        Show the arrays.

    Raises
    ------
    AssertionError
        If they don't agree.
    """
    a, b = (np.asarray(get_device("numpy").send(as_array(v))) for v in (x, y))
    if a.shape != b.shape:
        raise AssertionError(f"shapes differ: {a.shape} and {b.shape}")
    np.testing.assert_allclose(a, b, atol=atol, rtol=rtol, verbose=verbose)


def assert_gradients(
    func: Callable[..., Any], *xs: Any, double: bool = True, seed: int = 0, **options: Any
) -> None:
    """Raise unless first and second derivatives of `func` agree with differences.

    Parameters
    ----------
    func : callable
        Takes and returns Variables.
    *xs : array
        Inputs, float64 where they are floating.
    double : bool
        Check the second derivatives too.
    seed : int
        Of the random gradients.
    **options
        Passed to `nnrun.gradient_check`.

    Raises
    ------
    AssertionError
        If they don't agree.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> from nnrun.testing import assert_gradients
    >>> assert_gradients(F.sigmoid, np.array([0.5, -1.0]))
    """
    rng = np.random.default_rng(seed)

    def like(x: Any) -> Any:
        return np.asarray(rng.standard_normal(x.shape), x.dtype if x.dtype.kind == "f" else float)

    ys = func(*xs)
    ys = ys if isinstance(ys, (tuple, list)) else (ys,)
    device = ys[0].device
    gys = tuple(device.send(like(y)) for y in ys)
    gradient_check.check_backward(func, xs, gys, **options)
    if double:
        ggs = tuple(device.send(like(x)) for x in xs)
        gradient_check.check_double_backward(func, xs, gys, ggs, **options)
