"""Iterators: from a dataset to a stream of batches."""

from nnrun.iterators.order_samplers import OrderSampler, ShuffleOrderSampler
from nnrun.iterators.serial_iterator import SerialIterator

__all__ = ["OrderSampler", "SerialIterator", "ShuffleOrderSampler"]
