"""Batch normalisation for training and inference, and its gradients: by cuDNN, or by ufuncs.

Source: S. Ioffe and C. Szegedy, "Batch Normalization", 2015.
"""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

from ndgpu.core import casts, reductions, views
from ndgpu.core.codegen import compute_dtype
from ndgpu.core.ndarray import allocate, ndarray
from ndgpu.core.transfer import asarray
from ndgpu.core.ufuncs import TABLE
from ndgpu.cudnn import binding
from ndgpu.cudnn.binding import CuDnn

__all__ = [
    "BatchNormalizationGradients",
    "BatchNormalizationResult",
    "batch_normalization",
    "batch_normalization_backward",
    "batch_normalization_inference",
]

_PER_ACTIVATION, _SPATIAL = 0, 1


class BatchNormalizationResult(NamedTuple):
    """The normalised batch, and what the gradient needs: mean and reciprocal deviation."""

    y: Any
    mean: Any
    inv_std: Any


class BatchNormalizationGradients(NamedTuple):
    """Gradients by the batch, the scale and the shift."""

    gx: Any
    ggamma: Any
    gbeta: Any


class _Batch:
    """A batch, and how its parameters lie over it."""

    def __init__(self, name: str, x: Any, gamma: Any, per_activation: bool) -> None:
        x = asarray(x)
        if x.ndim < 2:
            raise ValueError(f"{name}: `x` must be (count, channels, ...), got {x._shape}")
        if x._dtype.kind in "iubc":
            raise TypeError(f"{name}: expected a real floating array, got {x._dtype}")
        self.x = casts.astype(x, x._dtype, "C", copy=False)
        self.name = name
        self.per_activation = per_activation
        self.parameter_shape = x._shape[1:] if per_activation else x._shape[1:2]
        self.axes = (0,) if per_activation else (0, *range(2, x.ndim))
        self.count = prod(x._shape[k] for k in self.axes)
        self.dtype = compute_dtype(x._dtype)
        self.gamma = self.parameter("gamma", gamma)

    def parameter(self, name: str, value: Any) -> ndarray:
        """Return a parameter, checked, in the dtype of the computation."""
        value = asarray(value)
        if value._shape != self.parameter_shape:
            raise ValueError(
                f"{self.name}: `{name}` must have shape {self.parameter_shape}, got {value._shape} "
                f"(x.shape={self.x._shape})"
            )
        return casts.astype(value, self.dtype, "C", copy=False)

    def spread(self, value: ndarray) -> ndarray:
        """View a parameter so that it broadcasts over the batch."""
        if self.per_activation:
            return value
        return views.reshape(value, (-1,) + (1,) * (self.x.ndim - 2))

    def cudnn(self) -> CuDnn | None:
        """Return cuDNN if it can take this batch."""
        if self.x._size == 0 or self.x._size >= 2**31 or binding.data_type(self.x._dtype) is None:
            return None
        return binding.current()

    def described(self, library: CuDnn) -> tuple[int, Any, Any]:
        """Return cuDNN's mode, and descriptors of the batch and of a parameter."""
        # Axes beyond the spatial ones that cuDNN knows are one axis for it as well.
        shape = self.x._shape
        batch: tuple[int, ...]
        parameter: tuple[int, ...]
        if self.per_activation:
            batch, parameter = (shape[0], prod(shape[1:]), 1, 1), (1, prod(shape[1:]), 1, 1)
        else:
            batch, parameter = (*shape[:2], prod(shape[2:]), 1), (1, shape[1], 1, 1)
        mode = _PER_ACTIVATION if self.per_activation else _SPATIAL
        described = library.tensor(self.x, batch), library.tensor(self.gamma, parameter)
        return mode, *described


def batch_normalization(
    x: Any,
    gamma: Any,
    beta: Any,
    *,
    eps: float = 1e-5,
    running_mean: ndarray | None = None,
    running_var: ndarray | None = None,
    momentum: float = 0.1,
    per_activation: bool = False,
) -> BatchNormalizationResult:
    """Normalise a batch by its own mean and variance.

    Parameters
    ----------
    x : array-like, (count, channels, ...)
    gamma, beta : array-like, (channels,)
        Scale and shift; of shape ``x.shape[1:]`` with `per_activation`.
    eps : float
        Added to the variance.
    running_mean, running_var : ndarray, optional
        Moved in place towards the batch's mean and unbiased variance; float32 (float64
        for a batch of float64), of the shape of `gamma`. Both or none.
    momentum : float
        How far they move: 1 replaces them.
    per_activation : bool
        Whether each element of a sample is normalised by itself, not each channel.

    Returns
    -------
    BatchNormalizationResult

    Raises
    ------
    ValueError
        If shapes do not fit.
    TypeError
        If the batch is not real and floating, or a running array has another dtype.

    Examples
    --------
    >>> import ndgpu
    >>> x = ndgpu.asarray([[1.0], [3.0]])
    >>> y, mean, inv_std = ndgpu.cudnn.batch_normalization(x, ndgpu.ones(1), ndgpu.zeros(1))
    >>> mean
    array([2.])
    """
    b = _Batch("batch_normalization", x, gamma, per_activation)
    shift = b.parameter("beta", beta)
    running = _running(b, running_mean, running_var)
    y = allocate(b.x._shape, b.x._dtype)
    mean, inv_std = allocate(b.parameter_shape, b.dtype), allocate(b.parameter_shape, b.dtype)
    library = b.cudnn()
    if library is not None:
        mode, batch, parameter = b.described(library)
        one, zero = binding.scalars(b.x._dtype)
        library.calls.cudnnBatchNormalizationForwardTraining(
            library.handle(),
            mode,
            one,
            zero,
            batch,
            b.x._ptr,
            batch,
            y._ptr,
            parameter,
            b.gamma._ptr,
            shift._ptr,
            momentum,
            *((None, None) if running is None else (running[0]._ptr, running[1]._ptr)),
            eps,
            mean._ptr,
            inv_std._ptr,
        )
        return BatchNormalizationResult(y, mean, inv_std)
    wide = casts.astype(b.x, b.dtype, copy=False)
    mean = reductions.sum(wide, b.axes) / b.count
    centred = TABLE["subtract"](wide, b.spread(mean))
    variance = reductions.sum(TABLE["square"](centred), b.axes) / b.count
    inv_std = TABLE["reciprocal"](TABLE["sqrt"](variance + eps))
    result = centred * b.spread(inv_std * b.gamma) + b.spread(shift)
    casts.copy_into(y, result)
    if running is not None:
        unbiased = variance * (b.count / max(b.count - 1, 1))
        for target, now in zip(running, (mean, unbiased), strict=True):
            casts.copy_into(target, target * (1 - momentum) + now * momentum)
    return BatchNormalizationResult(y, mean, inv_std)


