"""Modules and functions: compiled code as the device has it.

Guarantees: a source is loaded at most once per device and process, from any number of
threads; different sources compile at the same time.  A function keeps its module loaded,
and a launch checks the number of arguments.
"""

from __future__ import annotations

import os
import struct
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ndgpu import config, driver, runtime
from ndgpu.compile import nvrtc
from ndgpu.compile.args import Packer, classify, fit
from ndgpu.compile.images import compile_source
from ndgpu.compile.options import lean
from ndgpu.runtime.context import machine

_Conversion = Callable[[Any], Any]

__all__ = ["Bound", "Function", "Module", "get_module"]


class Bound:
    """A function with fixed argument types: the shortest way to the driver.

    Parameters
    ----------
    function : Function
    codes : sequence of str
        `struct` code of each argument.
    """

    __slots__ = ("_free", "_handle", "_launch", "_pack_into", "_packer", "function")

    def __init__(self, function: Function, codes: Sequence[str]) -> None:
        self.function = function
        self._handle = function.handle
        self._packer = Packer(codes)
        self._pack_into = self._packer.pack_into
        self._free = self._packer.free
        self._launch: Callable[..., tuple[Any, ...]] = driver.cuLaunchKernel

    def __call__(
        self,
        grid: int,
        block: int,
        stream: int,
        values: Sequence[Any],
        shared_mem: int = 0,
        grid_y: int = 1,
        block_y: int = 1,
    ) -> None:
        """Launch.

        Parameters
        ----------
        grid, block : int
            Blocks, and threads a block.
        stream : int
            Handle of the stream.
        values : sequence
            What `struct` packs by the codes: pointers as int, complex numbers as bytes.
        shared_mem : int
            Bytes of dynamic shared memory.
        grid_y : int
            Blocks in the second dimension.
        block_y : int
            Threads of a block in the second dimension.
        """
        slot = self._free.pop() if self._free else self._packer.take()
        try:
            self._pack_into(slot[0], 0, *values)
            result = self._launch(
                self._handle, grid, grid_y, 1, block, block_y, 1, shared_mem, stream, slot[1], 0
            )
        finally:
            self._free.append(slot)
        if result[0]:
            self.function.fail(result, (grid, grid_y, 1), (block, block_y, 1))


