"""CUDA C++ of elementwise kernels.

Guarantees: the source is a function of the kernel's description and its layout variant
alone, so equal kernels share one entry of the cache.  Names that begin with an underscore
are the generator's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from ndgpu.compile.dtypes import cast, ctype, headers_of
from ndgpu.kernels.planning import Variant

__all__ = [
    "DIVISOR",
    "STREAMED",
    "LoopCode",
    "Operand",
    "Spec",
    "generate",
    "loop_code",
    "prologue",
    "read",
]

STREAMED = "biufV"
"""Kinds of dtypes that a streaming store writes: one number of at most 8 bytes."""

Kind = Literal["in", "out", "scalar", "raw", "rawout"]


class Operand(NamedTuple):
    """One operand of a kernel.

    Attributes
    ----------
    name : str
        Its variable in the expression.
    dtype : numpy.dtype
        What lies in memory, or the type of a scalar parameter.
    kind : {"in", "out", "scalar", "raw", "rawout"}
        `ndgpu.kernels.elementwise` says what these mean.
    compute : numpy.dtype, optional
        Type of the variable; `dtype` by default.
    """

    name: str
    dtype: np.dtype[Any]
    kind: Kind = "in"
    compute: np.dtype[Any] | None = None


class Spec(NamedTuple):
    """Everything about an elementwise kernel but its layout."""

    name: str
    operands: tuple[Operand, ...]
    operation: str
    guard: str | None
    preamble: str
    loop_prep: str
    after_loop: str
    types: dict[str, str]
    headers: tuple[str, ...]


def prologue(
    operands: tuple[Operand, ...],
    headers: tuple[str, ...],
    types: dict[str, str],
    preamble: str,
) -> list[str]:
    """Write what stands before a kernel: includes, typedefs, the caller's preamble."""
    dtypes = [o.dtype for o in operands] + [o.compute for o in operands if o.compute is not None]
    includes = dict.fromkeys((*headers_of(dtypes), *headers))
    lines = [f"#include <ndgpu/{header}.cuh>" for header in includes]
    lines += [f"typedef {target} {name};" for name, target in types.items()]
    if preamble:
        lines.append(preamble)
    return lines


def generate(spec: Spec, variant: Variant) -> tuple[str, str, tuple[str, ...]]:
    """Write a kernel for a layout.

    Parameters
    ----------
    spec : Spec
    variant : Variant

    Returns
    -------
    source : str
    entry : str
        Name of the kernel.
    codes : tuple of str
        `struct` codes of the leading parameters, which `ndgpu.kernels.planning` packs.
    """
    wide = "long long" if variant.wide else "int"
    looped = [o for o, c in zip(spec.operands, variant.classes, strict=True) if c]
    classes = [c for c in variant.classes if c]
    raw = [o for o in spec.operands if o.kind in ("raw", "rawout")]
    needs_index = bool(raw) or variant.index_rank
    headers = (*spec.headers, "index") if needs_index else spec.headers
    if variant.streaming:
        headers = (*headers, "stream")
    lines = prologue(spec.operands, headers, spec.types, spec.preamble)
    loop = loop_code(variant.form, variant.rank, wide, looped, classes)
    parameters, codes, addresses = list(loop.parameters), list(loop.codes), loop.addresses
    lines += loop.declarations
    if variant.index_rank:
        parameters.append(f"const ndgpu::Shape<{variant.index_rank}> _shape")
        codes.append(f"{8 * (variant.index_rank + 1)}s")
    for k, (rank, _) in enumerate(variant.raw):
        parameters.append(f"const ndgpu::RawShape<{rank}> _raw{k}")
        codes.append(f"{8 * (2 * rank + 1)}s")
    for operand in spec.operands:
        name, memory = operand.name, ctype(operand.dtype)
        if operand.kind == "scalar":
            parameters.append(f"const {memory} _p_{name}")
        else:
            const = "const " if operand.kind in ("in", "raw") else ""
            parameters.append(f"{const}{memory}* _p_{name}")
    name = f"{spec.name}_{variant.form}"
    lines.append(f'extern "C" __global__ void {name}({", ".join(parameters)}) {{')
    lines += loop.setup
    lines.append("  [[maybe_unused]] const long long n = _n;")
    # Scalars and raw arrays can be used in loop_prep and after_loop as well.
    for k, operand in enumerate(raw):
        rank, contiguous = variant.raw[k]
        const = "const " if operand.kind == "raw" else ""
        kind = f"ndgpu::Raw<{const}{ctype(operand.dtype)}, {rank}, {str(contiguous).lower()}>"
        lines.append(f"  const {kind} {operand.name}(_p_{operand.name}, _raw{k});")
    for operand in spec.operands:
        if operand.kind == "scalar":
            lines.append(f"  {read(operand, f'_p_{operand.name}')}")
    if spec.loop_prep:
        lines += [spec.loop_prep, "  ;"]
    lines.append("  if (_inside) {")
    lines.append("    [[maybe_unused]] const long long i = _i;")
    if variant.index_rank:
        lines.append(f"    const ndgpu::Index<{variant.index_rank}> _ind(_shape, i);")
    by_name = dict(zip([o.name for o in looped], addresses, strict=True))
    if spec.guard is not None:
        guard = next(o for o in looped if o.name == spec.guard)
        lines += [f"    {read(guard, by_name[guard.name])}", f"    if ({spec.guard}) {{"]
    stores = []
    for operand in looped:
        address = by_name[operand.name]
        if operand.name == spec.guard:
            continue
        if operand.kind == "in":
            lines.append(f"    {read(operand, address)}")
        elif not variant.streaming and (
            operand.compute is None or operand.compute == operand.dtype
        ):
            lines.append(f"    {ctype(operand.dtype)}& {operand.name} = {address};")
        else:
            compute = operand.compute or operand.dtype
            value = cast(address, operand.dtype, compute)
            lines.append(f"    {ctype(compute)} {operand.name} = {value};")
            stores.append(_store(operand, address, variant.streaming))
    # The newline ends a comment at the end of the caller's code.
    lines += ["    {", spec.operation, "    ;}", *stores]
    if spec.guard is not None:
        lines.append("    }")
    lines.append("  }")
    if spec.after_loop:
        lines += [spec.after_loop, "  ;"]
    lines += ["}", ""]
    return "\n".join(lines), name, tuple(codes)


def _store(operand: Operand, address: str, streaming: bool) -> str:
    """Write the store of an output that has a variable of its own."""
    value = cast(operand.name, operand.compute or operand.dtype, operand.dtype)
    if streaming and operand.dtype.kind in STREAMED:
        return f"    ndgpu::store_streaming(&{address}, {value});"
    return f"    {address} = {value};"


def read(operand: Operand, address: str) -> str:
    """Write the declaration of an operand that is only read."""
    compute = operand.dtype if operand.compute is None else operand.compute
    return f"const {ctype(compute)} {operand.name} = {cast(address, operand.dtype, compute)};"


def _at(operand: Operand, offset: str) -> str:
    const = "const " if operand.kind == "in" else ""
    base = f"({const}char*)_p_{operand.name}"
    return f"(*({const}{ctype(operand.dtype)}*)({base} + {offset}))"


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
    """

    declarations: list[str]
    parameters: list[str]
    codes: list[str]
    setup: list[str]
    addresses: list[str]


def loop_code(
    form: str, rank: int, index: str, looped: Sequence[Operand], classes: Sequence[str]
) -> LoopCode:
    """Write the parts of a kernel that depend on the loop's form.

    Parameters
    ----------
    form, rank, classes
        As in `ndgpu.kernels.planning.Loop`.
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
