"""The detector of hidden synchronisations points at the program's line, and only there."""

from __future__ import annotations

import inspect
import threading
import warnings

import numpy as np
import pytest

import ndgpu as xp
import ndgpu.runtime as rt
from ndgpu import cuda, driver


def here() -> int:
    frame = inspect.currentframe()
    assert frame is not None and frame.f_back is not None
    return frame.f_back.f_lineno


HIDDEN = {
    "float": lambda x: float(x.sum()),
    "bool": lambda x: bool((x > 0).any()),
    "get": lambda x: x.get(),
    "item": lambda x: x[0].item(),
    "print": str,
    "asarray": lambda x: xp.asarray(np.ones(1000)),
}


@pytest.mark.parametrize("name", HIDDEN)
def test_what_waits_is_found(name: str) -> None:
    x = xp.arange(3.0)
    HIDDEN[name](x)
    with (
        cuda.detect_synchronization("raise"),
        pytest.raises(cuda.SynchronizationError, match=r"test_synchronization.py:\d+"),
    ):
        HIDDEN[name](x)
    HIDDEN[name](x)  # it is over


def test_a_warning_has_the_line_of_the_program() -> None:
    x = xp.arange(3.0)
    with cuda.detect_synchronization(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        y = x + 1
        line = here() + 1
        assert float(y[0]) == 1
    assert len(caught) == 1
    assert caught[0].category is cuda.SynchronizationWarning
    assert (caught[0].filename, caught[0].lineno) == (__file__, line)
    assert "__float__ calls cuMemcpyDtoHAsync" in str(caught[0].message)


def test_what_does_not_wait_is_left_alone() -> None:
    x, out = xp.arange(3.0), xp.empty(3)
    host = xp.empty_pinned(3)
    event = rt.Event()
    stream = rt.Stream(non_blocking=True)
    xp.exp(x * 2, out=out)
    with cuda.detect_synchronization("raise"):
        xp.exp(x * 2, out=out)
        out += x
        x.data.copy_to_host_async(host.ctypes.data, 24)
        event.record()
        stream.wait_event(event)
        # What says that it waits is not hidden.
        event.synchronize()
        stream.synchronize()
        rt.Device().synchronize()
        cuda.runtime.deviceSynchronize()
        with cuda.detect_synchronization("ignore"):
            assert float(x[0]) == 0
        with pytest.raises(cuda.SynchronizationError):
            float(x[0])
    assert host.tolist() == [0, 1, 2]


def test_other_threads_are_left_alone_and_all_is_as_before() -> None:
    before = {name: vars(driver).get(name) for name in ("cuStreamSynchronize", "cuMemcpyDtoHAsync")}
    x = xp.arange(3.0)
    seen: list[object] = []
    with cuda.detect_synchronization("raise"):
        thread = threading.Thread(target=lambda: seen.append(float(x.sum())))
        thread.start()
        thread.join()
    assert seen == [3.0]
    for name, function in before.items():
        assert function is None or vars(driver)[name] is function
    with (
        pytest.raises(ValueError, match="not 'stop'"),
        cuda.detect_synchronization("stop"),
    ):
        pass


def test_a_finaliser_never_raises() -> None:
    memory = rt.Memory(100)
    with cuda.detect_synchronization("raise"), pytest.warns(cuda.SynchronizationWarning):
        del memory
