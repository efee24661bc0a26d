"""How long a function takes on the processor, and what it gives the devices on them.

A call returns before the devices have done what it asked for, so the two are timed apart: the
processor by its clock around the call, each device by events before and after it.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any

import numpy as np

from ndgpu.cuda import nvtx
from ndgpu.runtime import Device, Event, get_current_stream, get_elapsed_time

__all__ = ["PerfCaseResult", "benchmark", "time_range"]


class PerfCaseResult:
    """What `benchmark` measured; printed, it says mean, spread and range of each.

    Attributes
    ----------
    name : str
        The name of the function.
    cpu_times : numpy.ndarray
        Seconds of each call on the processor, shape ``(n,)``.
    gpu_times : numpy.ndarray
        Seconds of each call on each device, shape ``(devices, n)``.
    """

    def __init__(self, name: str, times: np.ndarray, devices: tuple[int, ...]) -> None:
        if times.ndim != 2 or times.shape[0] != len(devices) + 1:
            raise ValueError(
                f"PerfCaseResult: times of {len(devices)} devices and the processor have the "
                f"shape ({len(devices) + 1}, n), got {times.shape}"
            )
        self.name = name
        self._times = times
        self._devices = devices

    @property
    def cpu_times(self) -> np.ndarray:
        """Seconds of each call on the processor."""
        return self._times[0]

    @property
    def gpu_times(self) -> np.ndarray:
        """Seconds of each call on each device."""
        return self._times[1:]

    def to_str(self, show_gpu: bool = False) -> str:
        """Return a line with the processor's times in microseconds, and the devices' if asked.

        Parameters
        ----------
        show_gpu : bool
            Whether the devices are in it.
        """
        line = f"{self.name:<20s}:{_figures('CPU', self._times[0])}"
        if show_gpu:
            for device, times in zip(self._devices, self._times[1:], strict=True):
                line += _figures(f"GPU-{device}", times)
        return line

    def __str__(self) -> str:
        return self.to_str(show_gpu=True)

    def __repr__(self) -> str:
        return f"<PerfCaseResult {self}>"


def _figures(name: str, seconds: np.ndarray) -> str:
    times = seconds * 1e6
    text = f" {name:>6s}: {times.mean():9.3f} us"
    if times.size > 1:
        text += f"   +/- {times.std():6.3f} (min: {times.min():9.3f} / max: {times.max():9.3f}) us"
    return text + " "


def benchmark(
    func: Callable[..., object],
    args: tuple[Any, ...] = (),
    kwargs: Mapping[str, Any] | None = None,
    n_repeat: int = 10000,
    *,
    name: str | None = None,
    n_warmup: int = 10,
    max_duration: float = math.inf,
    devices: Iterable[int] | None = None,
) -> PerfCaseResult:
    """Time a function, on the processor and on devices.

    Parameters
    ----------
    func : callable
        What is timed.
    args : tuple
        Its positional arguments.
    kwargs : mapping, optional
        Its keyword arguments.
    n_repeat : int
        Calls that are timed.
    name : str, optional
        What to call it; by default the function's own name.
    n_warmup : int
        Calls before those, which are not timed.
    max_duration : float
        Seconds after which no further call is begun.
    devices : iterable of int, optional
        Devices to time, in their current streams; the current device by default.

    Returns
    -------
    PerfCaseResult
        Times in seconds.  A device's includes what it waited for the processor.

    Raises
    ------
    ValueError
        If a number is out of range.

    Examples
    --------
    >>> import ndgpu as xp
    >>> x = xp.ones(1000)
    >>> result = xp.cuda.benchmark(xp.sqrt, (x,), n_repeat=5)
    >>> print(result)    # doctest: +ELLIPSIS
    sqrt                :    CPU: ... us   +/- ... GPU-0: ... us
    >>> result.cpu_times.shape, result.gpu_times.shape
    ((5,), (1, 5))
    """
    if n_repeat < 1 or n_warmup < 0 or not max_duration >= 0:
        raise ValueError(
            "benchmark: n_repeat must be positive, n_warmup and max_duration not negative, got "
            f"{n_repeat}, {n_warmup} and {max_duration}"
        )
    if not callable(func):
        raise ValueError(f"benchmark: `func` must be callable, got {func!r}")
    chosen = (Device().id,) if devices is None else tuple(devices)
    kwargs = {} if kwargs is None else dict(kwargs)
    name = str(getattr(func, "__name__", func)) if name is None else name
    marks = []
    for ordinal in chosen:
        with Device(ordinal):
            marks.append((Event(block=True), Event(block=True)))
    for _ in range(n_warmup):
        func(*args, **kwargs)
    for ordinal in chosen:
        Device(ordinal).synchronize()
    rows: list[list[float]] = []
    spent = 0.0
    while len(rows) < n_repeat and (not rows or spent < max_duration):
        began = time.perf_counter()
        _record(chosen, [first for first, _ in marks])
        start = time.perf_counter()
        func(*args, **kwargs)
        row = [time.perf_counter() - start]
        _record(chosen, [last for _, last in marks])
        for _, last in marks:
            last.synchronize()
        row.extend(get_elapsed_time(first, last) * 1e-3 for first, last in marks)
        rows.append(row)
        spent += time.perf_counter() - began
    return PerfCaseResult(name, np.array(rows).T, chosen)


def _record(devices: tuple[int, ...], events: list[Event]) -> None:
    for ordinal, event in zip(devices, events, strict=True):
        with Device(ordinal):
            event.record(get_current_stream())


class time_range:
    """A range that profilers show: around a ``with`` block, or each call of a function.

    Parameters
    ----------
    message : str, optional
        Its name; of a decorated function by default the function's.
    color_id : int, optional
        Number of a colour.
    argb_color : int, optional
        The colour itself, as ``0xAARRGGBB``.
    sync : bool
        Whether to wait for the current stream at both ends, so that the range has the device's
        work in it.

    Raises
    ------
    ValueError
        If both colours are given, or no message to a ``with`` block.

    Examples
    --------
    >>> import ndgpu as xp
    >>> from ndgpu.profiler import time_range
    >>> with time_range("two steps", color_id=0):
    ...     y = xp.ones(3) + 1
    >>> @time_range()
    ... def step(x):
    ...     return x + 1
    >>> step(y)
    array([3., 3., 3.])
    """

    def __init__(
        self,
        message: str | None = None,
        color_id: int | None = None,
        argb_color: int | None = None,
        sync: bool = False,
    ) -> None:
        if color_id is not None and argb_color is not None:
            raise ValueError("time_range: only one of `color_id` and `argb_color` can be given")
        self.message = message
        self.color_id = -1 if color_id is None else color_id
        self.argb_color = argb_color
        self.sync = sync

    def __call__(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that opens the range around each call of `func`."""
        message = getattr(func, "__name__", repr(func)) if self.message is None else self.message

        @functools.wraps(func)
        def call(*args: Any, **kwargs: Any) -> Any:
            self._begin(message)
            try:
                return func(*args, **kwargs)
            finally:
                self._end()

        return call

    def __enter__(self) -> time_range:
        if self.message is None:
            raise ValueError("time_range: a `with` block needs a message")
        self._begin(self.message)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def _begin(self, message: str) -> None:
        if self.sync:
            get_current_stream().synchronize()
        if self.argb_color is not None:
            nvtx.RangePushC(message, self.argb_color)
        else:
            nvtx.RangePush(message, self.color_id)

    def _end(self) -> None:
        if self.sync:
            get_current_stream().synchronize()
        nvtx.RangePop()
