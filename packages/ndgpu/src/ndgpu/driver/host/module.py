"""Modules: PTX loaded, its variables placed in memory, its kernels found by name.

An image that is not PTX is refused as a GPU refuses what was built for another
(``CUDA_ERROR_NO_BINARY_FOR_GPU``, ``CUDA_ERROR_INVALID_IMAGE``); PTX with an
error or with an instruction that the host device does not know is refused at
load (``CUDA_ERROR_INVALID_PTX``), and `last_error_detail` names the line.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

from cuda.bindings.driver import CUdevice_attribute, CUfunction_attribute, CUlimit, CUresult

from ndgpu.driver.host import attributes, checks
from ndgpu.driver.host.context import Context, lock, new_handle, thread
from ndgpu.driver.host.libc import libc
from ndgpu.driver.host.memory import Block, allocate
from ndgpu.driver.host.results import OK, SUCCESS, fail

if TYPE_CHECKING:
    from ndgpu.driver.host.compiler import Kernel, Program
    from ndgpu.driver.host.compiler.heap import Heap

__all__ = [
    "HEAP_BYTES", "STACK_BYTES", "Function", "Module", "active_blocks", "bad_function", "functions",
    "heap_of",
]  # fmt: skip

HEAP_BYTES = 8 << 20
"""What kernels may allocate, as on a GPU, unless `cuCtxSetLimit` says otherwise."""

STACK_BYTES = 16384  # as in `compiler.stack`, which is imported only when it is needed
"""The stack of a thread in kernels that recurse, unless `cuCtxSetLimit` says otherwise."""

_STACK_LIMIT = int(CUlimit.CU_LIMIT_STACK_SIZE)
_INVALID = CUresult.CUDA_ERROR_INVALID_VALUE
_BAD_HANDLE = CUresult.CUDA_ERROR_INVALID_HANDLE
# An ELF file (cubin) and the wrapper of several images (fatbin), by their first four bytes.
_BINARIES = (b"\x7fELF", b"\x50\xed\x55\xba")


class Function:
    """A kernel of a loaded module.

    Attributes
    ----------
    shared_limit : int
        The most dynamic shared memory that a launch may ask for, in bytes.
    plans : dict
        What `cuLaunchKernel` worked out, by geometry.
    """

    __slots__ = (
        "carveout", "context", "handle", "kernel", "module", "name", "plans", "shared_limit"
    )  # fmt: skip

    def __init__(self, module: Module, name: str, kernel: Kernel) -> None:
        self.module = module
        self.context = module.context
        self.name = name
        self.kernel = kernel
        self.handle = new_handle()
        self.shared_limit = attributes.SHARED - kernel.shared_bytes
        self.carveout = -1
        self.plans: dict[tuple[int, ...], Any] = {}


class Module:
    """A loaded module: its program, its variables' memory, the functions asked for so far."""

    def __init__(self, context: Context, program: Program) -> None:
        self.context = context
        self.program = program
        self.handle = new_handle()
        self.functions: dict[str, Function] = {}
        self.blocks: dict[str, Block] = {}
        self.addresses = (ctypes.c_void_p * max(len(program.variables), 1))()

    def place_variables(self) -> bool:
        """Allocate and initialise the variables; False if there is no memory for them."""
        variables = self.program.variables
        for index, variable in enumerate(variables):
            block = allocate(max(variable.size, 1), "variable", self.context.device)
            if block is None:
                self.drop_variables()
                return False
            self.blocks[variable.name] = block
            self.addresses[index] = block.address
        functions = checks.functions()
        for variable in variables:
            address = self.blocks[variable.name].address
            libc.memset(address, 0, variable.size)
            data = functions.get(variable.name) or variable.data
            if variable.name == "@heap":
                data = ctypes.addressof(heap_of(self.context)).to_bytes(8, "little")
            libc.memmove(address, data, min(len(data), variable.size))
            for offset, name, addend in variable.relocations:
                pointer = self.blocks[name].address + addend
                libc.memmove(address + offset, pointer.to_bytes(8, "little"), 8)
        return True

    def with_stack(self, size: int) -> Program:
        """The same program for threads with a stack of `size` bytes."""
        from ndgpu.driver.host import compiler

        program = self.program
        return compiler.load(program.text, program.checks, program.trace, size)

    def replace(self, program: Program) -> None:
        """Run a program in place of the one before from the next launch on."""
        self.program = program
        for name, function in self.functions.items():
            function.kernel = program.kernels[name]
            function.plans.clear()

    def drop_variables(self) -> None:
        """Free the variables."""
        for block in self.blocks.values():
            block.release()
        self.blocks.clear()

    def release(self) -> None:
        """Forget the module and its functions; part of unloading it or destroying its context."""
        modules.pop(self.handle, None)
        for function in self.functions.values():
            functions.pop(function.handle, None)
        self.drop_variables()


