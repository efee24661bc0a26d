"""Helper functions that take matrices out of fragments, multiply them, and put them back.

Guarantees: products of half, bfloat16 and tf32 are exact and are summed one by one in single
precision, from the first column to the last, to which a half-precision result is rounded at the
end; a GPU sums in another order.
"""

from __future__ import annotations

from collections.abc import Sequence

from .builder import BITS, Builder, Value
from .fragments import ELEMENTS, Fragment
from .isa import OPS
from .syntax import Instruction

__all__ = ["Code"]


class Code:
    """The body of a helper function."""

    def __init__(self) -> None:
        self.tables: list[str] = []
        self.lines: list[str] = []
        self.count = 0

    def table(self, name: str, numbers: Sequence[int]) -> str:
        items = ", ".join(f"i32 {n}" for n in numbers)
        type = f"[{len(numbers)} x i32]"
        self.tables.append(f"@{name} = private constant {type} [{items}], align 64")
        return f"@{name}"

    def loop(self, count: int, body: Sequence[str]) -> None:
        """Run `body`, with ``{i}`` its number, `count` times; names in it end in ``{n}``."""
        self.count += 1
        n = self.count
        index = f"%i{n}"
        lines = [line.replace("{i}", index).replace("{n}", str(n)) for line in body]
        self.lines += [
            f"  br label %before{n}",
            f"before{n}:",
            f"  br label %each{n}",
            f"each{n}:",
            f"  {index} = phi i32 [0, %before{n}], [{index}.next, %each{n}]",
            *(f"  {line}" for line in lines),
            f"  {index}.next = add i32 {index}, 1",
            f"  {index}.more = icmp ult i32 {index}.next, {count}",
            f"  br i1 {index}.more, label %each{n}, label %after{n}",
            f"after{n}:",
        ]

    def spread(self, name: str, fragment: Fragment, source: str, wide: str) -> None:
        """Put a fragment into the matrix ``%<name>.m`` of elements of type `wide`."""
        table = self.table(f"{name}.places", fragment.places)
        count = fragment.rows * fragment.columns
        self.lines.insert(0, f"  %{name}.m = alloca [{count} x {wide}], align 64")
        self.loop(
            len(fragment.places),
            [
                *_element(fragment.type, source),
                *_widened(fragment.type, wide),
                f"%p{{n}} = getelementptr i32, ptr {table}, i32 {{i}}",
                "%at{n} = load i32, ptr %p{n}",
                f"%d{{n}} = getelementptr {wide}, ptr %{name}.m, i32 %at{{n}}",
                f"store {wide} %v{{n}}, ptr %d{{n}}",
            ],
        )

    def gathered(self, name: str, fragment: Fragment, matrix: str, target: str, wide: str) -> None:
        """Take a fragment from a matrix."""
        element = ELEMENTS[fragment.type]
        table = self.table(f"{name}.places", fragment.places)
        narrow = {"half": f"fptrunc {wide} %v{{n}} to half"}.get(element.memory)
        saturated = wide == "i64"
        stored = "%v{n}"
        extra = []
        if narrow:
            extra, stored = [f"%w{{n}} = {narrow}"], "%w{n}"
        elif saturated:
            extra = [
                "%hi{n} = call i64 @llvm.smin.i64(i64 %v{n}, i64 2147483647)",
                "%lo{n} = call i64 @llvm.smax.i64(i64 %hi{n}, i64 -2147483648)",
                "%w{n} = trunc i64 %lo{n} to i32",
            ]
            stored = "%w{n}"
        self.loop(
            len(fragment.places),
            [
                f"%p{{n}} = getelementptr i32, ptr {table}, i32 {{i}}",
                "%at{n} = load i32, ptr %p{n}",
                f"%s{{n}} = getelementptr {wide}, ptr {matrix}, i32 %at{{n}}",
                f"%v{{n}} = load {wide}, ptr %s{{n}}",
                *extra,
                f"%d{{n}} = getelementptr {element.memory}, ptr {target}, i32 {{i}}",
                f"store {element.memory} {stored}, ptr %d{{n}}",
            ],
        )

    def multiply(self, shape: tuple[int, int, int], type: str, times: str, b: Builder) -> None:
        """Add the product of ``%a.m`` and ``%b.m`` to ``%c.m``, a row at a time.

        `times` is the instruction that multiplies integers: of bits, others than ``mul``.
        """
        m, n, k = shape
        row = f"<{n} x {type}>"
        self.count += 1
        number = self.count
        x, y, s = (Value(f"%{name}{number}", type, True) for name in "xyz")
        b.width = n
        if type == "double":
            ins = Instruction("fma", ("rn", "f64"), (), None, 0, "mma")
            total = OPS["fma"].emit(b, ins, [x, y, s])[0]
        elif type == "float":
            # The product is exact, so that this is no different from a fused operation.
            total = b.binary("fadd", b.binary("fmul", x, y), s)
        else:
            total = b.binary("add", b.binary(times, x, y), s)
        lines, b.lines = b.lines, []
        self.lines += [
            f"  br label %rows{number}",
            f"rows{number}:",
            f"  %r{number} = phi i32 [0, %after{number - 1}], [%r.next{number}, %row.done{number}]",
            f"  %cr{number} = getelementptr {row}, ptr %c.m, i32 %r{number}",
            f"  %first{number} = load {row}, ptr %cr{number}, align {BITS[type] // 8}",
            f"  %ar{number} = mul i32 %r{number}, {k}",
            f"  br label %terms{number}",
            f"terms{number}:",
            f"  %k{number} = phi i32 [0, %rows{number}], [%k.next{number}, %terms{number}]",
            f"  %z{number} = phi {row} [%first{number}, %rows{number}], "
            f"[{total.text}, %terms{number}]",
            f"  %ak{number} = add i32 %ar{number}, %k{number}",
            f"  %ap{number} = getelementptr {type}, ptr %a.m, i32 %ak{number}",
            f"  %as{number} = load {type}, ptr %ap{number}",
            f"  %ai{number} = insertelement {row} poison, {type} %as{number}, i32 0",
            f"  %x{number} = shufflevector {row} %ai{number}, {row} poison, "
            f"<{n} x i32> zeroinitializer",
            f"  %bp{number} = getelementptr {row}, ptr %b.m, i32 %k{number}",
            f"  %y{number} = load {row}, ptr %bp{number}, align {BITS[type] // 8}",
            *lines,
            f"  %k.next{number} = add i32 %k{number}, 1",
            f"  %k.more{number} = icmp ult i32 %k.next{number}, {k}",
            f"  br i1 %k.more{number}, label %terms{number}, label %row.done{number}",
            f"row.done{number}:",
            f"  store {row} {total.text}, ptr %cr{number}, align {BITS[type] // 8}",
            f"  %r.next{number} = add i32 %r{number}, 1",
            f"  %r.more{number} = icmp ult i32 %r.next{number}, {m}",
            f"  br i1 %r.more{number}, label %rows{number}, label %after{number}",
            f"after{number}:",
        ]

    def function(self, name: str, parameters: str) -> str:
        head = f"define internal void @{name}({parameters}) noinline nounwind {{"
        return "\n".join((*self.tables, head, "entry:", *self.lines, "  ret void", "}"))


