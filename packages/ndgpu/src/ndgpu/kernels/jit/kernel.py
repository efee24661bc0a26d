"""`rawkernel`: a Python function as a CUDA kernel.

Guarantees: a function is translated and compiled once for each combination of types and device;
a launch with types seen before looks them up and packs arguments; errors show the Python line.
"""

from __future__ import annotations

import ast
import builtins
import functools
import inspect
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ndgpu import runtime
from ndgpu.compile import get_module
from ndgpu.compile.args import Packer
from ndgpu.compile.dtypes import headers_of, is_supported, pack_code
from ndgpu.compile.module import Function
from ndgpu.kernels import arrays
from ndgpu.kernels.jit.body import Body
from ndgpu.kernels.jit.types import Array, JitError, Scalar, Type

__all__ = ["JitKernel", "rawkernel"]

_PYTHON = {int: np.dtype("q"), float: np.dtype("d"), bool: np.dtype("?"), complex: np.dtype("D")}
_DYNAMIC = (
    "static __device__ __forceinline__ unsigned int _dynamic_shared() { unsigned int bytes; "
    'asm("mov.u32 %0, %%dynamic_smem_size;" : "=r"(bytes)); return bytes; }'
)


class _Source:
    """A function's syntax tree and where it stands."""

    def __init__(self, function: Callable[..., Any]) -> None:
        try:
            lines, first = inspect.getsourcelines(function)
        except (OSError, TypeError) as error:
            raise JitError(
                f"the source of {function.__name__} cannot be found ({error}): a kernel must be "
                "defined in a file or a notebook's cell"
            ) from None
        text = textwrap.dedent("".join(lines))
        self.lines = text.splitlines()
        self.first = first
        self.file = inspect.getsourcefile(function) or "<unknown>"
        (tree,) = ast.parse(text).body
        if not isinstance(tree, ast.FunctionDef):
            raise JitError(f"{function.__name__} is no function defined by `def`")
        arguments = tree.args
        if arguments.vararg or arguments.kwarg or arguments.kwonlyargs or arguments.defaults:
            raise JitError(
                f"{function.__name__}: a kernel's parameters are positional, no defaults"
            )
        self.tree = tree
        self.parameters = [a.arg for a in (*arguments.posonlyargs, *arguments.args)]