class Function:
    """A kernel in a loaded module.

    Attributes
    ----------
    name : str
    module : Module
    handle
        The driver's handle.
    """

    __slots__ = ("_by_types", "_signatures", "_sizes", "handle", "module", "name")

    def __init__(self, module: Module, name: str, handle: Any) -> None:
        self.module = module
        self.name = name
        self.handle = handle
        self._signatures: dict[tuple[str, ...], Packer] = {}
        self._by_types: dict[tuple[type, ...], tuple[Packer, list[_Conversion | None]]] = {}
        self._sizes: tuple[int, ...] | None = None

    def __repr__(self) -> str:
        return f"<Function {self.name} on device {self.module.device_id}>"

    def bind(self, codes: Sequence[str]) -> Bound:
        """Fix the argument types; see `Bound`."""
        return Bound(self, codes)

    def attribute(self, attribute: Any) -> int:
        """Return a ``CUfunction_attribute`` of the kernel."""
        return int(runtime.check(driver.cuFuncGetAttribute(attribute, self.handle)))

    def set_attribute(self, attribute: Any, value: int) -> None:
        """Set a ``CUfunction_attribute`` of the kernel."""
        runtime.check(driver.cuFuncSetAttribute(self.handle, attribute, value))

    def parameter_sizes(self) -> tuple[int, ...]:
        """Bytes of each of the kernel's parameters."""
        if self._sizes is None:
            sizes: list[int] = []
            # The driver answers CUDA_ERROR_INVALID_VALUE for the first index past the end.
            while not (info := driver.cuFuncGetParamInfo(self.handle, len(sizes)))[0]:
                sizes.append(int(info[2]))
            self._sizes = tuple(sizes)
        return self._sizes

    def launch(
        self,
        grid: tuple[int, ...],
        block: tuple[int, ...],
        args: Sequence[Any],
        shared_mem: int = 0,
        stream: Any = None,
        cooperative: bool = False,
    ) -> None:
        """Launch the kernel.

        Parameters
        ----------
        grid, block : tuple of int
            Blocks, and threads a block; up to three numbers each.
        args : sequence
            Arrays and other objects with a ``ptr``, NumPy scalars, `int` (``long long``),
            `float` (``double``), `complex`, `bool`, None (a null pointer), and `bytes` or
            structured scalars by value.
        shared_mem : int
            Bytes of dynamic shared memory.
        stream : Stream, optional
            The current stream by default.
        cooperative : bool
            Whether the blocks wait for one another, as by a grid's barrier.

        Raises
        ------
        TypeError
            If the number of arguments is not the kernel's, or one is of no type above.
        CUDADriverError
            If the driver refuses the launch.
        """
        if machine.several:
            runtime.check_placement(args, f"kernel {self.name}")
        # Types decide how arguments are packed, but for structures: those differ in size.
        types = tuple([type(value) for value in args])
        packer, conversions = self._by_types.get(types) or self._classify(types, args)
        values = [
            value if convert is None else convert(value)
            for convert, value in zip(conversions, args, strict=True)
        ]
        self.launch_packed(grid, block, packer, values, shared_mem, stream, cooperative)

    def launch_packed(
        self,
        grid: tuple[int, ...] | int,
        block: tuple[int, ...] | int,
        packer: Packer,
        values: Sequence[Any],
        shared_mem: int = 0,
        stream: Any = None,
        cooperative: bool = False,
    ) -> None:
        """Launch the kernel with arguments converted already; see `launch`."""
        gx, gy, gz = grid if type(grid) is tuple and len(grid) == 3 else _three(grid, "grid")
        bx, by, bz = block if type(block) is tuple and len(block) == 3 else _three(block, "block")
        pointer = runtime.get_current_stream().ptr  # one that records lets no other take its work
        if stream is not None:
            pointer = stream.ptr
        slot = packer.take()
        try:
            try:
                packer.pack_into(slot[0], 0, *values)
            except struct.error as error:
                raise self._out_of_range(packer, values) from error
            if cooperative:
                result = driver.cuLaunchCooperativeKernel(
                    self.handle, gx, gy, gz, bx, by, bz, shared_mem, pointer, slot[1]
                )
            else:
                result = driver.cuLaunchKernel(
                    self.handle, gx, gy, gz, bx, by, bz, shared_mem, pointer, slot[1], 0
                )
        finally:
            packer.free.append(slot)
        if result[0]:
            self.fail(result, (gx, gy, gz), (bx, by, bz))

    def _classify(
        self, types: tuple[type, ...], args: Sequence[Any]
    ) -> tuple[Packer, list[_Conversion | None]]:
        kinds = [classify(value, k) for k, value in enumerate(args)]
        sizes = self.parameter_sizes()
        if len(kinds) != len(sizes):
            raise TypeError(f"kernel {self.name} takes {len(sizes)} arguments, got {len(kinds)}")
        try:
            kinds = [
                fit(value, *kind, k, size)
                for k, (value, kind, size) in enumerate(zip(args, kinds, sizes, strict=True))
            ]
        except TypeError as error:
            error.add_note(f"launching kernel {self.name}")
            raise
        codes = tuple([code for code, _ in kinds])
        packer = self._signatures.get(codes)
        if packer is None:
            packer = self._signatures.setdefault(codes, Packer(codes))
        found = packer, [convert for _, convert in kinds]
        if not any(issubclass(t, (bytes, np.void, np.ndarray)) for t in types):
            self._by_types[types] = found
        return found

    def _out_of_range(self, packer: Packer, values: Sequence[Any]) -> OverflowError:
        """The error for a number that its parameter cannot hold."""
        for k, (code, value) in enumerate(zip(packer.codes, values, strict=True)):
            try:
                struct.pack(f"={code}", value)
            except struct.error as error:
                return OverflowError(f"argument {k} of kernel {self.name}, {value!r}: {error}")
        return OverflowError(f"an argument of kernel {self.name} is out of range")

    def fail(self, result: tuple[Any, ...], grid: tuple[int, ...], block: tuple[int, ...]) -> None:
        """Raise the error of a launch that the driver refused, naming kernel and geometry."""
        try:
            runtime.check(result)
        except Exception as error:
            error.add_note(f"launching kernel {self.name} with grid {grid}, block {block}")
            raise


