"""The seam: what it offers, that both drivers offer it, and how one of them is chosen."""

import inspect
import os
import subprocess
import sys

import pytest

from ndgpu import driver
from ndgpu.driver import cuda, host

NAMES = driver.FUNCTIONS + driver.SEAM


def run(code: str, **variables: str) -> str:
    """Run `code` in a fresh process and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_no_name_twice():
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_both_drivers_have_it_with_as_many_parameters(name):
    wanted = inspect.signature(getattr(cuda, name)).parameters
    ours = inspect.signature(getattr(host, name)).parameters
    assert len(ours) == len(wanted)


@pytest.mark.parametrize("name", driver.FUNCTIONS)
def test_parameters_are_called_as_in_cuda(name):
    # cuda.bindings 12.9 and 13 agree on these names; callers may use them as keywords.
    wanted = list(inspect.signature(getattr(cuda, name)).parameters)
    ours = list(inspect.signature(getattr(host, name)).parameters)
    assert ours == wanted


def test_import_touches_no_driver():
    loaded = run(
        "import sys\n"
        "from ndgpu import driver\n"
        "print([m for m in ('cuda.bindings.driver', 'llvmlite', 'ndgpu.driver.host') "
        "if m in sys.modules])"
    )
    assert loaded == "[]"


def test_an_enumeration_does_not_choose():
    out = run(
        "from ndgpu import driver\n"
        "driver.CUresult.CUDA_SUCCESS\n"
        "driver.choose('host')\n"
        "print(driver.kind(), driver.cuDeviceGetCount()[1])",
        NDGPU_DEVICE="auto",
        NDGPU_HOST_DEVICES="3",
    )
    assert out == "host 3"


def test_llvm_waits_for_a_module():
    out = run(
        "import sys\n"
        "from ndgpu import driver\n"
        "context = driver.cuDevicePrimaryCtxRetain(0)[1]\n"
        "driver.cuCtxSetCurrent(context)\n"
        "driver.cuMemFree(driver.cuMemAlloc(100)[1])\n"
        "print('llvmlite' in sys.modules)",
        NDGPU_DEVICE="host",
    )
    assert out == "False"


def test_choose_refuses_to_change_what_is_in_use():
    out = run(
        "from ndgpu import driver\n"
        "driver.cuDeviceGetCount()\n"
        "driver.choose('auto'); driver.choose('host')\n"
        "try:\n"
        "    driver.choose('cuda')\n"
        "except RuntimeError as error:\n"
        "    print(error)",
        NDGPU_DEVICE="host",
    )
    assert out.startswith("the host driver is in use already; 'cuda' must be chosen")


def test_choose_refuses_an_unknown_kind():
    with pytest.raises(ValueError, match="'cuda', 'host' or 'auto', not 'tpu'"):
        driver.choose("tpu")


def test_asking_for_cuda_without_it_says_what_is_missing(monkeypatch):
    monkeypatch.setattr(cuda, "missing", lambda: "libcuda was not found (no such file)")
    with pytest.raises(driver.DriverNotFoundError, match=r"libcuda was not found \(no such file\)"):
        driver._open("cuda")
    chosen, kind = driver._open("auto")
    assert (chosen, kind) == (host, "host")


def answers(monkeypatch, **values):
    for name, value in values.items():
        monkeypatch.setattr(cuda._bindings, name, lambda *args, value=value: value)


def test_what_can_be_missing(monkeypatch):
    result = driver.CUresult
    ok = result.CUDA_SUCCESS
    answers(monkeypatch, cuInit=(result.CUDA_ERROR_NO_DEVICE,))
    assert "no device" in cuda.missing()
    answers(monkeypatch, cuInit=(result.CUDA_ERROR_SYSTEM_DRIVER_MISMATCH,))
    assert "cuInit failed with CUDA_ERROR_SYSTEM_DRIVER_MISMATCH" in cuda.missing()
    answers(monkeypatch, cuInit=(ok,), cuDeviceGetCount=(ok, 0))
    assert "it has no device" in cuda.missing()
    answers(monkeypatch, cuDeviceGetCount=(ok, 2))
    assert cuda.missing() == ""


def test_libcuda_that_cannot_be_loaded(monkeypatch):
    def fail(flags):
        raise RuntimeError("libcuda.so.1: cannot open")

    monkeypatch.setattr(cuda._bindings, "cuInit", fail)
    assert cuda.missing() == "libcuda was not found (libcuda.so.1: cannot open)"


def test_handles_become_ints():
    stream = cuda._bindings.CUstream(0x1234)
    made = cuda._with_ints(lambda: (driver.CUresult.CUDA_SUCCESS, stream))()
    assert made == (driver.CUresult.CUDA_SUCCESS, 0x1234)
    assert type(made[1]) is int
    failed = cuda._with_ints(lambda: (driver.CUresult.CUDA_ERROR_INVALID_VALUE, None))()
    assert failed == (driver.CUresult.CUDA_ERROR_INVALID_VALUE, None)


@pytest.mark.parametrize(
    ("capability", "target"),
    [((9, 0), "sm_90"), ((7, 5), "sm_75"), ((9, 9), "compute_90"), ((99, 0), "compute_")],
)
def test_target_of_a_real_device(monkeypatch, capability, target):
    major, minor = capability
    values = {75: major, 76: minor}
    monkeypatch.setattr(
        cuda._bindings,
        "cuDeviceGetAttribute",
        lambda attribute, device: (driver.CUresult.CUDA_SUCCESS, values[int(attribute)]),
    )
    assert cuda.compile_target.__wrapped__(0).startswith(target)


def test_a_device_too_old_for_nvrtc(monkeypatch):
    monkeypatch.setattr(
        cuda._bindings,
        "cuDeviceGetAttribute",
        lambda attribute, device: (driver.CUresult.CUDA_SUCCESS, 2),
    )
    with pytest.raises(RuntimeError, match=r"compute capability 2\.2"):
        cuda.compile_target.__wrapped__(0)


def test_library_that_is_not_installed(monkeypatch):
    from cuda import pathfinder

    def missing(name):
        raise pathfinder.DynamicLibNotFoundError(name)

    monkeypatch.setattr(pathfinder, "load_nvidia_dynamic_lib", missing)
    assert cuda.load_library.__wrapped__("cublas") is None


def test_unknown_names():
    with pytest.raises(AttributeError, match=r"cuda\.bindings\.driver has no 'CUnonsense'"):
        driver.CUnonsense
    with pytest.raises(AttributeError, match="has no attribute 'cuNonsense'"):
        driver.cuNonsense


def test_dir_lists_the_seam():
    assert set(NAMES) <= set(dir(driver))
