"""The device code of update rules: one element's update, for one parameter or for all at once.

A rule states what happens to one element in CUDA code (`UpdateKernel`).  `one` runs it on one
parameter, of any dtype and layout; `many` runs it on any number of contiguous float32 or
float64 parameters in a single launch, which for a model of many small parameters is several
times faster: what a small launch costs is the launching.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["UpdateKernel"]

Array = Any

# A thread for each element.  A block finds the parameter that it is for by bisection, so all of
# its threads agree; the rows of the table are addresses, a size, and the first block's number.
_SOURCE = """
extern "C" __global__ void {name}(const long long* table, int rows{scalars}) {{
  int low = 0, high = rows - 1;
  while (low < high) {{
    const int middle = (low + high + 1) / 2;
    if (table[middle * {width} + {width} - 1] <= blockIdx.x) low = middle; else high = middle - 1;
  }}
  const long long* row = table + low * {width};
  const long long i = (blockIdx.x - row[{width} - 1]) * {block} + threadIdx.x;
  {pointers}
  if (i < row[{width} - 2]) {{
    const T grad = grad_[i];
    {loads}
    {operation}
    {stores}
  }}
}}
"""
_BLOCK = 1024
_C_TYPES = {"f": "float", "d": "double"}


class UpdateKernel:
    """What an update rule does to one element, in CUDA code.

    Parameters
    ----------
    name : str
        Of the kernel.
    scalars : str
        Names of the numbers that are the same for all elements, such as ``"lr momentum"``.
    states : str
        Names of the state's arrays, such as ``"m v"``.
    operation : str
        Changes ``param`` and the states by ``grad`` and the scalars, all of type ``T``.

    Examples
    --------
    >>> import ndgpu
    >>> from nnrun.update_kernel import UpdateKernel
    >>> kernel = UpdateKernel("step", "lr", "", "param -= lr * grad;")
    >>> p, g = ndgpu.ones(3, "float32"), ndgpu.ones(3, "float32")
    >>> kernel.one(p, g, {}, (0.5,))
    >>> kernel.many([(p, g, {}), (g, p, {})], (0.25,), {})
    >>> p.tolist(), g.tolist()[0] in (0.875, 0.9375)
    ([0.25, 0.25, 0.25], True)
    """

    def __init__(self, name: str, scalars: str, states: str, operation: str) -> None:
        self.name = name
        self.scalars = tuple(scalars.split())
        self.states = tuple(states.split())
        self.operation = operation
        self._kernels: dict[str, Any] = {}

    def __repr__(self) -> str:
        return f"<UpdateKernel {self.name}>"

    @functools.cached_property
    def _elementwise(self) -> Any:
        import ndgpu  # whoever has an array of it has paid for it already

        return ndgpu.ElementwiseKernel(
            ", ".join(f"T {name}" for name in ("grad", *self.scalars)),
            ", ".join(f"T {name}" for name in ("param", *self.states)),
            self.operation,
            self.name,
        )

    def _multiple(self, char: str) -> Any:
        """The kernel for many parameters of a dtype."""
        kernel = self._kernels.get(char)
        if kernel is None:
            import ndgpu

            changed = ("param", *self.states)
            columns = ("grad", *changed)
            source = f"typedef {_C_TYPES[char]} T;" + _SOURCE.format(
                name=f"{self.name}_many",
                scalars="".join(f", T {name}" for name in self.scalars),
                width=len(columns) + 2,
                block=_BLOCK,
                pointers="\n  ".join(
                    f"{'const ' if name == 'grad' else ''}T* __restrict__ {name}_ = (T*)row[{k}];"
                    for k, name in enumerate(columns)
                ),
                loads=" ".join(f"T {name} = {name}_[i];" for name in changed),
                operation=self.operation,
                stores=" ".join(f"{name}_[i] = {name};" for name in changed),
            )
            kernel = self._kernels[char] = ndgpu.RawKernel(source, f"{self.name}_many")
        return kernel

    def one(
        self, param: Array, grad: Array, state: dict[str, Array], scalars: Sequence[float]
    ) -> None:
        """Update one parameter in place.

        Parameters
        ----------
        param, grad : ndgpu.ndarray
            Of one shape.
        state : dict of str to ndgpu.ndarray
            Has the states that the kernel names, of the same shape; changed in place.
        scalars : sequence of float
            In the order of their names.
        """
        self._elementwise(grad, *scalars, param, *[state[name] for name in self.states])

    def can_join(self, param: Array, grad: Array) -> bool:
        """Whether a parameter may be among those of `many`; its states are arrays like it."""
        return (
            param.dtype.char in _C_TYPES
            and grad.dtype == param.dtype
            and param.flags.c_contiguous
            and grad.flags.c_contiguous
        )

    def many(
        self,
        updates: Sequence[tuple[Array, Array, dict[str, Array]]],
        scalars: Sequence[float],
        tables: dict[Any, Any],
    ) -> None:
        """Update parameters in place, all in one launch.

        Parameters
        ----------
        updates : sequence of (param, grad, state)
            Not empty; of one dtype, on the current device, each such that `can_join`.
        scalars : sequence of float
            In the order of their names; the same for all parameters.
        tables : dict
            Keeps the table of addresses for the next call, which needs no new one if the
            addresses are the same, as they are when a pool hands out the gradients.
        """
        import ndgpu

        rows, blocks = [], 0
        for param, grad, state in updates:
            arrays = (grad, param, *[state[name] for name in self.states])
            rows.append((*[a.data.ptr for a in arrays], param.size, blocks))
            blocks += -(-param.size // _BLOCK)
        dtype = updates[0][0].dtype
        place = (self.name, dtype.char, rows[0][1])
        known = tables.get(place)
        if known is None or known[0] != rows:
            known = tables[place] = rows, ndgpu.asarray(np.array(rows, np.int64))
        values = [dtype.type(scalar) for scalar in scalars]
        self._multiple(dtype.char)((blocks,), (_BLOCK,), (known[1], np.int32(len(rows)), *values))
