"""Distributions of vectors: marginals, sums, covariances, errors."""

import mpmath
import numpy as np
import pytest
from tests.ndgpu.random.references import CDFS, chi_square_p

import ndgpu

N = 6000


def test_multinomial():
    p = [0.1, 0.2, 0.3, 0.4]
    x = ndgpu.random.default_rng(1).multinomial(20, p, N).get()
    assert x.shape == (N, 4) and x.dtype == np.int64 and (x.sum(1) == 20).all()
    for k, share in enumerate(p):
        low, high = int(20 * share) - 1, int(20 * share) + 2
        assert chi_square_p(x[:, k], np.arange(low, high), CDFS["binomial"](20, share)) > 1e-3
    covariance = np.cov(x.T)
    assert abs(covariance[2, 3] + 20 * 0.3 * 0.4) < 0.25
    certain = ndgpu.random.default_rng(1).multinomial([3, 0], [0.0, 1.0, 0.0]).tolist()
    assert certain == [[0, 3, 0], [0, 0, 0]]


def test_multinomial_broadcasts():
    rng = ndgpu.random.default_rng(0)
    x = rng.multinomial([[3], [40]], [[0.5, 0.5], [0.1, 0.9]]).get()
    assert x.shape == (2, 2, 2) and (x.sum(-1) == [[3, 3], [40, 40]]).all()
    assert rng.multinomial([3, 4], [0.5, 0.5], size=(3, 2)).shape == (3, 2, 2)
    assert rng.multinomial(3, [0.5, 0.5]).shape == (2,)
    for bad in (
        lambda: rng.multinomial(-1, [0.5, 0.5]),
        lambda: rng.multinomial(3, [-0.5, 0.5]),
        lambda: rng.multinomial(3, [np.nan, 0.5]),
        lambda: rng.multinomial(3, 0.5),
        lambda: rng.multinomial(3, []),
        lambda: rng.multinomial(3, [0.7, 0.7, 0.1]),
        lambda: rng.multinomial([3, 4], [0.5, 0.5], size=3),
    ):
        with pytest.raises(ValueError):
            bad()
    with pytest.raises(TypeError):
        rng.multinomial(3, [0.5, 0.5], dtype="f4")


def test_dirichlet():
    alpha = np.array([0.3, 2.0, 5.0])
    x = ndgpu.random.default_rng(5).dirichlet(alpha, N).get()
    assert x.shape == (N, 3)
    np.testing.assert_allclose(x.sum(1), 1, rtol=1e-14)
    for k in range(3):
        mean = alpha[k] / alpha.sum()
        edges = mean * np.array([0.1, 0.5, 0.8, 1, 1.2, 1.6])
        cdf = CDFS["beta"](alpha[k], alpha.sum() - alpha[k])
        assert chi_square_p(x[:, k], edges, cdf) > 1e-3
    # Shapes whose gamma numbers all underflow still give one component of 1.
    small = ndgpu.random.default_rng(5).dirichlet([1e-5, 1e-5], 100).get()
    assert np.isin(small.round(6), [0, 1]).all() and 20 < small[:, 0].round().sum() < 80
    rng = ndgpu.random.default_rng(0)
    assert rng.dirichlet([0.0, 1.0]).tolist() == [0, 1] and rng.dirichlet([0, 0]).tolist() == [0, 0]
    assert rng.dirichlet([]).shape == (0,) and rng.dirichlet([1, 2], (2, 3)).shape == (2, 3, 2)
    for bad, error in (
        (lambda: rng.dirichlet([1, -1]), ValueError),
        (lambda: rng.dirichlet(1), TypeError),
        (lambda: rng.dirichlet([[1, 2]]), ValueError),
        (lambda: rng.dirichlet([1, 2], dtype=int), TypeError),
    ):
        with pytest.raises(error):
            bad()


def test_multivariate_hypergeometric():
    colors = [16, 8, 40]
    for method in ("marginals", "count"):
        rng = ndgpu.random.default_rng(6)
        x = rng.multivariate_hypergeometric(colors, 20, N, method).get()
        assert x.shape == (N, 3) and (x.sum(1) == 20).all() and (x <= colors).all()
        for k, color in enumerate(colors):
            mean = int(20 * color / 64)
            cdf = CDFS["hypergeometric"](color, 64 - color, 20)
            assert chi_square_p(x[:, k], np.arange(mean - 2, mean + 3), cdf) > 1e-3
    rng = ndgpu.random.default_rng(6)
    assert rng.multivariate_hypergeometric([], 0).shape == (0,)
    assert rng.multivariate_hypergeometric([10**9, 1], 2, method="count").sum().item() == 2
    for args in (
        ([3, 4], 8), ([3, -4], 1), ([3.5, 4], 1), ([[3, 4]], 1), ([3, 4], -1), ([3, 4], [2, 1]),
        ([10**9, 1], 2), ([3, 4], 2, None, "x"),
    ):  # fmt: skip
        with pytest.raises(ValueError):
            rng.multivariate_hypergeometric(*args)


@pytest.mark.parametrize("method", ["svd", "eigh", "cholesky"])
def test_multivariate_normal(method):
    mean, cov = np.array([1.0, -2, 3]), np.array([[2, 1, 0], [1, 2, 0.5], [0, 0.5, 1]])
    rng = ndgpu.random.default_rng(7)
    x = rng.multivariate_normal(mean, cov, N, check_valid="raise", method=method).get()
    assert x.shape == (N, 3)
    # Mahalanobis distances have a chi-square distribution.
    centred = x - mean
    distance = np.einsum("ni,ij,nj->n", centred, np.linalg.inv(cov), centred)
    edges = np.array([0.5, 1, 1.5, 2, 3, 4, 6])
    assert chi_square_p(distance, edges, CDFS["chisquare"](3)) > 1e-3
    np.testing.assert_allclose(np.cov(x.T), cov, atol=0.15)
    assert float(mpmath.ncdf(abs(centred.mean(0) / np.sqrt(np.diag(cov) / N)).max())) < 0.9999


def test_multivariate_normal_checks():
    rng = ndgpu.random.default_rng(7)
    eye = np.eye(2)
    assert rng.multivariate_normal([0, 0], eye, (3, 4), dtype="f4").dtype == np.float32
    # A matrix without full rank is fine: all numbers lie on a line.
    x = rng.multivariate_normal([0, 0], [[1, 1], [1, 1]], 50, check_valid="raise").get()
    np.testing.assert_allclose(x[:, 0], x[:, 1], atol=1e-7)
    for args, words, error in (
        (([0, 0], np.eye(3)), {}, ValueError),
        (([[0, 0]], eye), {}, ValueError),
        (([0, 0], [1, 2]), {}, ValueError),
        (([0, 0], eye), {"method": "x"}, ValueError),
        (([0, 0], eye), {"check_valid": "x"}, ValueError),
        (([0, 0], -eye), {"check_valid": "raise"}, ValueError),
        (([0, 0], -eye), {"check_valid": "raise", "method": "eigh"}, ValueError),
        (([0, 0], -eye), {"method": "cholesky"}, np.linalg.LinAlgError),
        (([0, 0], eye * 1j), {}, TypeError),
    ):
        with pytest.raises(error):
            rng.multivariate_normal(*args, **words)
    with pytest.warns(RuntimeWarning, match="positive-semidefinite"):
        rng.multivariate_normal([0, 0], -eye)
    rng.multivariate_normal([0, 0], -eye, check_valid="ignore")
