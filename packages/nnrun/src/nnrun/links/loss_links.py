"""Losses with parameters: `CRF1d`, `NegativeSampling`, `BlackOut`, `BinaryHierarchicalSoftmax`."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nnrun import initializers
from nnrun.config import get_dtype
from nnrun.core import DeviceResidentsVisitor, Link, Parameter, Variable, as_array
from nnrun.functions import argmax_crf1d, crf1d, hierarchical_softmax, transpose_sequence
from nnrun.functions import black_out as black_out_
from nnrun.functions import negative_sampling as negative_sampling_

__all__ = ["BinaryHierarchicalSoftmax", "BlackOut", "CRF1d", "NegativeSampling"]

Array = Any


class CRF1d(Link):
    """A linear-chain conditional random field; see `nnrun.functions.crf1d`.

    Parameters
    ----------
    n_label : int
        How many labels.
    initial_cost : initializer, array or number, optional
        0 by default.
    transpose : bool
        Take sequences rather than times.

    Attributes
    ----------
    cost : Parameter, shape (n_label, n_label)
        Scores of one label following another.

    Examples
    --------
    >>> import numpy as np, nnrun.links as L
    >>> crf = L.CRF1d(3)
    >>> xs, ys = [np.zeros((1, 3), np.float32)] * 2, [np.array([0])] * 2
    >>> crf(xs, ys).array.round(4)
    np.float32(2.1972)
    """

    def __init__(self, n_label: int, initial_cost: Any = None, transpose: bool = False) -> None:
        super().__init__()
        self.transpose = transpose
        with self.init_scope():
            self.cost = Parameter(0 if initial_cost is None else initial_cost, (n_label, n_label))

    def _by_time(self, xs: Sequence[Any]) -> Sequence[Any]:
        return transpose_sequence(xs) if self.transpose else xs

    def forward(self, xs: Sequence[Any], ys: Sequence[Any], reduce: str = "mean") -> Variable:
        """Return the loss of label sequences `ys` with scores `xs`, by falling length."""
        labels = [y.array for y in transpose_sequence(ys)] if self.transpose else ys
        return crf1d(self.cost, self._by_time(xs), labels, reduce)

    def argmax(self, xs: Sequence[Any]) -> tuple[Array, list[Array]]:
        """Return the scores and labels of the most likely sequences."""
        score, path = argmax_crf1d(self.cost, self._by_time(xs))
        if self.transpose:
            path = [v.array for v in transpose_sequence(path)]
        return score, path


class _Sampling(Link):
    """Draws labels by their counts."""

    def __init__(
        self,
        in_size: int,
        counts: Sequence[int],
        sample_size: int,
        power: float,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.sample_size = sample_size
        weights = np.asarray(counts, np.float64) ** power
        if weights.ndim != 1 or not weights.sum() > 0:
            raise ValueError(
                f"{type(self).__name__}: `counts` must be numbers, not all 0 (their shape is "
                f"{weights.shape})"
            )
        self._cumulative = np.cumsum(weights / weights.sum())
        self._cumulative[-1] = 1.0
        with self.init_scope():
            self.W = Parameter(initializers.Zero(get_dtype(dtype)), (len(weights), in_size))

    def draw(self, shape: tuple[int, ...]) -> Array:
        """Return labels by NumPy's global generator, on the link's device."""
        numbers = np.random.random_sample(shape)
        ids = np.searchsorted(self._cumulative, numbers, side="right")
        return self.device.send(ids.astype(np.int32))


class NegativeSampling(_Sampling):
    """The loss of negative sampling with its vectors; see `nnrun.functions.negative_sampling`.

    Parameters
    ----------
    in_size : int
        Of the vectors.
    counts : sequence of int
        How often each label occurs.
    sample_size : int
        How many samples for each row.
    power : float
        Samples are drawn by the counts to this power.
    dtype : dtype, optional
        Of the vectors.

    Attributes
    ----------
    W : Parameter, shape (labels, in_size)
        The vectors: zeros at first.

    Examples
    --------
    >>> import numpy as np, nnrun.links as L
    >>> loss = L.NegativeSampling(2, [10, 5, 3], 4)
    >>> loss(np.ones((1, 2), np.float32), np.array([0])).array.round(4)  # 5 log 2
    np.float32(3.4657)
    """

    def __init__(
        self,
        in_size: int,
        counts: Sequence[int],
        sample_size: int,
        power: float = 0.75,
        dtype: Any = None,
    ) -> None:
        super().__init__(in_size, counts, sample_size, power, dtype)

    def forward(self, x: Any, t: Any, reduce: str = "sum", *, return_samples: bool = False) -> Any:
        """Return the loss of vectors `x`, (batch, in_size), with labels `t`, (batch,)."""
        return negative_sampling_(
            x, t, self.W, self.draw, self.sample_size, reduce, return_samples=return_samples
        )


class BlackOut(_Sampling):
    """The BlackOut loss with its vectors; see `nnrun.functions.black_out`.

    Parameters
    ----------
    in_size : int
        Of the vectors.
    counts : sequence of int
        How often each label occurs.
    sample_size : int
        How many samples for each row.

    Attributes
    ----------
    W : Parameter, shape (labels, in_size)
        The vectors: zeros at first.

    Examples
    --------
    >>> import numpy as np, nnrun.links as L
    >>> loss = L.BlackOut(2, [10, 5, 3], 1)
    >>> loss(np.ones((1, 2), np.float32), np.array([0])).array.round(4)  # 2 log 2
    np.float32(1.3863)
    """

    def __init__(self, in_size: int, counts: Sequence[int], sample_size: int) -> None:
        super().__init__(in_size, counts, sample_size, 1.0)

    def forward(self, x: Any, t: Any) -> Variable:
        """Return the mean loss of vectors `x`, (batch, in_size), with labels `t`, (batch,)."""
        return black_out_(x, t, self.W, self.draw((x.shape[0], self.sample_size)))


class BinaryHierarchicalSoftmax(Link):
    """The loss of decisions down a tree; see `nnrun.functions.hierarchical_softmax`.

    Parameters
    ----------
    in_size : int
        Of the vectors.
    tree : pair
        A label, or a pair of trees, nested.
    dtype : dtype, optional
        Of the parameter.

    Attributes
    ----------
    W : Parameter, shape (inner nodes, in_size)
        A vector for each inner node.

    Examples
    --------
    >>> import numpy as np, nnrun.links as L
    >>> tree = L.BinaryHierarchicalSoftmax.create_huffman_tree({0: 8, 1: 2, 2: 1})
    >>> loss = L.BinaryHierarchicalSoftmax(4, tree)
    >>> loss(np.zeros((1, 4), np.float32), np.array([0])).array.round(4)  # log 2
    np.float32(0.6931)
    """

    def __init__(self, in_size: int, tree: Any, dtype: Any = None) -> None:
        super().__init__()
        ways: dict[int, list[tuple[int, int]]] = {}
        nodes = 0
        pending: list[tuple[Any, list[tuple[int, int]]]] = [(tree, [])]
        while pending:
            part, way = pending.pop()
            if isinstance(part, tuple):
                if len(part) != 2:
                    raise ValueError(
                        f"BinaryHierarchicalSoftmax: a tree is a label or a pair of trees, not "
                        f"{part!r:.80}"
                    )
                node, nodes = nodes, nodes + 1
                pending.append((part[1], [*way, (node, -1)]))
                pending.append((part[0], [*way, (node, 1)]))
            else:
                ways[int(part)] = way
        if sorted(ways) != list(range(len(ways))) or not nodes:
            raise ValueError(
                f"BinaryHierarchicalSoftmax: labels must be 0 to {len(ways) - 1}, two at least, "
                f"not {sorted(ways)!r:.80}"
            )
        depth = max(map(len, ways.values()))
        self._paths: Array = np.full((len(ways), depth), -1, np.int32)
        self._codes: Array = np.zeros((len(ways), depth), np.int32)
        for label, way in ways.items():
            for k, (node, code) in enumerate(way):
                self._paths[label, k] = node
                self._codes[label, k] = code
        with self.init_scope():
            self.W = Parameter(initializers.Uniform(1.0, dtype=dtype), (nodes, in_size))

    @staticmethod
    def create_huffman_tree(word_counts: Mapping[int, int]) -> Any:
        """Return the tree in which frequent labels are near the root.

        Parameters
        ----------
        word_counts : dict of int to int
            How often each label occurs.

        Returns
        -------
        pair
            Nested pairs of labels.

        Raises
        ------
        ValueError
            If there are no labels.
        """
        if not word_counts:
            raise ValueError("create_huffman_tree: `word_counts` is empty")
        # The number in the middle is that of equal counts, so that trees are not compared.
        heap: list[tuple[int, int, Any]] = [
            (count, k, label) for k, (label, count) in enumerate(word_counts.items())
        ]
        heapq.heapify(heap)
        for k in range(len(heap), 2 * len(heap) - 1):
            first, second = heapq.heappop(heap), heapq.heappop(heap)
            heapq.heappush(heap, (first[0] + second[0], k, (first[2], second[2])))
        return heap[0][2]

    def _show_own(self, visitor: DeviceResidentsVisitor) -> None:
        super()._show_own(visitor)
        self._paths, self._codes = (visitor.visit_array(a) for a in (self._paths, self._codes))

    def forward(self, x: Any, t: Any) -> Variable:
        """Return the summed loss of vectors `x`, (batch, in_size), with labels `t`, (batch,)."""
        return hierarchical_softmax(x, as_array(t), self.W, self._paths, self._codes)