def _running(
    b: _Batch, mean: ndarray | None, variance: ndarray | None
) -> tuple[ndarray, ndarray] | None:
    if mean is None or variance is None:
        if mean is not variance:
            raise ValueError(f"{b.name}: give both `running_mean` and `running_var`, or neither")
        return None
    for name, a in (("running_mean", mean), ("running_var", variance)):
        if not isinstance(a, ndarray) or a._dtype != b.dtype or not a._c_contiguous:
            raise TypeError(f"{b.name}: `{name}` must be a C-contiguous device array of {b.dtype}")
        b.parameter(name, a)
    return mean, variance


def batch_normalization_inference(
    x: Any,
    gamma: Any,
    beta: Any,
    mean: Any,
    var: Any,
    *,
    eps: float = 1e-5,
    per_activation: bool = False,
) -> ndarray:
    """Normalise by a given mean and variance; see `batch_normalization`.

    Examples
    --------
    >>> import ndgpu
    >>> one, zero = ndgpu.ones(1), ndgpu.zeros(1)
    >>> ndgpu.cudnn.batch_normalization_inference([[4.0]], one, zero, zero, 4 * one, eps=0.0)
    array([[2.]])
    """
    b = _Batch("batch_normalization_inference", x, gamma, per_activation)
    shift, mean, var = (
        b.parameter(name, value) for name, value in (("beta", beta), ("mean", mean), ("var", var))
    )
    y = allocate(b.x._shape, b.x._dtype)
    library = b.cudnn()
    if library is None:
        factor = b.gamma * TABLE["reciprocal"](TABLE["sqrt"](var + eps))
        wide = casts.astype(b.x, b.dtype, copy=False)
        casts.copy_into(y, (wide - b.spread(mean)) * b.spread(factor) + b.spread(shift))
        return y
    mode, batch, parameter = b.described(library)
    library.calls.cudnnBatchNormalizationForwardInference(
        library.handle(),
        mode,
        *binding.scalars(b.x._dtype),
        batch,
        b.x._ptr,
        batch,
        y._ptr,
        parameter,
        b.gamma._ptr,
        shift._ptr,
        mean._ptr,
        var._ptr,
        eps,
    )
    return y


def batch_normalization_backward(
    x: Any,
    gamma: Any,
    gy: Any,
    mean: Any,
    inv_std: Any,
    *,
    eps: float = 1e-5,
    per_activation: bool = False,
) -> BatchNormalizationGradients:
    """Return the gradients of `batch_normalization`.

    Parameters
    ----------
    x, gamma
        As given to `batch_normalization`.
    gy : array-like
        The gradient by `y`.
    mean, inv_std : array-like
        As it returned them.
    eps, per_activation
        As given to it.

    Returns
    -------
    BatchNormalizationGradients

    Raises
    ------
    ValueError
        If shapes do not fit.
    TypeError
        If the batch is not real and floating.
    """
    b = _Batch("batch_normalization_backward", x, gamma, per_activation)
    gy = asarray(gy)
    if gy._shape != b.x._shape:
        raise ValueError(f"{b.name}: `gy` must have shape {b.x._shape}, got {gy._shape}")
    gy = casts.astype(gy, b.x._dtype, "C", copy=False)
    mean, inv_std = b.parameter("mean", mean), b.parameter("inv_std", inv_std)
    gx = allocate(b.x._shape, b.x._dtype)
    ggamma, gbeta = allocate(b.parameter_shape, b.dtype), allocate(b.parameter_shape, b.dtype)
    library = b.cudnn()
    if library is not None:
        mode, batch, parameter = b.described(library)
        one, zero = binding.scalars(b.x._dtype)
        library.calls.cudnnBatchNormalizationBackward(
            library.handle(),
            mode,
            one,
            zero,
            one,
            zero,
            batch,
            b.x._ptr,
            batch,
            gy._ptr,
            batch,
            gx._ptr,
            parameter,
            b.gamma._ptr,
            ggamma._ptr,
            gbeta._ptr,
            eps,
            mean._ptr,
            inv_std._ptr,
        )
        return BatchNormalizationGradients(gx, ggamma, gbeta)
    wide, slope = (casts.astype(a, b.dtype, copy=False) for a in (b.x, gy))
    normal = (wide - b.spread(mean)) * b.spread(inv_std)
    gbeta = reductions.sum(slope, b.axes)
    ggamma = reductions.sum(slope * normal, b.axes)
    if b.count:
        rest = slope - (b.spread(gbeta) + normal * b.spread(ggamma)) / b.count
        casts.copy_into(gx, rest * b.spread(b.gamma * inv_std))
    return BatchNormalizationGradients(gx, ggamma, gbeta)
