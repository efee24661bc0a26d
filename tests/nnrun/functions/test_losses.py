"""Losses: values against formulas or against counting all ways, and derivatives."""

import itertools
from typing import Any

import numpy as np
import pytest

import nnrun
import nnrun.functions as F
from nnrun.testing import FunctionCase as Case
from nnrun.testing import assert_allclose

rng = np.random.default_rng(23)


def normal(*shape: int) -> np.ndarray:
    return rng.standard_normal(shape)


def apart(*shape: int) -> np.ndarray:
    """Distinct values, none near 0, so that no kink is within reach of a small step."""
    n = int(np.prod(shape))
    return ((rng.permutation(n) - n / 2 + 0.25) / 4).reshape(shape)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def softmax(x: np.ndarray) -> np.ndarray:
    return np.exp(x) / np.exp(x).sum(-1, keepdims=True)


labels = np.array([2, 0, 1])
alike = np.array([1, 0, 0])
samples = np.array([[1, 3], [2, 2], [0, 3]])
paths = np.array([[0, -1, -1], [0, 1, -1], [0, 1, 2], [0, 1, 2]])
codes = np.array([[1, 0, 0], [-1, 1, 0], [-1, -1, 1], [-1, -1, -1]])


def _huber(x: np.ndarray, t: np.ndarray) -> np.ndarray:
    d = abs(x - t)
    return np.where(d < 1, d**2 / 2, d - 0.5)


def _hinge(x: np.ndarray) -> np.ndarray:
    sign = np.where(labels[:, None] == np.arange(3), 1, -1)
    return np.maximum(0, 1 - sign * x)


