"""Classification by the nearest neighbours: distances as a product, partial sorts, a vote."""

from types import ModuleType
from typing import Any

import numpy

import ndgpu as np


def spirals(count: int, seed: int) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Return points on three spirals and which spiral each is on."""
    rng = numpy.random.default_rng(seed)
    label = numpy.arange(count) % 3
    radius = rng.uniform(0.3, 1.0, count)
    angle = 5 * radius + label * 2 * numpy.pi / 3 + rng.normal(scale=0.05, size=count)
    return numpy.stack([radius * numpy.cos(angle), radius * numpy.sin(angle)], axis=1), label


def neighbours(xp: ModuleType, points: Any, queries: Any, k: int) -> Any:
    """Return the indices of the `k` points nearest to each query, the nearest first."""
    square = (queries**2).sum(axis=1)[:, None] - 2 * queries @ points.T + (points**2).sum(axis=1)
    near = xp.argpartition(square, k, axis=1)[:, :k]
    order = xp.argsort(xp.take_along_axis(square, near, axis=1), axis=1)
    return xp.take_along_axis(near, order, axis=1)


def classify(xp: ModuleType, points: Any, labels: Any, queries: Any, k: int) -> Any:
    """Return the label that most of the nearest points have."""
    votes = labels[neighbours(xp, points, queries, k)]
    counts = (votes[:, :, None] == xp.arange(3)).sum(axis=1)
    return counts.argmax(axis=1)


if __name__ == "__main__":
    (points, labels), (queries, truth) = spirals(900, 1), spirals(300, 2)
    on_device = [np.asarray(a) for a in (points, labels, queries)]
    found = classify(np, *on_device, 7)
    accuracy = float((found == np.asarray(truth)).mean())
    print(f"{accuracy:.1%} of {len(truth)} points on the right spiral")
    assert accuracy > 0.97
    np.testing.assert_array_equal(found, classify(numpy, points, labels, queries, 7))
    near = neighbours(np, on_device[0], on_device[2], 4)
    np.testing.assert_array_equal(near, neighbours(numpy, points, queries, 4))
