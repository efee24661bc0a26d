"""`RawKernel` and `RawModule`: CUDA C++ as it is written, and modules made elsewhere.

Guarantees: the code is compiled at the first call on a device, once; a launch checks the
number of arguments, and that arrays are on the current device.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TextIO

from ndgpu import driver, runtime
from ndgpu.compile import Function, Image, Module, compile_source, get_module, nvcc
from ndgpu.kernels import arrays
from ndgpu.runtime.context import machine

__all__ = ["RawKernel", "RawModule"]

_ATTRIBUTES = {
    "max_threads_per_block": "MAX_THREADS_PER_BLOCK",
    "shared_size_bytes": "SHARED_SIZE_BYTES",
    "const_size_bytes": "CONST_SIZE_BYTES",
    "local_size_bytes": "LOCAL_SIZE_BYTES",
    "num_regs": "NUM_REGS",
    "ptx_version": "PTX_VERSION",
    "binary_version": "BINARY_VERSION",
    "cache_mode_ca": "CACHE_MODE_CA",
    "max_dynamic_shared_size_bytes": "MAX_DYNAMIC_SHARED_SIZE_BYTES",
    "preferred_shared_memory_carveout": "PREFERRED_SHARED_MEMORY_CARVEOUT",
}


class RawModule:
    """CUDA C++ with several kernels and variables, or a file of PTX or a cubin.

    Parameters
    ----------
    code : str, optional
        CUDA C++.
    path : str or path, optional
        A file to load instead.
    options : sequence of str
        Options of NVRTC.
    backend : {"nvrtc", "nvcc"}
        The compiler: NVRTC, or the CUDA toolkit's nvcc where it is installed.
    translate_cucomplex, jitify : bool
        Accepted where they are false; see Raises.
    name_expressions : sequence of str, optional
        C++ names, such as ``'f<float>'``, by which `get_function` finds kernels that are not
        declared ``extern "C"``; with NVRTC alone.
    enable_cooperative_groups : bool
        Launch so that blocks may wait for one another, as by ``grid.sync()`` of cooperative
        groups; then no more blocks may be launched than run at the same time.

    Raises
    ------
    TypeError
        If not exactly one of `code` and `path` is given.
    ValueError
        If the backend is unknown or has no name expressions; if `translate_cucomplex` is asked
        for (write ``complex<float>`` of ``<ndgpu/complex.cuh>``), or `jitify` (name the folders
        of headers by ``-I`` in `options`).

    Examples
    --------
    >>> import ndgpu as xp
    >>> module = xp.RawModule(
    ...     code='''
    ...     template <typename T> __global__ void twice(T* x) { x[threadIdx.x] *= 2; }
    ...     ''',
    ...     name_expressions=["twice<float>"],
    ... )
    >>> x = xp.arange(3, dtype="float32")
    >>> module.get_function("twice<float>")((1,), (3,), (x,))
    >>> x.tolist()
    [0.0, 2.0, 4.0]
    """

    def __init__(
        self,
        code: str | None = None,
        *,
        path: str | os.PathLike[str] | None = None,
        options: Sequence[str] = (),
        backend: str = "nvrtc",
        translate_cucomplex: bool = False,
        enable_cooperative_groups: bool = False,
        name_expressions: Sequence[str] | None = None,
        jitify: bool = False,
    ) -> None:
        if (code is None) == (path is None):
            raise TypeError("RawModule: give either `code` or `path`")
        _check(backend, translate_cucomplex, jitify)
        if backend == "nvcc" and name_expressions:
            raise ValueError("RawModule: `name_expressions` need backend='nvrtc', not 'nvcc'")
        if isinstance(options, str):
            raise TypeError("RawModule: `options` must be a sequence of strings, not one string")
        self.code = code
        self.file_path = None if path is None else Path(path)
        self.options = tuple(options)
        self.backend = backend
        self.name_expressions = tuple(name_expressions or ())
        self.enable_cooperative_groups = enable_cooperative_groups
        self._loaded: dict[int, Module] = {}

    def __repr__(self) -> str:
        what = self.file_path if self.code is None else f"{len(self.code)} characters"
        return f"<RawModule of {what}>"

    @property
    def module(self) -> Module:
        """The module as loaded on the current device."""
        device_id = runtime.current_device_id()
        found = self._loaded.get(device_id)
        if found is None:
            if self.file_path is not None:
                image = self.file_path.read_bytes()
                # A driver reads PTX up to a zero byte.
                found = Module(image + b"\0", {}, device_id)
            elif self.backend == "nvcc":
                found = Module(self._by_nvcc(None).data + b"\0", {}, device_id)
            else:
                found = get_module(self.code or "", self.options, self.name_expressions)
            self._loaded[device_id] = found
        return found

    def _by_nvcc(self, log: Callable[[str], object] | None) -> Image:
        target = driver.compile_target(runtime.current_device_id())
        return nvcc.compile_source(self.code or "", self.options, target, log=log)

    def compile(self, log_stream: TextIO | None = None) -> None:
        """Compile for the current device now; else the first use does.

        Parameters
        ----------
        log_stream : file, optional
            Where the compiler's messages are written, such as ``sys.stdout``.  The code is then
            compiled even if it has been before.
        """
        if log_stream is not None and self.code is not None:
            if self.backend == "nvcc":
                self._by_nvcc(log_stream.write)
            else:
                target = driver.compile_target(runtime.current_device_id())
                expressions = self.name_expressions
                compile_source(self.code, self.options, target, expressions, log=log_stream.write)
        _ = self.module

    def get_function(self, name: str) -> RawKernel:
        """Return a kernel by its name or name expression.

        Raises
        ------
        ValueError
            If the module has no such kernel.
        """
        kernel = RawKernel.__new__(RawKernel)
        kernel._setup(self, name)
        _ = kernel.kernel
        return kernel

    def get_global(self, name: str) -> runtime.MemoryPointer:
        """Return the memory of a global or constant variable on the current device.

        Raises
        ------
        ValueError
            If the module has no such variable.

        Examples
        --------
        >>> import ndgpu as xp
        >>> module = xp.RawModule(code='extern "C" { __constant__ float table[3]; }')
        >>> table = xp.ndarray((3,), xp.float32, module.get_global("table"))
        >>> table[...] = xp.arange(3, dtype="float32")
        >>> table.tolist()
        [0.0, 1.0, 2.0]
        """
        module = self.module
        pointer, size = module.get_global(name)
        return runtime.MemoryPointer(
            runtime.UnownedMemory(pointer, size, module, module.device_id), 0
        )


class RawKernel:
    """One kernel of CUDA C++.

    Parameters
    ----------
    code : str
        CUDA C++.
    name : str
        The kernel's name; declare it ``extern "C"``, or give a C++ name such as ``'f<int>'``.
    options : sequence of str
        Options of NVRTC.
    backend : {"nvrtc", "nvcc"}
    translate_cucomplex : bool
    enable_cooperative_groups : bool
    jitify : bool
        As in `RawModule`.

    Raises
    ------
    ValueError
        As `RawModule`.

    Notes
    -----
    Arguments are arrays (their address), NumPy scalars (by dtype), `int`, `float`, `complex` and
    `bool` (in the size of the kernel's parameter), None (a null pointer), and, by value,
    structured scalars and arrays of NumPy, its zero-dimensional arrays, and `bytes`.

    Examples
    --------
    >>> import ndgpu as xp
    >>> add = xp.RawKernel(
    ...     '''
    ...     extern "C" __global__ void add(const float* x, float y, float* z) {
    ...       z[threadIdx.x] = x[threadIdx.x] + y;
    ...     }
    ...     ''',
    ...     "add",
    ... )
    >>> x, z = xp.arange(3, dtype="float32"), xp.zeros(3, dtype="float32")
    >>> add((1,), (3,), (x, xp.float32(0.5), z))
    >>> z.tolist()
    [0.5, 1.5, 2.5]
    """

    def __init__(
        self,
        code: str,
        name: str,
        options: Sequence[str] = (),
        backend: str = "nvrtc",
        translate_cucomplex: bool = False,
        *,
        enable_cooperative_groups: bool = False,
        jitify: bool = False,
    ) -> None:
        plain = name.isidentifier()
        self._setup(
            RawModule(
                code,
                options=options,
                backend=backend,
                translate_cucomplex=translate_cucomplex,
                jitify=jitify,
                name_expressions=() if plain else (name,),
                enable_cooperative_groups=enable_cooperative_groups,
            ),
            name,
        )

    def _setup(self, module: RawModule, name: str) -> None:
        self.name = name
        self.code = module.code
        self.options = module.options
        self.backend = module.backend
        self.file_path = module.file_path
        self.enable_cooperative_groups = module.enable_cooperative_groups
        self._module = module
        self._functions: dict[int, Function] = {}

    def __repr__(self) -> str:
        return f"<RawKernel {self.name}>"

    @property
    def kernel(self) -> Function:
        """The kernel as loaded on the current device."""
        device_id = runtime.current_device_id()
        found = self._functions.get(device_id)
        if found is None:
            found = self._functions[device_id] = self._module.module.get_function(self.name)
        return found

    def compile(self, log_stream: TextIO | None = None) -> None:
        """Compile for the current device now; else the first call does.

        Parameters
        ----------
        log_stream : file, optional
            Where the compiler's messages are written.
        """
        self._module.compile(log_stream)
        _ = self.kernel

    def __call__(
        self,
        grid: tuple[int, ...],
        block: tuple[int, ...],
        args: Sequence[Any],
        *,
        shared_mem: int = 0,
        stream: Any = None,
    ) -> None:
        """Launch the kernel.

        Parameters
        ----------
        grid, block : tuple of int
            Blocks, and threads a block; up to three numbers each.
        args : sequence
            The kernel's arguments.
        shared_mem : int
            Bytes of dynamic shared memory.
        stream : Stream, optional
            The current stream by default.

        Raises
        ------
        TypeError
            If the number of arguments is not the kernel's, or one cannot be passed.
        ValueError
            If an array is on another device.
        CompileException
            If the code does not compile.
        CUDADriverError
            If the driver refuses the launch.
        """
        device_id = runtime.current_device_id()
        if machine.several:
            for k, value in enumerate(args):
                if arrays.is_array(value) and value.device_id != device_id:
                    arrays.device_of([(f"argument {k}", value)], self.name, device_id)
        function = self._functions.get(device_id) or self.kernel
        function.launch(grid, block, args, shared_mem, stream, self.enable_cooperative_groups)

    @property
    def attributes(self) -> dict[str, int]:
        """All attributes of the kernel on the current device, by name."""
        return {name: self._attribute(name) for name in _ATTRIBUTES}

    def _attribute(self, name: str) -> int:
        return self.kernel.attribute(_attribute(name))

    @property
    def max_threads_per_block(self) -> int:
        """Most threads of a block that the kernel can be launched with."""
        return self._attribute("max_threads_per_block")

    @property
    def num_regs(self) -> int:
        """Registers of a thread."""
        return self._attribute("num_regs")

    @property
    def shared_size_bytes(self) -> int:
        """Bytes of static shared memory of a block."""
        return self._attribute("shared_size_bytes")

    @property
    def local_size_bytes(self) -> int:
        """Bytes of local memory of a thread."""
        return self._attribute("local_size_bytes")

    @property
    def const_size_bytes(self) -> int:
        """Bytes of constant memory."""
        return self._attribute("const_size_bytes")

    @property
    def ptx_version(self) -> int:
        """PTX version of the code, as ``10 * major + minor``."""
        return self._attribute("ptx_version")

    @property
    def binary_version(self) -> int:
        """Compute capability that the code was compiled for, as ``10 * major + minor``."""
        return self._attribute("binary_version")

    @property
    def cache_mode_ca(self) -> bool:
        """Whether the code was compiled to cache global loads in the first level."""
        return bool(self._attribute("cache_mode_ca"))

    @property
    def preferred_shared_memory_carveout(self) -> int:
        """Per cent of the first-level cache to use as shared memory; -1 lets the driver choose."""
        return self._attribute("preferred_shared_memory_carveout")

    @preferred_shared_memory_carveout.setter
    def preferred_shared_memory_carveout(self, per_cent: int) -> None:
        self.kernel.set_attribute(_attribute("preferred_shared_memory_carveout"), per_cent)

    def max_active_blocks(self, block_size: int, shared_mem: int = 0) -> int:
        """Return how many blocks a multiprocessor can run at the same time.

        Parameters
        ----------
        block_size : int
            Threads of a block.
        shared_mem : int
            Bytes of dynamic shared memory of a block.
        """
        call = driver.cuOccupancyMaxActiveBlocksPerMultiprocessor
        return int(runtime.check(call(self.kernel.handle, block_size, shared_mem)))

    def suggest_block_size(self, shared_mem: int = 0, limit: int = 0) -> tuple[int, int]:
        """Return the least grid and the block that occupy the device most.

        Parameters
        ----------
        shared_mem : int
            Bytes of dynamic shared memory of a block.
        limit : int
            Most threads of a block; 0 for the device's limit.

        Returns
        -------
        grid, block : int
            Blocks that fill the device, and threads of each.
        """
        call = driver.cuOccupancyMaxPotentialBlockSize
        grid, block = runtime.check(call(self.kernel.handle, 0, shared_mem, limit))
        return int(grid), int(block)

    @property
    def max_dynamic_shared_size_bytes(self) -> int:
        """Most bytes of dynamic shared memory; set it to use more than 48 KiB."""
        return self._attribute("max_dynamic_shared_size_bytes")

    @max_dynamic_shared_size_bytes.setter
    def max_dynamic_shared_size_bytes(self, nbytes: int) -> None:
        self.kernel.set_attribute(_attribute("max_dynamic_shared_size_bytes"), nbytes)


def _attribute(name: str) -> Any:
    return getattr(driver.CUfunction_attribute, f"CU_FUNC_ATTRIBUTE_{_ATTRIBUTES[name]}")


def _check(backend: str, translate_cucomplex: bool, jitify: bool) -> None:
    if backend not in ("nvrtc", "nvcc"):
        raise ValueError(f"backend must be 'nvrtc' or 'nvcc', got {backend!r}")
    if translate_cucomplex:
        raise ValueError(
            "translate_cucomplex=True is not supported: include <ndgpu/complex.cuh> and write "
            "complex<float> and complex<double> for cuComplex's types"
        )
    if jitify:
        raise ValueError(
            "jitify=True is not supported: NVRTC finds headers in the folders that `options` "
            "name, such as ('-I/usr/local/cuda/include',)"
        )