def _contrastive(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    d = np.sqrt(((a - b) ** 2).sum(1))
    return np.where(alike, d**2, np.maximum(4 - d, 0) ** 2) / 2


def _clustering(x: np.ndarray, t: np.ndarray, norm: int) -> list[np.ndarray]:
    totals = np.zeros(3)
    for e, ids in zip(x, t, strict=True):
        names = [k for k in np.unique(ids) if k]
        means = [e[:, ids == k].mean(1) for k in names]
        for k, m in zip(names, means, strict=True):
            far = np.linalg.norm(e[:, ids == k] - m[:, None], norm, 0) - 0.3
            totals[0] += (np.maximum(far, 0) ** 2).mean() / len(names)
            totals[2] += np.linalg.norm(m, norm) / len(names) * 0.1
        pairs = list(itertools.permutations(means, 2))
        for a, b in pairs:
            totals[1] += max(4 - np.linalg.norm(a - b, norm), 0) ** 2 / len(pairs)
    return list(totals / len(x))


clusters = np.array([[1, 1, 0, 2, 2], [1, 1, 1, 1, 0]])


def _ctc(*xs: np.ndarray) -> np.ndarray:
    """By adding up the probabilities of all spellings."""
    p = softmax(np.stack(xs))
    losses = []
    for b, (word, length) in enumerate(SPELLINGS):
        total = 0.0
        for way in itertools.product(range(p.shape[2]), repeat=length):
            if tuple(k for k, _ in itertools.groupby(way) if k) == word:
                total += np.prod([p[t, b, k] for t, k in enumerate(way)])
        losses.append(-np.log(total))
    return np.array(losses, p.dtype)


SPELLINGS = [((1, 1), 4), ((2,), 3), ((1, 2), 4)]
ctc_t = np.array([[1, 1], [2, 1], [1, 2]])
ctc_lengths = {"input_length": np.array([4, 3, 4]), "label_length": np.array([2, 1, 2])}

ys = [np.array([0, 2, 1]), np.array([1, 1]), np.array([2, 0])]


def _crf(cost: np.ndarray, *xs: np.ndarray) -> np.ndarray:
    losses = []
    for b in range(3):
        rows = [x[b] for x in xs if b < len(x)]
        mine = [y[b] for y in ys if b < len(y)]

        def score(way: Any, rows: Any = rows) -> float:
            return sum(r[k] for r, k in zip(rows, way, strict=True)) + sum(
                cost[j, k] for j, k in itertools.pairwise(way)
            )

        ways = itertools.product(range(3), repeat=len(rows))
        losses.append(np.log(sum(np.exp(score(w)) for w in ways)) - score(mine))
    return np.array(losses, cost.dtype)


CASES: dict[str, list[Case]] = {
    "huber_loss": [
        Case(
            lambda x, t: F.huber_loss(x, t, 1.0, reduce="no"),
            (apart(3, 4), np.zeros((3, 4))),
            _huber,
        ),
        Case(
            lambda x, t: F.huber_loss(x, t, 1.0),
            (apart(3, 4), np.zeros((3, 4))),
            lambda x, t: _huber(x, t).sum(1),
        ),
    ],
    "hinge": [
        Case(lambda x: F.hinge(x, labels), (apart(3, 3),), lambda x: _hinge(x).sum() / 3),
        Case(lambda x: F.hinge(x, labels, "L2", "no"), (apart(3, 3),), lambda x: _hinge(x) ** 2),
    ],
    "contrastive": [
        Case(
            lambda a, b: F.contrastive(a, b, alike, 4.0, "no"),
            (normal(3, 4), normal(3, 4)),
            _contrastive,
        ),
        Case(
            lambda a, b: F.contrastive(a, b, alike, 4.0),
            (normal(3, 4), normal(3, 4)),
            lambda a, b: _contrastive(a, b).mean(),
        ),
    ],
    "triplet": [
        Case(
            lambda a, p, n: F.triplet(a, p, n, reduce="no"),
            (normal(3, 4), normal(3, 4), normal(3, 4)),
            lambda a, p, n: np.maximum(((a - p) ** 2 - (a - n) ** 2).sum(1) + 0.2, 0),
        )
    ],
    "discriminative_margin_based_clustering_loss": [
        Case(
            lambda x, norm=norm: F.discriminative_margin_based_clustering_loss(
                x, clusters, 0.3, 2.0, 3, norm, gamma=0.1
            ),
            (apart(2, 2, 5) + 0.05 * normal(2, 2, 5),),
            lambda x, norm=norm: _clustering(x, clusters, norm),
            options={"eps": 1e-4},
        )
        for norm in (1, 2)
    ],
    "gaussian_nll": [
        Case(
            F.gaussian_nll,
            (normal(2, 3), normal(2, 3), normal(2, 3)),
            lambda x, m, v: ((x - m) ** 2 / np.exp(v) + v + np.log(2 * np.pi)).sum() / 2,
        )
    ],
    "bernoulli_nll": [
        Case(
            lambda x, y: F.bernoulli_nll(x, y, "no"),
            (rng.uniform(0, 1, (2, 3)), normal(2, 3)),
            lambda x, y: -x * np.log(sigmoid(y)) - (1 - x) * np.log(sigmoid(-y)),
        )
    ],
    "gaussian_kl_divergence": [
        Case(
            lambda m, v: F.gaussian_kl_divergence(m, v, "mean"),
            (normal(2, 3), normal(2, 3)),
            lambda m, v: (m**2 + np.exp(v) - v - 1).mean() / 2,
        )
    ],
    "cross_covariance": [
        Case(
            lambda y, z: F.cross_covariance(y, z, "no"),
            (normal(4, 2), normal(4, 3)),
            lambda y, z: np.cov(y.T, z.T, bias=True)[:2, 2:].astype(y.dtype),
        ),
        Case(F.cross_covariance, (normal(4, 2), normal(4, 3))),
    ],
    "decov": [
        Case(
            F.decov,
            (normal(4, 3),),
            lambda h: (np.cov(h.T, bias=True) ** 2)[~np.eye(3, dtype=bool)].sum() / 2,
        ),
        Case(lambda h: F.decov(h, "no"), (normal(4, 3),)),
    ],
    "connectionist_temporal_classification": [
        Case(
            lambda *xs: F.connectionist_temporal_classification(
                xs, ctc_t, 0, reduce="no", **ctc_lengths
            ),
            tuple(normal(3, 3) for _ in range(4)),
            _ctc,
            double=False,
        )
    ],
    "crf1d": [
        Case(
            lambda cost, *xs: F.crf1d(cost, xs, ys, "no"),
            (normal(3, 3), normal(3, 3), normal(2, 3), normal(2, 3)),
            _crf,
        )
    ],
    "negative_sampling": [
        Case(
            lambda x, W: F.negative_sampling(x, labels, W, None, 2, "no", samples=samples),
            (normal(3, 4), normal(4, 4)),
            lambda x, W: (
                -np.log(sigmoid((x * W[labels]).sum(1)))
                - np.log(sigmoid(-(x[:, None] * W[samples]).sum(2))).sum(1)
            ),
        )
    ],
    "black_out": [
        Case(
            lambda x, W: F.black_out(x, labels, W, samples, "no"),
            (normal(3, 4), normal(4, 4)),
            lambda x, W: (lambda p: -np.log(p[:, 0]) - np.log(1 - p[:, 1:]).sum(1))(
                softmax((x[:, None] * W[np.c_[labels, samples]]).sum(2))
            ),
        )
    ],
    "hierarchical_softmax": [
        Case(
            lambda x, W: F.hierarchical_softmax(x, labels, W, paths, codes, "no"),
            (normal(3, 4), normal(3, 4)),
            lambda x, W: np.array(
                [
                    sum(
                        -np.log(sigmoid(c * (v @ W[n])))
                        for n, c in zip(paths[t], codes[t], strict=True)
                        if c
                    )
                    for v, t in zip(x, labels, strict=True)
                ]
            ),
        )
    ],
}

NOT_DIFFERENTIABLE = {"argmax_crf1d"}

ALL = {f"{name}-{i}": case for name, cases in CASES.items() for i, case in enumerate(cases)}


@pytest.mark.parametrize("case", ALL.values(), ids=ALL)
def test_derivatives(case):
    case.check_derivatives()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", ALL.values(), ids=ALL)
def test_value(case, dtype):
    case.check_value(dtype)


@pytest.mark.parametrize("name", ["huber_loss", "gaussian_nll", "cross_covariance"])
def test_on_a_device(name):
    CASES[name][0].check_device(0)


def _on(xp: Any, tree: Any) -> Any:
    return [_on(xp, x) for x in tree] if isinstance(tree, (list, tuple)) else xp.asarray(tree)


def test_integers_on_each_kind_of_array(xp):
    inputs = CASES["connectionist_temporal_classification"][0].inputs
    x = nnrun.Variable(xp.asarray(np.stack(inputs).astype(np.float32)))
    lengths = {k: xp.asarray(v) for k, v in ctc_lengths.items()}
    loss = F.connectionist_temporal_classification(x, xp.asarray(ctc_t), 0, **lengths)
    assert_allclose(loss, _ctc(*inputs).mean())
    loss.backward()
    # Time 3 of sequence 1 is past its end.
    assert not nnrun.cuda.to_cpu(x.grad)[3, 1].any()
    x, W = (xp.asarray(v) for v in CASES["negative_sampling"][0].inputs)
    loss = F.negative_sampling(x, xp.asarray(labels), W, lambda s: xp.asarray(samples), 2)
    assert_allclose(
        loss, CASES["negative_sampling"][0].expected(*map(nnrun.cuda.to_cpu, (x, W))).sum()
    )
    x3 = xp.asarray(normal(3, 3))
    assert_allclose(F.hinge(x3, xp.asarray(labels), reduce="no"), _hinge(nnrun.cuda.to_cpu(x3)))


def test_viterbi_finds_the_best_of_all_paths(xp):
    cost, *xs = CASES["crf1d"][0].inputs
    scores, path = F.argmax_crf1d(xp.asarray(cost), _on(xp, xs))
    path = nnrun.cuda.to_cpu(path)
    assert [len(p) for p in path] == [3, 2, 2]
    for b in range(3):
        rows = [x[b] for x in xs if b < len(x)]

        def score(way, rows=rows):
            return sum(r[k] for r, k in zip(rows, way, strict=True)) + sum(
                cost[j, k] for j, k in itertools.pairwise(way)
            )

        best = max(itertools.product(range(3), repeat=len(rows)), key=score)
        assert tuple(p[b] for p in path if b < len(p)) == best
        assert scores.array[b].item() == pytest.approx(score(best))


def test_labels_that_dont_fit_into_the_time_cost_infinity_and_teach_nothing():
    x = nnrun.Variable(normal(2, 2, 3))
    t = np.array([[1, 1], [1, 2]])  # the first needs a blank between
    loss = F.connectionist_temporal_classification(x, t, 0, reduce="no")
    assert np.isinf(loss.array).tolist() == [True, False]
    loss.grad = np.ones(2)
    loss.backward()
    assert not x.grad[:, 0].any()
    assert np.isfinite(x.grad).all()


def test_pairs_that_coincide_have_a_gradient_of_zero():
    x = nnrun.Variable(np.ones((1, 3)))
    loss = F.contrastive(x, np.ones((1, 3)), np.array([0]), 2.0)
    loss.backward()
    assert loss.item() == 2
    assert x.grad.tolist() == [[0, 0, 0]]


def test_a_label_of_minus_one_counts_nothing():
    x, W = CASES["negative_sampling"][0].inputs
    t = np.array([-1, 0, -1])
    loss, drawn = F.negative_sampling(
        x, t, W, lambda shape: np.zeros(shape, int), 2, "no", return_samples=True
    )
    assert loss.array[[0, 2]].tolist() == [0, 0]
    assert drawn.shape == (3, 2)


z = np.zeros


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: F.huber_loss(z((2, 3)), z(2), 1), ValueError, r"huber_loss: `x` and `t`"),
        (lambda: F.hinge(z((2, 3)), z(2)), TypeError, r"hinge: labels `t` must be integers"),
        (lambda: F.hinge(z((2, 3)), z(2, int), "L3"), ValueError, r"hinge: `norm`"),
        (lambda: F.hinge(z((2, 3)), z(3, int)), ValueError, r"hinge: .*t.shape=\(3,\)"),
        (lambda: F.contrastive(z((2, 3)), z((2, 4)), z(2)), ValueError, r"contrastive: `x0` and"),
        (lambda: F.contrastive(z((2, 3)), z((2, 3)), z(3)), ValueError, r"contrastive: `x0` must"),
        (lambda: F.contrastive(z(2), z(2), z(2), 0), ValueError, r"contrastive: `margin`"),
        (lambda: F.triplet(z(2), z(2), z(2)), ValueError, r"triplet: `anchor` must be a matrix"),
        (lambda: F.triplet(z(2), z(2), z(2), -1), ValueError, r"triplet: `margin`"),
        (
            lambda: F.discriminative_margin_based_clustering_loss(z((1, 2, 3)), z((1, 2)), 1, 1, 2),
            ValueError,
            r"`labels` must have the shape of `embeddings` without axis 1",
        ),
        (
            lambda: F.discriminative_margin_based_clustering_loss(z((1, 2, 3)), z((1, 3)), 1, 1, 1),
            ValueError,
            r"`embeddings` have 2 dimensions",
        ),
        (lambda: F.gaussian_nll(z(2), z(2), z(3)), ValueError, r"gaussian_nll: `x`, `mean` and"),
        (lambda: F.bernoulli_nll(z(2), z(3)), ValueError, r"bernoulli_nll: `x` and `y`"),
        (lambda: F.bernoulli_nll(z(2), z(2), "max"), ValueError, r"'sum' or 'mean' or 'no', not"),
        (lambda: F.gaussian_kl_divergence(z(2), z(3)), ValueError, r"gaussian_kl_divergence"),
        (lambda: F.cross_covariance(z((2, 2)), z((3, 2))), ValueError, r"of as many rows"),
        (lambda: F.decov(z(2)), ValueError, r"decov: `h` must be a matrix"),
        (lambda: F.crf1d(z((2, 2)), [], []), ValueError, r"crf1d: `xs` is empty"),
        (lambda: F.crf1d(z((2, 3)), [z((1, 2))], []), ValueError, r"crf1d: `cost` must be"),
        (lambda: F.crf1d(z((2, 2)), [z((1, 3))], []), ValueError, r"crf1d: `xs` must have shapes"),
        (lambda: F.crf1d(z((2, 2)), [z((1, 2))], []), ValueError, r"crf1d: `ys` must have shapes"),
        (
            lambda: F.connectionist_temporal_classification(z((2, 1, 3)), z((1, 1), int), 0),
            ValueError,
            r"label 0 at \(0, 0\) is not one of 3 symbols other than the blank 0",
        ),
        (
            lambda: F.connectionist_temporal_classification(
                z((2, 1, 3)), z((1, 1), int) + 1, 0, np.array([3])
            ),
            ValueError,
            r"`input_length` must be from 1 to 2: \[3\]",
        ),
        (
            lambda: F.connectionist_temporal_classification([], z((1, 1), int), 0),
            ValueError,
            r"`x` is empty",
        ),
        (
            lambda: F.connectionist_temporal_classification(z((2, 1, 3)), z((1, 1), int), 3),
            ValueError,
            r"blank_symbol 3 is not one of 3 symbols",
        ),
        (
            lambda: F.negative_sampling(z((2, 3)), z(2, int), z((4, 2)), None, 1),
            ValueError,
            r"negative_sampling: .* don't fit \(x.shape=\(2, 3\), t.shape=\(2,\), W.shape=\(4, 2\)",
        ),
        (
            lambda: F.negative_sampling(
                z((2, 3)), z(2, int), z((4, 3)), None, 1, samples=z((2, 2), int)
            ),
            ValueError,
            r"samples must have shape \(2, 1\), not \(2, 2\)",
        ),
        (
            lambda: F.black_out(z((2, 3)), z(2), z((4, 3)), z((2, 1), int)),
            TypeError,
            r"black_out: labels",
        ),
        (
            lambda: F.black_out(z((2, 3)), z(2, int), z((4, 3)), z(2, int)),
            ValueError,
            r"black_out: `samples`",
        ),
        (
            lambda: F.hierarchical_softmax(z((2, 3)), z(2, int), z((4, 3)), paths, codes[:2]),
            ValueError,
            r"hierarchical_softmax: `paths` and `codes`",
        ),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
