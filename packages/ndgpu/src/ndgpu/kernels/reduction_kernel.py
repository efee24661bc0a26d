"""`ReductionKernel`: a user's reduction, by a map, a combination and a last step.

Guarantees: as `ElementwiseKernel`: types seen before cost one look-up, and a wrong call is
refused by an error that names the argument before anything is compiled.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ndgpu import runtime
from ndgpu.compile.dtypes import ctype
from ndgpu.kernels import arrays
from ndgpu.kernels.params import Parameter, Types, parse, resolve
from ndgpu.kernels.reduction import Reduction
from ndgpu.kernels.spec import Kind, Operand

__all__ = ["ReductionKernel"]


class ReductionKernel:
    """A reduction written in CUDA C++, compiled for the types of each call.

    Parameters
    ----------
    in_params, out_params : str
        Parameters as in `ElementwiseKernel`.  A ``raw`` input takes no part in shapes: the map
        indexes it, by ``_j`` for instance.
    map_expr : str
        Expression of the inputs: what is reduced.  ``_j`` is the element's number among those
        reduced together, ``_n`` how many they are.
    reduce_expr : str
        Expression of two partial results ``a`` and ``b``; associative and commutative.
    post_map_expr : str
        Statement that sets the outputs from the result ``a``, such as ``'y = sqrt(a)'``.
    identity : str, number or None
        What a reduction starts from; None where there is no such value, and then an empty
        reduction is an error.
    name : str
        Names the kernel in messages and profilers.
    reduce_type : str, optional
        C type of partial results; the first output's by default.
    reduce_dims : bool
        Accepted for programs that pass it; dimensions are always merged where they can be.
    preamble : str
        Code before the kernel.
    options : sequence of str
        Options of NVRTC.

    Raises
    ------
    ValueError
        If a parameter list cannot be read.

    Examples
    --------
    >>> import ndgpu as xp
    >>> norm = xp.ReductionKernel("T x", "T y", "x * x", "a + b", "y = sqrt(a)", "0", "norm")
    >>> norm(xp.asarray([[3.0, 4.0], [6.0, 8.0]]), axis=1).tolist()
    [5.0, 10.0]
    """

    def __init__(
        self,
        in_params: str,
        out_params: str,
        map_expr: str,
        reduce_expr: str,
        post_map_expr: str,
        identity: str | float | None,
        name: str = "reduce_kernel",
        reduce_type: str | None = None,
        reduce_dims: bool = True,
        preamble: str = "",
        options: Sequence[str] = (),
    ) -> None:
        if not isinstance(name, str) or not name.isidentifier():
            raise ValueError(f"a kernel's name must be an identifier, got {name!r}")
        self.name = name
        self.in_params = parse(in_params, name)
        self.out_params = parse(out_params, name)
        self._params = (*self.in_params, *self.out_params)
        for parameter in self.out_params:
            if parameter.raw:
                raise ValueError(f"{name}: a reduction has no raw output (`{parameter.name}`)")
        if not self.out_params:
            raise ValueError(f"{name}: a reduction needs an output")
        self.map_expr = map_expr
        self.reduce_expr = reduce_expr
        self.post_map_expr = post_map_expr
        self.identity = None if identity is None else _literal(identity)
        self.reduce_type = reduce_type
        self.reduce_dims = reduce_dims
        self.preamble = preamble
        self.options = tuple(options)
        self.nin, self.nout = len(self.in_params), len(self.out_params)
        self._resolved: dict[tuple[Any, ...], tuple[Reduction, Types]] = {}

    def __repr__(self) -> str:
        return f"<ReductionKernel {self.name}>"

    def __call__(
        self,
        *args: Any,
        out: Any = None,
        axis: int | Sequence[int] | None = None,
        keepdims: bool = False,
        stream: Any = None,
    ) -> Any:
        """Reduce arrays.

        Parameters
        ----------
        *args
            The inputs, or the inputs and the outputs: arrays that broadcast together, and
            numbers.
        out : array or tuple of array, optional
            Where the results go.
        axis : int or sequence of int, optional
            Axes to reduce; all of them by default.
        keepdims : bool
            Whether reduced axes stay, with length 1.
        stream : Stream, optional
            The current stream by default.

        Returns
        -------
        array or tuple of array
            The outputs: one as it is, several as a tuple.

        Raises
        ------
        TypeError
            If the number of arguments or a type is wrong.
        ValueError
            If shapes do not broadcast, an output has another shape, or an empty reduction
            has no identity.
        numpy.exceptions.AxisError
            If there is no such axis.
        """
        if len(args) == self.nin + self.nout and out is None:
            out = args[self.nin :]
            args = args[: self.nin]
        if len(args) != self.nin:
            raise TypeError(
                f"{self.name} takes {self.nin} inputs, or {self.nin} inputs and {self.nout} "
                f"outputs; got {len(args)} arguments"
            )
        if out is None:
            outs: tuple[Any, ...] = (None,) * self.nout
        else:
            outs = tuple(out) if isinstance(out, (tuple, list)) else (out,)
            self._check_outputs(outs)
        is_array = arrays.is_array
        key = tuple([x.dtype if is_array(x) else type(x) for x in (*args, *outs)])
        found = self._resolved.get(key)
        if found is None:
            found = self._resolved[key] = self._resolve(args, outs)
        kernel, types = found
        shape = self._shape(args, outs)
        axes = _axes(axis, len(shape))
        result = tuple(
            [1 if d in axes else n for d, n in enumerate(shape)]
            if keepdims
            else [n for d, n in enumerate(shape) if d not in axes]
        )
        if out is None:
            like = next((x for x in args if is_array(x)), None)
            outs = tuple(arrays.empty(result, dtype, like) for dtype in types.dtypes[self.nin :])
        for parameter, array in zip(self.out_params, outs, strict=True):
            if array.shape != result:
                raise ValueError(
                    f"{self.name}: output `{parameter.name}` has shape {array.shape} but the "
                    f"reduction's is {result}"
                )
        kernel.launch(args, outs if self.nout > 1 else outs[0], shape, axes, stream)
        return outs if self.nout > 1 else outs[0]

    def _check_outputs(self, outs: Sequence[Any]) -> None:
        if len(outs) != self.nout:
            raise TypeError(f"{self.name} has {self.nout} outputs, got {len(outs)}")
        for parameter, array in zip(self.out_params, outs, strict=True):
            if not arrays.is_array(array):
                raise TypeError(
                    f"{self.name}: output `{parameter.name}` must be an array, got "
                    f"{type(array).__name__}"
                )

    def _resolve(self, args: Sequence[Any], outs: Sequence[Any]) -> tuple[Reduction, Types]:
        types = resolve(self.name, self._params, (*args, *outs))
        inputs = [
            Operand(p.name, dtype, _kind(p, x))
            for p, dtype, x in zip(self.in_params, types.dtypes, args, strict=False)
        ]
        if not any(operand.kind == "in" for operand in inputs):
            raise TypeError(f"{self.name}: at least one input must be an array that is not raw")
        outputs = [
            Operand(p.name, dtype, "out")
            for p, dtype in zip(self.out_params, types.dtypes[self.nin :], strict=True)
        ]
        kernel = Reduction(
            self.name,
            inputs,
            outputs,
            self.map_expr,
            self.reduce_expr,
            self.post_map_expr,
            self.reduce_type or ctype(outputs[0].dtype),
            self.identity,
            preamble=self.preamble,
            types={name: ctype(dtype) for name, dtype in types.placeholders.items()},
            options=self.options,
            generated=False,
        )
        return kernel, types

    def _shape(self, args: Sequence[Any], outs: Sequence[Any]) -> tuple[int, ...]:
        named = [
            (p.name, x)
            for p, x in zip(self._params, (*args, *outs), strict=True)
            if arrays.is_array(x)
        ]
        arrays.device_of(named, self.name, runtime.current_device_id())
        inputs = [
            (p.name, x)
            for p, x in zip(self.in_params, args, strict=True)
            if arrays.is_array(x) and not p.raw
        ]
        if len(inputs) == 1:
            return tuple(inputs[0][1].shape)
        try:
            return np.broadcast_shapes(*[x.shape for _, x in inputs])
        except ValueError:
            shapes = ", ".join(f"{name}.shape={x.shape}" for name, x in inputs)
            raise ValueError(f"{self.name}: shapes do not broadcast together: {shapes}") from None


def _kind(parameter: Parameter, value: Any) -> Kind:
    if parameter.raw:
        return "raw"
    return "in" if arrays.is_array(value) else "scalar"


def _axes(axis: int | Sequence[int] | None, ndim: int) -> tuple[int, ...]:
    if axis is None:
        return tuple(range(ndim))
    given = (axis,) if isinstance(axis, (int, np.integer)) else tuple(axis)
    axes = []
    for one in given:
        if not -ndim <= one < ndim:
            raise np.exceptions.AxisError(one, ndim)
        axes.append(int(one) % ndim)
    if len(set(axes)) != len(axes):
        raise ValueError("duplicate value in 'axis'")
    return tuple(sorted(axes))


def _literal(value: str | float) -> str:
    """Write a number as C++; text stays."""
    if isinstance(value, str):
        return value
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    if math.isfinite(value):
        return repr(float(value))
    return "(0.0 / 0.0)" if math.isnan(value) else f"({'-' if value < 0 else ''}1.0 / 0.0)"
