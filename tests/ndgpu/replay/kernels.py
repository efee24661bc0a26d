"""The recorded kernels: instructions that have one right result, by table.

Each group is one kernel with an output per expression.  What an expression sees of the inputs
``a``, ``b`` and ``c`` are numbers of the group's type; ``u``, ``v`` and ``w`` are 32 random bits.
"""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["APPROXIMATE", "GROUPS", "Group"]

_MODES = ("rn", "rz", "ru", "rd")


@dataclass(frozen=True)
class Group:
    """A kernel's expressions.

    Attributes
    ----------
    type : str
        The C++ type of ``a``, ``b`` and ``c``.
    bits : str
        Of each output: the unsigned integer that holds its bits.
    expressions : dict
        C++ by name.
    see : str
        C++ that turns an expression into its bits.
    header : str
        What comes before the kernel.
    """

    type: str
    bits: str
    expressions: dict[str, str]
    see: str = "{}"
    header: str = field(default="", repr=False)

    def source(self, name: str) -> str:
        """The kernel ``NAME(a, b, c, u, out, n)``; outputs of an expression lie together."""
        lines = [
            f"out[{place}ull * n + i] = {self.see.format(f'({text})')};"
            for place, text in enumerate(self.expressions.values())
        ]
        body = "\n    ".join(lines)
        return f"""{self.header}
extern "C" __global__ void {name}(const {self.type}* pa, const {self.type}* pb,
        const {self.type}* pc, const uint3* pu, {self.bits}* out, unsigned n) {{
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    {self.type} a = pa[i], b = pb[i], c = pc[i];
    unsigned u = pu[i].x, v = pu[i].y, w = pu[i].z;
    {body}
}}
"""


def _rounded(letter: str) -> dict[str, str]:
    """IEEE arithmetic in the four rounding modes."""
    found = {}
    for mode in _MODES:
        for name, arguments in (("add", "a, b"), ("sub", "a, b"), ("mul", "a, b"),
                                ("div", "a, b"), ("sqrt", "a"), ("rcp", "a")):  # fmt: skip
            found[f"{name}.{mode}"] = f"__{letter}{name}_{mode}({arguments})"
        fma = "fmaf" if letter == "f" else "fma"
        found[f"fma.{mode}"] = f"__{fma}_{mode}(a, b, c)"
    return found


def _whole(suffix: str) -> dict[str, str]:
    return {
        **{name: f"{name}{suffix}(a)" for name in ("floor", "ceil", "trunc", "rint", "round")},
        "min": f"fmin{suffix}(a, b)",
        "max": f"fmax{suffix}(a, b)",
        "fmod": f"fmod{suffix}(a, b)",
        "remainder": f"remainder{suffix}(a, b)",
        "saturate": "a < b ? a + c : a - c",
    }


_CONVERSIONS = {
    f"{function}.{mode}": f"(u64){cast}__{function}_{mode}({argument})"
    for mode in _MODES
    for function, cast, argument in (
        ("float2int", "(unsigned)", "a"), ("float2uint", "", "a"), ("float2ll", "", "a"),
        ("float2ull", "", "a"), ("double2int", "(unsigned)", "d"), ("double2uint", "", "d"),
        ("double2ll", "", "d"), ("double2ull", "", "d"),
    )
} | {
    f"{function}.{mode}": f"see(__{function}_{mode}({argument}))"
    for mode in _MODES
    for function, argument in (
        ("int2float", "(int)u"), ("uint2float", "u"), ("ll2float", "(long long)l"),
        ("ull2float", "l"), ("ll2double", "(long long)l"), ("ull2double", "l"),
        ("double2float", "d"),
    )
}  # fmt: skip
_SEE = """
typedef unsigned long long u64;
__device__ u64 see(float x) { return __float_as_uint(x); }
__device__ u64 see(double x) { return __double_as_longlong(x); }
"""
_INTEGERS = {
    "mulhi": "__mulhi((int)u, (int)v)", "umulhi": "__umulhi(u, v)", "popc": "__popc(u)",
    "brev": "__brev(u)", "clz": "__clz((int)u)", "ffs": "__ffs((int)u)",
    "shl": "u << (v & 31)", "shr": "u >> (v & 31)", "sar": "(int)u >> (v & 31)",
    "div": "(int)u / (int)(v % 1000u + 1u)", "udiv": "u / (v | 1u)",
    "rem": "(int)u % (int)(v | 1u)", "urem": "u % (v | 1u)", "min": "min((int)u, (int)v)",
    "umin": "min(u, v)", "max": "max((int)u, (int)v)", "umax": "max(u, v)",
    "sad": "__sad((int)u, (int)v, w)",
    "usad": "__usad(u, v, w)", "funnel.l": "__funnelshift_l(u, v, w)",
    "funnel.r": "__funnelshift_r(u, v, w)", "funnel.lc": "__funnelshift_lc(u, v, w & 63)",
    "funnel.rc": "__funnelshift_rc(u, v, w & 63)", "prmt": "__byte_perm(u, v, w)",
    "dp4a": "__dp4a((int)u, (int)v, (int)w)", "udp4a": "__dp4a(u, v, w)",
    "dp2a.lo": "__dp2a_lo((int)u, (int)v, (int)w)", "dp2a.hi": "__dp2a_hi(u, v, w)",
    "hadd": "__hadd((int)u, (int)v)", "rhadd": "__rhadd((int)u, (int)v)",
    "uhadd": "__uhadd(u, v)", "urhadd": "__urhadd(u, v)", "mul24": "__mul24((int)u, (int)v)",
    "umul24": "__umul24(u, v)", "lop3": "(u & v) ^ (~u | w)",
    "vadd4": "__vadd4(u, v)", "vabsdiffu4": "__vabsdiffu4(u, v)", "vmaxs2": "__vmaxs2(u, v)",
    "vcmpgtu4": "__vcmpgtu4(u, v)", "vaddss2": "__vaddss2(u, v)", "vsubus4": "__vsubus4(u, v)",
}  # fmt: skip
_LONGS = {
    "mul": "a * b", "mulhi": "__mul64hi((long long)a, (long long)b)", "umulhi": "__umul64hi(a, b)",
    "div": "(long long)a / (long long)(b >> 33 | 1u)", "udiv": "a / (b | 1u)",
    "rem": "(long long)a % (long long)(b >> 33 | 1u)", "urem": "a % (b | 1u)",
    "shl": "a << (u & 63)", "shr": "a >> (u & 63)", "sar": "(long long)a >> (u & 63)",
    "popc": "__popcll(a)", "brev": "__brevll(a)", "clz": "__clzll((long long)a)",
    "ffs": "__ffsll((long long)a)", "wide": "(u64)u * v", "mad.wide": "(u64)u * v + c",
    "min": "min((long long)a, (long long)b)", "umax": "max(a, b)", "carry": "a + b + (a + b < a)",
}  # fmt: skip


