"""Principal components twice: by the singular values, and by power iteration on the covariance."""

from types import ModuleType
from typing import Any

import numpy

import ndgpu as np


def by_svd(xp: ModuleType, samples: Any, k: int) -> tuple[Any, Any]:
    """Return the first `k` directions of most variance, as rows, and the variances."""
    centred = samples - samples.mean(axis=0)
    _, values, rows = xp.linalg.svd(centred, full_matrices=False)
    return rows[:k], values[:k] ** 2 / (len(samples) - 1)


def by_iteration(xp: ModuleType, samples: Any, k: int, rounds: int = 200) -> tuple[Any, Any]:
    """Find the same by multiplying a basis with the covariance and making it orthogonal again."""
    covariance = xp.cov(samples, rowvar=False)
    basis = xp.eye(len(covariance), k)
    for _ in range(rounds):
        basis, _ = xp.linalg.qr(covariance @ basis)
    variances = xp.einsum("ik,ij,jk->k", basis, covariance, basis)
    return basis.T, variances


def same_directions(xp: ModuleType, a: Any, b: Any) -> bool:
    """Return whether rows agree but for their sign."""
    return bool((xp.abs(xp.sum(a * b, axis=1)) > 1 - 1e-8).all())


if __name__ == "__main__":
    rng = numpy.random.default_rng(5)
    spread = rng.normal(size=(8, 8)) * numpy.array([9, 4, 2, 1, 0.5, 0.5, 0.5, 0.5])[:, None]
    host = rng.normal(size=(500, 8)) @ spread + rng.normal(size=8)
    samples = np.asarray(host)
    rows, variances = by_svd(np, samples, 3)
    others, again = by_iteration(np, samples, 3)
    print("variances:", variances)
    np.testing.assert_allclose(variances, again, rtol=1e-8)
    assert same_directions(np, rows, others)
    wanted, their_variances = by_svd(numpy, host, 3)
    np.testing.assert_allclose(variances, their_variances, rtol=1e-10)
    assert same_directions(numpy, rows.get(), wanted)
    scores = (samples - samples.mean(axis=0)) @ rows.T
    np.testing.assert_allclose(scores.var(axis=0, ddof=1), variances, rtol=1e-8)
