"""k-means on points in the plane: broadcasting, argmin and a reduction by cluster."""

import ndgpu as np


def kmeans(points: np.ndarray, k: int, rounds: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Lloyd's algorithm from the first `k` points; returns the centres and the labels."""
    centres = points[:k].copy()
    labels = np.zeros(len(points), dtype=np.int64)
    for _ in range(rounds):
        distance = ((points[:, None, :] - centres[None, :, :]) ** 2).sum(axis=2)
        labels = distance.argmin(axis=1)
        member = (labels[:, None] == np.arange(k)[None, :]).astype(points.dtype)
        count = np.maximum(member.sum(axis=0), 1)
        centres = (member[:, :, None] * points[:, None, :]).sum(axis=0) / count[:, None]
    return centres, labels


if __name__ == "__main__":
    import numpy

    truth = numpy.array([[0.0, 0.0], [5.0, 5.0], [0.0, 5.0]])
    rng = numpy.random.default_rng(1)
    host = (truth[numpy.arange(3000) % 3] + rng.normal(size=(3000, 2)) * 0.5).astype("float32")
    centres, labels = kmeans(np.asarray(host), 3)
    found = numpy.sort(np.asnumpy(centres), axis=0)
    print(found)
    assert numpy.abs(found - numpy.sort(truth, axis=0)).max() < 0.1
    assert len(set(labels.get().tolist())) == 3