class JitKernel:
    """A kernel, or a device function, written in Python; see `rawkernel`.

    Attributes
    ----------
    __wrapped__ : callable
        The function.
    """

    __name__: str
    __wrapped__: Callable[..., Any]

    def __init__(self, function: Callable[..., Any], mode: str, device: bool) -> None:
        functools.update_wrapper(self, function)
        self.__wrapped__ = function
        self._jit_device = device
        self._mode = mode
        self._codes: dict[tuple[Type, ...], str] = {}
        self._launches: dict[Any, tuple[Function, Packer]] = {}

    def __repr__(self) -> str:
        kind = "device function" if self._jit_device else "kernel"
        return f"<{kind} {self.__name__} in Python>"

    @functools.cached_property
    def _source(self) -> _Source:
        return _Source(self.__wrapped__)

    @property
    def cached_codes(self) -> dict[tuple[str, ...], str]:
        """The CUDA C++ made so far, by types of the parameters."""
        return {tuple(map(str, types)): code for types, code in self._codes.items()}

    @property
    def cached_code(self) -> str:
        """The CUDA C++, where it was made for one combination of types.

        Raises
        ------
        RuntimeError
            If it was made for none, or for several (see `cached_codes`).
        """
        if len(self._codes) != 1:
            raise RuntimeError(
                f"{self.__name__} was translated for {len(self._codes)} combinations of types; "
                "`cached_codes` has them all"
            )
        return next(iter(self._codes.values()))

    def __getitem__(self, geometry: Any) -> Callable[..., None]:
        """Return the kernel with a geometry: ``f[grid, block]``, ``f[grid, block, smem, stream]``.

        Raises
        ------
        TypeError
            If there are fewer than two parts or more than four.
        """
        if not isinstance(geometry, tuple) or not 2 <= len(geometry) <= 4:
            raise TypeError(f"{self.__name__}[grid, block], [grid, block, smem] or [..., stream]")
        grid, block, *rest = geometry
        shared = int(rest[0]) if rest and rest[0] is not None else 0
        stream = rest[1] if len(rest) > 1 else None

        def launch(*args: Any) -> None:
            self(grid, block, args, shared_mem=shared, stream=stream)

        return launch

    def __call__(self, *args: Any, shared_mem: int = 0, stream: Any = None) -> None:
        """Launch the kernel: ``f(grid, block, args)``.

        Parameters
        ----------
        grid, block : int or tuple of int
            Blocks, and threads a block.
        args : sequence
            The function's arguments: arrays and numbers.
        shared_mem : int
            Bytes of dynamic shared memory.
        stream : Stream, optional
            The current stream by default.

        Raises
        ------
        JitError
            If the function uses what a kernel cannot have.
        TypeError
            If an argument cannot be passed.
        """
        if self._jit_device:
            raise TypeError(f"{self.__name__} is a device function: call it from a kernel")
        if len(args) != 3:
            raise TypeError(
                f"launch {self.__name__} as f(grid, block, args) or f[grid, block](...)"
            )
        grid, block, values = args
        values = tuple(values)
        device_id = runtime.current_device_id()
        key = (device_id, *[_key(value) for value in values])
        found = self._launches.get(key)
        if found is None:
            found = self._launches[key] = self._prepare(values)
        function, packer = found
        packed: list[Any] = []
        for k, value in enumerate(values):
            if arrays.is_array(value):
                if value.device_id != device_id:
                    arrays.device_of([(f"argument {k}", value)], self.__name__, device_id)
                packed += (value.ptr, value.size, *(value.shape or (0,)), *(value.strides or (0,)))
            elif type(value) in _PYTHON and type(value) is not complex:
                packed.append(value)
            else:
                dtype = _scalar_dtype(value)
                one = dtype.type(value)
                packed.append(one.tobytes() if pack_code(dtype).endswith("s") else one)
        function.launch_packed(grid, block, packer, packed, shared_mem, stream)

    def _prepare(self, values: Sequence[Any]) -> tuple[Function, Packer]:
        source = self._source
        if len(values) != len(source.parameters):
            wanted = len(source.parameters)
            raise TypeError(f"kernel {self.__name__} takes {wanted} arguments, got {len(values)}")
        kinds = tuple(
            [self._type(name, x) for name, x in zip(source.parameters, values, strict=True)]
        )
        code = self._codes.get(kinds)
        if code is None:
            code = self._codes[kinds] = self._translate(kinds)
        codes: list[str] = []
        for kind in kinds:
            if isinstance(kind, Array):
                codes.append("Qq" + "qq" * max(kind.ndim, 1))
            elif isinstance(kind, Scalar):
                codes.append(pack_code(kind.dtype))
        module = get_module(code, name=f"{self.__name__}.cu")
        return module.get_function(self.__name__), Packer(codes)

    def _type(self, name: str, value: Any) -> Type:
        if arrays.is_array(value):
            return Array(value.dtype, value.ndim, bool(value._c_contiguous))
        try:
            return Scalar(_scalar_dtype(value))
        except TypeError:
            raise TypeError(
                f"kernel {self.__name__}: argument `{name}` must be an array of this package or a "
                f"number, got {type(value).__name__}"
            ) from None

    def _translate(self, kinds: tuple[Type, ...]) -> str:
        """Write the module of a kernel: its device functions, then itself."""
        devices: dict[tuple[Any, tuple[Type, ...]], tuple[str, Type | None, str]] = {}
        body = self._body(devices)
        parameters = list(zip(self._source.parameters, kinds, strict=True))
        lines = body.translate(self._source.tree, parameters, kernel=True)
        text = "\n".join([*(code for _, _, code in devices.values()), *lines])
        dtypes = [k.dtype for k in kinds if isinstance(k, (Array, Scalar))]
        dtypes += [v.dtype for v in body.variables.values() if isinstance(v, Scalar)]
        needed = dict.fromkeys(("jit", "math", *headers_of(dtypes)))
        if "complex<" in text:
            needed["complex"] = None
        if "float16" in text:
            needed["half"] = None
        includes = [f"#include <ndgpu/{name}.cuh>" for name in needed]
        if "_dynamic_shared" in text:
            includes.append(_DYNAMIC)
        head = ", ".join(f"const {kind.c_name()} p_{name}" for name, kind in parameters)  # type: ignore[union-attr]
        return "\n".join(
            [
                *includes,
                *(code for _, _, code in devices.values()),
                f'extern "C" __global__ void {self.__name__}({head}) {{',
                *lines,
                "}",
                "",
            ]
        )

    def _body(self, devices: dict[Any, Any]) -> Body:
        def device(function: JitKernel, kinds: tuple[Type, ...]) -> tuple[str, Type | None]:
            return function._as_device(kinds, devices)

        source = self._source
        return Body(
            self.__name__, source.lines, source.first, source.file, self._find, self._mode, device
        )

    def _as_device(
        self, kinds: tuple[Type, ...], devices: dict[Any, Any]
    ) -> tuple[str, Type | None]:
        found = devices.get((self, kinds))
        if found is None:
            source = self._source
            if len(kinds) != len(source.parameters):
                raise JitError(
                    f"{self.__name__} takes {len(source.parameters)} arguments, got {len(kinds)}"
                )
            if (self, "open") in devices:
                raise JitError(f"{self.__name__} calls itself: kernels have no recursion")
            devices[self, "open"] = ("", None, "")
            body = self._body(devices)
            parameters = list(zip(source.parameters, kinds, strict=True))
            lines = body.translate(source.tree, parameters, kernel=False)
            del devices[self, "open"]
            name = f"{self.__name__}_{len(devices)}"
            result = "void" if body.returns is None else body.returns.c_name()  # type: ignore[union-attr]
            head = ", ".join(f"{kind.c_name()} p_{n}" for n, kind in parameters)  # type: ignore[union-attr]
            code = "\n".join([f"static __device__ {result} {name}({head}) {{", *lines, "}"])
            found = devices[self, kinds] = (name, body.returns, code)
        return found[0], found[1]

    def _find(self, name: str) -> Any:
        """Find what a name means in the function: captured, global or built in."""
        function = inspect.unwrap(self.__wrapped__)
        closure = inspect.getclosurevars(function).nonlocals
        for place in (closure, function.__globals__, vars(builtins)):
            if name in place:
                return place[name]
        raise JitError(f"name {name!r} is not defined")