def heap_of(context: Context) -> Heap:
    """From which the kernels of a context allocate."""
    from ndgpu.driver.host.compiler.heap import Heap

    with lock:
        if context.heap is None:
            context.heap = Heap(HEAP_BYTES)
        return context.heap


modules: dict[int, Module] = {}
functions: dict[int, Function] = {}


def bad_function(call: str, handle: int, values: int = 0) -> tuple:
    """Return the result of a call whose function does not exist."""
    return fail(_BAD_HANDLE, f"{call}: {handle:#x} is not a function of a loaded module", values)


def _bad_module(call: str, handle: int, values: int = 0) -> tuple:
    return fail(_BAD_HANDLE, f"{call}: {handle:#x} is not a module (any more)", values)


def _text(image: bytes | int) -> str | tuple:
    """Return the PTX that `image` is or points to, or the result of refusing it."""
    if isinstance(image, int):
        if image == 0:
            return fail(_INVALID, "cuModuleLoadData: the image is a null pointer", 1)
        start = ctypes.string_at(image, 4)
        data = start if start in _BINARIES else ctypes.string_at(image)
    else:
        data = bytes(image)
    if data[:4] in _BINARIES:
        detail = (
            "cuModuleLoadData: the image is GPU machine code; a host device loads PTX "
            "(compile for --gpu-architecture=compute_80)"
        )
        return fail(CUresult.CUDA_ERROR_NO_BINARY_FOR_GPU, detail, 1)
    try:
        text = data.split(b"\0", 1)[0].decode()
    except UnicodeDecodeError:
        text = ""
    if ".version" not in text or ".target" not in text:
        detail = "cuModuleLoadData: the image is not PTX: it has no .version and .target"
        return fail(CUresult.CUDA_ERROR_INVALID_IMAGE, detail, 1)
    return text


def cuModuleLoadData(image: bytes | int) -> tuple:
    """Return ``(CUresult, module)`` from PTX, given as bytes or as the address of a C string."""
    context = thread.context
    if context.error is not None:
        return context.refuse(1)
    text = _text(image)
    if isinstance(text, tuple):
        return text
    from ndgpu.driver.host import compiler  # LLVM is loaded here, at first use

    try:
        stack = context.limits.get(_STACK_LIMIT, STACK_BYTES)
        program = compiler.load(text, checks.active, checks.trace(), stack)
    except compiler.PtxError as error:
        return fail(CUresult.CUDA_ERROR_INVALID_PTX, f"cuModuleLoadData: {error}", 1)
    module = Module(context, program)
    if not module.place_variables():
        detail = "cuModuleLoadData: no memory for the module's variables"
        return fail(CUresult.CUDA_ERROR_OUT_OF_MEMORY, detail, 1)
    with lock:
        modules[module.handle] = context.owned[module.handle] = module
    return SUCCESS, module.handle


def cuModuleUnload(hmod: int) -> tuple:
    """Unload a module once the work that may use it is done."""
    module = modules.get(hmod)
    if module is None:
        return _bad_module("cuModuleUnload", hmod)
    module.context.synchronize()  # a finaliser that cannot wait holds no function of it
    module.release()
    module.context.owned.pop(hmod, None)
    return OK


