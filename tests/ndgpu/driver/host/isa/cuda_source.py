"""A CUDA C++ source that calls every mathematical function and intrinsic that NVRTC knows.

Half and bfloat16 functions are read from CUDA's own headers, so that none is forgotten.
"""

from __future__ import annotations

import re
from pathlib import Path

UNARY = """
acos acosh asin asinh atan atanh cbrt ceil cos cosh cospi erf erfc erfcinv erfcx erfinv exp exp10
exp2 expm1 fabs floor j0 j1 lgamma log log10 log1p log2 logb nearbyint normcdf normcdfinv rcbrt
rint round rsqrt sin sinh sinpi sqrt tan tanh tgamma trunc y0 y1
""".split()  # noqa: SIM905
UNARY_FLOAT = ["cyl_bessel_i0", "cyl_bessel_i1"]
BINARY = """
atan2 copysign fdim fmax fmin fmod hypot nextafter pow remainder rhypot
""".split()  # noqa: SIM905
TO_INT = ["ilogb", "lrint", "lround", "llrint", "llround"]
FLOAT_FAST = """
__cosf __exp10f __expf __log10f __log2f __logf __sinf __tanf __saturatef
""".split()  # noqa: SIM905
ROUNDINGS = ("rd", "rn", "ru", "rz")
INT_UNARY = ["__brev(u)", "__clz(i)", "__ffs(i)", "__popc(u)", "abs(i)"]
SIMD = """
abs2 abs4 absdiffs2 absdiffs4 absdiffu2 absdiffu4 add2 add4 addss2 addss4 addus2 addus4 avgs2
avgs4 avgu2 avgu4 cmpeq2 cmpeq4 cmpges2 cmpges4 cmpgeu2 cmpgeu4 cmpgts2 cmpgts4 cmpgtu2 cmpgtu4
cmples2 cmples4 cmpleu2 cmpleu4 cmplts2 cmplts4 cmpltu2 cmpltu4 cmpne2 cmpne4 haddu2 haddu4 maxs2
maxs4 maxu2 maxu4 mins2 mins4 minu2 minu4 neg2 neg4 negss2 negss4 sads2 sads4 sadu2 sadu4 seteq2
seteq4 setges2 setges4 setgts2 setgtu4 setles2 setltu4 setne2 setne4 sub2 sub4 subss2 subss4
subus2 subus4
""".split()  # noqa: SIM905
C_TYPES = {
    "signed char": "sc",
    "unsigned char": "uc",
    "short": "s",
    "unsigned short": "us",
    "int": "i",
    "unsigned int": "u",
    "long long": "ll",
    "unsigned long long": "ull",
    "float": "f",
    "double": "d",
}


def _statements() -> list[str]:
    """Expressions of `f g h` (floats), `d e c` (doubles), `i j k`, `u v w`, `l m`, `x y`."""
    made = [f"{name}f(f)" for name in UNARY + UNARY_FLOAT] + [f"{name}(d)" for name in UNARY]
    for name in BINARY:
        made += [f"{name}f(f, g)", f"{name}(d, e)"]
    for name in TO_INT:
        made += [f"{name}f(f)", f"{name}(d)"]
    made += [f"{name}(f)" for name in FLOAT_FAST]
    made += ["__powf(f, g)", "__fdividef(f, g)", "fdividef(f, g)", "fmaf(f, g, h)", "fma(d, e, c)"]
    made += ["jnf(i, f)", "jn(i, d)", "ynf(i, f)", "yn(i, d)", "ldexpf(f, i)", "ldexp(d, i)"]
    made += ["scalbnf(f, i)", "scalbn(d, i)", "scalblnf(f, l)"]
    made += ["norm3df(f, g, h)", "norm4d(d, e, c, d)", "rnorm3d(d, e, c)", "rnorm4df(f, g, h, f)"]
    made += [f"{p}({v})" for v in "fd" for p in ("isnan", "isinf", "isfinite", "signbit")]
    made += ["__frsqrt_rn(f)", "__int_as_float(i)", "__float_as_int(f)", "__longlong_as_double(l)"]
    made += ["__double_as_longlong(d)", "__double2hiint(d)", "__double2loint(d)"]
    made += ["__hiloint2double(i, j)"]
    for r in ROUNDINGS:
        made += [f"__f{name}_{r}(f, g)" for name in ("add", "sub", "mul", "div")]
        made += [f"__d{name}_{r}(d, e)" for name in ("add", "sub", "mul", "div")]
        made += [f"__fmaf_{r}(f, g, h)", f"__fma_{r}(d, e, c)", f"__fmaf_ieee_{r}(f, g, h)"]
        made += [f"__frcp_{r}(f)", f"__fsqrt_{r}(f)", f"__drcp_{r}(d)", f"__dsqrt_{r}(d)"]
        made += [f"__double2float_{r}(d)"]
        for to in ("int", "uint", "ll", "ull"):
            made += [f"__float2{to}_{r}(f)", f"__double2{to}_{r}(d)"]
        for source, value in (("int", "i"), ("uint", "u"), ("ll", "l"), ("ull", "x")):
            made.append(f"__{source}2float_{r}({value})")
            if source.endswith("ll"):
                made.append(f"__{source}2double_{r}({value})")
    made += INT_UNARY
    made += ["__brevll(x)", "__clzll(l)", "__ffsll(l)", "__popcll(x)", "llabs(l)"]
    made += ["__byte_perm(u, v, w)", "__mul24(i, j)", "__umul24(u, v)", "__mulhi(i, j)"]
    made += ["__umulhi(u, v)", "__mul64hi(l, m)", "__umul64hi(x, y)", "__sad(i, j, u)"]
    made += ["__usad(u, v, w)", "__hadd(i, j)", "__rhadd(i, j)", "__uhadd(u, v)", "__urhadd(u, v)"]
    made += ["__funnelshift_l(u, v, w)", "__funnelshift_lc(u, v, w)", "__fns(u, v, i)"]
    made += ["__funnelshift_r(u, v, w)", "__funnelshift_rc(u, v, w)"]
    made += ["__dp4a(i, j, k)", "__dp4a(u, v, w)", "__dp2a_lo(i, j, k)", "__dp2a_hi(u, v, w)"]
    made += [f"__v{name}(u)" if name.startswith(("abs", "neg")) and "diff" not in name
             else f"__v{name}(u, v)" for name in SIMD]  # fmt: skip
    for operator in ("+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>"):
        made += [f"({a} {operator} {b})" for a, b in ("ij", "uv", "lm", "xy", "st")]
    for operator in ("+", "-", "*", "/", "<", "<=", "==", "!=", ">", ">="):
        made += [f"({a} {operator} {b})" for a, b in ("fg", "de")]
    for operator in ("<", "<=", "==", "!=", ">", ">="):
        made += [f"({a} {operator} {b})" for a, b in ("ij", "uv", "lm", "xy", "st")]
    made += ["(__int128)l * m >> 64", "(unsigned __int128)x * y + x", "(__int128)l / (m | 1)"]
    made += ["min(i, j)", "max(u, v)", "min(l, m)", "max(x, y)", "(f < g ? d : e)", "!f", "~u"]
    made += ["(f < 0 || g > 0) && !(h == 1)", "i ? j : k", "-i", "-f", "-d", "-l", "!i", "i & -i"]
    values = {"sc": "sc", "uc": "uc", "s": "s", "us": "us", "i": "i", "u": "u", "l": "l", "x": "x",
              "f": "f", "d": "d"}  # fmt: skip
    made += [f"({to}){value}" for to in C_TYPES for value in values]
    return made


