"""Helpers for tests of functions and links.

Examples
--------
>>> import numpy as np
>>> from nnrun import testing
>>> testing.assert_allclose(np.array([1.0]), np.array([1.0 + 1e-9]))
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nnrun import gradient_check
from nnrun.backend import get_device
from nnrun.core import Variable, as_array, grad

__all__ = ["FunctionCase", "assert_allclose", "assert_gradients"]


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


@dataclass
class FunctionCase:
    """One call of a function, for a table of tests.

    Attributes
    ----------
    function : callable
        Takes and returns Variables.
    inputs : tuple of array
        In float64.
    expected : callable, optional
        Computes the same with arrays.
    double : bool
        Whether it can be differentiated twice.
    options : dict
        Passed to `nnrun.gradient_check`.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> from nnrun.testing import FunctionCase
    >>> case = FunctionCase(F.exp, (np.array([0.5]),), np.exp)
    >>> case.check_derivatives()
    >>> case.check_value(np.float32)
    """

    function: Callable[..., Any]
    inputs: tuple[Any, ...]
    expected: Callable[..., Any] | None = None
    double: bool = True
    options: dict[str, Any] = field(default_factory=dict)

    def check_derivatives(self) -> None:
        """Raise unless the derivatives agree with differences of values."""
        options = {"eps": 1e-3, **self.options}
        assert_gradients(self.function, *self.inputs, double=self.double, **options)

    def _results(self, *inputs: Any) -> list[Any]:
        ys = self.function(*inputs)
        return list(ys) if isinstance(ys, (tuple, list)) else [ys]

    def check_value(self, dtype: Any, atol: float = 1e-5, rtol: float = 1e-4) -> None:
        """Raise unless results are Variables of a dtype with the values expected."""
        inputs = [x.astype(dtype) for x in self.inputs]
        ys = self._results(*[Variable(x) for x in inputs])
        for y in ys:
            if not isinstance(y, Variable) or y.dtype != dtype:
                raise AssertionError(f"wanted a Variable of {np.dtype(dtype)}, got {y!r}")
        if self.expected is None:
            return
        expected = self.expected(*inputs)
        if not isinstance(expected, (tuple, list)):
            expected = [expected]
        if len(expected) != len(ys):
            raise AssertionError(f"wanted {len(expected)} results, got {len(ys)}")
        for y, e in zip(ys, expected, strict=True):
            assert_allclose(y, e, atol, rtol)

    def check_half(self, tolerance: float = 0.02) -> None:
        """Raise unless results and gradients in float16 are of that dtype and near the others.

        Near by `tolerance` of the largest element: a few hundred roundings.
        """
        inputs = [Variable(x.astype(np.float16)) for x in self.inputs]
        ys = self._results(*inputs)
        gradients = grad(ys, inputs, [Variable(np.ones_like(y.array)) for y in ys])
        for v in (*ys, *(g for g in gradients if g is not None)):
            if v.dtype != np.float16:
                raise AssertionError(f"wanted a Variable of float16, got {v!r}")
        exact = self._results(*[Variable(x.array.astype(np.float64)) for x in inputs])
        for y, e in zip(ys, exact, strict=True):
            top = float(abs(e.array).max()) if e.size else 0.0
            assert_allclose(y.array.astype(np.float64), e, tolerance * top + 1e-6, 0)

    def check_device(self, device: Any, atol: float = 1e-4, rtol: float = 1e-4) -> None:
        """Raise unless values and gradients on a device agree with NumPy's, in float32."""
        found = []
        for place in (get_device("numpy"), get_device(device)):
            with place:
                inputs = [Variable(place.send(x.astype(np.float32))) for x in self.inputs]
                ys = self._results(*inputs)
                waves = []
                for i, y in enumerate(ys):
                    if not place.is_array_supported(y.array):
                        raise AssertionError(f"result {i} is not on {place}")
                    wave = np.cos(np.arange(y.size)).reshape(y.shape)
                    waves.append(Variable(place.send(wave.astype(y.dtype))))
                found.append([*ys, *grad(ys, inputs, waves)])
        for x, y in zip(*found, strict=True):
            if (x is None) != (y is None):
                raise AssertionError("a gradient is missing on one device only")
            if x is not None:
                assert_allclose(y, x, atol, rtol)