def _halves(type: str) -> dict[str, str]:
    """Half precision, and bfloat16: arithmetic, comparison and conversion."""
    to_half = "half" if type == "__half" else "bfloat16"
    bits = f"__{to_half}_as_ushort"
    expressions = {
        "add": "__hadd(a, b)", "sub": "__hsub(a, b)", "mul": "__hmul(a, b)", "div": "__hdiv(a, b)",
        "fma": "__hfma(a, b, c)", "min": "__hmin(a, b)", "max": "__hmax(a, b)",
        "fma.relu": "__hfma_relu(a, b, c)", "floor": "hfloor(a)", "rint": "hrint(a)",
        "trunc": "htrunc(a)",
    }  # fmt: skip
    if type == "__half":
        expressions |= {"add.sat": "__hadd_sat(a, b)", "fma.sat": "__hfma_sat(a, b, c)"}
    expressions |= {
        f"from float.{mode}": f"__float2{to_half}_{mode}(__uint_as_float(u))" for mode in _MODES
    }
    expressions |= {
        f"from int.{mode}": f"__int2{to_half}_{mode}((int)u >> (v & 31))" for mode in _MODES
    }
    found = {name: f"{bits}({text})" for name, text in expressions.items()}
    found |= {f"to int.{mode}": f"(unsigned short)__{to_half}2int_{mode}(a)" for mode in _MODES}
    found |= {name: f"__h{name}(a, b) ? 1 : 0" for name in ("lt", "le", "eq", "ne", "gtu", "equ")}
    return found


GROUPS: dict[str, Group] = {
    "singles": Group(
        "float", "unsigned", _rounded("f") | _whole("f"), "__float_as_uint{}"
    ),
    "doubles": Group(
        "double", "unsigned long long", _rounded("d") | _whole(""), "__double_as_longlong{}"
    ),
    "conversions": Group(
        "float",
        "unsigned long long",
        {
            name: text.replace("(d)", "((double)a * (1.0 + 0x1p-40 * (int)v))")
            .replace("(long long)l", "(long long)((u64)v << 32 | w) >> (u & 63)")
            .replace("(l)", "(((u64)v << 32 | w) >> (u & 63))")
            for name, text in _CONVERSIONS.items()
        },
        header=_SEE,
    ),
    "integers": Group("float", "unsigned", _INTEGERS, "(unsigned){}"),
    "longs": Group(
        "unsigned long long", "unsigned long long", _LONGS, "(u64){}",
        header="typedef unsigned long long u64;",
    ),
    "halves": Group(
        "__half", "unsigned short", _halves("__half"), header="#include <cuda_fp16.h>"
    ),
    "bfloats": Group(
        "__nv_bfloat16", "unsigned short", _halves("__nv_bfloat16"),
        header="#include <cuda_bf16.h>",
    ),
}  # fmt: skip

# Approximate instructions: PTX, function of NumPy, relative and absolute error of the manual.
APPROXIMATE: dict[str, tuple[str, str, float, float]] = {
    "ex2": ("ex2.approx.f32", "exp2", 2.0**-22.5, 0.0),
    "lg2": ("lg2.approx.f32", "log2", 2.0**-22.6, 2.0**-22),
    "sin": ("sin.approx.f32", "sin", 0.0, 2.0**-20.5),
    "cos": ("cos.approx.f32", "cos", 0.0, 2.0**-20.5),
    "tanh": ("tanh.approx.f32", "tanh", 2.0**-11, 0.0),
    "rcp": ("rcp.approx.f32", "reciprocal", 2.0**-23, 0.0),
    "sqrt": ("sqrt.approx.f32", "sqrt", 2.0**-23, 0.0),
    "rsqrt": ("rsqrt.approx.f32", "rsqrt", 2.0**-22.9, 0.0),
}
