"""Helper functions that work on one lane after the other, as LLVM IR.

Each is written once for a module, takes the lanes' addresses as ``%a`` and the lanes that run as
the number ``%m``, and is called from wherever it is wanted: compiling it anew in each place would
cost more than the call.  Vectors are taken apart through the stack; picking a lane by a variable
index from a register would store the whole vector for each.
"""

from __future__ import annotations

from collections.abc import Sequence

from .builder import BITS

__all__ = ["ZERO", "gather", "groups", "loop", "scatter"]

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
        Finds the lane's address in ``%at`` and its values in ``%y``, ``%z``, ``%z2``, ``%z3`` ...;
        leaves its result in ``%x``.  It may have blocks of its own; the first is ``%one``.
    """
    mask = f"i{width}"
    count = len(values)
    names = ("%b", "%c", *(f"%c{i}" for i in range(2, count)))[:count]
    lanes = ("%p", "%y", "%z", *(f"%z{i}" for i in range(2, count)))[: count + 1]
    given = [("%a", "i64"), *zip(names, values, strict=True)]
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
    for (argument, type), lane in zip(given, lanes, strict=True):
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


def groups(width: int, name: str, reduce: str, neutral: int) -> str:
    """A function that reduces each group of lanes that name one another.

    Parameters
    ----------
    width : int
        Lanes in a vector.
    name : str
        The function's; it takes the values, each lane's members, and the lanes that run.
    reduce : str
        LLVM's intrinsic for a vector of i32.
    neutral : int
        What lanes outside of a group give.
    """
    whole, mask = f"<{width} x i32>", f"i{width}"
    given = f"{whole} %v, {whole} %members, {mask} %m"
    return "\n".join(
        [
            f"define internal {whole} @{name}({given}) {_ATTRIBUTES} {{",
            "entry:",
            f"  %s = alloca {whole}",
            f"  store {whole} %members, ptr %s",
            "  br label %test",
            "test:",
            f"  %left = phi {mask} [%m, %entry], [%rest, %group]",
            f"  %r = phi {whole} [zeroinitializer, %entry], [%more, %group]",
            f"  %none = icmp eq {mask} %left, 0",
            "  br i1 %none, label %done, label %group",
            "group:",
            f"  %n = call {mask} @llvm.cttz.{mask}({mask} %left, i1 true)",
            f"  %lane = zext {mask} %n to i64",
            "  %p = getelementptr i32, ptr %s, i64 %lane",
            "  %named = load i32, ptr %p",
            # The lane itself, too: the loop ends whatever a kernel names.
            f"  %one = shl {mask} 1, %n",
            f"  %with = or {mask} %named, %one",
            f"  %now = and {mask} %with, %m",
            f"  %lanes = bitcast {mask} %now to <{width} x i1>",
            f"  %x = select <{width} x i1> %lanes, {whole} %v, {whole} splat (i32 {neutral})",
            f"  %total = call i32 @{reduce}({whole} %x)",
            f"  %first = insertelement {whole} poison, i32 %total, i64 0",
            f"  %every = shufflevector {whole} %first, {whole} poison, {whole} zeroinitializer",
            f"  %more = select <{width} x i1> %lanes, {whole} %every, {whole} %r",
            f"  %others = xor {mask} %now, -1",
            f"  %rest = and {mask} %left, %others",
            "  br label %test",
            "done:",
            f"  ret {whole} %r",
            "}",
        ]
    )


def gather(width: int, name: str, type: str, volatile: bool) -> str:
    """A function that loads from each lane's address.

    Straight code but for one test: lanes that lie side by side after all, which the compiler could
    not see, are loaded as a vector.
    """
    whole = f"<{width} x {type}>"
    lines = _head(width, name, "", whole)
    if not volatile:
        size = BITS[type] // 8
        lines += _if_row(
            width,
            type,
            [f"  %whole = load {whole}, ptr %row, align {size}", f"  ret {whole} %whole"],
        )
    lines += _selected(width, "ptrtoint (ptr @ndgpu.zero to i64)")
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
    """A function that stores to each lane's address, of a row at once as `gather` loads it.

    Lanes that do not run store to the stack.
    """
    whole = f"<{width} x {type}>"
    lines = [
        *_head(width, name, f"{whole} %b, ", "void"),
        "  %nowhere.p = alloca [16 x i8], align 16",
        "  %nowhere = ptrtoint ptr %nowhere.p to i64",
    ]
    if not volatile:
        size = BITS[type] // 8
        lines += _if_row(width, type, [f"  store {whole} %b, ptr %row, align {size}", "  ret void"])
    lines += _selected(width, "%nowhere")
    how = "store volatile" if volatile else "store"
    for lane in range(width):
        lines += _address(width, lane)
        lines += [
            f"  %x{lane} = extractelement {whole} %b, i32 {lane}",
            f"  {how} {type} %x{lane}, ptr %q{lane}, align {BITS[type] // 8}",
        ]
    return "\n".join([*lines, "  ret void", "}"])


def _head(width: int, name: str, parameters: str, result: str) -> list[str]:
    wide = f"<{width} x i64>"
    return [
        f"define internal {result} @{name}({wide} %a, {parameters}i{width} %m) {_ATTRIBUTES} {{",
        "entry:",
    ]


def _if_row(width: int, type: str, body: Sequence[str]) -> list[str]:
    """Run `body`, which returns, where all lanes run and lie side by side from ``%row`` on."""
    size, wide = BITS[type] // 8, f"<{width} x i64>"
    steps = ", ".join(f"i64 {lane * size}" for lane in range(width))
    return [
        # The ends first: they tell most others apart, by two numbers.
        f"  %first = extractelement {wide} %a, i32 0",
        f"  %last = extractelement {wide} %a, i32 {width - 1}",
        "  %span = sub i64 %last, %first",
        f"  %near = icmp eq i64 %span, {(width - 1) * size}",
        f"  %every = icmp eq i{width} %m, -1",
        "  %maybe = and i1 %near, %every",
        "  br i1 %maybe, label %ends, label %apart",
        "ends:",
        f"  %f = insertelement {wide} poison, i64 %first, i64 0",
        f"  %from = shufflevector {wide} %f, {wide} poison, <{width} x i32> zeroinitializer",
        f"  %there = add {wide} %from, <{steps}>",
        f"  %same = icmp eq {wide} %a, %there",
        f"  %agree = bitcast <{width} x i1> %same to i{width}",
        f"  %beside = icmp eq i{width} %agree, -1",
        "  br i1 %beside, label %together, label %apart",
        "together:",
        "  %row = inttoptr i64 %first to ptr",
        *body,
        "apart:",
    ]


def _selected(width: int, other: str) -> list[str]:
    """Up to ``%s``, the addresses with `other` in the lanes that do not run."""
    wide = f"<{width} x i64>"
    return [
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
