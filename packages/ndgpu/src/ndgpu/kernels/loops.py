"""CUDA C++ of loops over elements: flat, along rows, and point by point.

Guarantees: `ndgpu.kernels.planning` packs the arguments of what is written here, and says when
each form is right.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ndgpu.compile.dtypes import ctype
from ndgpu.kernels.spec import Operand

__all__ = ["DIVISOR", "LoopCode", "loop_code"]


DIVISOR = "struct _Divisor { unsigned int by, multiplier, shift; };"
"""Division by multiplication: `ndgpu.kernels.layout.magic` makes the numbers."""


class LoopCode(NamedTuple):
    """The parts of a kernel that depend on the loop's form.

    Attributes
    ----------
    declarations : list of str
        What stands before the kernel.
    parameters, codes : list of str
        Leading parameters and their `struct` codes.
    setup : list of str
        Statements that find ``_i``, ``_n`` and ``_inside``.
    addresses : list of str
        The lvalue of each operand's element.
    opening : list of str
        What the work on an element stands in, with one brace to be closed.
    """

    declarations: list[str]
    parameters: list[str]
    codes: list[str]
    setup: list[str]
    addresses: list[str]
    opening: Sequence[str] = ("  if (_inside) {",)


def loop_code(
    form: str, rank: int, index: str, looped: Sequence[Operand], classes: Sequence[str]
) -> LoopCode:
    """Write the parts of a kernel that depend on the loop's form.

    Parameters
    ----------
    form, rank, classes
        As in `ndgpu.kernels.geometry.Loop`.
    index : str
        C type of indices.
    looped : sequence of Operand
    """
    count = len(looped)
    if form == "flat":
        parameters = [f"const {index} _n"]
        codes = ["q" if index == "long long" else "i"]
        setup = [
            f"  const {index} _i = ({index})blockIdx.x * ({index})blockDim.x + threadIdx.x;",
            "  const bool _inside = _i < _n;",
        ]
        addresses = []
        for operand, kind in zip(looped, classes, strict=True):
            if kind == "s":
                parameters.append(f"const {index} _s_{operand.name}")
                codes.append(codes[0])
                addresses.append(_at(operand, f"_i * _s_{operand.name}"))
            else:
                addresses.append(f"_p_{operand.name}[{'_i' if kind == 'c' else '0'}]")
        return LoopCode([], parameters, codes, setup, addresses)
    if form == "rows":
        outer = rank - 1
        struct = [
            f"struct _Loop {{ long long size, inner, per_row, shape[{outer}], "
            f"stride[{count}][{rank}]; }};"
        ]
        setup = [
            f"  const {index} _n = ({index})_l.size;",
            "  const unsigned int _per_row = (unsigned int)_l.per_row;",
            "  const unsigned int _row = blockIdx.x / _per_row;",
            f"  const {index} _k = ({index})(blockIdx.x - _row * _per_row) * blockDim.x"
            " + threadIdx.x;",
            f"  const {index} _i = ({index})_row * ({index})_l.inner + _k;",
            f"  const bool _inside = _k < ({index})_l.inner;",
            f"  long long {', '.join(f'_o{k} = 0' for k in range(count))};",
        ]
        if outer == 1:
            setup += [f"  _o{k} = _row * _l.stride[{k}][0];" for k in range(count)]
        else:
            setup += [
                "  unsigned int _rest = _row;",
                "  #pragma unroll" if outer <= 4 else "  #pragma unroll 1",
                f"  for (int _d = {outer - 1}; _d >= 0; --_d) {{",
                "    const unsigned int _length = (unsigned int)_l.shape[_d];",
                "    const unsigned int _index = _rest % _length;",
                "    _rest /= _length;",
                *(f"    _o{k} += _index * _l.stride[{k}][_d];" for k in range(count)),
                "  }",
            ]
        addresses = []
        for k, (operand, kind) in enumerate(zip(looped, classes, strict=True)):
            const = "const " if operand.kind == "in" else ""
            memory = f"{const}{ctype(operand.dtype)}"
            row = f"(({memory}*)(({const}char*)_p_{operand.name} + _o{k}))"
            if kind == "s":
                inner = f"_k * ({index})_l.stride[{k}][{outer}]"
                addresses.append(f"(*({memory}*)(({const}char*){row} + {inner}))")
            else:
                addresses.append(f"{row}[{'_k' if kind == 'c' else '0'}]")
        size = 8 * (3 + outer + count * rank)
        return LoopCode(struct, ["const _Loop _l"], [f"{size}s"], setup, addresses)
    # points
    if index == "long long":
        struct = [f"struct _Loop {{ long long size, shape[{rank}], stride[{count}][{rank}]; }};"]
        size = 8 * (1 + rank + count * rank)
        divide = [
            "    const long long _quotient = _rest / _l.shape[_d];",
            "    const long long _index = _rest - _quotient * _l.shape[_d];",
        ]
    else:
        struct = [
            DIVISOR,
            f"struct _Loop {{ int size; _Divisor shape[{rank}]; int stride[{count}][{rank}]; }};",
        ]
        size = 4 * (1 + 3 * rank + count * rank)
        divide = [
            "    const _Divisor _by = _l.shape[_d];",
            "    const unsigned int _quotient = "
            "(__umulhi((unsigned int)_rest, _by.multiplier) + (unsigned int)_rest) >> _by.shift;",
            "    const int _index = _rest - (int)(_quotient * _by.by);",
        ]
    setup = [
        f"  const {index} _n = _l.size;",
        f"  const {index} _i = ({index})blockIdx.x * ({index})blockDim.x + threadIdx.x;",
        "  const bool _inside = _i < _n;",
        f"  {index} _rest = _inside ? _i : 0;",
        f"  {index} {', '.join(f'_o{k} = 0' for k in range(count))};",
        "  #pragma unroll" if rank <= 4 else "  #pragma unroll 1",
        f"  for (int _d = {rank - 1}; _d >= 0; --_d) {{",
        *divide,
        *(f"    _o{k} += _index * _l.stride[{k}][_d];" for k in range(count)),
        f"    _rest = ({index})_quotient;",
        "  }",
    ]
    addresses = [_at(operand, f"_o{k}") for k, operand in enumerate(looped)]
    return LoopCode(struct, ["const _Loop _l"], [f"{size}s"], setup, addresses)


def _at(operand: Operand, offset: str) -> str:
    const = "const " if operand.kind == "in" else ""
    base = f"({const}char*)_p_{operand.name}"
    return f"(*({const}{ctype(operand.dtype)}*)({base} + {offset}))"
