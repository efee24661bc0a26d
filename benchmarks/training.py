"""What feeds and moves a training: iterators against the serial one, updates against one by one."""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator
from typing import Any

import numpy

from .harness import Case
from .libraries import Library

__all__ = ["iterators", "updates"]


class _Transformed:
    """Small images, each of which takes 5 ms to make."""

    def __len__(self) -> int:
        return 40

    def __getitem__(self, i: int) -> Any:
        time.sleep(0.005)
        return numpy.full((3, 32, 32), i, numpy.float32), i


def iterators(libraries: list[Library]) -> Iterator[Case]:
    from nnrun.iterators import MultiprocessIterator, MultithreadIterator, SerialIterator

    dataset, options = _Transformed(), {"repeat": False, "seed": 0}
    made = {
        "serial": SerialIterator(dataset, 8, **options),
        "2 threads": MultithreadIterator(dataset, 8, n_threads=2, **options),
        "2 processes": MultiprocessIterator(dataset, 8, n_processes=2, **options),
    }

    def sweep(iterator: Any) -> None:
        iterator.reset()  # nothing is read ahead from one round to the next
        for _ in iterator:
            pass

    runs = {name: functools.partial(sweep, iterator) for name, iterator in made.items()}
    yield Case("iterators", "40 images of 5 ms each", runs)
    for iterator in made.values():
        iterator.finalize()


def updates(libraries: list[Library]) -> Iterator[Case]:
    import ndgpu
    import nnrun

    models = {
        "784-1000-1000-10": [(1000, 784), (1000,), (1000, 1000), (1000,), (10, 1000), (10,)],
        "50 of 32x32": [(32, 32)] * 50,
    }
    for name, shapes in models.items():
        link = nnrun.Link()
        with link.init_scope():
            for i, shape in enumerate(shapes):
                values = numpy.random.default_rng(i).random(shape, dtype=numpy.float32)
                setattr(link, f"p{i}", nnrun.Parameter(values))
        link.to_device(0)
        params = list(link.params())
        for param in params:
            param.grad = param.array * 1e-3
        optimizer = nnrun.optimizers.Adam().setup(link)

        def one_by_one(params: list[Any] = params) -> None:
            for param in params:
                param.update()

        wait = ndgpu.cuda.get_current_stream().synchronize
        yield Case(
            "updates by Adam",
            name,
            {"one by one": one_by_one, "together": optimizer.update},
            {"one by one": wait, "together": wait},
        )
