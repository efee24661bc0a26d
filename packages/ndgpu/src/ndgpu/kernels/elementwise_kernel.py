"""`ElementwiseKernel`: a user's expression over arrays, in the language of the talk.

Guarantees: a call with types seen before resolves them by one dictionary look-up; a wrong
call is refused before anything is compiled, by an error that names the argument.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ndgpu import runtime
from ndgpu.compile.dtypes import ctype
from ndgpu.kernels import arrays, geometry
from ndgpu.kernels.elementwise import Elementwise
from ndgpu.kernels.params import parse, resolve
from ndgpu.kernels.spec import Operand

__all__ = ["ElementwiseKernel"]


class _Call(NamedTuple):
    """What calls with arguments of the same types share.

    `arrays` and `looped` are the positions of all arrays, and of those that are not raw.
    """

    kernel: Elementwise
    out_dtypes: tuple[np.dtype[Any], ...]
    arrays: tuple[int, ...]
    looped: tuple[int, ...]


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
        self._resolved: dict[tuple[Any, ...], _Call] = {}

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
        call = self._resolved.get(key)
        if call is None:
            call = self._resolved[key] = self._resolve(args, block_size)
        current = runtime.current_device_id()
        shape: tuple[int, ...] | None = None
        for k in call.arrays:
            x = args[k]
            if x.device_id != current:
                arrays.device_of([(self._params[k].name, x)], self.name, current)
        if size is None:
            for k in call.looped:
                if shape is None:
                    shape = args[k].shape
                elif args[k].shape != shape:
                    shape = self._broadcast(call, args)
                    break
        elif not call.looped:
            shape = (int(size),)
        if shape is None:
            raise ValueError(
                f"{self.name}: `size` can be given only where all arrays are raw"
                if call.looped
                else f"{self.name}: no array that is not raw says how many elements there are; "
                "give `size`"
            )
        if len(args) == nin:
            like = args[call.arrays[0]] if call.arrays else None
            outs = tuple([arrays.empty(shape, dtype, like) for dtype in call.out_dtypes])
            args = (*args, *outs)
        else:
            outs = args[nin:]
        call.kernel.launch(args, shape, stream)
        if self.no_return:
            return None
        return outs[0] if len(outs) == 1 and not self.return_tuple else outs

    def _resolve(self, args: Sequence[Any], block_size: int) -> _Call:
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
            generated=False,
        )
        given = [k for k, x in enumerate(args) if arrays.is_array(x)]
        looped = tuple(k for k in given if not self._params[k].raw)
        return _Call(kernel, types.dtypes[self.nin :], tuple(given), looped)

    def _broadcast(self, call: _Call, args: Sequence[Any]) -> tuple[int, ...]:
        """Broadcast the arrays that are not raw, and check the outputs against the result."""
        named = [(k, self._params[k].name, args[k].shape) for k in call.looped]
        inputs = [shape for k, _, shape in named if k < self.nin]
        outputs = [(name, shape) for k, name, shape in named if k >= self.nin]
        try:
            shape = np.broadcast_shapes(*inputs) if inputs else outputs[0][1]
        except ValueError:
            shapes = ", ".join(f"{name}.shape={shape}" for _, name, shape in named)
            raise ValueError(f"{self.name}: shapes do not broadcast together: {shapes}") from None
        for name, own in outputs:
            if own != shape:
                raise ValueError(
                    f"{self.name}: output `{name}` has shape {own} but the operation's is {shape}"
                )
        return shape