def cuModuleGetFunction(hmod: int, name: bytes) -> tuple:
    """Return ``(CUresult, function)`` of the kernel with this name, given as bytes."""
    module = modules.get(hmod)
    if module is None:
        return _bad_module("cuModuleGetFunction", hmod, 1)
    key = name.decode()
    with lock:
        function = module.functions.get(key)
        if function is None:
            kernel = module.program.kernels.get(key)
            if kernel is None:
                there = ", ".join(module.program.kernels) or "none"
                detail = f"cuModuleGetFunction: no kernel {key!r} in the module, which has {there}"
                return fail(CUresult.CUDA_ERROR_NOT_FOUND, detail, 1)
            function = module.functions[key] = Function(module, key, kernel)
            functions[function.handle] = function
    return SUCCESS, function.handle


def cuModuleGetGlobal(hmod: int, name: bytes) -> tuple:
    """Return ``(CUresult, pointer, bytes)`` of the module's variable with this name."""
    module = modules.get(hmod)
    if module is None:
        return _bad_module("cuModuleGetGlobal", hmod, 2)
    block = module.blocks.get(name.decode())
    if block is None:
        there = ", ".join(module.blocks) or "none"
        detail = f"cuModuleGetGlobal: no variable {name.decode()!r}; the module has {there}"
        return fail(CUresult.CUDA_ERROR_NOT_FOUND, detail, 2)
    return SUCCESS, block.address, block.size


_PREFIX = "CU_FUNC_ATTRIBUTE_"
_ATTRIBUTES = {
    int(getattr(CUfunction_attribute, _PREFIX + name)): answer
    for name, answer in {
        "MAX_THREADS_PER_BLOCK": lambda f: f.kernel.max_threads,
        "SHARED_SIZE_BYTES": lambda f: f.kernel.shared_bytes,
        "CONST_SIZE_BYTES": lambda f: sum(
            variable.size for variable in f.module.program.variables if variable.space == "const"
        ),
        "LOCAL_SIZE_BYTES": lambda f: f.kernel.local_bytes,
        "NUM_REGS": lambda f: f.kernel.registers,
        "PTX_VERSION": lambda f: 80,
        "BINARY_VERSION": lambda f: 80,
        "CACHE_MODE_CA": lambda f: 0,
        "MAX_DYNAMIC_SHARED_SIZE_BYTES": lambda f: f.shared_limit,
        "PREFERRED_SHARED_MEMORY_CARVEOUT": lambda f: f.carveout,
    }.items()
}
_MAX_DYNAMIC = int(CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES)
_CARVEOUT = int(CUfunction_attribute.CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT)


def cuFuncGetAttribute(attrib: int, hfunc: int) -> tuple:
    """Return ``(CUresult, value)``."""
    function = functions.get(hfunc)
    if function is None:
        return bad_function("cuFuncGetAttribute", hfunc, 1)
    answer = _ATTRIBUTES.get(attrib)
    if answer is None:
        detail = f"cuFuncGetAttribute: the host device has no answer to {attrib!r}"
        return fail(_INVALID, detail, 1)
    return SUCCESS, answer(function)


def cuFuncSetAttribute(hfunc: int, attrib: int, value: int) -> tuple:
    """Set how much dynamic shared memory launches may ask for, or the preferred carve-out."""
    function = functions.get(hfunc)
    if function is None:
        return bad_function("cuFuncSetAttribute", hfunc)
    if attrib == _MAX_DYNAMIC:
        most = attributes.SHARED_OPTIN - function.kernel.shared_bytes
        if not 0 <= value <= most:
            detail = (
                f"cuFuncSetAttribute: {value} bytes of dynamic shared memory for "
                f"{function.name}, which may have {most} beside its "
                f"{function.kernel.shared_bytes} static ones"
            )
            return fail(_INVALID, detail)
        function.shared_limit = int(value)
        function.plans.clear()
        return OK
    if attrib == _CARVEOUT:
        if not -1 <= value <= 100:
            return fail(_INVALID, f"cuFuncSetAttribute: a carve-out of {value} per cent")
        function.carveout = int(value)
        return OK
    return fail(_INVALID, f"cuFuncSetAttribute: {attrib!r} cannot be set")


