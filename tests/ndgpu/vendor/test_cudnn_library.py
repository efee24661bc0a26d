"""cuDNN without a GPU: statuses, descriptors, and the shapes that it works out."""

import ctypes

import numpy as np
import pytest
from tests.ndgpu.vendor.headers import library

import ndgpu
from ndgpu.cudnn import attending, graph, recurrent
from ndgpu.cudnn.binding import CuDnn, CuDnnError, ints
from ndgpu.cudnn.windows import output_lengths


@pytest.fixture(scope="module")
def dnn():
    return CuDnn(library("cudnn"))


def test_version_and_statuses(dnn):
    assert dnn.version >= 90000
    with pytest.raises(CuDnnError, match=r"failed with status 2\d+ \(CUDNN_STATUS_BAD_PARAM"):
        dnn.calls.cudnnSetConvolutionGroupCount(dnn.new("Convolution"), -1)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "bfloat16"])
def test_tensors_are_described(dnn, dtype):
    a = ndgpu.zeros((2, 3, 4, 5), getattr(ndgpu, dtype, dtype))
    made = dnn.tensor(a, a.shape)
    assert made is dnn.tensor(a, a.shape)
    kind, count, lengths, strides = ctypes.c_int(), ctypes.c_int(), ints([0] * 8), ints([0] * 8)
    dnn.calls.cudnnGetTensorNdDescriptor(
        made, 8, ctypes.byref(kind), ctypes.byref(count), lengths, strides
    )
    assert (count.value, lengths[:4], strides[:4]) == (4, [2, 3, 4, 5], [60, 20, 5, 1])
    assert kind.value == {"f2": 2, "f4": 0, "f8": 1, "bfloat16": 9}[dtype]


def test_filters_and_convolutions_are_described(dnn):
    w = ndgpu.zeros((4, 3, 2, 2), "f")
    made = dnn.filter(w, w.shape)
    kind, form, count = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
    lengths = ints([0] * 8)
    numbers = [ctypes.byref(n) for n in (kind, form, count)]
    dnn.calls.cudnnGetFilterNdDescriptor(made, 8, *numbers, lengths)
    assert (kind.value, form.value, lengths[: count.value]) == (0, 0, [4, 3, 2, 2])
    made = dnn.convolution(np.dtype("f"), (1, 2), (3, 4), (5, 6), 2)
    pad, stride, dilation = (ints([0] * 4) for _ in range(3))
    mode, compute = ctypes.c_int(), ctypes.c_int()
    dnn.calls.cudnnGetConvolutionNdDescriptor(
        made, 4, ctypes.byref(count), pad, stride, dilation, ctypes.byref(mode),
        ctypes.byref(compute),
    )  # fmt: skip
    assert (pad[:2], stride[:2], dilation[:2]) == ([1, 2], [3, 4], [5, 6])
    assert (count.value, mode.value, compute.value) == (2, 1, 0)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("axes", [2, 3])
def test_output_lengths_are_ours(dnn, axes, groups):
    shape, window = (11, 9, 12)[:axes], (3, 2, 4)[:axes]
    pad, stride, dilation = (1, 0, 2)[:axes], (2, 1, 3)[:axes], (1, 3, 2)[:axes]
    x, w = ndgpu.zeros((2, 4, *shape), "f"), ndgpu.zeros((6, 4 // groups, *window), "f")
    made = dnn.convolution(x.dtype, pad, stride, dilation, groups)
    found = ints([0] * (2 + axes))
    described = (made, dnn.tensor(x, x.shape), dnn.filter(w, w.shape))
    dnn.calls.cudnnGetConvolutionNdForwardOutputDim(*described, 2 + axes, found)
    assert tuple(found) == (2, 6, *output_lengths(shape, window, pad, stride, dilation))
    made = dnn.pooling(1, window, pad, stride)
    dnn.calls.cudnnGetPoolingNdForwardOutputDim(made, dnn.tensor(x, x.shape), 2 + axes, found)
    assert tuple(found) == (2, 4, *output_lengths(shape, window, pad, stride, (1,) * axes))


def test_recurrent_networks_are_described(dnn):
    made = dnn.new("RNNData")
    fill = np.zeros(1)
    lengths = ints([4, 2, 1])
    call = dnn.calls.cudnnSetRNNDataDescriptor
    call(made, 0, 0, 4, 3, 5, lengths, fill.ctypes.data)
    with pytest.raises(CuDnnError, match="cudnnSetRNNDataDescriptor failed with status 2"):
        call(made, 0, 0, 3, 3, 5, lengths, fill.ctypes.data)  # a sequence longer than all


@pytest.fixture
def engines(dnn):
    """cuDNN where it can load its engines, which need libcuda."""
    try:
        graph.new_tensor(dnn, 1, 0, (1, 1, 1, 1), (1, 1, 1, 1))
    except CuDnnError as error:
        if error.status != 1008:
            raise
        pytest.skip(f"cuDNN's engines need a CUDA driver: {error}")
    return dnn


def test_tensors_of_the_graph_interface(engines):
    dnn = engines
    made = graph.new_tensor(dnn, 7, 2, (2, 3, 4, 8), (96, 32, 8, 1))
    assert graph.get(dnn, made, 902, 3, 8) == [2, 3, 4, 8]
    assert graph.get(dnn, made, 903, 3, 8) == [96, 32, 8, 1]
    assert graph.get(dnn, made, 906, 3, 1) == [7]
    with pytest.raises(CuDnnError, match="failed with status"):
        graph.new_tensor(dnn, 7, 2, (2, 3), (96,))


@pytest.mark.parametrize("kind", [attending._FORWARD, attending._BACKWARD])
def test_attention_is_an_operation(engines, kind):
    dnn = engines
    if dnn.version < attending._VERSIONS[kind]:
        pytest.skip(f"cuDNN {dnn.version} has no such operation")
    lengths = {"q": (2, 3, 64, 32), "k": (2, 3, 48, 32), "v": (2, 3, 48, 32), "o": (2, 3, 64, 32)}
    lengths |= {"g" + name: shape for name, shape in lengths.items()}
    arrays = {name: (shape, 2) for name, shape in lengths.items()}
    arrays["stats"] = (2, 3, 64, 1), 0
    operation, numbers = attending.describe(dnn, kind, arrays)
    assert operation.value and len(operation.holds) == len(numbers)
    if kind == attending._BACKWARD:
        return  # which checks its shapes only when a plan is made
    arrays["k"] = (2, 3, 48, 16), 2
    with pytest.raises(CuDnnError, match="failed with status"):
        attending.describe(dnn, kind, arrays)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
@pytest.mark.parametrize("mode", ["relu", "tanh", "lstm", "gru"])
def test_settings_of_recurrent_networks_are_accepted(dnn, dtype, mode):
    code, precision = recurrent.codes(np.dtype(dtype))
    dnn.calls.cudnnSetRNNDescriptor_v8(
        dnn.new("RNN"), 0, recurrent._MODES[mode], 2, 1, 0, code, precision,
        dnn.math(np.dtype(dtype)), 5, 6, 6, 2, None, 1,
    )  # fmt: skip
