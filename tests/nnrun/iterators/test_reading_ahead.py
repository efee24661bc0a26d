"""Iterators that read ahead give what a serial one gives, whatever their workers' timing."""

import time

import numpy as np
import pytest

from nnrun.iterators import (
    MultiprocessIterator,
    MultithreadIterator,
    OrderSampler,
    SerialIterator,
    ShuffleOrderSampler,
)
from nnrun.serializers import DictionarySerializer, NpzDeserializer


class Slow:
    """Examples that take longer the smaller their index: later ones are ready first."""

    def __init__(self, length, seconds=0.002):
        self.length = length
        self.seconds = seconds

    def __len__(self):
        return self.length

    def __getitem__(self, i):
        time.sleep(self.seconds * (self.length - i) / self.length)
        return i


def threads(*args, **options):
    return MultithreadIterator(*args, n_threads=3, **options)


def processes(*args, **options):
    return MultiprocessIterator(*args, n_processes=2, **options)


@pytest.fixture(params=[threads, processes])
def make(request):
    made = []

    def do(*args, **options):
        made.append(request.param(*args, **options))
        return made[-1]

    yield do
    for iterator in made:
        iterator.finalize()


def state(iterator):
    return (
        iterator.epoch,
        iterator.is_new_epoch,
        iterator.current_position,
        iterator.epoch_detail,
        iterator.previous_epoch_detail,
    )


@pytest.mark.parametrize("n_prefetch", [1, 4])
@pytest.mark.parametrize("options", [{"seed": 3}, {"shuffle": False}, {"seed": 3, "repeat": False}])
def test_batches_and_states_are_those_of_a_serial_iterator(make, options, n_prefetch):
    serial = SerialIterator(range(10), 4, **options)
    ahead = make(Slow(10), 4, n_prefetch=n_prefetch, **options)
    assert state(serial) == state(ahead)
    assert (ahead.batch_size, ahead.repeat) == (4, serial.repeat)
    for _ in range(8 if serial.repeat else 3):
        assert next(serial) == next(ahead)
        assert state(serial) == state(ahead)
    serial.reset()
    ahead.reset()
    assert state(serial) == state(ahead)
    assert next(serial) == next(ahead)


def test_the_end_without_repetition(make):
    iterator = make(range(5), 2, repeat=False, shuffle=False)
    assert list(iterator) == [[0, 1], [2, 3], [4]]
    with pytest.raises(StopIteration):
        next(iterator)
    iterator.reset()
    assert list(iterator) == [[0, 1], [2, 3], [4]]
    assert list(make([], 2, repeat=False, shuffle=False)) == []


@pytest.mark.parametrize("batches", [0, 1, 2, 3, 5])
def test_a_loaded_state_goes_on_in_the_middle_of_a_sweep(make, batches):
    first = make(range(10), 4, seed=1, n_prefetch=3)
    for _ in range(batches):
        next(first)
    stored = DictionarySerializer()
    stored.save(first)
    expected = [next(first) for _ in range(7)]
    second = make(range(10), 4, seed=2, n_prefetch=3)
    next(second)
    NpzDeserializer(stored.target).load(second)
    assert [next(second) for _ in range(7)] == expected
    serial = SerialIterator(range(10), 4, seed=5)
    NpzDeserializer(stored.target).load(serial)
    assert [next(serial) for _ in range(7)] == expected


def test_a_state_of_a_serial_iterator_is_taken(make):
    serial = SerialIterator(range(10), 4, seed=1)
    next(serial)
    stored = DictionarySerializer()
    stored.save(serial)
    ahead = make(range(10), 4, seed=2)
    NpzDeserializer(stored.target).load(ahead)
    assert [next(ahead) for _ in range(5)] == [next(serial) for _ in range(5)]


def test_the_global_generator_does_not_tell_how_far_one_reads_ahead(make):
    drawn = []
    for n_prefetch in (1, 5):
        np.random.seed(0)
        iterator = make(range(6), 2, n_prefetch=n_prefetch)
        batches = [next(iterator) for _ in range(4)]
        drawn.append((batches, np.random.random()))
    assert drawn[0] == drawn[1]


def test_an_order_sampler(make):
    class Backwards(OrderSampler):
        def __call__(self, order, position):
            return order[::-1]

    iterator = make(range(6), 4, order_sampler=Backwards())
    assert [next(iterator) for _ in range(3)] == [[5, 4, 3, 2], [1, 0, 0, 1], [2, 3, 4, 5]]
    assert isinstance(make(range(6), 4, seed=0).order_sampler, ShuffleOrderSampler)


def test_an_error_of_the_dataset_is_raised_and_stays(make):
    class Broken:
        def __len__(self):
            return 6

        def __getitem__(self, i):
            return [0, 1, 2, 3][i]

    iterator = make(Broken(), 2, shuffle=False)
    assert [next(iterator), next(iterator)] == [[0, 1], [2, 3]]
    for _ in range(2):
        with pytest.raises(IndexError, match="list index out of range"):
            next(iterator)
    assert iterator.current_position == 4


def test_finalizing(make):
    iterator = make(range(10), 4)
    next(iterator)
    iterator.finalize()
    iterator.finalize()
    with pytest.raises(RuntimeError, match="finalized"):
        next(iterator)


def test_bad_arguments():
    with pytest.raises(ValueError, match="n_threads is at least 1, not 0"):
        MultithreadIterator([1], 1, n_threads=0)
    with pytest.raises(ValueError, match="n_processes is at least 1, not 0"):
        MultiprocessIterator([1], 1, n_processes=0)
    with pytest.raises(ValueError, match="n_prefetch is at least 1, not 0"):
        MultiprocessIterator([1], 1, n_prefetch=0)
    with pytest.raises(ValueError, match="there is none"):
        MultithreadIterator([1], 1, shuffle=False, seed=3)
