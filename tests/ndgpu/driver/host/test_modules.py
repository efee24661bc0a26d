"""Modules: images, functions and their attributes, variables, occupancy."""

import ctypes

import pytest
from cuda.bindings.driver import CUfunction_attribute, CUresult

from ndgpu.driver import host
from ndgpu.driver.host import compiler
from ndgpu.driver.host.compiler.errors import PtxError

from .conftest import read, value
from .fakes import PTX, Kernel, Program, Variable

OK = (CUresult.CUDA_SUCCESS,)
INVALID = CUresult.CUDA_ERROR_INVALID_VALUE
BAD = CUresult.CUDA_ERROR_INVALID_HANDLE


def attribute(name: str) -> CUfunction_attribute:
    return getattr(CUfunction_attribute, f"CU_FUNC_ATTRIBUTE_{name}")


@pytest.fixture
def load(device, monkeypatch):
    """Load a program of fakes and return the module."""

    def loader(*variables: Variable, **kernels: Kernel) -> int:
        monkeypatch.setattr(compiler, "load", lambda text, *_: Program(kernels, variables))
        return value(host.cuModuleLoadData(PTX))

    return loader


@pytest.mark.parametrize(
    ("image", "code"),
    [
        (b"\x7fELF\x02\x01\x01", CUresult.CUDA_ERROR_NO_BINARY_FOR_GPU),
        (b"\x50\xed\x55\xba\x01\x00", CUresult.CUDA_ERROR_NO_BINARY_FOR_GPU),
        (b"", CUresult.CUDA_ERROR_INVALID_IMAGE),
        (b"not PTX at all", CUresult.CUDA_ERROR_INVALID_IMAGE),
        (b"\xff\xfe\x80", CUresult.CUDA_ERROR_INVALID_IMAGE),
    ],
)
@pytest.mark.parametrize("by_address", [False, True])
def test_images_that_are_not_ptx(device, image, code, by_address):
    keep = ctypes.create_string_buffer(image)
    given = ctypes.addressof(keep) if by_address else image
    assert host.cuModuleLoadData(given) == (code, None)
    assert host.last_error_detail().startswith("cuModuleLoadData: ")


def test_no_image(device):
    assert host.cuModuleLoadData(0) == (INVALID, None)


def test_the_compilers_message_is_kept(device, monkeypatch):
    def refuse(text, *_):
        raise PtxError("no such instruction: frobnicate.u32", 17, "k", "frobnicate.u32")

    monkeypatch.setattr(compiler, "load", refuse)
    assert host.cuModuleLoadData(PTX) == (CUresult.CUDA_ERROR_INVALID_PTX, None)
    detail = "cuModuleLoadData: PTX line 17, in k: no such instruction: frobnicate.u32"
    assert host.last_error_detail() == detail
    host.cuMemFree(0xBAD0)  # the next failure has words of its own
    assert "cuMemFree" in host.last_error_detail()


@pytest.mark.parametrize("by_address", [False, True])
def test_text_given_to_the_compiler(device, monkeypatch, by_address):
    texts = []
    monkeypatch.setattr(compiler, "load", lambda text, *_: texts.append(text) or Program({}))
    keep = ctypes.create_string_buffer(PTX)
    given = ctypes.addressof(keep) if by_address else PTX + b"\0"
    value(host.cuModuleLoadData(given))
    assert texts == [PTX.decode()]


def test_functions_by_name(load):
    module = load(first=Kernel(), second=Kernel())
    first = value(host.cuModuleGetFunction(module, b"first"))
    assert value(host.cuModuleGetFunction(module, b"first")) == first
    assert value(host.cuModuleGetFunction(module, b"second")) != first
    assert host.cuModuleGetFunction(module, b"third") == (CUresult.CUDA_ERROR_NOT_FOUND, None)
    assert "no kernel 'third' in the module, which has first, second" in host.last_error_detail()


