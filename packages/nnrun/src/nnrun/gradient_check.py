"""Checks of gradients against differences: for those who write functions.

`check_backward` compares the gradients that a function computes with how its
results change when its inputs are moved a little along random directions.
`check_double_backward` does the same to the gradients themselves.

Examples
--------
>>> import numpy as np, nnrun.functions as F
>>> from nnrun import gradient_check
>>> x = np.linspace(0.5, 2.0, 6).reshape(2, 3)
>>> gradient_check.check_backward(F.log, x, np.ones((2, 3)))
>>> gradient_check.check_double_backward(F.log, x, np.ones((2, 3)), np.ones((2, 3)))
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nnrun.backend import get_array_module, get_device, get_device_from_array
from nnrun.config import using_config
from nnrun.core import Parameter, Variable, as_array, grad

__all__ = [
    "NondifferentiableError",
    "check_backward",
    "check_double_backward",
    "numerical_grad",
]

Array = Any

_DIRECTIONS = 2


class NondifferentiableError(Exception):
    """A function was to be checked where it has a kink or a jump."""


def _tuple(x: Any) -> tuple[Any, ...]:
    if x is None:
        return ()
    return tuple(x) if isinstance(x, (tuple, list)) else (x,)


def _numpy(x: Array) -> np.ndarray:
    return get_device("numpy").send(x)


def _require_smooth(value: Callable[[float], float], eps: float, what: str) -> None:
    """Raise `NondifferentiableError` if there is a kink or jump near 0.

    The slopes on both sides of a smooth point differ by about half as much for half the
    step; at a kink they differ by as much, at a jump by more.
    """
    middle = value(0.0)

    def difference(h: float) -> tuple[float, float]:
        up, down = (value(h) - middle) / h, (middle - value(-h)) / h
        return abs(up - down), max(abs(up), abs(down))

    (wide, size), (near, _) = difference(eps), difference(eps / 2)
    if not np.isfinite(wide + near) or (near > 0.75 * wide and near > 1e-2 * size + 1e-10 / eps):
        raise NondifferentiableError(
            f"{what}: the slopes on both sides differ by {near:.3g} within {eps / 2:.3g}"
        )


def numerical_grad(
    f: Callable[[], Sequence[Array]],
    inputs: Sequence[Array],
    grad_outputs: Sequence[Array | None],
    eps: float = 1e-3,
    detect_nondifferentiable: bool = False,
) -> tuple[Array, ...]:
    """Return gradients found by moving each element of each input.

    Parameters
    ----------
    f : callable
        Called without arguments; computes the outputs from the arrays `inputs`,
        which are changed in place between calls.
    inputs : sequence of array
        Floating.
    grad_outputs : sequence of array or None
        One for each output; the outputs with None are left out.
    eps : float
        By how much elements are moved, both ways.
    detect_nondifferentiable : bool
        Look for kinks and jumps within `eps` of each element.

    Returns
    -------
    tuple of array
        One for each input, of its shape and dtype.

    Raises
    ------
    NondifferentiableError
        If one is found.

    Examples
    --------
    >>> import numpy as np
    >>> from nnrun.gradient_check import numerical_grad
    >>> x = np.array([1.0, 2.0])
    >>> (gx,) = numerical_grad(lambda: (x * x,), (x,), (np.ones(2),))
    >>> gx.round(6)
    array([2., 4.])
    """

    def value() -> float:
        total = 0.0
        for y, gy in zip(f(), grad_outputs, strict=True):
            if y is not None and gy is not None:
                total += float(np.sum(_numpy(as_array(y)).astype(np.float64) * _numpy(gy)))
        return total

    grads = []
    for x in inputs:
        found = np.empty(x.shape, np.float64)
        for i in np.ndindex(x.shape):
            before = x[i].item() if x.ndim else x.item()

            def moved(by: float, x: Array = x, i: Any = i, before: Any = before) -> float:
                x[i] = before + by
                try:
                    return value()
                finally:
                    x[i] = before

            if detect_nondifferentiable:
                _require_smooth(moved, eps, f"numerical_grad: element {i}")
            up, down = moved(eps), moved(-eps)
            found[i] = (up - down) / (2 * eps)
        with get_device_from_array(x) as device:
            grads.append(device.send(found.astype(x.dtype)))
    return tuple(grads)


def check_backward(
    func: Callable[..., Any],
    x_data: Any,
    y_grad: Any,
    params: Any = (),
    eps: float = 1e-3,
    atol: float = 1e-5,
    rtol: float = 1e-4,
    no_grads: Sequence[bool] | None = None,
    dtype: Any = None,
    detect_nondifferentiable: bool = False,
) -> None:
    """Raise unless the gradients of `func` agree with differences.

    Parameters
    ----------
    func : callable
        Takes and returns Variables.
    x_data : array or tuple of array
        Inputs.  Those that are not floating get no gradient.
    y_grad : array, tuple of array, or None
        Gradients of the outputs; ones where None.
    params : Parameter or tuple of Parameter
        Parameters that `func` uses, to be checked too.
    eps : float
        By how much the inputs are moved, both ways.
    atol, rtol : float
        How far the two may be apart.
    no_grads : sequence of bool, optional
        Inputs to leave out.
    dtype : dtype, optional
        Floating inputs and parameters are converted to it first; float64 is
        recommended.
    detect_nondifferentiable : bool
        Look for kinks and jumps along the directions that are tried.

    Raises
    ------
    AssertionError
        If they don't agree; the message has both values.
    NondifferentiableError
        If a kink or jump is found.
    """
    xs = _tuple(x_data)
    params = _tuple(params)
    if dtype is not None:
        xs = tuple(x.astype(dtype) if x.dtype.kind == "f" else x for x in xs)
        for p in params:
            p.array = p.array.astype(dtype)
    wanted = [
        x.dtype.kind == "f" and not (no_grads is not None and no_grads[i]) for i, x in enumerate(xs)
    ]
    variables = [Variable(x, requires_grad=w) for x, w in zip(xs, wanted, strict=True)]
    ys = _tuple(func(*variables))
    gys = _output_grads(ys, y_grad)
    for p in params:
        p.cleargrad()
    total = _dot(ys, gys)
    total.backward()
    _compare(
        func,
        xs,
        params,
        [v.grad if w else None for v, w in zip(variables, wanted, strict=True)],
        wanted,
        gys,
        eps,
        atol,
        rtol,
        "check_backward",
        detect_nondifferentiable,
    )


def _output_grads(ys: tuple[Any, ...], y_grad: Any) -> tuple[Any, ...]:
    gys = _tuple(y_grad)
    if not gys:
        gys = tuple(get_array_module(y.array).ones_like(y.array) for y in ys)
    if len(gys) != len(ys):
        raise ValueError(f"`y_grad` has {len(gys)} arrays but `func` returns {len(ys)}")
    return tuple(None if g is None else g.astype(y.dtype) for g, y in zip(gys, ys, strict=True))


def _dot(ys: Sequence[Variable], gys: Sequence[Any]) -> Variable:
    """The sum of all outputs times their gradients, as a Variable."""
    from nnrun.functions import sum as sum_

    total: Any = None
    for y, gy in zip(ys, gys, strict=True):
        if gy is not None:
            term = sum_(y * gy)
            total = term if total is None else total + term
    if total is None:
        raise ValueError("no output has a gradient to check with")
    return total


def _compare(
    func: Callable[..., Any],
    xs: tuple[Array, ...],
    params: tuple[Parameter, ...],
    grads: list[Array | None],
    wanted: list[bool],
    gys: Sequence[Any],
    eps: float,
    atol: float,
    rtol: float,
    name: str,
    detect_nondifferentiable: bool,
) -> None:
    """Compare gradients with differences along random directions."""
    rng = np.random.default_rng(0)
    for _ in range(_DIRECTIONS):
        steps = [
            np.asarray(rng.standard_normal(x.shape)) if w else None
            for x, w in zip(xs, wanted, strict=True)
        ]
        param_steps = [np.asarray(rng.standard_normal(p.shape)) for p in params]
        length = np.sqrt(sum(float((s**2).sum()) for s in [*steps, *param_steps] if s is not None))
        scale = 1.0 / max(length, 1e-30)
        expected = 0.0
        for s, g in zip([*steps, *param_steps], [*grads, *[p.grad for p in params]], strict=True):
            if s is not None and g is not None:
                expected += float(np.sum(_numpy(g).astype(np.float64) * s)) * scale

        def moved(
            by: float,
            steps: list[Any] = steps,
            param_steps: list[Any] = param_steps,
            scale: float = scale,
        ) -> float:
            new = [
                x if s is None else _move(x, s * (by * scale))
                for x, s in zip(xs, steps, strict=True)
            ]
            old = [p.array for p in params]
            for p, s in zip(params, param_steps, strict=True):
                p.array = _move(p.array, s * (by * scale))
            try:
                ys = _tuple(func(*[Variable(x, requires_grad=False) for x in new]))
            finally:
                for p, array in zip(params, old, strict=True):
                    p.array = array
            total = 0.0
            for y, gy in zip(ys, gys, strict=True):
                if gy is not None:
                    total += float(
                        np.sum(_numpy(y.array).astype(np.float64) * _numpy(as_array(gy)))
                    )
            return total

        if detect_nondifferentiable:
            _require_smooth(moved, eps, name)
        found = (moved(eps) - moved(-eps)) / (2 * eps)
        if not np.isclose(found, expected, atol=atol, rtol=rtol):
            raise AssertionError(
                f"{name}: along a random direction the outputs change by {found!r} but the "
                f"gradients say {expected!r} (atol={atol}, rtol={rtol}, eps={eps}; inputs "
                f"{[(x.shape, str(x.dtype)) for x in xs]})"
            )


def _move(x: Array, step: np.ndarray) -> Array:
    with get_device_from_array(x) as device:
        # NumPy's sum of 0-d arrays is a scalar.
        return device.xp.asarray(x + device.send(np.asarray(step, x.dtype)))


def check_double_backward(
    func: Callable[..., Any],
    x_data: Any,
    y_grad: Any,
    x_grad_grad: Any,
    params: Any = (),
    params_grad_grad: Any = (),
    eps: float = 1e-3,
    atol: float = 1e-4,
    rtol: float = 1e-3,
    no_grads: Sequence[bool] | None = None,
    dtype: Any = None,
    detect_nondifferentiable: bool = False,
) -> None:
    """Raise unless the gradients of the gradients of `func` agree with differences.

    Parameters
    ----------
    func, x_data, y_grad, params, eps, atol, rtol, no_grads, dtype, detect_nondifferentiable
        As for `check_backward`.
    x_grad_grad : array or tuple of array
        What the inputs' gradients are multiplied by before the second backward.
    params_grad_grad : array or tuple of array
        The same for the parameters' gradients.

    Raises
    ------
    AssertionError
        If they don't agree; the message has both values.
    """
    xs = _tuple(x_data)
    params = _tuple(params)
    n = len(xs)
    ys = _tuple(func(*[Variable(x) for x in xs]))
    gys = _output_grads(ys, y_grad)
    float_inputs = [
        i for i, x in enumerate(xs) if x.dtype.kind == "f" and not (no_grads and no_grads[i])
    ]

    def first_order(*inputs: Variable) -> tuple[Variable, ...]:
        variables = [x if x.requires_grad else Variable(x.array) for x in inputs[:n]]
        outputs = _tuple(func(*variables))
        with using_config("enable_backprop", True):
            grads = grad(
                outputs,
                [variables[i] for i in float_inputs] + list(params),
                list(inputs[n:]),
                enable_double_backprop=True,
            )
        # A gradient that does not depend on anything is a constant zero.
        return tuple(
            Variable(get_array_module(x.array).zeros_like(x.array)) if g is None else g
            for g, x in zip(grads, [variables[i] for i in float_inputs] + list(params), strict=True)
        )

    given = [g for g in gys if g is not None]
    if len(given) != len(gys):
        raise ValueError("check_double_backward: every output needs a gradient")
    check_backward(
        first_order,
        (*xs, *given),
        (
            *[g for i, g in enumerate(_tuple(x_grad_grad)) if i in float_inputs],
            *_tuple(params_grad_grad),
        ),
        params,
        eps,
        atol,
        rtol,
        None if no_grads is None else [*no_grads, *[False] * len(given)],
        dtype,
        detect_nondifferentiable,
    )