def _three(numbers: Sequence[int] | int, what: str) -> tuple[int, int, int]:
    if type(numbers) is tuple and len(numbers) == 1 and type(numbers[0]) is int:
        return numbers[0], 1, 1  # what most launches give
    if isinstance(numbers, int):
        return numbers, 1, 1
    if not 1 <= len(numbers) <= 3:
        raise ValueError(f"{what} must have one to three numbers, got {numbers!r}")
    x, y, z = (*numbers, 1, 1)[:3]
    return int(x), int(y), int(z)


class Module:
    """An image loaded on a device.

    Attributes
    ----------
    device_id : int
    handle
        The driver's handle.
    names : dict
        From each name expression to its name in the image.
    """

    __slots__ = ("_functions", "device_id", "handle", "names")

    def __init__(self, image: bytes, names: dict[str, str], device_id: int) -> None:
        self.device_id = device_id
        self.names = names
        self.handle = runtime.check(driver.cuModuleLoadData(image))
        self._functions: dict[str, Function] = {}

    def get_function(self, name: str) -> Function:
        """Return a kernel by its name or name expression.

        Raises
        ------
        ValueError
            If the module has no such kernel.
        """
        found = self._functions.get(name)
        if found is None:
            lowered = self.names.get(name, name)
            result = driver.cuModuleGetFunction(self.handle, lowered.encode())
            _found(result, f"the module has no kernel {name!r}")
            found = self._functions.setdefault(name, Function(self, name, result[1]))
        return found

    def get_global(self, name: str) -> tuple[int, int]:
        """Return device address and size in bytes of a global or constant variable.

        Raises
        ------
        ValueError
            If the module has no such variable.
        """
        lowered = self.names.get(name, self.names.get("&" + name, name))
        result = driver.cuModuleGetGlobal(self.handle, lowered.encode())
        _found(result, f"the module has no variable {name!r}")
        return int(result[1]), int(result[2])


def _found(result: tuple[Any, ...], missing: str) -> None:
    if result[0] == driver.CUresult.CUDA_ERROR_NOT_FOUND:
        raise ValueError(f'{missing} (is it declared extern "C", or named by an expression?)')
    runtime.check(result)


_Key = tuple[int, str, tuple[str, ...], tuple[str, ...]]
_modules: dict[_Key, Module] = {}
_compiling: dict[_Key, threading.Lock] = {}
# A lock that another thread held during a fork would stay locked in the child.
os.register_at_fork(after_in_child=_compiling.clear)


def get_module(
    source: str,
    options: Sequence[str] = (),
    name_expressions: Sequence[str] = (),
    *,
    name: str = "kernel.cu",
    generated: bool = False,
) -> Module:
    """Compile a source for the current device and load it, or return it as loaded before.

    Parameters
    ----------
    source : str
        CUDA C++.
    options : sequence of str
        Options of NVRTC; architecture and language standard are added.
    name_expressions : sequence of str
        C++ names, such as ``f<int>``, by which kernels are asked for.
    name : str
        What error messages call the source.
    generated : bool
        Whether the source is ndgpu's own from end to end, and so needs less of NVRTC.

    Raises
    ------
    CompileException
        If NVRTC refuses the source.

    Examples
    --------
    >>> module = get_module('extern "C" __global__ void f(int* x) { *x = 1; }')
    >>> module.get_function("f").name
    'f'
    """
    if generated:
        options = lean(options, nvrtc.version())
    device_id = runtime.current_device_id()
    key = (device_id, source, tuple(options), tuple(name_expressions))
    module = _modules.get(key)
    if module is not None:
        return module
    with _compiling.setdefault(key, threading.Lock()):
        module = _modules.get(key)
        if module is None:
            target = driver.compile_target(device_id)
            image = compile_source(source, options, target, name_expressions, name=name)
            if config.value("NDGPU_DEBUG"):
                _show(source, options, target, name_expressions, name)
            module = _modules[key] = Module(image.data, image.names, device_id)
    _compiling.pop(key, None)
    return module


def _show(
    source: str, options: Sequence[str], target: str, expressions: Sequence[str], name: str
) -> None:
    """Print the source and its PTX; a cubin's is compiled for the sake of reading."""
    virtual = target.replace("sm_", "compute_")
    image = compile_source(source, options, virtual, expressions, name=name)
    print(
        f"// ndgpu: {name}\n{source}\n// PTX for {virtual}\n{image.data.decode()}",
        file=sys.stderr,
        flush=True,
    )
