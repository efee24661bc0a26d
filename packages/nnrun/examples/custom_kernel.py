"""A CUDA kernel of one's own in a network: a moving average along time, forward and backward.

    python custom_kernel.py             # on a GPU if there is one, else on the software GPU
    python custom_kernel.py --device numpy
    python custom_kernel.py --smoke     # seconds

The same function has two implementations: NumPy expressions, and CUDA C++ that `cuda.raw` compiles
at the first call.  A network learns how quickly to forget a noisy signal.
"""

import argparse

import numpy as np

import nnrun
import nnrun.functions as F
from nnrun import cuda, gradient_check, optimizers

CODE = r"""
extern "C" __global__ void average(const float* x, float decay, int length, int rows, float* y) {
    int row = blockIdx.x * blockDim.x + threadIdx.x;  // one thread a sequence
    if (row >= rows) return;
    float mean = 0.0f;
    for (int t = 0; t < length; ++t) {
        mean = decay * mean + (1.0f - decay) * x[t * rows + row];
        y[t * rows + row] = mean;
    }
}

// Goes back in time: gx, and for each sequence the gradient of the decay.
extern "C" __global__ void average_grad(const float* x, const float* y, const float* gy,
                                        float decay, int length, int rows,
                                        float* gx, float* gdecay) {
    int row = blockIdx.x * blockDim.x + threadIdx.x;
    if (row >= rows) return;
    float g = 0.0f, total = 0.0f;
    for (int t = length - 1; t >= 0; --t) {
        g = decay * g + gy[t * rows + row];
        float before = t ? y[(t - 1) * rows + row] : 0.0f;
        total += g * (before - x[t * rows + row]);
        gx[t * rows + row] = (1.0f - decay) * g;
    }
    gdecay[row] = total;
}
"""


class MovingAverage(nnrun.FunctionNode):
    """``y[t] = decay * y[t - 1] + (1 - decay) * x[t]`` along the first axis of `x`."""

    def forward_cpu(self, inputs):
        x, decay = inputs
        y, mean = np.empty_like(x), np.zeros_like(x[0])
        for t in range(len(x)):
            mean = decay * mean + (1 - decay) * x[t]
            y[t] = mean
        return self._keep(y)

    def forward_gpu(self, inputs):
        x, decay = inputs
        length, rows = x.shape
        y = cuda.get_array_module(x).empty_like(x)
        grid = ((rows + 127) // 128,)
        args = (x, np.float32(float(decay)), np.int32(length), np.int32(rows), y)
        cuda.raw(CODE, "average")(grid, (128,), args)
        return self._keep(y)

    def _keep(self, y):
        self.retain_inputs((0, 1))
        self.retain_outputs((0,))
        return (y,)

    def backward(self, indexes, grad_outputs):
        x, decay = (v.array for v in self.get_retained_inputs())
        y, gy = self.get_retained_outputs()[0].array, grad_outputs[0].array
        back = self._back_cpu if isinstance(x, np.ndarray) else self._back_gpu
        return tuple(nnrun.Variable(g) for g in back(x, decay, y, gy))

    def _back_cpu(self, x, decay, y, gy):
        gx, g, gdecay = np.empty_like(x), np.zeros_like(x[0]), np.zeros_like(decay)
        for t in range(len(x) - 1, -1, -1):
            g = decay * g + gy[t]
            gdecay += (g * ((y[t - 1] if t else 0) - x[t])).sum()
            gx[t] = (1 - decay) * g
        return gx, gdecay

    def _back_gpu(self, x, decay, y, gy):
        xp = cuda.get_array_module(x)
        length, rows = x.shape
        gx, gdecay = xp.empty_like(x), xp.empty(rows, np.float32)
        grid, ints = ((rows + 127) // 128,), (np.int32(length), np.int32(rows))
        args = (x, y, xp.ascontiguousarray(gy), np.float32(float(decay)), *ints, gx, gdecay)
        cuda.raw(CODE, "average_grad")(grid, (128,), args)
        return gx, gdecay.sum()


def moving_average(x, decay):
    """Average `x`, (time, sequences) of float32, with one number `decay` from 0 to 1."""
    return MovingAverage().apply((x, decay))[0]


def main(argv=None):
    """Check, learn the decay, and return it with the losses."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--device", "-d", default="0")
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--smoke", action="store_true", help="a few steps")
    args = parser.parse_args(argv)
    if args.smoke:
        args.steps = 40
    rng = np.random.default_rng(0)
    device = nnrun.get_device(args.device)
    device.use()

    x, decay = device.send((rng.random((5, 3), np.float32), np.float32([0.5]).reshape(())))
    gy = device.send(rng.random((5, 3), np.float32))
    gradient_check.check_backward(moving_average, (x, decay), gy, eps=1e-2, rtol=1e-2, atol=1e-3)
    print(f"on {device}: the kernel's gradients agree with differences")

    signal = np.cumsum(rng.normal(0, 0.1, (100, 64)), axis=0)  # wanders slowly
    noisy = device.send((signal + rng.normal(0, 0.5, signal.shape)).astype(np.float32))
    signal = device.send(signal.astype(np.float32))
    model = nnrun.Link()
    with model.init_scope():
        model.rate = nnrun.Parameter(np.zeros((), np.float32))  # decay is sigmoid(rate)
    model.to_device(device)
    optimizer = optimizers.Adam(0.1).setup(model)
    losses = []
    for _ in range(args.steps):
        loss = F.mean_squared_error(moving_average(noisy, F.sigmoid(model.rate)), signal)
        model.cleargrads()
        loss.backward()
        optimizer.update()
        losses.append(float(loss.array))
    decay = float(F.sigmoid(model.rate).array)
    print(f"loss {losses[0]:.4f} -> {losses[-1]:.4f}; learnt decay {decay:.3f}")
    return decay, losses


if __name__ == "__main__":
    main()