def test_unloading(load, device):
    module = load(Variable("v", "global", 64, 8, b""), k=Kernel())
    function = value(host.cuModuleGetFunction(module, b"k"))
    assert device.used == 64
    pointer = host.cuModuleGetGlobal(module, b"v")[1]
    assert host.cuMemFree(pointer) == (INVALID,)  # a variable is the module's to free
    assert host.cuModuleUnload(module) == OK
    assert device.used == 0
    assert host.cuModuleUnload(module) == (BAD,)
    assert host.cuModuleGetFunction(module, b"k") == (BAD, None)
    assert host.cuModuleGetGlobal(module, b"v") == (BAD, None, None)
    assert host.cuFuncGetAttribute(attribute("NUM_REGS"), function) == (BAD, None)
    launched = host.cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0)
    assert launched == (BAD,)


def test_reset_unloads(load, device):
    module = load(Variable("v", "global", 64, 8, b""), k=Kernel())
    host.cuDevicePrimaryCtxReset(device.ordinal)
    value(host.cuDevicePrimaryCtxRetain(device.ordinal))
    assert device.used == 0
    assert host.cuModuleUnload(module) == (BAD,)


def test_variables_are_initialised(load):
    module = load(
        Variable("table", "const", 16, 4, bytes(range(16))),
        Variable("part", "global", 8, 4, b"\x01\x02"),
        Variable("zeros", "global", 1000, 8, b""),
    )
    pointer, size = host.cuModuleGetGlobal(module, b"table")[1:]
    assert read(pointer, size) == bytes(range(16))
    pointer, size = host.cuModuleGetGlobal(module, b"part")[1:]
    assert read(pointer, size) == b"\x01\x02" + bytes(6)
    pointer, size = host.cuModuleGetGlobal(module, b"zeros")[1:]
    assert read(pointer, size) == bytes(1000)
    missing = (CUresult.CUDA_ERROR_NOT_FOUND, None, None)
    assert host.cuModuleGetGlobal(module, b"nothing") == missing
    assert "the module has table, part, zeros" in host.last_error_detail()


def test_variables_that_hold_addresses(load):
    module = load(
        Variable("pointers", "global", 24, 8, bytes(24), [(8, "data", 0), (16, "data", 12)]),
        Variable("data", "global", 64, 4, b""),
    )
    pointers, size = host.cuModuleGetGlobal(module, b"pointers")[1:]
    data = host.cuModuleGetGlobal(module, b"data")[1]
    wanted = b"".join(number.to_bytes(8, "little") for number in (0, data, data + 12))
    assert read(pointers, size) == wanted


def test_variables_past_the_devices_memory(load, device, monkeypatch):
    variables = [Variable(name, "global", device.memory - 100, 8, b"") for name in ("a", "b")]
    monkeypatch.setattr(compiler, "load", lambda text, *_: Program({}, tuple(variables)))
    assert host.cuModuleLoadData(PTX) == (CUresult.CUDA_ERROR_OUT_OF_MEMORY, None)
    assert device.used == 0


def test_function_attributes(load):
    kernel = Kernel(params=2, shared_bytes=1024, local_bytes=48, max_threads=512, registers=40)
    module = load(Variable("c", "const", 256, 4, b""), Variable("g", "global", 8, 4, b""), k=kernel)
    function = value(host.cuModuleGetFunction(module, b"k"))
    answers = {
        name: value(host.cuFuncGetAttribute(attribute(name), function))
        for name in (
            "MAX_THREADS_PER_BLOCK",
            "SHARED_SIZE_BYTES",
            "CONST_SIZE_BYTES",
            "LOCAL_SIZE_BYTES",
            "NUM_REGS",
            "PTX_VERSION",
            "BINARY_VERSION",
            "MAX_DYNAMIC_SHARED_SIZE_BYTES",
            "PREFERRED_SHARED_MEMORY_CARVEOUT",
        )
    }
    assert answers == {
        "MAX_THREADS_PER_BLOCK": 512,
        "SHARED_SIZE_BYTES": 1024,
        "CONST_SIZE_BYTES": 256,
        "LOCAL_SIZE_BYTES": 48,
        "NUM_REGS": 40,
        "PTX_VERSION": 80,
        "BINARY_VERSION": 80,
        "MAX_DYNAMIC_SHARED_SIZE_BYTES": 47 * 1024,
        "PREFERRED_SHARED_MEMORY_CARVEOUT": -1,
    }
    assert host.cuFuncGetAttribute(12345, function) == (INVALID, None)
    assert host.cuFuncGetParamInfo(function, 1) == (CUresult.CUDA_SUCCESS, 8, 4)
    assert host.cuFuncGetParamInfo(function, 2) == (INVALID, None, None)
    assert host.cuFuncGetParamInfo(0xBAD0, 0) == (BAD, None, None)