def _element(type: str, source: str) -> list[str]:
    """Code that loads ``%e{n}``, the element ``{i}``."""
    memory, packed = ELEMENTS[type].memory, ELEMENTS[type].packed
    if packed <= 4:
        return [
            f"%s{{n}} = getelementptr {memory}, ptr {source}, i32 {{i}}",
            f"%e{{n}} = load {memory}, ptr %s{{n}}",
        ]
    # Smaller than a byte: out of a register.
    return [
        f"%g{{n}} = udiv i32 {{i}}, {packed}",
        f"%s{{n}} = getelementptr i32, ptr {source}, i32 %g{{n}}",
        "%w{n} = load i32, ptr %s{n}",
        f"%o{{n}} = urem i32 {{i}}, {packed}",
        f"%b{{n}} = mul i32 %o{{n}}, {32 // packed}",
        "%l{n} = lshr i32 %w{n}, %b{n}",
        f"%e{{n}} = trunc i32 %l{{n}} to {memory}",
    ]


def _widened(type: str, wide: str) -> list[str]:
    """Code that makes ``%v{n}`` of the element ``%e{n}``."""
    if type == "f16":
        return ["%v{n} = fpext half %e{n} to float"]
    if type == "bf16":
        return [
            "%b{n} = bitcast bfloat %e{n} to i16",
            "%h{n} = zext i16 %b{n} to i32",
            "%u{n} = shl i32 %h{n}, 16",
            "%v{n} = bitcast i32 %u{n} to float",
        ]
    if type == "tf32":
        return ["%u{n} = and i32 %e{n}, -8192", "%v{n} = bitcast i32 %u{n} to float"]
    memory = ELEMENTS[type].memory
    if memory != wide:
        extend = "zext" if type in ("u8", "u4", "b1") else "sext"
        return [f"%v{{n}} = {extend} {memory} %e{{n}} to {wide}"]
    return [f"%v{{n}} = bitcast {memory} %e{{n}} to {wide}"]
