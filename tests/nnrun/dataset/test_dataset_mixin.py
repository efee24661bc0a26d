"""Every way of indexing a dataset gives the right examples or a clear error."""

import numpy as np
import pytest

from nnrun.dataset import DatasetMixin, Iterator


class Squares(DatasetMixin):
    def __len__(self):
        return 5

    def get_example(self, i):
        return i * i


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        (2, 4),
        (-1, 16),
        (np.int64(3), 9),
        (slice(1, 4), [1, 4, 9]),
        (slice(None, None, -2), [16, 4, 0]),
        ([3, -5], [9, 0]),
        ([], []),
        (np.array([4, 0], np.uint8), [16, 0]),
        (np.array([True, False, False, True, False]), [0, 9]),
    ],
)
def test_indexing(index, expected):
    assert Squares()[index] == expected


@pytest.mark.parametrize(
    ("index", "error", "message"),
    [
        (5, IndexError, "Squares: index 5 is outside a dataset of 5"),
        (-6, IndexError, "index -6 is outside"),
        ([0, 9], IndexError, "index 9 is outside"),
        (1.0, TypeError, "not float"),
        ("a", TypeError, "not str"),
        ([0.5], IndexError, "not float64"),
        (np.zeros((1, 1), int), IndexError, "1 dimension, not 2"),
        (np.array([True]), IndexError, "1 values for 5 examples"),
    ],
)
def test_wrong_indices(index, error, message):
    with pytest.raises(error, match=message):
        Squares()[index]


def test_what_a_subclass_must_define():
    with pytest.raises(NotImplementedError, match="DatasetMixin must define __len__"):
        len(DatasetMixin())
    with pytest.raises(NotImplementedError, match="Iterator must define __next__"):
        next(Iterator())
