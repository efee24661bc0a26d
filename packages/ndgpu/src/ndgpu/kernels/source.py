"""CUDA C++ of elementwise kernels.

Guarantees: the source is a function of the kernel's description and its layout variant
alone, so equal kernels share one entry of the cache.  Names that begin with an underscore
are the generator's.
"""

from __future__ import annotations

from ndgpu.compile.dtypes import cast, ctype, headers_of
from ndgpu.kernels.loops import loop_code
from ndgpu.kernels.spec import STREAMED, Operand, Spec, Variant
from ndgpu.kernels.transposed import tile_code

__all__ = ["generate", "prologue", "read"]


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
    tiled = variant.form.startswith("tiles")
    if tiled:
        loop = tile_code(variant.form, variant.rank, looped, classes)
    else:
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
    lines += loop.opening
    if not tiled:
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
