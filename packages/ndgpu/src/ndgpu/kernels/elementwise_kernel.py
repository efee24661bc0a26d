"""`ElementwiseKernel`: a user's expression over arrays, in the language of the talk.

Guarantees: a call with types seen before resolves them by one dictionary look-up; a wrong
call is refused before anything is compiled, by an error that names the argument.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ndgpu import runtime
from ndgpu.compile.dtypes import ctype
from ndgpu.kernels import arrays, geometry
from ndgpu.kernels.elementwise import Elementwise
from ndgpu.kernels.params import Types, parse, resolve
from ndgpu.kernels.source import Operand

__all__ = ["ElementwiseKernel"]


class ElementwiseKernel:
    """An elementwise operation written in CUDA C++, compiled for the types of each call.

    Parameters
    ----------
    in_params, out_params : str
        Parameters as ``'T x, float32 y, raw T z'``.  A type is a dtype's name, or a
        placeholder of one letter that stands for the same dtype wherever it occurs.
        A ``raw`` array is not broadcast: the operation indexes it.
    operation : str
        Statements that set the outputs, such as ``'z = x * y'``.
    name : str
        Names the kernel in messages and profilers.
    reduce_dims : bool
        Accepted for programs that pass it; dimensions are always merged where they can be.
    preamble : str
        Code before the kernel: functions, includes, typedefs.
    no_return : bool
        Whether a call returns None instead of the outputs.
    return_tuple : bool
        Whether a call returns a tuple even for one output.
    loop_prep, after_loop : str
        Code in the kernel before and after the operation.
    options : sequence of str
        Options of NVRTC.

    Raises
    ------
    ValueError
        If a parameter list cannot be read.

    Notes
    -----
    In the operation, ``i`` is the element's number, ``n`` and ``_ind.size()`` are the number of
    elements, ``_ind.get()[d]`` is the element's index along axis ``d``, and ``z[j]`` is element
    ``j`` of a raw array in C order.  The names ``i``, ``n`` and those with a leading underscore
    are reserved.

    Examples
    --------
    >>> import ndgpu as xp
    >>> muladd = xp.ElementwiseKernel("T x, T y, T z", "T w", "w = x * y + z", "muladd")
    >>> x = xp.arange(3, dtype="float32")
    >>> muladd(x, x, 1).tolist()
    [1.0, 2.0, 5.0]
    """

    def __init__(
        self,
        in_params: str,
        out_params: str,
        operation: str,
        name: str = "kernel",
        reduce_dims: bool = True,
        preamble: str = "",
        no_return: bool = False,
        return_tuple: bool = False,
        loop_prep: str = "",
        after_loop: str = "",
        options: Sequence[str] = (),
    ) -> None:
        if not isinstance(name, str) or not name.isidentifier():
            raise ValueError(f"a kernel's name must be an identifier, got {name!r}")
        self.name = name
        self.in_params = parse(in_params, name)
        self.out_params = parse(out_params, name)
        self.operation = operation
        self.reduce_dims = reduce_dims
        self.preamble = preamble
        self.no_return = no_return
        self.return_tuple = return_tuple
        self.loop_prep = loop_prep
        self.after_loop = after_loop
        self.options = tuple(options)
        self._params = (*self.in_params, *self.out_params)
        names = [p.name for p in self._params]
        if len(set(names)) != len(names):
            twice = next(x for x in names if names.count(x) > 1)
            raise ValueError(f"{name}: two parameters are called `{twice}`")
        self.nin, self.nout = len(self.in_params), len(self.out_params)
        self._resolved: dict[tuple[Any, ...], tuple[Elementwise, Types]] = {}

    def __repr__(self) -> str:
        return f"<ElementwiseKernel {self.name}>"

    def __call__(
        self,
        *args: Any,
        size: int | None = None,
        stream: Any = None,
        block_size: int = geometry.BLOCK,
    ) -> Any:
        """Run the kernel.

        Parameters
        ----------
        *args
            The inputs, or the inputs and the outputs: arrays that broadcast together, and
            numbers.
        size : int, optional
            Number of elements, where all arrays are raw.
        stream : Stream, optional
            The current stream by default.
        block_size : int, optional
            Threads of a block.

        Returns
        -------
        array, tuple of array, or None
            The outputs: one as it is, several as a tuple.

        Raises
        ------
        TypeError
            If the number of arguments or a type is wrong.
        ValueError
            If shapes do not broadcast, an output has another shape, the size is not
            known, or an array is on another device.
        """
        nin = self.nin
        if len(args) != nin and len(args) != nin + self.nout:
            raise TypeError(
                f"{self.name} takes {nin} inputs, or {nin} inputs and {self.nout} outputs; "
                f"got {len(args)} arguments"
            )
        is_array = arrays.is_array
        key = (block_size, *[x.dtype if is_array(x) else type(x) for x in args])
        found = self._resolved.get(key)
        if found is None:
            found = self._resolve(key, args, block_size)
        kernel, types = found
        shape = self._shape(args, size)
        if len(args) == nin:
            like = next((x for x in args if is_array(x)), None)
            outs = tuple(arrays.empty(shape, dtype, like) for dtype in types.dtypes[nin:])
            args = (*args, *outs)
        else:
            outs = args[nin:]
        kernel.launch(args, shape, stream)
        if self.no_return:
            return None
        return outs[0] if len(outs) == 1 and not self.return_tuple else outs

    def _resolve(
        self, key: tuple[Any, ...], args: Sequence[Any], block_size: int
    ) -> tuple[Elementwise, Types]:
        missing = len(self._params) - len(args)
        types = resolve(self.name, self._params, (*args, *[None] * missing))
        for parameter, value in zip(self.out_params, args[self.nin :], strict=False):
            if not arrays.is_array(value):
                raise TypeError(
                    f"{self.name}: output `{parameter.name}` must be an array, got "
                    f"{type(value).__name__}"
                )
        operands = []
        for k, (parameter, dtype) in enumerate(zip(self._params, types.dtypes, strict=True)):
            out = k >= self.nin
            if parameter.raw and out and missing:
                raise TypeError(f"{self.name}: raw output `{parameter.name}` must be given")
            if parameter.raw:
                kind = "rawout" if out else "raw"
            elif out:
                kind = "out"
            else:
                kind = "in" if arrays.is_array(args[k]) else "scalar"
            operands.append(Operand(parameter.name, dtype, kind))  # type: ignore[arg-type]
        kernel = Elementwise(
            self.name,
            operands,
            self.operation,
            preamble=self.preamble,
            loop_prep=self.loop_prep,
            after_loop=self.after_loop,
            types={name: ctype(dtype) for name, dtype in types.placeholders.items()},
            options=self.options,
            block=block_size,
        )
        found = kernel, types
        self._resolved[key] = found
        return found

    def _shape(self, args: Sequence[Any], size: int | None) -> tuple[int, ...]:
        """Find the loop's shape, and check outputs and devices."""
        current = runtime.current_device_id()
        shape: tuple[int, ...] | None = None
        same = True
        for parameter, x in zip(self._params, args, strict=False):
            if not arrays.is_array(x):
                continue
            if x.device_id != current:
                arrays.device_of([(parameter.name, x)], self.name, current)
            if parameter.raw:
                continue
            if shape is None:
                shape = x.shape
            elif shape != x.shape:
                same = False
        if size is not None:
            if shape is not None:
                raise ValueError(f"{self.name}: `size` can be given only where all arrays are raw")
            return (int(size),)
        if shape is None:
            raise ValueError(
                f"{self.name}: no array that is not raw says how many elements there are; "
                "give `size`"
            )
        return shape if same else self._broadcast(args)

    def _broadcast(self, args: Sequence[Any]) -> tuple[int, ...]:
        named = [
            (parameter, x.shape)
            for parameter, x in zip(self._params, args, strict=False)
            if arrays.is_array(x) and not parameter.raw
        ]
        inputs = [shape for parameter, shape in named if parameter in self.in_params]
        outputs = [(p, shape) for p, shape in named if p not in self.in_params]
        try:
            shape = np.broadcast_shapes(*inputs) if inputs else outputs[0][1]
        except ValueError:
            shapes = ", ".join(f"{p.name}.shape={shape}" for p, shape in named)
            raise ValueError(f"{self.name}: shapes do not broadcast together: {shapes}") from None
        for parameter, own in outputs:
            if own != shape:
                raise ValueError(
                    f"{self.name}: output `{parameter.name}` has shape {own} but the operation's "
                    f"is {shape}"
                )
        return shape
