"""Inverses, determinants, Cholesky factors, and Fourier transforms."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnrun.backend import get_array_module, get_device_from_array
from nnrun.core import FunctionNode, Variable, as_variable
from nnrun.functions.matmul import matmul
from nnrun.functions.shape import expand_dims, swapaxes

__all__ = ["batch_det", "batch_inv", "cholesky", "det", "fft", "ifft", "inv"]

Array = Any


def _check_square(a: Any, ndim: int, name: str) -> None:
    if a.ndim != ndim or a.shape[-1] != a.shape[-2]:
        what = "a square matrix" if ndim == 2 else "a batch of square matrices"
        raise ValueError(f"{name}: the input must be {what}, not of shape {a.shape}")


def _linalg(name: str, a: Array) -> Array:
    """A function of ``linalg``, which knows no 16-bit numbers, on an array of any."""
    xp = get_array_module(a)
    wide = a if a.dtype.itemsize > 2 else a.astype(np.float32)
    return xp.asarray(getattr(xp.linalg, name)(wide)).astype(a.dtype, copy=False)


class Inv(FunctionNode):
    __slots__ = ()

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        self.retain_outputs((0,))
        return (_linalg("inv", inputs[0]),)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        (y,) = self.get_retained_outputs()
        return (-matmul(matmul(y, grad_outputs[0], transa=True), y, transb=True),)


def inv(a: Variable | Array) -> Variable:
    """Return the inverse of a matrix.

    Parameters
    ----------
    a : Variable or array, shape (n, n)

    Returns
    -------
    Variable, shape (n, n)

    Raises
    ------
    ValueError
        If `a` is not a square matrix.
    numpy.linalg.LinAlgError
        If it has no inverse.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.inv(np.diag([2.0, 4.0]))
    variable([[0.5 , 0.  ],
              [0.  , 0.25]])
    """
    _check_square(a, 2, "inv")
    return Inv().apply((a,))[0]


def batch_inv(a: Variable | Array) -> Variable:
    """Return the inverses of a batch of matrices, of shape (batch, n, n).

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.batch_inv(np.array([[[2.0]], [[4.0]]])).array.ravel()
    array([0.5 , 0.25])
    """
    _check_square(a, 3, "batch_inv")
    return Inv().apply((a,))[0]


class Det(FunctionNode):
    __slots__ = ()

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        self.retain_inputs((0,))
        self.retain_outputs((0,))
        return (_linalg("det", inputs[0]),)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        (a,) = self.get_retained_inputs()
        (y,) = self.get_retained_outputs()
        factor = y * grad_outputs[0]
        factor = expand_dims(expand_dims(factor, factor.ndim), factor.ndim + 1)
        return (factor * swapaxes(Inv().apply((a,))[0], -1, -2),)


def det(a: Variable | Array) -> Variable:
    """Return the determinant of a matrix.

    Parameters
    ----------
    a : Variable or array, shape (n, n)
        With an inverse, where the gradient is wanted.

    Returns
    -------
    Variable, shape ()

    Raises
    ------
    ValueError
        If `a` is not a square matrix.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.det(np.diag([2.0, 4.0]))
    variable(8.)
    """
    _check_square(a, 2, "det")
    return Det().apply((a,))[0]


def batch_det(a: Variable | Array) -> Variable:
    """Return the determinants of a batch of matrices, of shape (batch, n, n).

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.batch_det(np.array([[[2.0]], [[4.0]]]))
    variable([2., 4.])
    """
    _check_square(a, 3, "batch_det")
    return Det().apply((a,))[0]


class Cholesky(FunctionNode):
    __slots__ = ()

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        self.retain_outputs((0,))
        return (_linalg("cholesky", inputs[0]),)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        # Murray, 2016: L^-T Phi(L^T gL) L^-1, symmetrised; Phi keeps half the diagonal.
        (y,) = self.get_retained_outputs()
        with get_device_from_array(y.array) as device:
            xp = device.xp
            lower = (xp.tri(y.shape[0]) - xp.eye(y.shape[0]) * 0.5).astype(y.dtype)
        middle = matmul(y, grad_outputs[0], transa=True) * lower
        inverse = inv(y)
        g = matmul(matmul(inverse, middle, transa=True), inverse)
        return ((g + swapaxes(g, 0, 1)) * 0.5,)


def cholesky(a: Variable | Array) -> Variable:
    """Return the lower triangular L with ``a = L @ L.T``.

    Parameters
    ----------
    a : Variable or array, shape (n, n)
        Symmetric and positive definite.

    Returns
    -------
    Variable, shape (n, n)

    Raises
    ------
    ValueError
        If `a` is not a square matrix.
    numpy.linalg.LinAlgError
        If it is not positive definite.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.cholesky(np.diag([4.0, 9.0]))
    variable([[2., 0.],
              [0., 3.]])
    """
    _check_square(a, 2, "cholesky")
    return Cholesky().apply((a,))[0]


class _Fourier(FunctionNode):
    """Forwards or back along the last axis; each is the other's transpose but for a factor."""

    __slots__ = ("_back",)

    def __init__(self, back: bool) -> None:
        self._back = back

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        real, imag = inputs
        xp = get_array_module(real)
        transform = xp.fft.ifft if self._back else xp.fft.fft
        y = transform(real + 1j * imag)
        return y.real.astype(real.dtype), y.imag.astype(real.dtype)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        n = self.inputs[0].shape[-1]
        gr, gi = (
            g if g is not None else as_variable(grad_outputs[1 - k].array * 0)
            for k, g in enumerate(grad_outputs)
        )
        back = _Fourier(not self._back).apply((gr, gi))
        factor = 1.0 / n if self._back else n
        return tuple([back[i] * factor for i in indexes])


def _fourier(x: Any, back: bool) -> tuple[Variable, Variable]:
    name = "ifft" if back else "fft"
    if not isinstance(x, (tuple, list)) or len(x) != 2:
        raise TypeError(f"{name}: `x` must be a pair of real and imaginary part")
    real, imag = x
    if real.shape != imag.shape or not real.ndim:
        raise ValueError(
            f"{name}: the real and the imaginary part must have the same shape, not {real.shape} "
            f"and {imag.shape}"
        )
    y = _Fourier(back).apply((real, imag))
    return y[0], y[1]


def fft(x: tuple[Variable | Array, Variable | Array]) -> tuple[Variable, Variable]:
    """Return the discrete Fourier transform along the last axis.

    Parameters
    ----------
    x : pair of Variable or array
        Real and imaginary part, of the same shape.

    Returns
    -------
    pair of Variable
        Real and imaginary part.

    Raises
    ------
    TypeError
        If `x` is no pair.
    ValueError
        If the shapes differ.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.fft((np.array([1.0, 2.0]), np.zeros(2)))
    (variable([ 3., -1.]), variable([0., 0.]))
    """
    return _fourier(x, False)


def ifft(x: tuple[Variable | Array, Variable | Array]) -> tuple[Variable, Variable]:
    """Return the inverse of the discrete Fourier transform along the last axis.

    Parameters
    ----------
    x : pair of Variable or array
        Real and imaginary part, of the same shape.

    Returns
    -------
    pair of Variable
        Real and imaginary part.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.ifft((np.array([3.0, -1.0]), np.zeros(2)))
    (variable([1., 2.]), variable([0., 0.]))
    """
    return _fourier(x, True)
