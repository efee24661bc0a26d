"""A matrix product with what usually follows it: `linear`, and products of 8-bit floats.

Guarantees: one launch where the driver can run cuBLASLt, else a product and one more
launch, with the same results to rounding.
"""

from __future__ import annotations

import functools
from math import prod
from typing import Any

import numpy as np

from ndgpu import driver, runtime
from ndgpu.core import casts, views
from ndgpu.core.codegen import compute_dtype
from ndgpu.core.dtypes import as_dtype
from ndgpu.core.ndarray import allocate, ndarray
from ndgpu.core.transfer import asarray
from ndgpu.core.ufuncs import TABLE
from ndgpu.kernels.elementwise import Elementwise, Operand
from ndgpu.linalg.cublaslt import CuBlasLt
from ndgpu.linalg.product import matmul

__all__ = ["linear", "matmul_fp8"]

# sqrt(2 / pi), and the cubic term of the approximation by tanh (Hendrycks and Gimpel, 2016).
_GELU = "(C)0.5 * s * ((C)1 + tanh((C)0.7978845608028654 * (s + (C)0.044715 * s * s * s)))"
_ACTIVATIONS = {None: "s", "relu": "s > (C)0 || s != s ? s : (C)0", "gelu": _GELU}


@functools.cache
def _library(device_id: int) -> CuBlasLt | None:
    library = driver.load_library("cublasLt")
    return None if library is None else CuBlasLt(library)


@functools.cache
def _finish_kernel(dtype: np.dtype, bias: bool, activation: str | None) -> Elementwise:
    computed = compute_dtype(dtype)
    operands = [Operand("x", dtype, "in", computed)]
    if bias:
        operands.append(Operand("b", dtype, "in", computed))
    operands.append(Operand("y", dtype, "out", computed))
    start = "x + b" if bias else "x"
    body = f"typedef decltype(x + x) C; const C s = {start}; y = {_ACTIVATIONS[activation]};"
    return Elementwise("ndgpu_linear_end", tuple(operands), body)


def linear(x: Any, w: Any, bias: Any = None, activation: str | None = None) -> ndarray:
    """Return ``activation(x @ w.T + bias)``.

    Parameters
    ----------
    x : array-like, (..., k)
    w : array-like, (n, k)
    bias : array-like, (n,), optional
    activation : {None, 'relu', 'gelu'}
        ``'gelu'`` is the approximation by tanh.

    Returns
    -------
    ndarray, (..., n)
        Of the common dtype, a floating one.

    Raises
    ------
    ValueError
        If shapes do not fit, or for another activation.
    TypeError
        If the dtype is no floating one, or complex with an activation.

    Examples
    --------
    >>> import ndgpu
    >>> x, w = ndgpu.asarray([[1.0, -2.0]]), ndgpu.asarray([[1.0, 1.0], [1.0, 0.0]])
    >>> ndgpu.linalg.linear(x, w, ndgpu.asarray([0.5, 0.5]), "relu")
    array([[0. , 1.5]])
    """
    x, w = asarray(x), asarray(w)
    operands = [x, w] if bias is None else [x, w, asarray(bias)]
    if activation not in _ACTIVATIONS:
        raise ValueError(f"linear: `activation` is one of None, 'relu', 'gelu', not {activation!r}")
    if w.ndim != 2 or x.ndim < 1 or x._shape[-1] != w._shape[1]:
        raise ValueError(
            f"linear: `x` must be (..., k) and `w` (n, k), got {x._shape} and {w._shape}"
        )
    n, k = w._shape
    if bias is not None and operands[2]._shape != (n,):
        raise ValueError(f"linear: `bias` must have shape ({n},), got {operands[2]._shape}")
    dtype = as_dtype(np.result_type(*(a._dtype for a in operands)))
    if dtype.kind in "iub" or (dtype.kind == "c" and activation):
        raise TypeError(f"linear: expected a floating dtype, got {dtype}")
    operands = [casts.astype(a, dtype, copy=False) for a in operands]
    rows = views.reshape(operands[0], (prod(x._shape[:-1]), k))
    b = operands[2] if bias is not None else None
    library = _library(runtime.current_device_id())
    y = allocate((rows._shape[0], n), dtype)
    if y._size:
        b = casts.copy(b) if b is not None and not b._c_contiguous else b
        if library is None or k == 0 or not library.linear(rows, operands[1], b, activation, y):
            _finished(matmul(rows, operands[1].T), b, activation, y)
    result = views.reshape(y, (*x._shape[:-1], n))
    result._base = None
    return result


