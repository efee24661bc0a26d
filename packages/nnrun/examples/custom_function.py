"""A differentiable function of one's own, checked, and a network that learns with it.

    python custom_function.py
    python custom_function.py --smoke   # seconds

`Snake` is x + sin(a x)**2 / a (Ziyin et al., 2020), which helps a network to go on with what
repeats: it learns a sine with a trend on one interval and is asked for the next.  Its backward is
written with functions of nnrun, so that it can be differentiated again.
"""

import argparse

import numpy as np

import nnrun
import nnrun.functions as F
import nnrun.links as L
from nnrun import gradient_check, optimizers
from nnrun.utils import type_check


class Snake(nnrun.FunctionNode):
    """x + sin(a x)**2 / a with a positive number a."""

    def __init__(self, a):
        self.a = a

    def check_type_forward(self, in_types):
        type_check.expect(in_types.size() == 1, in_types[0].dtype.kind == "f")

    def forward(self, inputs):
        (x,) = inputs
        xp = nnrun.get_array_module(x)
        self.retain_inputs((0,))
        return (x + xp.sin(self.a * x) ** 2 / self.a,)

    def backward(self, indexes, grad_outputs):
        (x,) = self.get_retained_inputs()
        (gy,) = grad_outputs
        return (gy * (1 + F.sin(2 * self.a * x)),)


def snake(x, a=1.0):
    """Return x + sin(a x)**2 / a, of the shape of `x`."""
    return Snake(a).apply((x,))[0]


def check(device):
    """Compare the gradients, and theirs, with differences; raise AssertionError if they differ."""
    x, gy, ggx = (device.send(np.random.uniform(-2, 2, (3, 4))) for _ in range(3))
    gradient_check.check_backward(snake, x, gy, rtol=1e-5, atol=1e-6)
    gradient_check.check_double_backward(snake, x, gy, ggx, rtol=1e-5, atol=1e-6)


def learn(activation, device, n_steps):
    """Fit a curve on [-10, 5]; return the losses, and the error on [5, 10] where it saw nothing."""
    np.random.seed(0)
    model = nnrun.Sequential(
        L.Linear(1, 64), activation, L.Linear(64, 64), activation, L.Linear(64, 1)
    )
    model.to_device(device)
    optimizer = optimizers.Adam(3e-3).setup(model)

    def curve(low, high):
        x = np.linspace(low, high, 300, dtype=np.float32)[:, None]
        return device.send(x), device.send(np.sin(2 * x) + 0.1 * x)

    x, t = curve(-10, 5)
    losses = []
    for _ in range(n_steps):
        loss = F.mean_squared_error(model(x), t)
        model.cleargrads()
        loss.backward()
        optimizer.update()
        losses.append(float(loss.array))
    x, t = curve(5, 10)
    with nnrun.no_backprop_mode():
        return losses, float(F.mean_squared_error(model(x), t).array)


def main(argv=None):
    """Check, learn, and return for each activation the losses and the error beyond."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--device", "-d", default="auto")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--smoke", action="store_true", help="a few steps")
    args = parser.parse_args(argv)
    if args.smoke:
        args.steps = 100
    np.random.seed(0)
    device = nnrun.get_device(args.device)
    device.use()
    check(device)
    print("the gradients of snake, and their gradients, agree with differences")
    results = {}
    for name, activation in (("snake", lambda x: snake(x, 3.0)), ("tanh", F.tanh)):
        losses, beyond = results[name] = learn(activation, device, args.steps)
        print(f"{name:>5}: mean squared error {losses[-1]:.4f}, beyond what it saw {beyond:.4f}")
    return results


if __name__ == "__main__":
    main()
