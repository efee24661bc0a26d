"""Single and double precision arithmetic, as IEEE 754 has it.

Every result is correctly rounded in the direction asked for, `fma` with one rounding; subnormal
numbers are kept unless `.ftz` is given.  A single-precision NaN result is 0x7fffffff, as on a GPU
(a caller may waive that); a double-precision NaN keeps the payload of an operand, or is the
machine's default NaN.  Directed roundings are in `rounding`.
"""

from __future__ import annotations

from ..builder import Builder, Value
from . import rounding
from .numeric import bits_of, canonical, finish, int_type, is_nan, operands, sign_bit
from .table import Mods, Row

__all__ = ["ROWS"]


def _arithmetic(name: str):
    """An instruction with the four roundings: native to nearest, emulated in a direction."""

    def emit(b: Builder, m: Mods, *args: Value) -> Value:
        args = operands(b, m, *args)
        direction = m.get("round") or "rn"
        if direction in ("rn", "rni"):
            return finish(b, m, rounding.nearest(b, name, *args))
        return finish(b, m, rounding.directed(b, name, direction, *args))

    return emit


def _abs(b: Builder, m: Mods, x: Value) -> Value:
    (x,) = operands(b, m, x)
    return b.intrinsic("fabs", x.type, x)


def _neg(b: Builder, m: Mods, x: Value) -> Value:
    (x,) = operands(b, m, x)
    return b.unary("fneg", x)


def _extreme(op: str):
    """The other number if one is NaN, or NaN with `.NaN`; -0 is below +0."""

    def emit(b: Builder, m: Mods, *args: Value) -> Value:
        args = operands(b, m, *args)
        name = f"{op}imum" if m.get("NaN") else f"{op}imumnum"
        absolute = [b.intrinsic("fabs", v.type, v) for v in args] if m.get("abs") else args
        found = absolute[0]
        for other in absolute[1:]:
            found = b.intrinsic(name, found.type, found, other)
        if m.get("abs"):
            # `.xorsign`: the sign is that of the product of the operands.
            whole = int_type(found.type)
            signs = bits_of(b, args[0])
            for other in args[1:]:
                signs = b.binary("xor", signs, bits_of(b, other))
            signs = b.binary("and", signs, b.const(whole, sign_bit(whole), found.wide))
            signed = b.bitcast(b.binary("or", bits_of(b, found), signs), found.type)
            return signed if m.get("any_nan") else canonical(b, signed)
        if found.type == "double":
            return _quiet(b, found)
        return found if m.get("any_nan") else canonical(b, found)

    return emit


def _quiet(b: Builder, x: Value) -> Value:
    """A NaN that may be signalling made quiet, its payload kept."""
    bits = bits_of(b, x)
    quiet = b.binary("or", bits, b.const("i64", 1 << 51, x.wide))
    return b.bitcast(b.select(is_nan(b, x), quiet, bits), "double")


def _copysign(b: Builder, m: Mods, x: Value, y: Value) -> Value:
    """The sign of the first operand on the second."""
    return b.intrinsic("copysign", y.type, y, x)


# Classes of `llvm.is.fpclass`, as masks.
_CLASSES = {
    "finite": 0b0111111000,
    "infinite": 0b1000000100,
    "number": 0b1111111100,
    "notanumber": 0b0000000011,
    "normal": 0b0100001000,
    "subnormal": 0b0010010000,
}


def _testp(b: Builder, m: Mods, x: Value) -> Value:
    mask = _CLASSES[str(m["kind"])]
    return b.intrinsic("is.fpclass", "i1", x, suffix=x.type, extra=f", i32 {mask}")


def _rounds(name: str, sources: int, flush: str, modes: str = "rn,rz,rm,rp") -> tuple[Row, ...]:
    """Rows of an arithmetic instruction whose rounding must be written."""
    emit = _arithmetic(name)
    return (
        Row(
            f"{name}.{{round:{modes}}}{flush}.{{type:f32}}",
            " ".join(["type"] * sources),
            "type",
            emit,
            arithmetic=True,
        ),
        Row(
            f"{name}.{{round:{modes}}}.{{type:f64}}",
            " ".join(["type"] * sources),
            "type",
            emit,
            arithmetic=True,
        ),
    )


def _may_round(name: str) -> tuple[Row, ...]:
    """Rows of an instruction that rounds to nearest when it does not say."""
    emit = _arithmetic(name)
    modes = "{round:rn,rz,rm,rp}?"
    return (
        Row(f"{name}.{modes}.ftz?.sat?.{{type:f32}}", "type type", "type", emit, arithmetic=True),
        Row(f"{name}.{modes}.{{type:f64}}", "type type", "type", emit, arithmetic=True),
    )


_DIVIDE = _arithmetic("div")
_ROOT = _arithmetic("sqrt")
_RECIPROCAL = _arithmetic("rcp")

ROWS = (
    *_may_round("add"),
    *_may_round("sub"),
    *_may_round("mul"),
    *_rounds("fma", 3, ".ftz?.sat?"),
    # `mad` of floats is `fma` on every architecture since sm_20.
    Row(
        "mad.{round:rn,rz,rm,rp}.ftz?.sat?.{type:f32}",
        "type type type",
        "type",
        _arithmetic("fma"),
        arithmetic=True,
    ),
    Row(
        "mad.{round:rn,rz,rm,rp}.{type:f64}",
        "type type type",
        "type",
        _arithmetic("fma"),
        arithmetic=True,
    ),
    *_rounds("div", 2, ".ftz?"),
    *_rounds("sqrt", 1, ".ftz?"),
    *_rounds("rcp", 1, ".ftz?"),
    # Wanted within 2 ulp: the exact quotient and root are as fast as any estimate.
    Row("div.{kind:full,approx}.ftz?.{type:f32}", "type type", "type", _DIVIDE, arithmetic=True),
    Row("sqrt.approx.ftz?.{type:f32}", "type", "type", _ROOT, arithmetic=True),
    Row("rcp.approx.ftz?.{type:f32}", "type", "type", _RECIPROCAL, arithmetic=True),
    Row("abs.ftz?.{type:f32}", "type", "type", _abs),
    Row("abs.{type:f64}", "type", "type", _abs),
    Row("neg.ftz?.{type:f32}", "type", "type", _neg),
    Row("neg.{type:f64}", "type", "type", _neg),
    Row("copysign.{type:f32,f64}", "type type", "type", _copysign),
    Row(
        "testp.{kind:" + ",".join(_CLASSES) + "}.{type:f32,f64}",
        "type",
        "i1",
        _testp,
        arithmetic=True,
    ),
    *(
        Row(f"{op}.ftz?.NaN?.{{type:f32}}", "type type", "type", _extreme(op), arithmetic=True)
        for op in ("min", "max")
    ),
    # Here the sign of a NaN among the sources is seen in the result.
    *(
        Row(f"{op}.ftz?.NaN?.xorsign.abs.{{type:f32}}", "type type", "type", _extreme(op))
        for op in ("min", "max")
    ),
    *(
        Row(f"{op}.{{type:f64}}", "type type", "type", _extreme(op), arithmetic=True)
        for op in ("min", "max")
    ),
)