_LOADS = """
    float f = pf[0], g = pf[1], h = pf[2]; double d = pd[0], e = pd[1], c = pd[2];
    int i = pi[0], j = pi[1], k = pi[2]; unsigned u = pi[3], v = pi[4], w = pi[5];
    long long l = pl[0], m = pl[1]; unsigned long long x = pl[2], y = pl[3];
    short s = pi[6], t = pi[7]; unsigned short us = pi[8];
    signed char sc = pi[9]; unsigned char uc = pi[10];
"""


def mathematics() -> str:
    """Kernels of some hundred statements each that store what each expression gives."""
    arguments = "float* pf, double* pd, int* pi, long long* pl, char* out"
    text = ["template <class T> __device__ void keep(char* out, int n, T x) {",
            "    *(T*)(out + 16 * n) = x; }"]  # fmt: skip
    statements = _statements()
    for start in range(0, len(statements), 60):
        body = "\n".join(
            f"    keep(out, {n}, {s});" for n, s in enumerate(statements[start : start + 60])
        )
        text.append(f'extern "C" __global__ void m{start}({arguments}) {{{_LOADS}{body}\n}}')
    multi = ["sincosf(f, &f, &g)", "sincospi(d, &d, &e)", "sincos(d, &d, &e)",
             "__sincosf(f, &f, &g)",
             "sincospif(f, &f, &g)", "f = modff(f, &g)", "d = modf(d, &e)", "f = frexpf(f, &i)",
             "d = frexp(d, &i)", "f = remquof(f, g, &i)", "d = remquo(d, e, &i)"]  # fmt: skip
    body = "\n".join(f"    {s}; keep(out, 0, f + g); keep(out, 1, d + e + i);" for s in multi)
    text.append(f'extern "C" __global__ void multi({arguments}) {{{_LOADS}{body}\n}}')
    return "\n".join(text)


_DECLARATION = re.compile(
    r"^__CUDA_(?:HOSTDEVICE_)?(?:FP16|BF16)_DECL__ ([\w ]+?) (\w+)\(([^)]*)\);", re.M
)
# Functions of memory or of other lanes, which are not the tables' business.
_OTHERS = re.compile(r"__shfl|__ld|__st|atomic")


def halves(include: Path, header: str) -> str:
    """Kernels that call every function which a header of half-precision numbers declares."""
    text = (include / header).read_text(encoding="utf-8")
    lines = [
        f"#include <{header}>",
        "template <class T> __device__ T get(char* in, int n) { return *(T*)(in + 16 * n); }",
    ]
    bodies = []
    for number, (result, name, arguments) in enumerate(_DECLARATION.findall(text)):
        if _OTHERS.search(name) or "*" in arguments:
            continue
        types = [_type(a) for a in arguments.split(",")]
        given = ", ".join(f"get<{t}>(in, {i})" for i, t in enumerate(types))
        bodies.append(f"    *({result}*)(out + {16 * number}) = {name}({given});")
    for start in range(0, len(bodies), 60):
        body = "\n".join(bodies[start : start + 60])
        lines.append(f'extern "C" __global__ void k{start}(char* in, char* out) {{\n{body}\n}}')
    return "\n".join(lines)


def _type(argument: str) -> str:
    """``const __half a`` without the name and the constness."""
    words = [w for w in argument.split() if w != "const"]
    return " ".join(words[:-1]) if len(words) > 1 else words[0]
