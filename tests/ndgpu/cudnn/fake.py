"""A cuDNN as its documentation has it, on memory that the processor reads."""

import ctypes
from math import prod

import numpy as np
from tests.ndgpu.cudnn import reference
from tests.ndgpu.linalg.fakes import Function, store, wait

import ndgpu
from ndgpu.cudnn import binding

TYPES = {0: np.dtype("f"), 1: np.dtype("d"), 2: np.dtype("e")}
MODES = {3: "max", 1: "average", 2: "average_inside"}
KINDS = ("Tensor", "Filter", "Convolution", "Pooling", "Dropout", "RNN", "RNNData")
DIRECTIONS = ("Forward", "BackwardData", "BackwardFilter")


class FakeCuDnn:
    """Functions that remember what they were told; `calls` has the names of those that work."""

    def __init__(self, version=90100):
        self.calls, self.described, self.algorithms = [], {}, [(1, 0, 3), (6, 300 << 20, 0)]
        self.cudnnGetVersion = Function(lambda: version)
        self.cudnnGetErrorString = Function(lambda status: b"CUDNN_STATUS_BAD_PARAM")
        for name in binding.PROTOTYPES:
            setattr(self, name, Function(self._called(name)))

    def _called(self, name):
        for kind in KINDS:
            if name == f"cudnnCreate{kind}Descriptor":
                return self._create
            if name == f"cudnnDestroy{kind}Descriptor":
                return lambda made: self.described.pop(made) and 0
        for direction in DIRECTIONS:
            if name in (f"cudnnGetConvolution{direction}Algorithm_v7",
                        f"cudnnFindConvolution{direction}AlgorithmEx"):  # fmt: skip
                return lambda *args: self._propose(name, *args)
        body = getattr(self, name.removeprefix("cudnn"), None)
        if body is None:
            return lambda *args: 3000

        def call(*args):
            if name.removeprefix("cudnn").startswith(("Set", "Get", "Create", "Dropout", "Destr")):
                return body(*args) or 0
            self.calls.append(name)
            wait()
            return body(*args) or 0

        return call

    def _create(self, made):
        number = 16 * (len(self.described) + 1)
        while number in self.described:
            number += 16
        self.described[number] = {}
        store(made, number)
        return 0

    def _propose(self, name, *args):
        self.calls.append(name)
        found, count = (
            (args[-3], args[-4]) if name.startswith("cudnnFind") else (args[-1], args[-2])
        )
        for row, (algorithm, memory, math) in zip(found, self.algorithms, strict=False):
            row.algorithm, row.memory, row.math, row.determinism = algorithm, memory, math, 1
        store(count, len(self.algorithms))
        return 0

    def of(self, descriptor):
        return self.described[getattr(descriptor, "value", descriptor)]

    def array(self, descriptor, address):
        said = self.of(descriptor)
        size = prod(said["shape"]) * said["dtype"].itemsize
        memory = (ctypes.c_char * size).from_address(address)
        return np.ndarray(said["shape"], said["dtype"], memory)

    def Create(self, handle):
        store(handle, 8)

    def Destroy(self, handle):
        pass

    def SetStream(self, handle, stream):
        pass

    def SetTensorNdDescriptor(self, made, code, count, lengths, strides):
        shape = tuple(lengths)
        dense = [prod(shape[k + 1 :]) for k in range(count)]
        assert count == len(shape) and list(strides) == dense
        self.of(made).update(dtype=TYPES[code], shape=shape)

    def SetFilterNdDescriptor(self, made, code, layout, count, lengths):
        assert count == len(lengths) >= 4 and layout == 0
        self.of(made).update(dtype=TYPES[code], shape=tuple(lengths))

    def SetConvolutionNdDescriptor(self, made, count, pad, stride, dilation, mode, compute):
        assert mode == 1 and count == len(pad) >= 2
        lengths = (tuple(pad), tuple(stride), tuple(dilation))
        self.of(made).update(lengths=lengths, compute=compute)

    def SetConvolutionGroupCount(self, made, groups):
        self.of(made)["groups"] = groups

    def SetConvolutionMathType(self, made, math):
        self.of(made)["math"] = math

    def _check_algorithm(self, convolution, algorithm, space, size):
        assert (algorithm, size) in [(a, m) for a, m, _ in self.algorithms]
        assert self.of(convolution)["math"] in [math for _, _, math in self.algorithms]

    def ConvolutionForward(self, h, one, xd, x, wd, w, cd, algorithm, space, size, zero, yd, y):
        self._check_algorithm(cd, algorithm, space, size)
        said = self.of(cd)
        found = reference.convolve(
            self.array(xd, x), self.array(wd, w), *said["lengths"], said["groups"]
        )
        self.array(yd, y)[...] = found

    def ConvolutionBackwardData(self, h, one, wd, w, yd, y, cd, algorithm, s, size, zero, xd, x):
        self._check_algorithm(cd, algorithm, s, size)
        said, gx = self.of(cd), self.array(xd, x)
        settings = (*said["lengths"], said["groups"])
        empty = np.zeros(gx.shape)
        gx[...] = reference.convolve_back(empty, self.array(wd, w), self.array(yd, y), *settings)[0]

    def ConvolutionBackwardFilter(self, h, one, xd, x, yd, y, cd, algorithm, s, size, zero, wd, w):
        self._check_algorithm(cd, algorithm, s, size)
        said, gw = self.of(cd), self.array(wd, w)
        settings = (*said["lengths"], said["groups"])
        empty = np.zeros(gw.shape)
        gw[...] = reference.convolve_back(self.array(xd, x), empty, self.array(yd, y), *settings)[1]

    def SetPoolingNdDescriptor(self, made, mode, nan, count, window, pad, stride):
        assert count == len(window) >= 2
        self.of(made)["settings"] = (tuple(window), tuple(pad), tuple(stride), MODES[mode])

    def PoolingForward(self, h, pd, one, xd, x, zero, yd, y):
        self.array(yd, y)[...] = reference.pool(self.array(xd, x), *self.of(pd)["settings"])

    def PoolingBackward(self, h, pd, one, yd, y, gyd, gy, xd, x, zero, gxd, gx):
        settings = self.of(pd)["settings"]
        found = reference.pool_back(self.array(xd, x), self.array(gyd, gy), *settings)
        self.array(gxd, gx)[...] = found

    def SoftmaxForward(self, h, way, mode, one, xd, x, zero, yd, y):
        assert mode == 1
        values = self.array(xd, x).astype("d")
        powers = np.exp(values - values.max(1, keepdims=True))
        found = powers / powers.sum(1, keepdims=True)
        self.array(yd, y)[...] = np.log(found) if way == 2 else found

    def SoftmaxBackward(self, h, way, mode, one, yd, y, gyd, gy, zero, gxd, gx):
        y, gy = self.array(yd, y).astype("d"), self.array(gyd, gy).astype("d")
        if way == 2:
            found = gy - np.exp(y) * gy.sum(1, keepdims=True)
        else:
            found = y * (gy - (y * gy).sum(1, keepdims=True))
        self.array(gxd, gx)[...] = found

    def _batch(self, mode, xd, x, pd):
        values = self.array(xd, x).astype("d")
        axes = (0,) if mode == 0 else (0, 2, 3)
        assert self.of(pd)["shape"] == values.sum(axes, keepdims=True).shape
        return values, axes

    def BatchNormalizationForwardTraining(
        self, h, mode, one, zero, xd, x, yd, y, pd, gamma, beta, factor, rm, rv, eps, mean, inv,
    ):  # fmt: skip
        values, axes = self._batch(mode, xd, x, pd)
        count = values.size / self.array(pd, gamma).size
        m, v = values.mean(axes, keepdims=True), values.var(axes, keepdims=True)
        self.array(pd, mean)[...], self.array(pd, inv)[...] = m, 1 / np.sqrt(v + eps)
        normal = (values - m) / np.sqrt(v + eps)
        self.array(yd, y)[...] = normal * self.array(pd, gamma) + self.array(pd, beta)
        if rm:
            for address, now in ((rm, m), (rv, v * count / max(count - 1, 1))):
                running = self.array(pd, address)
                running[...] = running * (1 - factor) + now * factor

    def BatchNormalizationForwardInference(
        self, h, mode, one, zero, xd, x, yd, y, pd, gamma, beta, mean, var, eps
    ):
        values, _ = self._batch(mode, xd, x, pd)
        gamma, beta, mean, var = (self.array(pd, a) for a in (gamma, beta, mean, var))
        self.array(yd, y)[...] = (values - mean) / np.sqrt(var + eps) * gamma + beta

    def BatchNormalizationBackward(
        self, h, mode, one, zero, one2, zero2, xd, x, gyd, gy, gxd, gx, pd, gamma, ggamma, gbeta,
        eps, mean, inv,
    ):  # fmt: skip
        values, axes = self._batch(mode, xd, x, pd)
        slope, inv = self.array(gyd, gy).astype("d"), self.array(pd, inv)
        normal = (values - self.array(pd, mean)) * inv
        shift, scale = slope.sum(axes, keepdims=True), (slope * normal).sum(axes, keepdims=True)
        self.array(pd, gbeta)[...], self.array(pd, ggamma)[...] = shift, scale
        count = values.size / shift.size
        rest = slope - (shift + normal * scale) / count
        self.array(gxd, gx)[...] = rest * self.array(pd, gamma) * inv

    # -- dropout: every second element is kept -------------------------------------------

    def DropoutGetStatesSize(self, h, size):
        store(size, 64)

    def SetDropoutDescriptor(self, made, h, ratio, states, size, seed):
        assert states and size == 64
        self.of(made)["ratio"] = ratio

    def DropoutGetReserveSpaceSize(self, xd, size):
        store(size, prod(self.of(xd)["shape"]))

    def DropoutForward(self, h, dd, xd, x, yd, y, reserve, size):
        self.calls.append("cudnnDropoutForward")
        wait()
        kept = np.frombuffer((ctypes.c_char * size).from_address(reserve), np.uint8)
        kept[...] = np.arange(size) % 2
        self._drop(dd, xd, x, yd, y, kept)

    def DropoutBackward(self, h, dd, xd, x, yd, y, reserve, size):
        self.calls.append("cudnnDropoutBackward")
        wait()
        kept = np.frombuffer((ctypes.c_char * size).from_address(reserve), np.uint8)
        self._drop(dd, xd, x, yd, y, kept)

    def _drop(self, dd, xd, x, yd, y, kept):
        scale = 1 / (1 - self.of(dd)["ratio"])
        given, result = self.array(xd, x), self.array(yd, y)
        result[...] = given * kept.reshape(given.shape) * scale

    # -- recurrent networks, by the package's own steps -----------------------------------

    def SetRNNDescriptor_v8(
        self, made, algorithm, mode, bias, direction, input_mode, code, precision, math, inputs,
        hidden, projected, layers, dropout, flags,
    ):  # fmt: skip
        assert (algorithm, bias, input_mode, flags) == (0, 2, 0, 1) and projected == hidden
        assert self.of(dropout)["ratio"] == 0
        kind = ("relu", "tanh", "lstm", "gru")[mode]
        self.of(made).update(dtype=TYPES[code], mode=kind, directions=direction + 1, inputs=inputs,
                             hidden=hidden, layers=layers)  # fmt: skip

    def SetRNNDataDescriptor(self, made, code, layout, time, count, width, lengths, fill):
        assert layout == 0 and fill
        shape = (time, count, width)
        self.of(made).update(dtype=TYPES[code], shape=shape, lengths=list(lengths))

    def GetRNNTempSpaceSizes(self, h, rnn, mode, xd, work, reserve):
        store(work, 32)
        store(reserve, 48)

    def _parts(self, rnn):
        """Yield layer, part, bias or not, first element and shape, in an order of this fake's."""
        said, at = self.of(rnn), 0
        gates = {"lstm": 4, "gru": 3}.get(said["mode"], 1)
        for layer in range(said["layers"] * said["directions"]):
            first = layer < said["directions"]
            width = said["inputs"] if first else said["hidden"] * said["directions"]
            for part in range(2 * gates):
                for is_bias in (True, False):
                    columns = width if part < gates else said["hidden"]
                    shape = (said["hidden"],) if is_bias else (said["hidden"], columns)
                    yield layer, part, is_bias, at, shape
                    at += prod(shape)

    def GetRNNWeightSpaceSize(self, h, rnn, size):
        total = sum(prod(shape) for *_, shape in self._parts(rnn))
        store(size, total * self.of(rnn)["dtype"].itemsize)

    def GetRNNWeightParams(self, h, rnn, layer, size, space, part, matrix, at, bias, bias_at):
        step = self.of(rnn)["dtype"].itemsize
        for k, p, is_bias, first, _ in self._parts(rnn):
            if (k, p) == (layer, part):
                store(bias_at if is_bias else at, space + first * step)

    def _weights(self, rnn, space):
        said = self.of(rnn)
        gates = {"lstm": 4, "gru": 3}.get(said["mode"], 1)
        groups = [[[], [], [], []] for _ in range(said["layers"] * said["directions"])]
        for layer, part, is_bias, first, shape in self._parts(rnn):
            size = prod(shape) * said["dtype"].itemsize
            memory = (ctypes.c_char * size).from_address(space + first * said["dtype"].itemsize)
            view = np.ndarray(shape, said["dtype"], memory)
            groups[layer][2 * is_bias + (part >= gates)].append(view)
        return groups

    def _run(self, rnn, xd, x, sd, hx, cx, space):
        said = self.of(rnn)
        weights = [[np.concatenate(a) for a in g] for g in self._weights(rnn, space)]
        state = [None if a is None else self.array(sd, a) for a in (hx, cx)]
        with without_cudnn():
            return ndgpu.cudnn.rnn(
                self.array(xd, x), *state, weights, mode=said["mode"],
                bidirectional=said["directions"] == 2, lengths=self.of(xd)["lengths"],
            )  # fmt: skip

    def RNNForward(
        self, h, rnn, mode, lengths, xd, x, yd, y, hd, hx, hy, cd, cx, cy, wsize, weights, size,
        work, rsize, reserve,
    ):  # fmt: skip
        assert (size, rsize) == (32, 48) and lengths and mode in (0, 1)
        result = self._run(rnn, xd, x, hd, hx, cx, weights)
        self.array(yd, y)[...] = result.y.get()
        self.array(hd, hy)[...] = result.hy.get()
        if cx:
            self.array(cd, cy)[...] = result.cy.get()

    def RNNBackwardData_v8(
        self, h, rnn, lengths, yd, y, gy, xd, gx, hd, hx, ghy, ghx, cd, cx, gcy, gcx, wsize,
        weights, size, work, rsize, reserve,
    ):  # fmt: skip
        self.kept = (yd, gy, hd, ghy, gcy, cx, weights)
        # The input is told with the weights' gradients only: a run on zeros tells the sizes.
        self.targets = (gx, ghx, gcx, xd)

    def RNNBackwardWeights_v8(
        self,
        h,
        rnn,
        add,
        lengths,
        xd,
        x,
        hd,
        hx,
        yd,
        y,
        wsize,
        gweights,
        size,
        work,
        rsize,
        reserve,
    ):
        assert add == 0
        gyd, gy, _, ghy, gcy, cx, weights = self.kept
        result = self._run(rnn, xd, x, hd, hx, cx, weights)
        slopes = [self.array(gyd, gy), self.array(hd, ghy), self.array(hd, gcy) if cx else None]
        with without_cudnn():
            found = ndgpu.cudnn.rnn_backward(result, *slopes)
        gx, ghx, gcx, gxd = self.targets
        self.array(gxd, gx)[...] = found.gx.get()
        self.array(hd, ghx)[...] = found.ghx.get()
        if cx:
            self.array(hd, gcx)[...] = found.gcx.get()
        for views, group in zip(self._weights(rnn, gweights), found.gweights, strict=True):
            for parts, whole in zip(views, group, strict=True):
                for view, part in zip(parts, np.split(whole.get(), len(parts)), strict=True):
                    view[...] += part


class without_cudnn:
    """Within the block there is no cuDNN."""

    def __enter__(self):
        self.before, binding.current = binding.current, lambda: None

    def __exit__(self, *error):
        binding.current = self.before