def _finished(product: ndarray, bias: ndarray | None, activation: str | None, y: ndarray) -> None:
    if bias is None and activation is None:
        casts.copy_into(y, product)
        return
    arrays = [product, y] if bias is None else [product, bias, y]
    _finish_kernel(y._dtype, bias is not None, activation).launch(arrays, y._shape)


# library_types.h, and what each byte means by the OCP's 8-bit floating point specification.
_FP8 = {"e4m3": 28, "e5m2": 29}


@functools.cache
def _values(form: str) -> np.ndarray:
    """The float32 value of each byte, of "e4m3" (no infinities) or "e5m2"."""
    byte = np.arange(256)
    mantissa_bits, bias = (3, 7) if form == "e4m3" else (2, 15)
    exponent = (byte & 127) >> mantissa_bits
    fraction = (byte & ((1 << mantissa_bits) - 1)) / (1 << mantissa_bits)
    normal = np.where(exponent > 0, 1 + fraction, fraction)
    values = normal * 2.0 ** (np.maximum(exponent, 1) - bias)
    if form == "e4m3":
        values[(byte & 127) == 127] = np.nan
    else:
        values[exponent == 31] = np.nan
        values[(byte & 127) == 124] = np.inf
    return np.where(byte & 128, -values, values).astype(np.float32)


def matmul_fp8(
    x: Any,
    w: Any,
    *,
    scale_x: float = 1.0,
    scale_w: float = 1.0,
    formats: tuple[str, str] = ("e4m3", "e4m3"),
    dtype: Any = np.float32,
) -> ndarray:
    """Return ``(x * scale_x) @ (w * scale_w).T`` for matrices of 8-bit floats.

    Done by tensor cores from compute capability 8.9 on, where all lengths are multiples
    of 16; elsewhere in float32.

    Parameters
    ----------
    x, w : ndarray of uint8, (m, k) and (n, k)
        The bytes of the numbers, as ``a.view("u1")`` of an array of `ml_dtypes`.
    scale_x, scale_w : float
    formats : pair of {'e4m3', 'e5m2'}
        What the bytes of `x` and of `w` mean.
    dtype : dtype-like
        Of the result: float16, bfloat16 or float32.

    Raises
    ------
    ValueError
        If shapes do not fit, or for another format.
    TypeError
        If the factors are not uint8, or for another dtype.

    Examples
    --------
    >>> import ndgpu
    >>> one = ndgpu.full((2, 3), 0b0_0111_000, "u1")       # 1.0 in e4m3
    >>> ndgpu.linalg.matmul_fp8(one, one, scale_x=0.5)
    array([[1.5, 1.5],
           [1.5, 1.5]], dtype=float32)
    """
    x, w = asarray(x), asarray(w)
    if x.ndim != 2 or w.ndim != 2 or x._shape[1] != w._shape[1]:
        raise ValueError(f"matmul_fp8: wanted (m, k) and (n, k), got {x._shape} and {w._shape}")
    if x._dtype != np.uint8 or w._dtype != np.uint8:
        raise TypeError(f"matmul_fp8: the factors must be uint8, got {x._dtype} and {w._dtype}")
    if any(form not in _FP8 for form in formats):
        raise ValueError(f"matmul_fp8: formats are 'e4m3' and 'e5m2', got {formats}")
    result = as_dtype(dtype)
    if compute_dtype(result) != np.float32:
        raise TypeError(f"matmul_fp8: `dtype` is float16, bfloat16 or float32, not {result}")
    y = allocate((x._shape[0], w._shape[0]), result)
    lengths = (*y._shape, x._shape[1])
    library = _library(runtime.current_device_id())
    fits = all(n and n % 16 == 0 for n in lengths) and formats != ("e5m2", "e5m2")
    if library is not None and fits and _has_fp8(runtime.current_device_id()):
        codes = (_FP8[formats[0]], _FP8[formats[1]])
        scales = [asarray(np.array([s], np.float32)) for s in (scale_x, scale_w)]
        dense = [a if a._c_contiguous else casts.copy(a) for a in (x, w)]
        if library.scaled(dense[0], dense[1], codes, (scales[0], scales[1]), y):
            return y
    left, right = (asarray(_values(form))[a] for form, a in zip(formats, (x, w), strict=True))
    product = TABLE["multiply"](matmul(left, right.T), np.float32(scale_x * scale_w))
    return casts.astype(product, result, copy=False)


@functools.cache
def _has_fp8(device_id: int) -> bool:
    attribute = driver.CUdevice_attribute
    major, minor = (
        runtime.check(driver.cuDeviceGetAttribute(a, device_id))
        for a in (
            attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR,
            attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR,
        )
    )
    return bool((major, minor) >= (8, 9))
