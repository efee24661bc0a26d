"""Recurrent networks of several layers, one or both directions: by cuDNN, or step by step.

Gates stand in cuDNN's order.  With ``s`` the logistic function, of weights ``W``, ``R`` and
biases ``b``, ``c``::

    lstm   i, f, g, o = s(.), s(.), tanh(.), s(.) of W x + b + R h + c
           cell = f * cell + i * g;  h = o * tanh(cell)
    gru    r, z = s(.), s(.) of W x + b + R h + c;  n = tanh(W x + b + r * (R h + c))
           h = (1 - z) * n + z * h
    tanh, relu    h = tanh(.), max(., 0) of W x + b + R h + c
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ndgpu import runtime
from ndgpu.core import casts
from ndgpu.core.dtypes import as_dtype
from ndgpu.core.layout import c_strides
from ndgpu.core.ndarray import allocate, ndarray, view_of
from ndgpu.core.transfer import asarray
from ndgpu.cudnn import binding, steps
from ndgpu.cudnn.binding import CuDnn, Descriptor, ints
from ndgpu.cudnn.dropping import dropout_descriptor
from ndgpu.cudnn.steps import GATES, Weights

__all__ = ["RnnGradients", "RnnResult", "codes", "rnn", "rnn_backward"]

_MODES = {"relu": 0, "tanh": 1, "lstm": 2, "gru": 3}
_STANDARD, _DOUBLE_BIAS, _LINEAR, _SEQUENCE_MAJOR = 0, 2, 0, 0
_TRAINING, _INFERENCE = 1, 0
_ADD = 0
_PADDED = 1


class RnnResult(NamedTuple):
    """What a network gave, and what its gradient needs.

    `y` is (time, count, hidden * directions); `hy` and `cy` are the last states, (layers *
    directions, count, hidden), `cy` None but for an LSTM; `reserve` is for `rnn_backward`.
    """

    y: Any
    hy: Any
    cy: Any
    reserve: Any


class RnnGradients(NamedTuple):
    """Gradients by the input, the first states, and the weights, in their forms."""

    gx: Any
    ghx: Any
    gcx: Any
    gweights: Any


class _Network:
    """Checked arguments of one run."""

    def __init__(
        self, x: Any, hx: Any, cx: Any, weights: Sequence[Any], mode: str, both: bool, lengths: Any
    ) -> None:
        if mode not in _MODES:
            raise ValueError(f"rnn: `mode` is one of {', '.join(_MODES)}, not {mode!r}")
        self.mode, self.directions = mode, 1 + bool(both)
        arrays = [[asarray(a) for a in group] for group in weights]
        if not arrays or len(arrays) % self.directions or any(len(g) != 4 for g in arrays):
            raise ValueError(
                f"rnn: `weights` must have four arrays for each layer and direction, got groups "
                f"of {[len(g) for g in arrays]} for {self.directions} directions"
            )
        self.layers = len(arrays) // self.directions
        x, hx = asarray(x), asarray(hx)
        given = [x, hx, *(a for g in arrays for a in g)]
        if mode == "lstm":
            if cx is None:
                raise ValueError("rnn: an LSTM needs the cell's first state `cx`")
            given.append(asarray(cx))
        self.dtype = as_dtype(np.result_type(*(a._dtype for a in given)))
        if self.dtype.kind in "iubc":
            raise TypeError(f"rnn: expected real floating arrays, got {self.dtype}")
        self.x, self.hx = self._dense(x), self._dense(hx)
        self.cx = self._dense(asarray(cx)) if mode == "lstm" else None
        self.weights = [Weights(*(self._dense(a) for a in g)) for g in arrays]
        if x.ndim != 3 or hx.ndim != 3:
            raise ValueError(
                f"rnn: `x` must be (time, count, input) and `hx` (layers * directions, count, "
                f"hidden), got {x._shape} and {hx._shape}"
            )
        self.time, self.count, self.inputs = x._shape
        self.hidden = hx._shape[2]
        self._check()
        self.lengths = self._lengths(lengths)

    def _dense(self, a: ndarray) -> ndarray:
        return casts.astype(a, self.dtype, "C", copy=False)

    def _check(self) -> None:
        state = (self.layers * self.directions, self.count, self.hidden)
        for name, a in (("hx", self.hx), ("cx", self.cx)):
            if a is not None and a._shape != state:
                raise ValueError(f"rnn: `{name}` must have shape {state}, got {a._shape}")
        rows = GATES[self.mode] * self.hidden
        for k, group in enumerate(self.weights):
            first = k < self.directions
            columns = self.inputs if first else self.hidden * self.directions
            wanted = ((rows, columns), (rows, self.hidden), (rows,), (rows,))
            for name, a, shape in zip(group._fields, group, wanted, strict=True):
                if a._shape != shape:
                    raise ValueError(
                        f"rnn: `{name}` of weights[{k}] must have shape {shape}, got {a._shape}"
                    )

    def _lengths(self, lengths: Any) -> np.ndarray:
        if lengths is None:
            return np.full(self.count, self.time, np.int32)
        found = np.asarray(lengths.get() if isinstance(lengths, ndarray) else lengths)
        good = found.shape == (self.count,) and found.dtype.kind in "iu"
        if not good or ((found < 1) | (found > self.time)).any():
            raise ValueError(
                f"rnn: `lengths` must be {self.count} integers from 1 to {self.time}, got {lengths}"
            )
        return found.astype(np.int32)

    def cudnn(self) -> CuDnn | None:
        """Return cuDNN if it can take this network."""
        if min(self.time, self.count, self.hidden, self.inputs) == 0:
            return None
        return None if binding.data_type(self.dtype) is None else binding.current()


def rnn(
    x: Any,
    hx: Any,
    cx: Any,
    weights: Sequence[Sequence[Any]],
    *,
    mode: str = "lstm",
    bidirectional: bool = False,
    lengths: Any = None,
    training: bool = True,
) -> RnnResult:
    """Run a recurrent network over sequences.

    Parameters
    ----------
    x : array-like, (time, count, input)
    hx : array-like, (layers * directions, count, hidden)
        First states.
    cx : array-like or None
        First states of the cells, of an LSTM.
    weights : sequence of four arrays
        For each layer, and within it for each direction: ``W`` (gates * hidden, input), ``R``
        (gates * hidden, hidden), ``b`` and ``c`` (gates * hidden,); of later layers the
        input is ``hidden * directions``.
    mode : {'lstm', 'gru', 'tanh', 'relu'}
    bidirectional : bool
        Whether each layer also runs from the end to the beginning.
    lengths : sequence of int, optional
        Length of each sequence; beyond it `y` is zero.
    training : bool
        Whether the gradient will be wanted.

    Returns
    -------
    RnnResult

    Raises
    ------
    ValueError
        If shapes do not fit, or for another mode.
    TypeError
        If the arrays are not real and floating.

    Examples
    --------
    >>> import ndgpu
    >>> x, h = ndgpu.ones((2, 1, 1)), ndgpu.zeros((1, 1, 1))
    >>> w, b = ndgpu.ones((1, 1)), ndgpu.zeros(1)
    >>> ndgpu.cudnn.rnn(x, h, None, [(w, w, b, b)], mode="relu").y.ravel()
    array([1., 2.])
    """
    network = _Network(x, hx, cx, weights, mode, bidirectional, lengths)
    library = network.cudnn()
    if library is not None:
        return _Run(library, network, training).forward()
    y, hy, cy, trace = steps.forward(network, training)
    return RnnResult(y, hy, cy, (network, trace) if training else None)


def rnn_backward(result: RnnResult, gy: Any, ghy: Any = None, gcy: Any = None) -> RnnGradients:
    """Return the gradients of `rnn`.

    Parameters
    ----------
    result : RnnResult
        Of a run with ``training=True``.
    gy : array-like
        The gradient by ``result.y``.
    ghy, gcy : array-like, optional
        Those by the last states; zero by default.

    Returns
    -------
    RnnGradients

    Raises
    ------
    ValueError
        If the run was not for training, or shapes do not fit.
    """
    if result.reserve is None:
        raise ValueError("rnn_backward: the network was run with training=False")
    network, trace = result.reserve
    slopes = []
    wanted = ((gy, result.y._shape, "gy"), (ghy, network.hx._shape, "ghy"))
    for value, shape, name in (*wanted, (gcy, network.hx._shape, "gcy")):
        if value is None:
            slope = allocate(shape, network.dtype)
            casts.fill(slope, 0)
        else:
            slope = casts.astype(asarray(value), network.dtype, "C", copy=False)
        if slope._shape != shape:
            raise ValueError(f"rnn_backward: `{name}` must be {shape}, got {slope._shape}")
        slopes.append(slope)
    if isinstance(trace, _Run):
        return trace.backward(result.y, *slopes)
    return RnnGradients(*steps.backward(network, trace, *slopes))


def codes(dtype: np.dtype) -> tuple[int | None, int]:
    """Return the ``cudnnDataType_t`` of a dtype, and of the numbers it is computed in."""
    return binding.data_type(dtype), 1 if dtype.itemsize == 8 else 0


class _Run:
    """One run of a network by cuDNN: its descriptors, its packed weights, its reserve."""

    def __init__(self, library: CuDnn, network: _Network, training: bool) -> None:
        self.library, self.network, self.training = library, network, training
        self.described = library.new("RNN")
        code, precision = codes(network.dtype)
        self.dropout = dropout_descriptor(library, 0.0)
        library.calls.cudnnSetRNNDescriptor_v8(
            self.described,
            _STANDARD,
            _MODES[network.mode],
            _DOUBLE_BIAS,
            network.directions - 1,
            _LINEAR,
            code,
            precision,
            library.math(network.dtype),
            network.inputs,
            network.hidden,
            network.hidden,
            network.layers,
            self.dropout,
            _PADDED,
        )
        self.x_data = self._data(code, network.inputs)
        self.y_data = self._data(code, network.hidden * network.directions)
        self.state = library.tensor(network.hx, network.hx._shape, least=3)
        self.lengths = asarray(network.lengths)
        size = ctypes.c_size_t()
        call = library.calls.cudnnGetRNNWeightSpaceSize
        call(library.handle(), self.described, ctypes.byref(size))
        self.weights = self._zeros(size.value)
        for target, source in self._places(self.weights, network.weights):
            casts.copy_into(target, source)
        work, reserve = ctypes.c_size_t(), ctypes.c_size_t()
        self.forward_mode = _TRAINING if training else _INFERENCE
        sizes = (self.x_data, ctypes.byref(work), ctypes.byref(reserve))
        ask = library.calls.cudnnGetRNNTempSpaceSizes
        ask(library.handle(), self.described, self.forward_mode, *sizes)
        self.work_size = work.value
        self.reserve = runtime.alloc(reserve.value)
        self.reserve_size = reserve.value

    def _data(self, code: int | None, width: int) -> Descriptor:
        made = self.library.new("RNNData")
        network = self.network
        fill = np.zeros(1, np.float64)  # the bytes of zero, of any dtype
        lengths = ints([int(n) for n in network.lengths])
        sizes = (network.time, network.count, width)
        call = self.library.calls.cudnnSetRNNDataDescriptor
        call(made, code, _SEQUENCE_MAJOR, *sizes, lengths, fill.ctypes.data)
        return made

    def _zeros(self, nbytes: int) -> ndarray:
        space = allocate((-(-nbytes // self.network.dtype.itemsize),), self.network.dtype)
        casts.fill(space, 0)
        return space

    def _places(self, space: ndarray, groups: Sequence[Weights]) -> list[tuple[ndarray, ndarray]]:
        """Pair each part of cuDNN's weights with the rows of ours that it holds."""
        calls, hidden = self.library.calls, self.network.hidden
        gates = GATES[self.network.mode]
        matrix, bias = self.library.new("Tensor"), self.library.new("Tensor")
        pairs = []
        for layer, group in enumerate(groups):
            for part in range(2 * gates):
                at, bias_at = ctypes.c_void_p(), ctypes.c_void_p()
                calls.cudnnGetRNNWeightParams(
                    self.library.handle(),
                    self.described,
                    layer,
                    space.nbytes,
                    space._ptr,
                    part,
                    matrix,
                    ctypes.byref(at),
                    bias,
                    ctypes.byref(bias_at),
                )
                recurrent, gate = divmod(part, gates)
                rows = slice(gate * hidden, (gate + 1) * hidden)
                for address, ours in (
                    (at.value, group[recurrent]),
                    (bias_at.value, group[2 + recurrent]),
                ):
                    source = ours[rows]
                    steps_ = c_strides(source._shape, source._dtype.itemsize)
                    offset = (address or 0) - space._ptr
                    pairs.append((view_of(space, source._shape, steps_, offset), source))
        return pairs

    def forward(self) -> RnnResult:
        """Run."""
        network, library = self.network, self.library
        width = network.hidden * network.directions
        y = allocate((network.time, network.count, width), network.dtype)
        hy = allocate(network.hx._shape, network.dtype)
        cy = None if network.cx is None else allocate(network.hx._shape, network.dtype)
        work = runtime.alloc(self.work_size)
        library.calls.cudnnRNNForward(
            library.handle(),
            self.described,
            self.forward_mode,
            self.lengths._ptr,
            self.x_data,
            network.x._ptr,
            self.y_data,
            y._ptr,
            self.state,
            network.hx._ptr,
            hy._ptr,
            self.state,
            None if network.cx is None else network.cx._ptr,
            None if cy is None else cy._ptr,
            self.weights.nbytes,
            self.weights._ptr,
            self.work_size,
            work.ptr,
            self.reserve_size,
            self.reserve.ptr,
        )
        return RnnResult(y, hy, cy, (network, self) if self.training else None)

    def backward(self, y: ndarray, gy: ndarray, ghy: ndarray, gcy: ndarray) -> RnnGradients:
        """Return the gradients; those by the weights need the others to come first."""
        network, calls = self.network, self.library.calls
        gx, ghx = (allocate(a._shape, a._dtype) for a in (network.x, network.hx))
        gcx = None if network.cx is None else allocate(network.hx._shape, network.dtype)
        cell: tuple[int | None, ...] = (None, None, None)
        if network.cx is not None and gcx is not None:
            cell = (network.cx._ptr, gcy._ptr, gcx._ptr)
        work = runtime.alloc(self.work_size)
        spaces = (self.work_size, work.ptr, self.reserve_size, self.reserve.ptr)
        calls.cudnnRNNBackwardData_v8(
            self.library.handle(),
            self.described,
            self.lengths._ptr,
            self.y_data,
            y._ptr,
            gy._ptr,
            self.x_data,
            gx._ptr,
            self.state,
            network.hx._ptr,
            ghy._ptr,
            ghx._ptr,
            self.state,
            *cell,
            self.weights.nbytes,
            self.weights._ptr,
            *spaces,
        )
        slopes = self._zeros(self.weights.nbytes)
        calls.cudnnRNNBackwardWeights_v8(
            self.library.handle(),
            self.described,
            _ADD,
            self.lengths._ptr,
            self.x_data,
            network.x._ptr,
            self.state,
            network.hx._ptr,
            self.y_data,
            y._ptr,
            slopes.nbytes,
            slopes._ptr,
            *spaces,
        )
        groups = [Weights(*(allocate(a._shape, a._dtype) for a in g)) for g in network.weights]
        for source, target in self._places(slopes, groups):
            casts.copy_into(target, source)
        return RnnGradients(gx, ghx, gcx, [tuple(g) for g in groups])