def cuFuncGetParamInfo(func: int, paramIndex: int) -> tuple:
    """Return ``(CUresult, offset, bytes)`` of one parameter; past the last is an invalid value."""
    function = functions.get(func)
    if function is None:
        return bad_function("cuFuncGetParamInfo", func, 2)
    params = function.kernel.params
    if not 0 <= paramIndex < len(params):
        detail = f"cuFuncGetParamInfo: {function.name} has {len(params)} parameters"
        return fail(_INVALID, detail, 2)
    return SUCCESS, params[paramIndex].offset, params[paramIndex].size


def _device(function: Function, name: str) -> int:
    attribute = getattr(CUdevice_attribute, f"CU_DEVICE_ATTRIBUTE_{name}")
    return function.context.device.attributes[int(attribute)]


def active_blocks(function: Function, block: int, dynamic: int) -> int:
    """How many blocks fit on a multiprocessor, by the figures of the device's attributes."""
    kernel = function.kernel
    if block > min(kernel.max_threads, _device(function, "MAX_THREADS_PER_BLOCK")):
        return 0
    if dynamic > function.shared_limit:
        return 0
    threads = -(-block // attributes.WARP) * attributes.WARP
    shared = kernel.shared_bytes + dynamic + _device(function, "RESERVED_SHARED_MEMORY_PER_BLOCK")
    return min(
        _device(function, "MAX_THREADS_PER_MULTIPROCESSOR") // threads,
        _device(function, "MAX_BLOCKS_PER_MULTIPROCESSOR"),
        _device(function, "MAX_SHARED_MEMORY_PER_MULTIPROCESSOR") // shared,
    )


def cuOccupancyMaxActiveBlocksPerMultiprocessor(
    func: int, blockSize: int, dynamicSMemSize: int
) -> tuple:
    """Return ``(CUresult, blocks)``.

    Threads, blocks and shared memory limit it; registers do not, for a host device has none
    to share out.
    """
    function = functions.get(func)
    if function is None:
        return bad_function("cuOccupancyMaxActiveBlocksPerMultiprocessor", func, 1)
    if blockSize <= 0:
        detail = f"cuOccupancyMaxActiveBlocksPerMultiprocessor: a block of {blockSize} threads"
        return fail(_INVALID, detail, 1)
    return SUCCESS, active_blocks(function, blockSize, dynamicSMemSize)


def cuOccupancyMaxPotentialBlockSize(
    func: int, blockSizeToDynamicSMemSize: int, dynamicSMemSize: int, blockSizeLimit: int
) -> tuple:
    """Return ``(CUresult, grid, block)``: the block that keeps most threads active.

    `blockSizeToDynamicSMemSize` is 0 or the address of a C function
    ``size_t f(int block)`` that takes the place of `dynamicSMemSize`.
    """
    function = functions.get(func)
    if function is None:
        return bad_function("cuOccupancyMaxPotentialBlockSize", func, 2)
    if blockSizeLimit < 0:
        detail = f"cuOccupancyMaxPotentialBlockSize: a limit of {blockSizeLimit} threads"
        return fail(_INVALID, detail, 2)
    dynamic = None
    if blockSizeToDynamicSMemSize:
        prototype = ctypes.CFUNCTYPE(ctypes.c_size_t, ctypes.c_int)
        dynamic = prototype(int(blockSizeToDynamicSMemSize))
    most = min(blockSizeLimit or 1024, function.kernel.max_threads, 1024)
    best, grid, block = -1, 0, 0
    step = attributes.WARP
    # From the largest down, so that of equals the largest is kept.
    for size in [most, *range((most - 1) // step * step, 0, -step)]:
        shared = dynamic(size) if dynamic is not None else dynamicSMemSize
        active = active_blocks(function, size, shared)
        if active * size > best:
            best, grid, block = active * size, active, size
    return SUCCESS, grid * _device(function, "MULTIPROCESSOR_COUNT"), block
