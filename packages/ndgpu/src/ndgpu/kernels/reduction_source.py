"""CUDA C++ of reductions.

Three forms of kernel, each reading the inputs or (second pass) the partial results of the
first:

``column``
    One thread per output, over the elements one after another.  Threads are laid over the
    outputs as over an elementwise loop.
``row``
    Warps per output: lanes take every 32nd element of the warp's own contiguous stretch, a
    tree of shuffles combines them, shared memory the warps.  Blocks are (32, warps), so that
    which warp a thread is in needs no arithmetic that a compiler would have to see through.

``tile``
    As ``column``, for outputs of which many lie side by side: each thread has several, a warp
    apart, so that a warp reads a kilobyte of each line, or all of a line that one warp can hold,
    where there are warps enough: memory is fastest when read in order.  The last tile of a line
    overlaps the one before it, and the last items of a tile wider than a line overlap one
    another; they write the same values again, so no thread needs a guard.

In all of them ``blockIdx.y`` selects a stretch of the reduced elements.

Guarantees: the source is a function of the description and the variant alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ndgpu.compile.dtypes import cast, ctype
from ndgpu.kernels.loops import DIVISOR, loop_code
from ndgpu.kernels.source import prologue, read
from ndgpu.kernels.spec import Operand

__all__ = [
    "PARTIAL_BYTES",
    "TILE_ITEMS",
    "WARP_ROWS",
    "ReductionSpec",
    "ReductionVariant",
    "generate",
]

PARTIAL_BYTES = 64
"""Room for one partial result."""

WARP_ROWS = 8
"""Outputs of one block where each has one warp."""

TILE_ITEMS = (32, 24, 16, 8, 4)
"""Outputs that a thread may have in the tile form."""


class ReductionSpec(NamedTuple):
    """Everything about a reduction but its layout."""

    name: str
    inputs: tuple[Operand, ...]
    outputs: tuple[Operand, ...]
    map_expr: str
    reduce_expr: str
    post_map_expr: str
    reduce_type: str
    identity: str | None
    preamble: str
    types: dict[str, str]
    headers: tuple[str, ...]
    fold_expr: str | None = None

    @property
    def arrays(self) -> tuple[Operand, ...]:
        """The inputs that are arrays."""
        return tuple(o for o in self.inputs if o.kind == "in")


class ReductionVariant(NamedTuple):
    """What decides the generated source.

    Attributes
    ----------
    form : {"column", "row", "tile"}
    first, last : bool
        Whether the inputs are read (else partial results), and the outputs written.
    kept_form, kept_classes, kept_rank
        Layout of the outputs' loop; for rows only the rank counts, for tiles the form does
        not.
    rank : int
        Of the reduced dimensions.
    classes : tuple of str
        Class of each input's stride from one reduced element to the next.
    wide : bool
        Whether indices need 64 bits.
    warps : int
        Warps per output in a row kernel.
    items : int
        Outputs per thread in a tile kernel.
    ragged : bool
        Whether a tile is wider than a line of outputs.
    narrow : bool
        Whether 32 bits hold the number of every reduced element.
    raw : tuple of (int, bool)
        Rank (at least 1) and C-contiguity of each raw input, where the inputs are read.
    """

    form: str
    first: bool
    last: bool
    kept_form: str
    kept_classes: tuple[str, ...]
    kept_rank: int
    rank: int
    classes: tuple[str, ...]
    wide: bool
    warps: int
    items: int = 0
    ragged: bool = False
    narrow: bool = False
    raw: tuple[tuple[int, bool], ...] = ()


def generate(spec: ReductionSpec, variant: ReductionVariant) -> tuple[str, str, tuple[str, ...]]:
    """Write a reduction for a layout.

    Parameters are, in order: the outputs' loop, the reduced loop, the input pointers and
    numbers or the partial results, the output pointers or the place of partial results.

    Returns
    -------
    source : str
    entry : str
        Name of the kernel.
    codes : tuple of str
        `struct` codes of the leading parameters: the two loops, and raw inputs' shapes.
    """
    index = "long long" if variant.wide else "int"
    arrays = spec.arrays if variant.first else ()
    outputs = spec.outputs if variant.last else ()
    looped = (*arrays, *outputs)
    raw = [o for o in spec.inputs if o.kind == "raw"] if variant.first else []
    headers = ("reduce", *(("index",) if raw else ()), *spec.headers)
    lines = prologue((*spec.inputs, *spec.outputs), headers, spec.types, spec.preamble)
    if variant.narrow:
        lines.insert(0, "#define NDGPU_INDEX int")
    lines += [
        f"typedef {spec.reduce_type} _type_reduce;",
        f'static_assert(sizeof(_type_reduce) <= {PARTIAL_BYTES}, "the reduce type is too large");',
    ]
    if variant.form == "column":
        loop = loop_code(variant.kept_form, variant.kept_rank, index, looped, variant.kept_classes)
        declarations, parameters, codes = loop.declarations, loop.parameters, loop.codes
        addresses = loop.addresses
        setup = [*loop.setup, "  const long long _outputs = _n;"]
    elif variant.form == "tile":
        declarations, parameters, codes, setup, addresses = _tile_setup(variant, looped)
    else:
        declarations, parameters, codes, setup, addresses = _row_setup(variant, looped)
    if variant.rank > 1 and not variant.wide and DIVISOR not in declarations:
        declarations = [DIVISOR, *declarations]
    lines += declarations
    reduced, size = _reduced_struct(variant, len(arrays))
    lines.append(reduced)
    parameters = [*parameters, "const _Reduced _r"]
    codes = [*codes, f"{size}s"]
    for k, (rank, _) in enumerate(variant.raw):
        parameters.append(f"const ndgpu::RawShape<{rank}> _raw{k}")
        codes.append(f"{8 * (2 * rank + 1)}s")
    scalars = [o for o in spec.inputs if o.kind == "scalar"]
    if variant.first:
        for operand in spec.inputs:
            const = f"const {ctype(operand.dtype)}"
            star = "" if operand.kind == "scalar" else "*"
            parameters.append(f"{const}{star} _p_{operand.name}")
    else:
        parameters += [f"const {ctype(o.dtype)} _p_{o.name}" for o in scalars]
        parameters.append("const _type_reduce* _from")
    parameters += [f"{ctype(o.dtype)}* _p_{o.name}" for o in outputs]
    if not variant.last:
        parameters.append("_type_reduce* _to")
    stage = {(True, True): "", (True, False): "_first", (False, True): "_second"}[
        variant.first, variant.last
    ]
    name = f"{spec.name}_{variant.form}{stage}"
    lines.append(f'extern "C" __global__ void {name}({", ".join(parameters)}) {{')
    lines += setup
    lines += [f"  {read(o, f'_p_{o.name}')}" for o in scalars]
    for k, (operand, (rank, contiguous)) in enumerate(zip(raw, variant.raw, strict=True)):
        kind = f"ndgpu::Raw<const {ctype(operand.dtype)}, {rank}, {str(contiguous).lower()}>"
        lines.append(f"  const {kind} {operand.name}(_p_{operand.name}, _raw{k});")
    lines += _functions(spec, variant, index, arrays, addresses)
    if variant.form == "row":
        lines += _row_body(spec, variant, index)
    elif variant.form == "tile":
        lines += _tile_body(spec, variant, index)
    else:
        lines += _column_body(spec, index)
    lines += _write(outputs, addresses[len(arrays) :], spec, variant)
    lines += ["  }", "}", ""]
    return "\n".join(lines), name, tuple(codes)


def _reduced_struct(variant: ReductionVariant, count: int) -> tuple[str, int]:
    """``struct _Reduced`` and its size: what `ndgpu.kernels.reduction` packs."""
    rank = variant.rank
    members, size = "long long count, chunk, total", 24
    if variant.first:
        if count:
            members += f", stride[{count}][{rank}]"
            size += 8 * count * rank
        if rank > 1 and variant.wide:
            members += f", shape[{rank}]"
            size += 8 * rank
        elif rank > 1:
            members += f"; _Divisor shape[{rank}]"
            size += 12 * rank
    return f"struct _Reduced {{ {members}; }};", size + -size % 8


def _row_setup(
    variant: ReductionVariant, looped: Sequence[Operand]
) -> tuple[list[str], list[str], list[str], list[str], list[str]]:
    """Which output a thread works on, and where its elements begin."""
    rank, count = variant.kept_rank, len(looped)
    strides = f", stride[{count}][{rank}]" if count else ""
    declarations = [f"struct _Kept {{ long long outputs, shape[{rank}]{strides}; }};"]
    which = (
        "blockIdx.x" if variant.warps > 1 else f"(long long)blockIdx.x * {WARP_ROWS} + threadIdx.y"
    )
    setup = [
        "  const int _lane = threadIdx.x, _warp = threadIdx.y;",
        f"  const long long _i = {which};",
        "  const long long _outputs = _l.outputs;",
        "  if (_i >= _outputs) return;",
    ]
    if count:
        setup.append(f"  long long {', '.join(f'_o{k} = 0' for k in range(count))};")
        if rank == 1:
            setup += [f"  _o{k} = _i * _l.stride[{k}][0];" for k in range(count)]
        else:
            setup += [
                "  long long _rest = _i;",
                f"  for (int _d = {rank - 1}; _d >= 0; --_d) {{",
                "    const long long _quotient = _rest / _l.shape[_d];",
                "    const long long _at = _rest - _quotient * _l.shape[_d];",
                *(f"    _o{k} += _at * _l.stride[{k}][_d];" for k in range(count)),
                "    _rest = _quotient;",
                "  }",
            ]
    addresses = []
    for k, operand in enumerate(looped):
        const = "const " if operand.kind == "in" else ""
        memory = f"{const}{ctype(operand.dtype)}"
        addresses.append(f"(*({memory}*)(({const}char*)_p_{operand.name} + _o{k}))")
    size = 8 * (1 + rank + count * rank)
    return declarations, ["const _Kept _l"], [f"{size}s"], setup, addresses


def _tile_setup(
    variant: ReductionVariant, looped: Sequence[Operand]
) -> tuple[list[str], list[str], list[str], list[str], list[str]]:
    """Which outputs a thread works on: item ``_m`` is output ``_i + _lane + _step[_m]``."""
    rank, count, tile = variant.kept_rank, len(looped), 32 * variant.items
    declarations = [
        f"struct _Kept {{ long long outputs, tiles, per_line, shape[{rank}], "
        f"stride[{count}][{rank}]; }};"
    ]
    setup = [
        "  const int _lane = threadIdx.x;",
        "  const long long _tile = (long long)blockIdx.x * blockDim.y + threadIdx.y;",
        "  const long long _outputs = _l.outputs;",
        "  if (_tile >= _l.tiles) return;",
        "  const long long _line = _tile / _l.per_line;",
        f"  const long long _wide = _l.shape[{rank - 1}];",
        f"  long long _at_first = (_tile - _line * _l.per_line) * {tile};",
        f"  if (_at_first > _wide - {tile}) _at_first = _wide - {tile};"
        if not variant.ragged
        else "  _at_first = 0;",
        f"  int _step[{variant.items}];",
        "  #pragma unroll",
        f"  for (int _m = 0; _m < {variant.items}; ++_m) _step[_m] = "
        + ("min(32 * _m, (int)_wide - 32);" if variant.ragged else "32 * _m;"),
        "  const long long _i = _line * _wide + _at_first;",
        *(f"  long long _o{k} = _at_first * _l.stride[{k}][{rank - 1}];" for k in range(count)),
    ]
    if rank > 1:
        setup += [
            "  long long _rest = _line;",
            f"  for (int _d = {rank - 2}; _d >= 0; --_d) {{",
            "    const long long _quotient = _rest / _l.shape[_d];",
            "    const long long _at = _rest - _quotient * _l.shape[_d];",
            *(f"    _o{k} += _at * _l.stride[{k}][_d];" for k in range(count)),
            "    _rest = _quotient;",
            "  }",
        ]
    addresses = []
    for k, operand in enumerate(looped):
        if operand.kind == "in":
            addresses.append(f"*((const char*)_p_{operand.name} + _o{k})")
        else:
            base = f"(char*)_p_{operand.name} + _o{k}"
            addresses.append(_in_tile(ctype(operand.dtype), base, k, variant))
    size = 8 * (3 + rank + count * rank)
    return declarations, ["const _Kept _l"], [f"{size}s"], setup, addresses


def _in_tile(memory: str, base: str, k: int, variant: ReductionVariant) -> str:
    """The lvalue of item ``_m`` of operand `k`, whose tile begins at `base`."""
    kind = variant.kept_classes[k]
    const = "const " if memory.startswith("const ") else ""
    if kind == "s":
        step = f"(long long)(_lane + _step[_m]) * _l.stride[{k}][{variant.kept_rank - 1}]"
        return f"(*({memory}*)(({const}char*)({base}) + {step}))"
    # The uniform part first: neighbouring threads have neighbouring addresses for certain.
    return f"(({memory}*)({base}) + {'_step[_m])[_lane]' if kind == 'c' else '0)[0]'}"


def _functions(
    spec: ReductionSpec,
    variant: ReductionVariant,
    index: str,
    arrays: Sequence[Operand],
    addresses: Sequence[str],
) -> list[str]:
    """``_map(t)``, the value of element ``t + _lane``, ``_reduce(a, b)`` and ``_fold(a, b)``.

    In a thread's own loop elements come in order, and ``_fold`` takes them in.

    ``t`` is the same for neighbouring threads: an address of the form *uniform + lane* is one
    that the compiler of the host device reads as a vector.
    """
    lines = ["  const int _lane = 0;"] if variant.form == "column" else []
    item = ", const int _m" if variant.form == "tile" else ""
    head = f"  auto _map = [&](const {index} _t{item}) -> _type_reduce {{"
    if not variant.first:
        at = "(_from + _t * _outputs)[_i]" if variant.form == "column" else "(_base + _t)[_lane]"
        if variant.form == "row":
            lines.append("  const _type_reduce* const _base = _from + _i * _r.count;")
        lines.append(f"{head} return {at}; }};")
    else:
        # Outside the loop's range there is no element whose address could be taken.
        guard = "_inside ? " if variant.form == "column" else ""
        other = " : 0" if guard else ""
        lines += [
            f"  const char* const _q{k} = {guard}(const char*)&{address}{other};"
            for k, address in enumerate(addresses[: len(arrays)])
        ]
        lines.append(head)
        lane = "_t" if variant.form == "tile" else "_t + _lane"
        lines.append(f"    [[maybe_unused]] const long long _j = {lane}, _n = _r.total;")
        if variant.rank > 1:
            lines += _decompose(variant, index, len(arrays), lane)
        for k, operand in enumerate(arrays):
            memory = f"const {ctype(operand.dtype)}"
            kind = variant.classes[k]
            if variant.form == "tile":
                along = f"_e{k}" if variant.rank > 1 else f"_t * _r.stride[{k}][0]"
                at = _in_tile(memory, f"_q{k} + {along}", k, variant)
            elif variant.rank > 1:
                at = f"*({memory}*)(_q{k} + _e{k})"
            elif kind == "s":
                at = f"*({memory}*)(_q{k} + (_t + _lane) * ({index})_r.stride[{k}][0])"
            elif kind == "c":
                at = f"(({memory}*)_q{k} + _t)[_lane]"
            else:
                at = f"*({memory}*)_q{k}"
            lines.append(f"    {read(operand, at)}")
        lines += [f"    return (_type_reduce)({spec.map_expr});", "  };"]
    lines += [
        "  auto _reduce = [&](const _type_reduce& a, const _type_reduce& b) -> _type_reduce {",
        f"    return (_type_reduce)({spec.reduce_expr});",
        "  };",
        "  auto _fold = [&](const _type_reduce& a, const _type_reduce& b) -> _type_reduce {",
        f"    return (_type_reduce)({spec.fold_expr or spec.reduce_expr});",
        "  };",
    ]
    return lines


def _decompose(variant: ReductionVariant, index: str, count: int, element: str) -> list[str]:
    rank = variant.rank
    if variant.wide:
        divide = [
            "      const long long _quotient = _rest / _r.shape[_d];",
            "      const long long _at = _rest - _quotient * _r.shape[_d];",
        ]
    else:
        divide = [
            "      const _Divisor _by = _r.shape[_d];",
            "      const unsigned int _quotient = (__umulhi((unsigned int)_rest, _by.multiplier)"
            " + (unsigned int)_rest) >> _by.shift;",
            "      const int _at = _rest - (int)(_quotient * _by.by);",
        ]
    return [
        f"    {index} _rest = {element};",
        f"    {index} {', '.join(f'_e{k} = 0' for k in range(count))};",
        "    #pragma unroll" if rank <= 4 else "    #pragma unroll 1",
        f"    for (int _d = {rank - 1}; _d >= 0; --_d) {{",
        *divide,
        *(f"      _e{k} += _at * ({index})_r.stride[{k}][_d];" for k in range(count)),
        f"      _rest = ({index})_quotient;",
        "    }",
    ]


def _column_body(spec: ReductionSpec, index: str) -> list[str]:
    """One thread's loop; leaves a brace open for the result's use."""
    start = "_map(_t++)" if spec.identity is None else f"(_type_reduce)({spec.identity})"
    return [
        "  if (_inside) {",
        f"  {index} _t = ({index})blockIdx.y * ({index})_r.chunk;",
        f"  const {index} _stop = _r.count - _t < _r.chunk ? ({index})_r.count"
        f" : _t + ({index})_r.chunk;",
        f"  _type_reduce _acc = {start};",
        "  for (; _t < _stop; ++_t) _acc = _fold(_acc, _map(_t));",
    ]


def _tile_body(spec: ReductionSpec, variant: ReductionVariant, index: str) -> list[str]:
    """A thread's loop over the reduced elements, for all of its outputs at once."""
    start = "_map(_t, _m)" if spec.identity is None else f"(_type_reduce)({spec.identity})"
    loop = f"for (int _m = 0; _m < {variant.items}; ++_m)"
    return [
        f"  {index} _t = ({index})blockIdx.y * ({index})_r.chunk;",
        f"  const {index} _stop = _r.count - _t < _r.chunk ? ({index})_r.count"
        f" : _t + ({index})_r.chunk;",
        f"  _type_reduce _all[{variant.items}];",
        "  #pragma unroll",
        f"  {loop} _all[_m] = {start};",
        "  ++_t;" if spec.identity is None else "",
        "  #pragma unroll 1",
        "  for (; _t < _stop; ++_t) {",
        "    #pragma unroll",
        f"    {loop} _all[_m] = _fold(_all[_m], _map(_t, _m));",
        "  }",
        "  #pragma unroll",
        f"  {loop} {{",
        "    const _type_reduce _acc = _all[_m];",
    ]


