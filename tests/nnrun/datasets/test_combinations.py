"""Datasets made of other datasets hold the right examples in the right order."""

import itertools

import numpy as np
import pytest

from nnrun import datasets


def test_tuple_dataset():
    dataset = datasets.TupleDataset(np.arange(4), "abcd")
    assert len(dataset) == 4
    assert dataset[2] == (2, "c")
    assert dataset[-1] == (3, "d")
    assert dataset[1:3] == [(1, "b"), (2, "c")]
    assert dataset[np.array([3, 0])] == [(3, "d"), (0, "a")]
    with pytest.raises(IndexError):
        dataset[4]


@pytest.mark.parametrize(
    "kind", [datasets.TupleDataset, lambda *a: datasets.DictDataset(a=a[0], b=a[1])]
)
def test_lengths_must_agree(kind):
    with pytest.raises(ValueError, match="lengths differ"):
        kind([1, 2], [1])


@pytest.mark.parametrize("kind", [datasets.TupleDataset, datasets.DictDataset])
def test_nothing_to_combine(kind):
    with pytest.raises(ValueError, match="no datasets were given"):
        kind()


def test_dict_dataset():
    dataset = datasets.DictDataset(x=[1, 2], t="ab")
    assert dataset[:] == [{"x": 1, "t": "a"}, {"x": 2, "t": "b"}]


def test_concatenated_dataset():
    dataset = datasets.ConcatenatedDataset([1, 2], [], "ab", [5])
    assert dataset[:] == [1, 2, "a", "b", 5]
    assert dataset[-1] == 5 and len(dataset) == 5
    assert len(datasets.ConcatenatedDataset()) == 0
    with pytest.raises(IndexError):
        dataset[5]


def test_transform_dataset_transforms_when_asked():
    calls = []

    def transform(x):
        calls.append(x)
        return -x

    dataset = datasets.TransformDataset(range(10), transform)
    assert (len(dataset), dataset[3:5], calls) == (10, [-3, -4], [3, 4])
    with pytest.raises(TypeError, match="cannot be called"):
        datasets.TransformDataset(range(10), 3)


def test_split():
    first, second = datasets.split_dataset("abcde", 3, order=[4, 3, 2, 1, 0])
    assert (first[:], second[:]) == (["e", "d", "c"], ["b", "a"])
    whole, nothing = datasets.split_dataset("ab", 2)
    assert (whole[:], len(nothing)) == (["a", "b"], 0)


@pytest.mark.parametrize(
    ("at", "error", "message"),
    [(-1, ValueError, "-1 is not within"), (4, ValueError, "4 is not"), (1.0, TypeError, "float")],
)
def test_split_at_the_wrong_place(at, error, message):
    with pytest.raises(error, match=message):
        datasets.split_dataset("abc", at)


def test_sub_dataset_checks_its_range_and_order():
    with pytest.raises(ValueError, match=r"\[2, 5\) is not within a dataset of 3"):
        datasets.SubDataset("abc", 2, 5)
    with pytest.raises(ValueError, match="order has 2 indices for a dataset of 3"):
        datasets.SubDataset("abc", 0, 2, order=[0, 1])
    with pytest.raises(IndexError):
        datasets.SubDataset("abc", 0, 2)[2]


def test_random_split_is_a_partition_that_the_seed_decides():
    first, second = datasets.split_dataset_random(range(100), 30, seed=1)
    assert (len(first), len(second)) == (30, 70)
    assert sorted([*first[:], *second[:]]) == list(range(100))
    assert first[:] == datasets.split_dataset_random(range(100), 30, seed=1)[0][:]
    assert first[:] != datasets.split_dataset_random(range(100), 30, seed=2)[0][:]


def test_split_in_n_parts():
    assert [part[:] for part in datasets.split_dataset_n(range(7), 3)] == [[0, 1], [2, 3], [4, 5]]
    parts = datasets.split_dataset_n_random(range(9), 3, seed=0)
    assert sorted(itertools.chain.from_iterable(part[:] for part in parts)) == list(range(9))
    with pytest.raises(ValueError, match="at least 1 part"):
        datasets.split_dataset_n(range(7), 0)


@pytest.mark.parametrize("n_folds", [1, 2, 3, 7, 10])
def test_cross_validation_tests_each_example_once(n_folds):
    for pairs in (
        datasets.get_cross_validation_datasets(range(10), n_folds),
        datasets.get_cross_validation_datasets_random(range(10), n_folds, seed=3),
    ):
        assert len(pairs) == n_folds
        assert sorted(itertools.chain.from_iterable(test[:] for _, test in pairs)) == list(
            range(10)
        )
        for train, test in pairs:
            assert sorted([*train[:], *test[:]]) == list(range(10))
            assert len(test) in (10 // n_folds, -(-10 // n_folds))


@pytest.mark.parametrize("n_folds", [0, 4])
def test_cross_validation_needs_as_many_examples(n_folds):
    with pytest.raises(ValueError, match=f"{n_folds} is not from 1 to the 3 examples"):
        datasets.get_cross_validation_datasets("abc", n_folds)
