"""Batches come in the right order, count epochs right, and go on exactly from a saved state."""

import numpy as np
import pytest

from nnrun.iterators import SerialIterator, ShuffleOrderSampler
from nnrun.serializers import DictionarySerializer, NpzDeserializer


def state(iterator):
    return (
        iterator.epoch,
        iterator.is_new_epoch,
        iterator.current_position,
        iterator.epoch_detail,
        iterator.previous_epoch_detail,
    )


def test_in_order_with_repetition():
    iterator = SerialIterator(range(5), 2, shuffle=False)
    assert state(iterator) == (0, False, 0, 0.0, None)
    assert next(iterator) == [0, 1]
    assert state(iterator) == (0, False, 2, 0.4, 0.0)
    assert iterator.next() == [2, 3]
    assert state(iterator) == (0, False, 4, 0.8, 0.4)
    assert iterator.next() == [4, 0]
    assert state(iterator) == (1, True, 1, 1.2, 0.8)
    assert iterator.next() == [1, 2]
    assert state(iterator) == (1, False, 3, 1.6, 1.2)
    assert iterator.next() == [3, 4]
    assert state(iterator) == (2, True, 0, 2.0, 1.6)


def test_in_order_without_repetition():
    iterator = SerialIterator(range(5), 2, repeat=False, shuffle=False)
    assert list(iterator) == [[0, 1], [2, 3], [4]]
    assert state(iterator) == (1, True, 0, 1.0, 0.8)
    with pytest.raises(StopIteration):
        next(iterator)
    iterator.reset()
    assert list(iterator) == [[0, 1], [2, 3], [4]]


def test_batch_larger_than_the_dataset():
    iterator = SerialIterator([1, 2], 5, shuffle=False)
    assert iterator.next() == [1, 2, 1, 2, 1]
    assert state(iterator)[:3] == (2, True, 1)
    assert list(SerialIterator([1, 2], 5, repeat=False, shuffle=False)) == [[1, 2]]


@pytest.mark.parametrize("size", [1, 3, 10, 12])
def test_each_sweep_has_every_example_once(size):
    iterator = SerialIterator(range(12), size, seed=0)
    stream = [example for _ in range(60) for example in iterator.next()]
    sweeps = [stream[i : i + 12] for i in range(0, len(stream) - 11, 12)]
    assert all(sorted(sweep) == list(range(12)) for sweep in sweeps)
    assert len({tuple(sweep) for sweep in sweeps}) == len(sweeps)  # each in another order


def test_seed_decides_the_batches():
    def batches(**options):
        iterator = SerialIterator(range(100), 7, **options)
        return [iterator.next() for _ in range(40)]

    assert batches(seed=1) == batches(seed=1) == batches(seed=np.random.RandomState(1))
    assert batches(seed=1) != batches(seed=2)
    assert batches(order_sampler=ShuffleOrderSampler(1)) == batches(seed=1)
    global_state = np.random.get_state()
    try:
        np.random.seed(5)
        first = batches()
        np.random.seed(5)
        assert batches() == first
    finally:
        np.random.set_state(global_state)


@pytest.mark.parametrize("options", [{"seed": 3}, {"shuffle": False}, {"seed": 3, "repeat": False}])
@pytest.mark.parametrize("steps", [0, 1, 3, 6])
def test_goes_on_from_a_saved_state(options, steps):
    dataset, saved = list(range(41)), {}
    whole = SerialIterator(dataset, 6, **options)
    for _ in range(steps):
        whole.next()
    whole.serialize(DictionarySerializer(saved))
    other = SerialIterator(dataset, 6, **options | ({"seed": 99} if "seed" in options else {}))
    other.next()
    other.serialize(NpzDeserializer(saved))
    for _ in range(100):
        expected = next(whole, None)
        assert next(other, None) == expected
        assert state(other) == state(whole)


def test_state_without_a_generator_is_accepted():
    saved = {}
    SerialIterator(range(5), 2, seed=0).serialize(DictionarySerializer(saved))
    for key in [key for key in saved if key.startswith("order_sampler")]:
        del saved[key]
    iterator = SerialIterator(range(5), 2, seed=1)
    iterator.serialize(NpzDeserializer(saved))
    np.testing.assert_array_equal(iterator._order, saved["order"])


def test_state_of_another_dataset_is_refused():
    saved = {}
    SerialIterator(range(5), 2, seed=0).serialize(DictionarySerializer(saved))
    with pytest.raises(ValueError, match=r"'order' has shape \(5,\) in the file but \(6,\)"):
        SerialIterator(range(6), 2, seed=0).serialize(NpzDeserializer(saved))


def test_loading_leaves_the_order_samplers_own_array_alone():
    own, saved = np.arange(3), {}
    SerialIterator("abc", 2, order_sampler=lambda *_: own[::-1]).serialize(
        DictionarySerializer(saved)
    )
    SerialIterator("abc", 2, order_sampler=lambda *_: own).serialize(NpzDeserializer(saved))
    np.testing.assert_array_equal(own, [0, 1, 2])


def test_order_sampler_sees_order_and_position():
    seen = []

    def reverse(order, position):
        seen.append((order.tolist(), position))
        return order[::-1]

    iterator = SerialIterator("abc", 2, order_sampler=reverse)
    assert [iterator.next() for _ in range(3)] == [["c", "b"], ["a", "a"], ["b", "c"]]
    assert seen[:2] == [([0, 1, 2], 0), ([2, 1, 0], 3)]


@pytest.mark.parametrize(
    ("order", "message"),
    [([0, 1], "3 indices and it returned 2"), ([0.0, 1.0, 2.0], "returned float64 of shape")],
)
def test_wrong_order_is_refused(order, message):
    with pytest.raises(ValueError, match=message):
        SerialIterator("abc", 2, order_sampler=lambda current, position: order)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "positive integer is wanted, not 0"),
        ({"batch_size": 1.5}, "positive integer is wanted, not 1.5"),
        ({"shuffle": True, "order_sampler": ShuffleOrderSampler(0)}, "exclude each other"),
        ({"shuffle": False, "seed": 0}, "seed is of the shuffling"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(ValueError, match=message):
        SerialIterator("abc", **{"batch_size": 1} | options)


def test_empty_dataset():
    assert list(SerialIterator([], 2, repeat=False)) == []
    with pytest.raises(ValueError, match="the dataset is empty"):
        SerialIterator([], 2).next()
