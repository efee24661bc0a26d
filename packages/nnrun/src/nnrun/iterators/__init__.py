"""Iterators: from a dataset to a stream of batches."""

from nnrun.iterators.multiprocess_iterator import MultiprocessIterator
from nnrun.iterators.multithread_iterator import MultithreadIterator
from nnrun.iterators.order_samplers import OrderSampler, ShuffleOrderSampler
from nnrun.iterators.serial_iterator import SerialIterator
from nnrun.iterators.worker import WorkerError

__all__ = [
    "MultiprocessIterator",
    "MultithreadIterator",
    "OrderSampler",
    "SerialIterator",
    "ShuffleOrderSampler",
    "WorkerError",
]