def test_setting_function_attributes(load):
    function = value(host.cuModuleGetFunction(load(k=Kernel(shared_bytes=1024)), b"k"))
    dynamic, carveout = (
        attribute("MAX_DYNAMIC_SHARED_SIZE_BYTES"),
        attribute("PREFERRED_SHARED_MEMORY_CARVEOUT"),
    )
    assert host.cuFuncSetAttribute(function, dynamic, 162 * 1024) == OK
    assert value(host.cuFuncGetAttribute(dynamic, function)) == 162 * 1024
    assert host.cuFuncSetAttribute(function, dynamic, 162 * 1024 + 1) == (INVALID,)
    assert host.cuFuncSetAttribute(function, dynamic, -1) == (INVALID,)
    assert host.cuFuncSetAttribute(function, carveout, 50) == OK
    assert value(host.cuFuncGetAttribute(carveout, function)) == 50
    assert host.cuFuncSetAttribute(function, carveout, 101) == (INVALID,)
    assert host.cuFuncSetAttribute(function, attribute("NUM_REGS"), 1) == (INVALID,)
    assert host.cuFuncSetAttribute(0xBAD0, carveout, 50) == (BAD,)


@pytest.mark.parametrize(
    ("block", "dynamic", "blocks"),
    [(1024, 0, 2), (256, 0, 8), (33, 0, 32), (1, 0, 32), (64, 47 * 1024, 3), (2048, 0, 0)],
)
def test_occupancy(load, block, dynamic, blocks):
    function = value(host.cuModuleGetFunction(load(k=Kernel()), b"k"))
    call = host.cuOccupancyMaxActiveBlocksPerMultiprocessor
    assert value(call(function, block, dynamic)) == blocks


def test_occupancy_that_makes_no_sense(load):
    function = value(host.cuModuleGetFunction(load(k=Kernel(max_threads=128)), b"k"))
    call = host.cuOccupancyMaxActiveBlocksPerMultiprocessor
    assert call(function, 0, 0) == (INVALID, None)
    assert call(0xBAD0, 32, 0) == (BAD, None)
    assert value(call(function, 256, 0)) == 0
    assert value(call(function, 64, 1 << 20)) == 0
    assert host.cuOccupancyMaxPotentialBlockSize(function, 0, 0, -1) == (INVALID, None, None)
    assert host.cuOccupancyMaxPotentialBlockSize(0xBAD0, 0, 0, 0) == (BAD, None, None)


def test_best_block(load, device):
    processors = device.attributes[16]
    function = value(host.cuModuleGetFunction(load(k=Kernel()), b"k"))
    best = host.cuOccupancyMaxPotentialBlockSize
    assert best(function, 0, 0, 0) == (CUresult.CUDA_SUCCESS, 2 * processors, 1024)
    assert best(function, 0, 0, 100) == (CUresult.CUDA_SUCCESS, 32 * processors, 64)

    @ctypes.CFUNCTYPE(ctypes.c_size_t, ctypes.c_int)
    def shared_for(block):
        return 160 * block  # 1024 threads would want 160 KiB, which was not asked for

    address = ctypes.cast(shared_for, ctypes.c_void_p).value
    code, grid, block = best(function, address, 0, 0)
    assert code == CUresult.CUDA_SUCCESS
    assert 160 * block <= 48 * 1024 and grid >= processors
