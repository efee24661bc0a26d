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


def test_capture_info_is_the_same_for_cuda_12_and_13(monkeypatch):
    ok, active = driver.CUresult.CUDA_SUCCESS, driver.CUstreamCaptureStatus(1)
    number = cuda._bindings.cuuint64_t(77)
    for values in ((ok, active, number, 1, [], 0), (ok, active, number, 1, [], [], 0)):
        answers(monkeypatch, cuStreamGetCaptureInfo=values)
        assert cuda.cuStreamGetCaptureInfo(5) == (ok, active, 77)
    failed = (driver.CUresult.CUDA_ERROR_INVALID_VALUE, None, None, None, None, 0)
    answers(monkeypatch, cuStreamGetCaptureInfo=failed)
    assert cuda.cuStreamGetCaptureInfo(5) == (failed[0], None, None)


def test_nodes_of_a_graph_are_ints(monkeypatch):
    ok = driver.CUresult.CUDA_SUCCESS
    nodes = [cuda._bindings.CUgraphNode(16), cuda._bindings.CUgraphNode(32)]
    answers(monkeypatch, cuGraphGetNodes=(ok, nodes, 2))
    assert cuda.cuGraphGetNodes(1, 2) == (ok, [16, 32], 2)
    answers(monkeypatch, cuGraphGetNodes=(driver.CUresult.CUDA_ERROR_INVALID_VALUE, None, None))
    assert cuda.cuGraphGetNodes(1)[1] is None


def test_attributes_of_pools_have_their_width(monkeypatch):
    ok, kinds = driver.CUresult.CUDA_SUCCESS, driver.CUmemPool_attribute
    seen = []
    monkeypatch.setattr(
        cuda._bindings, "cuMemPoolSetAttribute", lambda *given: seen.append(given) or (ok,)
    )
    wide, narrow = kinds.CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, kinds(1)
    cuda.cuMemPoolSetAttribute(9, wide, 1 << 40)
    cuda.cuMemPoolSetAttribute(9, narrow, True)
    assert (type(seen[0][2]), int(seen[0][2])) == (cuda._bindings.cuuint64_t, 1 << 40)
    assert (type(seen[1][2]), seen[1][2]) == (int, 1)
    answers(monkeypatch, cuMemPoolGetAttribute=(ok, cuda._bindings.cuuint64_t(5)))
    assert cuda.cuMemPoolGetAttribute(9, wide) == (ok, 5)
    answers(monkeypatch, cuMemPoolGetAttribute=(driver.CUresult.CUDA_ERROR_INVALID_VALUE, None))
    assert cuda.cuMemPoolGetAttribute(9, wide)[1] is None


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("cuStreamBeginCapture", lambda d: (0, d.CUstreamCaptureMode(2))),
        ("cuThreadExchangeStreamCaptureMode", lambda d: (d.CUstreamCaptureMode(2),)),
        ("cuStreamEndCapture", lambda d: (2,)),
        ("cuStreamGetCaptureInfo", lambda d: (2,)),
        ("cuGraphInstantiate", lambda d: (16, 0)),
        ("cuGraphLaunch", lambda d: (16, 2)),
        ("cuGraphUpload", lambda d: (16, 2)),
        ("cuGraphExecUpdate", lambda d: (16, 32)),
        ("cuGraphGetNodes", lambda d: (16, 4)),
        ("cuGraphDebugDotPrint", lambda d: (16, b"/tmp/g.dot", 0)),
        ("cuMemPoolCreate", lambda d: (d.CUmemPoolProps(),)),
        ("cuMemPoolTrimTo", lambda d: (16, 0)),
        ("cuMemPoolGetAttribute", lambda d: (16, d.CUmemPool_attribute(4))),
        ("cuMemPoolSetAttribute", lambda d: (16, d.CUmemPool_attribute(4), 1 << 40)),
        ("cuMemPoolSetAttribute", lambda d: (16, d.CUmemPool_attribute(1), 1)),
        ("cuMemAllocFromPoolAsync", lambda d: (64, 16, 2)),
        ("cuDeviceSetMemPool", lambda d: (0, 16)),
        ("cuProfilerStart", lambda d: ()),
    ],
)
def test_arguments_that_we_give_are_accepted(name, arguments):
    """cuda.bindings converts arguments before it calls: all that is missing is the driver."""
    if cuda.missing() == "":
        pytest.skip("there is a driver, which these handles would crash")
    given = arguments(driver)
    try:
        code, *_ = getattr(cuda, name)(*given)
    except RuntimeError as error:
        assert "cu" in str(error).lower()  # the function or libcuda is not there
    else:
        assert code != driver.CUresult.CUDA_SUCCESS


@pytest.mark.parametrize(("version", "old"), [(12090, True), (13000, False)])
def test_where_managed_memory_goes(monkeypatch, version, old):
    seen = []

    def note(*given):
        seen.append(given)
        return (driver.CUresult.CUDA_SUCCESS,)

    monkeypatch.setattr(cuda._bindings, "CUDA_VERSION", version)
    for name in ("cuMemPrefetchAsync", "cuMemAdvise"):
        monkeypatch.setattr(cuda._bindings, name, note)
    advice = driver.CUmem_advise(1)
    cuda.cuMemPrefetchAsync(16, 64, 3, 2)
    cuda.cuMemAdvise(16, 64, advice, -1)
    if old:
        assert seen == [(16, 64, 3, 2), (16, 64, advice, -1)]
        return
    first, second = seen
    kinds = driver.CUmemLocationType
    assert (first[:2], first[3:]) == ((16, 64), (0, 2))
    assert (first[2].type, first[2].id) == (kinds.CU_MEM_LOCATION_TYPE_DEVICE, 3)
    assert second[:3] == (16, 64, advice)
    assert second[3].type == kinds.CU_MEM_LOCATION_TYPE_HOST
