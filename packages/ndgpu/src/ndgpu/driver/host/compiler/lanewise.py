"""Helper functions that work on one lane after the other, as LLVM IR.

Each is written once for a module, takes the lanes' addresses as ``%a`` and the lanes that run as
the number ``%m``, and is called from wherever it is wanted: compiling it anew in each place would
cost more than the call.  Vectors are taken apart through the stack; picking a lane by a variable
index from a register would store the whole vector for each.
"""

from __future__ import annotations

from collections.abc import Sequence

from .builder import BITS

__all__ = ["ZERO", "gather", "loop", "scatter"]

_ATTRIBUTES = "noinline nounwind null_pointer_is_valid"
# What lanes that do not run read instead.
ZERO = "@ndgpu.zero = private constant [16 x i8] zeroinitializer, align 16"


def loop(
    width: int, name: str, values: Sequence[str], result: str | None, body: Sequence[str]
) -> str:
    """A function that runs `body` for each lane that runs, the first one first.

    Parameters
    ----------
    width : int
        Lanes in a vector.
    name : str
        The function's.
    values : sequence of str
        Element types of the vectors that it takes beside the addresses.
    result : str or None
        Element type of the vector that it returns.
    body : sequence of str
        Finds the lane's address in ``%at`` and its values in ``%y``, ``%z``; leaves its result
        in ``%x``.  It may have blocks of its own; the first is called ``%one``.
    """
    mask = f"i{width}"
    given = [("%a", "i64"), *zip(("%b", "%c"), values, strict=False)]
    whole = f"<{width} x {result}>" if result else "void"
    parameters = "".join(f"<{width} x {type}> {name}, " for name, type in given)
    lines = [f"define internal {whole} @{name}({parameters}{mask} %m) {_ATTRIBUTES} {{", "entry:"]
    if result:
        lines += [f"  %r = alloca {whole}", f"  store {whole} zeroinitializer, ptr %r"]
    for argument, type in given:
        vector = f"<{width} x {type}>"
        lines.append(f"  {argument}.s = alloca {vector}")
        lines.append(f"  store {vector} {argument}, ptr {argument}.s")
    lines += [
        "  br label %test",
        "test:",
        f"  %left = phi {mask} [%m, %entry], [%rest, %each]",
        f"  %none = icmp eq {mask} %left, 0",
        "  br i1 %none, label %done, label %one",
        "one:",
        f"  %n = call {mask} @llvm.cttz.{mask}({mask} %left, i1 true)",
        f"  %lane = zext {mask} %n to i64",
    ]
    for (argument, type), lane in zip(given, ("%p", "%y", "%z"), strict=False):
        lines.append(f"  {argument}.p = getelementptr {type}, ptr {argument}.s, i64 %lane")
        lines.append(f"  {lane} = load {type}, ptr {argument}.p")
    lines.append("  %at = inttoptr i64 %p to ptr")
    lines += [f"  {line}" for line in body]
    if result:
        lines.append(f"  %r.p = getelementptr {result}, ptr %r, i64 %lane")
        lines.append(f"  store {result} %x, ptr %r.p")
    lines += [
        f"  %less = sub {mask} %left, 1",
        f"  %rest = and {mask} %left, %less",
        "  br label %each",
        "each:",
        "  br label %test",
        "done:",
    ]
    if result:
        lines += [f"  %v = load {whole}, ptr %r", f"  ret {whole} %v", "}"]
    else:
        lines += ["  ret void", "}"]
    return "\n".join(lines)


def gather(width: int, name: str, type: str, volatile: bool) -> str:
    """A function that loads from each lane's address; straight code, without a branch."""
    whole = f"<{width} x {type}>"
    lines = _head(width, name, "", whole, "ptrtoint (ptr @ndgpu.zero to i64)")
    before = "poison"
    how = "load volatile" if volatile else "load"
    for lane in range(width):
        lines += _address(width, lane)
        lines += [
            f"  %x{lane} = {how} {type}, ptr %q{lane}, align {BITS[type] // 8}",
            f"  %r{lane} = insertelement {whole} {before}, {type} %x{lane}, i32 {lane}",
        ]
        before = f"%r{lane}"
    return "\n".join([*lines, f"  ret {whole} {before}", "}"])


def scatter(width: int, name: str, type: str, volatile: bool) -> str:
    """A function that stores to each lane's address; lanes that do not run store to the stack."""
    whole = f"<{width} x {type}>"
    lines = _head(width, name, f"{whole} %b, ", "void", "%nowhere")
    how = "store volatile" if volatile else "store"
    for lane in range(width):
        lines += _address(width, lane)
        lines += [
            f"  %x{lane} = extractelement {whole} %b, i32 {lane}",
            f"  {how} {type} %x{lane}, ptr %q{lane}, align {BITS[type] // 8}",
        ]
    return "\n".join([*lines, "  ret void", "}"])


def _head(width: int, name: str, parameters: str, result: str, other: str) -> list[str]:
    """Up to ``%s``, the addresses with `other` in the lanes that do not run."""
    wide = f"<{width} x i64>"
    lines = [
        f"define internal {result} @{name}({wide} %a, {parameters}i{width} %m) {_ATTRIBUTES} {{"
    ]
    if other == "%nowhere":
        lines += [
            "  %nowhere.p = alloca [16 x i8], align 16",
            "  %nowhere = ptrtoint ptr %nowhere.p to i64",
        ]
    return [
        *lines,
        f"  %v = bitcast i{width} %m to <{width} x i1>",
        f"  %d = insertelement {wide} poison, i64 {other}, i64 0",
        f"  %e = shufflevector {wide} %d, {wide} poison, <{width} x i32> zeroinitializer",
        f"  %s = select <{width} x i1> %v, {wide} %a, {wide} %e",
    ]


def _address(width: int, lane: int) -> list[str]:
    return [
        f"  %p{lane} = extractelement <{width} x i64> %s, i32 {lane}",
        f"  %q{lane} = inttoptr i64 %p{lane} to ptr",
    ]
