"""Copies of batches to a device that overlap its computing."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from nnrun import backend
from nnrun.dataset.convert import Converter, concat_examples

__all__ = ["ConcatWithAsyncTransfer", "PinnedConverter"]

# A batch's arrays are kept this many batches long.  By then the work that was queued while
# they were in use is behind the event that the next copy waits for.
_KEPT = 2


class PinnedConverter(Converter):
    """A converter whose copies run beside the work that the device has been given so far.

    It joins the examples in NumPy, puts them into pinned memory, and queues their copy on a
    stream of its own; the current stream waits for the copy, and the program for nothing.  While
    the device is busy with one step the next batch is thus on its way.  Give it to an
    updater as its ``converter``.

    Parameters
    ----------
    converter : callable, default concat_examples
        ``converter(batch, device)`` with the device ``"numpy"`` gives arrays of NumPy,
        in tuples, lists and dictionaries to any depth.

    Notes
    -----
    The memory of a batch is used again only when the work that was queued with it is done.  That
    costs some of the overlap while a batch is kept for longer than the two next are made.

    Examples
    --------
    >>> import numpy as np
    >>> from nnrun.dataset import PinnedConverter
    >>> convert = PinnedConverter()
    >>> x, t = convert([(np.zeros(3), 1), (np.ones(3), 0)], 0)
    >>> type(x).__module__.split(".")[0], x.shape, t.tolist()
    ('ndgpu', (2, 3), [1, 0])
    """

    def __init__(self, converter: Callable[..., Any] = concat_examples) -> None:
        self._converter = converter
        self._lanes: dict[int, _Lane] = {}

    def __call__(self, batch: Any, device: Any = None) -> Any:
        """Convert a batch, and queue its copy to a device.

        Parameters
        ----------
        batch : list
            Examples.
        device : None, int, str or Device
            Where the arrays go; those for NumPy, or for no device, are not copied.

        Returns
        -------
        array, tuple, list or dict
            As the converter's, with arrays on the device.
        """
        arrays = self._converter(batch, "numpy")
        device = None if device is None else backend.get_device(device)
        if not isinstance(device, backend.GpuDevice):
            return arrays
        lane = self._lanes.get(device.id)
        if lane is None:
            lane = self._lanes[device.id] = _Lane(device)
        with device:
            return lane.send(arrays)


class ConcatWithAsyncTransfer(PinnedConverter):
    """`concat_examples` with copies that overlap the computing: `PinnedConverter` by another name.

    Parameters
    ----------
    stream, compute_stream : Stream, optional
        Accepted, and not used: the converter has a stream of its own for each device, and
        orders it with whichever stream is current.
    """

    def __init__(self, stream: Any = None, compute_stream: Any = None) -> None:
        super().__init__(concat_examples)


class _Lane:
    """The stream of copies to one device."""

    def __init__(self, device: backend.GpuDevice) -> None:
        self._xp = device.xp
        with device:
            self._stream = self._xp.cuda.Stream(non_blocking=True)
        self._kept: deque[list[Any]] = deque()
        self._late: list[weakref.ref[Any]] = []  # memory in use after it was no longer kept
        self._staged: deque[tuple[Any, list[Any]]] = deque()
        self._work: Any = None  # what was queued until the last batch

    def send(self, arrays: Any) -> Any:
        """Queue the copies; the current stream waits for them."""
        cuda = self._xp.cuda
        while self._staged and self._staged[0][0].done:
            self._staged.popleft()
        current = cuda.get_current_stream()
        # What was freed since the last batch was used by work up to here; what had only been
        # kept until now by work up to the last batch, which more likely is done.
        anything_late = bool(self._late)
        self._late = [memory for memory in self._late if memory() is not None]
        if len(self._kept) == _KEPT:
            self._late += [weakref.ref(array.data.mem) for array in self._kept.popleft()]
            self._late = [memory for memory in self._late if memory() is not None]
        work, self._work = self._work, current.record()
        if work is not None:
            self._stream.wait_event(self._work if anything_late else work)
        staging: list[Any] = []
        sent: list[Any] = []
        result = self._copies(arrays, staging, sent)
        copied = self._stream.record()
        current.wait_event(copied)
        self._staged.append((copied, staging))
        self._kept.append(sent)
        return result

    def _copies(self, value: Any, staging: list[Any], sent: list[Any]) -> Any:
        if isinstance(value, dict):
            return {key: self._copies(item, staging, sent) for key, item in value.items()}
        if isinstance(value, (tuple, list)):
            return type(value)([self._copies(item, staging, sent) for item in value])
        if not isinstance(value, np.ndarray):
            return value
        if not value.size:
            return self._xp.asarray(value)
        pinned = self._xp.cuda.alloc_pinned_memory(value.nbytes)
        np.frombuffer(pinned, value.dtype, value.size).reshape(value.shape)[...] = value
        with self._stream:  # memory in the order of this stream
            array = self._xp.empty(value.shape, value.dtype)
            array.data.copy_from_host_async(pinned.ptr, value.nbytes)
        staging.append(pinned)
        sent.append(array)
        return array