def _key(value: Any) -> Any:
    if arrays.is_array(value):
        return (value.dtype, value.ndim, value._c_contiguous)
    return type(value) if type(value) in _PYTHON else getattr(value, "dtype", type(value))


def _scalar_dtype(value: Any) -> np.dtype[Any]:
    dtype = _PYTHON.get(type(value))
    if dtype is None and isinstance(value, np.generic):
        dtype = value.dtype
    if dtype is None or not is_supported(dtype):
        raise TypeError(f"{type(value).__name__} is no number")
    return dtype


def rawkernel(*, mode: str = "cuda", device: bool = False) -> Callable[[Any], JitKernel]:
    """Make a CUDA kernel of a Python function.

    Parameters
    ----------
    mode : {"cuda", "numpy"}
        Whose rules of promotion hold where typed numbers meet: C's or NumPy's.
    device : bool
        Whether it is a device function, for other kernels to call, instead of a kernel.

    Returns
    -------
    callable
        A decorator.  The kernel is launched as ``f[grid, block](x, y)``, as
        ``f[grid, block, shared_bytes](x, y)``, or as ``f(grid, block, (x, y))``.

    Raises
    ------
    ValueError
        If the mode is unknown.

    Notes
    -----
    A kernel may have ``if``, ``while``, ``for`` over ranges, ``break``, ``continue``, ``return``;
    arithmetic, comparisons, ``and``/``or``/``not``, conditional expressions; variables, which have
    one type each; elements of arrays by one index per dimension; ``x.shape``, ``x.size``,
    ``x.ndim``, ``len``; the functions of `ndgpu.jit`, of `math` and the mathematics of NumPy and
    ndgpu; conversions such as ``numpy.float32(x)``, ``int(x)``; ``min``, ``max``, ``abs``; globals
    that are numbers; device functions.  Indices do not wrap, and nothing is checked against bounds.

    Examples
    --------
    >>> import ndgpu
    >>> from ndgpu import jit
    >>> @jit.rawkernel()
    ... def scale(x, y, a):
    ...     for i in range(jit.grid(1), x.size, jit.gridsize(1)):
    ...         y[i] = a * x[i]
    >>> x = ndgpu.arange(5, dtype="float32")
    >>> y = ndgpu.empty_like(x)
    >>> scale[1, 32](x, y, 2.5)
    >>> y.tolist()
    [0.0, 2.5, 5.0, 7.5, 10.0]
    """
    if mode not in ("cuda", "numpy"):
        raise ValueError(f"mode must be 'cuda' or 'numpy', got {mode!r}")

    def decorate(function: Any) -> JitKernel:
        if not inspect.isfunction(function):
            raise TypeError(f"rawkernel: expected a function, got {type(function).__name__}")
        return JitKernel(function, mode, device)

    return decorate
