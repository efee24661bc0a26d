"""An error of the driver names itself, its meaning and the call."""

from __future__ import annotations

import pickle

import pytest

import ndgpu.runtime as rt
from ndgpu import driver
from ndgpu.runtime.errors import format_bytes


def test_check_returns_the_values() -> None:
    success = driver.CUresult.CUDA_SUCCESS
    assert rt.check((success,)) is None
    assert rt.check((success, 7)) == 7
    assert rt.check((success, 0)) == 0
    assert rt.check((success, 1, 2)) == (1, 2)


def test_an_error_names_the_call_and_its_meaning() -> None:
    rt.current_device_id()
    with pytest.raises(rt.CUDADriverError) as caught:
        rt.check(driver.cuMemFree(12345))
    error = caught.value
    assert error.call == "cuMemFree"
    assert error.name == "CUDA_ERROR_INVALID_VALUE"
    assert error.status == driver.CUresult.CUDA_ERROR_INVALID_VALUE
    assert str(error).startswith("cuMemFree: CUDA_ERROR_INVALID_VALUE (")
    assert "\n" not in str(error)


def test_the_call_is_named_if_its_result_was_kept() -> None:
    rt.current_device_id()
    result = driver.cuStreamSynchronize(987654321)
    with pytest.raises(rt.CUDADriverError, match=r"^cuStreamSynchronize: CUDA_ERROR"):
        rt.check(result)


def test_what_the_driver_adds_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "last_error_detail", lambda: "thread 7 of kernel k")
    with pytest.raises(rt.CUDADriverError, match=r"thread 7 of kernel k$"):
        rt.check((driver.CUresult.CUDA_ERROR_ILLEGAL_ADDRESS,))


def test_an_unknown_status() -> None:
    error = rt.CUDADriverError(123456)
    assert error.status == 123456
    assert "123456" in str(error)


@pytest.mark.parametrize(
    "error",
    [
        rt.CUDADriverError(1, "cuMemAlloc", "why"),
        rt.OutOfMemoryError(10, device_id=1, used=2, held=3, limit=4, device_free=5),
    ],
)
def test_errors_are_pickled(error: Exception) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert again.__dict__ == error.__dict__


def test_out_of_memory_of_the_driver_itself() -> None:
    total = rt.Device(0).mem_info[1]
    with pytest.raises(rt.OutOfMemoryError) as caught:
        rt.malloc(total * 2)
    assert isinstance(caught.value, MemoryError)
    assert (caught.value.wanted, caught.value.device_total) == (total * 2, total)


@pytest.mark.parametrize(
    ("nbytes", "text"),
    [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1024, "1024 bytes (1.00 KiB)"),
        (1536 << 10, "1572864 bytes (1.50 MiB)"),
        (1 << 40, "1099511627776 bytes (1.00 TiB)"),
        (1 << 51, "2251799813685248 bytes (2048.00 TiB)"),
    ],
)
def test_sizes_are_readable(nbytes: int, text: str) -> None:
    assert format_bytes(nbytes) == text
