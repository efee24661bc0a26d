"""Debugging a network as any other program: errors, NaN, timers, pictures of the graph.

Run with ``python talk_debugging.py [device]``.
"""

import sys

import numpy as np

import nnrun
import nnrun.functions as F
import nnrun.links as L
from nnrun import Variable, function_hooks
from nnrun.computational_graph import build_computational_graph


class Net(nnrun.Chain):
    """Its layers can be printed, stepped through, and stopped in with ``breakpoint()``."""

    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.l1 = L.Linear(4, 3)
            self.l2 = L.Linear(3, 2)

    def forward(self, x):
        h = F.relu(self.l1(x))
        print("hidden units:", h.shape, h.dtype)  # values are there as soon as they are computed
        return self.l2(h)


class Broken(nnrun.FunctionNode):
    """A function whose backward has a mistake."""

    def forward(self, inputs):
        return (inputs[0] * 2,)

    def backward(self, indexes, grad_outputs):
        return (grad_outputs[0] * undefined_name,)  # noqa: F821


def shape_error(place):
    """A wrong size is an error of the line that calls the layer, and says what was wanted."""
    try:
        Net().to_device(place)(place.send(np.zeros((1, 5), np.float32)))
    except ValueError as error:
        return str(error)


def backward_error(place):
    """An error in backward names the line of the forward that made the function."""
    x = Variable(place.send(np.ones(1, np.float32)))
    with nnrun.using_config("debug", True):
        y = Broken().apply((x,))[0]  # this line
        try:
            y.backward()
        except NameError as error:
            return "\n".join([str(error), *error.__notes__])


def nan_error(place):
    """In debug mode the function that first made a NaN is named."""
    x = Variable(place.send(np.array([-1.0], np.float32)))
    with nnrun.using_config("debug", True), np.errstate(invalid="ignore"):
        try:
            F.exp(F.log(x))
        except RuntimeError as error:
            return str(error)


def main(device="numpy"):
    place = nnrun.get_device(device)
    found = {"shape": shape_error(place), "backward": backward_error(place)}
    found["nan"] = nan_error(place)
    for what, message in found.items():
        print(f"-- {what}:\n{message}")

    net = Net().to_device(place)
    x = place.send(np.ones((2, 4), np.float32))
    timer = function_hooks.TimerHook()
    with timer:  # a part of the program
        loss = F.sum(net(x))
        loss.backward()
    timer.print_report()
    graph = build_computational_graph([loss])
    print(f"a graph of {len(graph.nodes)} nodes, for Graphviz:\n{graph.dump()[:60]} ...")
    return found, timer.summary(), graph


if __name__ == "__main__":
    main(*sys.argv[1:])