def _row_body(spec: ReductionSpec, variant: ReductionVariant, index: str) -> list[str]:
    """A block's or warp's loop and trees; leaves a brace open for the result's use."""
    lines = [
        f"  {index} _begin = ({index})blockIdx.y * ({index})_r.chunk;",
        f"  {index} _stop = _r.count - _begin < _r.chunk ? ({index})_r.count"
        f" : _begin + ({index})_r.chunk;",
    ]
    if variant.warps > 1:
        # A stretch of its own for each warp reads memory in order on every device.
        threads = 32 * variant.warps
        lines += [
            f"  const {index} _length = _stop - _begin;",
            f"  const {index} _piece = (_length + {threads - 1}) / {threads} * 32;",
            "  _begin += _warp * _piece;",
            "  if (_stop - _begin > _piece) _stop = _begin + _piece;",
        ]
    checked = spec.identity is None
    # The loop's count is the same for all lanes: only the last round asks each lane.
    if checked:
        lines += [
            "  _type_reduce _acc;",
            "  if (_begin + _lane < _stop) _acc = _map(_begin);",
            f"  const {index} _valid = _stop - _begin;",
            "  _begin += 32;",
        ]
    else:
        lines.append(f"  _type_reduce _acc = (_type_reduce)({spec.identity});")
    lines += [
        # Four at a time, folded as a tree: none waits for the one before it.
        "  #pragma unroll 1",
        "  for (; _begin + 128 <= _stop; _begin += 128) {",
        "    const _type_reduce _a = _map(_begin), _b = _map(_begin + 32);",
        "    const _type_reduce _c = _map(_begin + 64), _d = _map(_begin + 96);",
        "    _acc = _fold(_acc, _fold(_fold(_a, _b), _fold(_c, _d)));",
        "  }",
        "  #pragma unroll 1",
        "  for (; _begin + 32 <= _stop; _begin += 32) _acc = _fold(_acc, _map(_begin));",
        "  if (_begin + _lane < _stop) _acc = _fold(_acc, _map(_begin));",
    ]
    # Where there is no identity, lanes without an element are left out.
    condition = "if (_lane + _by < _valid) " if checked else ""
    lines += [
        "  #pragma unroll",
        "  for (int _by = 16; _by > 0; _by >>= 1) {",
        "    const _type_reduce _other = ndgpu::shuffle_down(_acc, _by);",
        f"    {condition}_acc = _reduce(_acc, _other);",
        "  }",
    ]
    if variant.warps == 1:
        return [*lines, "  if (_lane == 0) {"]
    filled = "(int)((_length + _piece - 1) / _piece)" if checked else f"{variant.warps}"
    return [
        *lines,
        f"  __shared__ _type_reduce _shared[{variant.warps}];",
        "  if (_lane == 0) _shared[_warp] = _acc;",
        "  __syncthreads();",
        "  if (_lane == 0 && _warp == 0) {",
        f"    const int _filled = {filled};",
        "    for (int _w = 1; _w < _filled; ++_w) _acc = _reduce(_acc, _shared[_w]);",
    ]


def _write(
    outputs: Sequence[Operand],
    addresses: Sequence[str],
    spec: ReductionSpec,
    variant: ReductionVariant,
) -> list[str]:
    """Store the result that ``_acc`` holds."""
    if not variant.last:
        at = {
            "column": "[(long long)blockIdx.y * _outputs + _i]",
            "tile": "[(long long)blockIdx.y * _outputs + _i + _step[_m] + _lane]",
            "row": "[_i * gridDim.y + blockIdx.y]",
        }[variant.form]
        return [f"    _to{at} = _acc;"]
    lines = [
        "    const _type_reduce a = _acc;",
        "    [[maybe_unused]] const long long _n = _r.total;",
    ]
    stores = []
    for operand, address in zip(outputs, addresses, strict=True):
        if operand.compute is None or operand.compute == operand.dtype:
            lines.append(f"    {ctype(operand.dtype)}& {operand.name} = {address};")
        else:
            lines.append(f"    {ctype(operand.compute)} {operand.name};")
            stores.append(f"    {address} = {cast(operand.name, operand.compute, operand.dtype)};")
    return [*lines, "    {", spec.post_map_expr, "    ;}", *stores]
