"""One step of the main job, on NumPy and on ndgpu's device.

This is the figure behind what ``--device auto`` means on a machine without a GPU.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy

from .harness import Case
from .libraries import Library

__all__ = ["training"]


def _step(device: str) -> Callable[[], object]:
    import nnrun
    import nnrun.links as L
    from nnrun.cli.models import MLP

    numpy.random.seed(0)
    model = L.Classifier(MLP(784, 256, 10))
    model.to_device(device)
    optimizer = nnrun.optimizers.Adam().setup(model)
    rng = numpy.random.default_rng(0)
    place = nnrun.get_device(device)
    x = place.send(rng.random((100, 784), dtype=numpy.float32))
    t = place.send(rng.integers(0, 10, 100).astype(numpy.int32))
    return lambda: optimizer.update(model, x, t)


def training(libraries: list[Library]) -> Iterator[Case]:
    """A batch of 100 through 784-256-256-10, forward, backward and Adam."""
    import ndgpu

    devices = {"numpy": "numpy", "ndgpu": f"{ndgpu.cuda.kind()}:0"}
    known = [library for library in libraries if library.name in devices]
    yield Case(
        "training",
        "MLP step, batch of 100",
        {library.name: _step(devices[library.name]) for library in known},
        {library.name: library.wait for library in known},
    )
