"""Matrix products of a warp: `mma`, `ldmatrix` and `wmma` in all element types."""

import ctypes

import ml_dtypes
import numpy as np
import pytest

from ndgpu.driver.host.compiler import PtxError, load

_TYPES = {
    "f16": np.float16,
    "bf16": ml_dtypes.bfloat16,
    "tf32": np.float32,
    "f32": np.float32,
    "f64": np.float64,
    "s8": np.int8,
    "u8": np.uint8,
    "s4": np.int8,
    "u4": np.uint8,
    "b1": np.uint8,
    "s32": np.int32,
}
# Elements smaller than a byte, and their bits.
_SMALL = {"s4": 4, "u4": 4, "b1": 1}
# Shape, then types of d, a, b and c.
_FORMS = [
    ("m16n8k8", "f32", "f16", "f16", "f32"),
    ("m16n8k16", "f32", "f16", "f16", "f32"),
    ("m16n8k16", "f16", "f16", "f16", "f16"),
    ("m16n8k8", "f32", "bf16", "bf16", "f32"),
    ("m16n8k16", "f32", "bf16", "bf16", "f32"),
    ("m16n8k4", "f32", "tf32", "tf32", "f32"),
    ("m16n8k8", "f32", "tf32", "tf32", "f32"),
    ("m8n8k4", "f64", "f64", "f64", "f64"),
    ("m8n8k16", "s32", "s8", "u8", "s32"),
    ("m16n8k16", "s32", "u8", "s8", "s32"),
    ("m16n8k32", "s32", "s8", "s8", "s32"),
    ("m8n8k32", "s32", "s4", "u4", "s32"),
    ("m16n8k32", "s32", "u4", "s4", "s32"),
    ("m16n8k64", "s32", "s4", "s4", "s32"),
    ("m8n8k128", "s32", "b1", "b1", "s32"),
    ("m16n8k128", "s32", "b1", "b1", "s32"),
    ("m16n8k256", "s32", "b1", "b1", "s32"),
]


def _sizes(shape):
    m, rest = shape[1:].split("n")
    n, k = rest.split("k")
    return int(m), int(n), int(k)


def _packed(type):
    if type in _SMALL:
        return 32 // _SMALL[type]
    return max(4 // np.dtype(_TYPES[type]).itemsize, 1)


def _coordinates(role, type, shape):
    """(row, column) of each element of each lane, as the PTX manual's figures show them."""
    m, _, k = _sizes(shape)
    e = _packed(type)
    rows = []
    for lane in range(32):
        group, within = lane >> 2, lane & 3
        if role == "c":
            cells = [(group + 8 * (i >> 1), within * 2 + (i & 1)) for i in range(m // 4)]
        elif role == "b":
            cells = [(within * e + i % e + i // e * 4 * e, group) for i in range(k // (4 * e) * e)]
        else:
            tall = m == 16
            cells = []
            for i in range(m * k // 32):
                half = i // e
                row = group + 8 * (half & 1 if tall else 0)
                column = within * e + i % e + (half >> 1 if tall else half) * 4 * e
                cells.append((row, column))
        rows.append(cells)
    return np.array(rows)


def _fragments(matrix, role, type, shape):
    """A matrix as the registers of 32 lanes."""
    at = _coordinates(role, type, shape)
    found = np.ascontiguousarray(matrix[at[..., 0], at[..., 1]].astype(_TYPES[type]))
    if type not in _SMALL:
        return found
    size = _SMALL[type]
    fields = (found.astype(np.uint32) & (1 << size) - 1).reshape(32, -1, 32 // size)
    return (fields << np.arange(0, 32, size, dtype=np.uint32)).sum(-1, dtype=np.uint32)


def _kernel(name, shape, types):
    counts = []
    for role, type in zip("cabc", types, strict=True):
        counts.append(len(_coordinates(role, type, shape)[0]) // _packed(type))
    ctype = {"f32": ("float", "f"), "f64": ("double", "d")}
    lines, operands, at = [], [], 0
    constraints = {}
    for role, type, count in zip("dabc", types, counts, strict=True):
        kind, letter = ctype.get(type, ("unsigned", "r"))
        where = "d" if role == "d" else f"in_{role}"
        lines.append(f"  {kind}* r{role} = ({kind}*){where} + threadIdx.x * {count};")
        operands.append("{" + ", ".join(f"%{at + i}" for i in range(count)) + "}")
        sign = "=" if role == "d" else ""
        constraints[role] = ", ".join(f'"{sign}{letter}"(r{role}[{i}])' for i in range(count))
        at += count
    spelled = ".".join(("mma.sync.aligned", shape, "row.col", *types))
    if "b1" in types:
        spelled += ".and.popc" if shape == "m16n8k128" else ".xor.popc"
    inputs = ", ".join(constraints[r] for r in "abc")
    assembly = f'asm volatile("{spelled} {", ".join(operands)};" : {constraints["d"]} : {inputs});'
    head = f'extern "C" __global__ void {name}(void* d, void* in_a, void* in_b, void* in_c) {{'
    return "\n".join((head, *lines, assembly, "}"))


@pytest.fixture(scope="module")
def products(cuda):
    return cuda("\n".join(_kernel(f"k{i}", f[0], f[1:]) for i, f in enumerate(_FORMS)))


@pytest.mark.parametrize("number", range(len(_FORMS)), ids=[".".join(f) for f in _FORMS])
def test_products_of_fragments(products, rng, number):
    shape, *types = _FORMS[number]
    m, n, k = _sizes(shape)
    a, b, c = (rng.integers(-4, 5, size).astype(np.int64) for size in ((m, k), (k, n), (m, n)))
    a = abs(a) if types[1][0] == "u" else a
    b = abs(b) if types[2][0] == "u" else b
    total = a @ b + c
    if "b1" in types:
        a, b = abs(a) % 2, abs(b) % 2
        both = a @ b
        ones = both if shape == "m16n8k128" else a.sum(1)[:, None] + b.sum(0) - 2 * both
        total = ones + c
    given = [
        _fragments(x, role, type, shape)
        for x, role, type in zip((a, b, c), "abc", types[1:], strict=True)
    ]
    d = np.zeros_like(_fragments(c, "c", types[0], shape))
    assert products.launch(f"k{number}", (1,), (32,), d, *given) == 0
    np.testing.assert_array_equal(d, _fragments(total, "c", types[0], shape))


def test_a_half_result_is_rounded_once(products, rng):
    number = _FORMS.index(("m16n8k16", "f16", "f16", "f16", "f16"))
    a, b, c = (rng.standard_normal(size).astype("f2") for size in ((16, 16), (16, 8), (16, 8)))
    given = [_fragments(x, r, "f16", "m16n8k16") for x, r in zip((a, b, c), "abc", strict=True)]
    d = np.zeros_like(given[2])
    assert products.launch(f"k{number}", (1,), (32,), d, *given) == 0
    exact = a.astype("f8") @ b.astype("f8") + c
    wanted = _fragments(exact, "c", "f64", "m16n8k16")
    np.testing.assert_allclose(d.astype("f8"), wanted, rtol=1e-3, atol=1e-3)


def test_tf32_ignores_low_bits(products):
    number = _FORMS.index(("m16n8k4", "f32", "tf32", "tf32", "f32"))
    a, b, c = np.ones((16, 4)), np.ones((4, 8)), np.zeros((16, 8))
    given = [_fragments(x, r, "f32", "m16n8k4") for x, r in zip((a, b, c), "abc", strict=True)]
    given[0].view(np.uint32)[:] |= 0x1FFF
    d = np.zeros_like(given[2])
    assert products.launch(f"k{number}", (1,), (32,), d, *given) == 0
    assert (d == 4).all()


@pytest.mark.parametrize("trans", ["", ".trans"])
@pytest.mark.parametrize("count", [1, 2, 4])
def test_ldmatrix(cuda, rng, count, trans):
    operands = ", ".join(f"%{i}" for i in range(count))
    results = ", ".join(f'"=r"(out[threadIdx.x * {count} + {i}])' for i in range(count))
    program = cuda(f"""extern "C" __global__ void k(const uint4* in, unsigned* out) {{
        __shared__ uint4 rows[32];
        rows[31 - threadIdx.x] = in[threadIdx.x];
        __syncwarp();
        unsigned at = (unsigned)__cvta_generic_to_shared(&rows[31 - threadIdx.x]);
        asm volatile("ldmatrix.sync.aligned.m8n8.x{count}{trans}.shared.b16 "
                     "{{{operands}}}, [%{count}];" : {results} : "r"(at));
    }}""")
    x = rng.integers(0, 1 << 16, (4, 8, 8), np.uint16)
    out = np.zeros((32, count, 2), np.uint16)
    assert program.launch("k", (1,), (32,), x, out) == 0
    matrices = x[:count].swapaxes(1, 2) if trans else x[:count]
    np.testing.assert_array_equal(out, matrices.reshape(count, 32, 2).swapaxes(0, 1))


def _quad(role, type, layout, lane, i):
    """Product, row and column of element `i` of a lane in ``mma.m8n8k4``, as the manual has it."""
    high = 4 * (lane >= 16)
    if role == "c":
        if type == "f32":
            at = (lane & 1) + (i & 2) + high, (i & 4) + (lane & 2) + (i & 1)
        else:
            at = lane % 4 + high, i
    elif role == "a":
        at = (lane % 4 + high, i) if layout == "row" else (i + high, lane % 4)
    else:
        at = (lane % 4, i + high) if layout == "row" else (i, lane % 4 + high)
    return (lane // 4 % 4, *at)


@pytest.mark.parametrize(
    "layouts", [("row", "col"), ("row", "row"), ("col", "col"), ("col", "row")]
)
@pytest.mark.parametrize("types", [("f32", "f32"), ("f16", "f16"), ("f32", "f16")])
def test_products_of_quads(cuda, rng, layouts, types):
    counts = {type: {"f32": 8, "f16": 4}[type] for type in types}
    d, c = (counts[type] for type in types)
    kinds = {"f32": ("float", "f"), "f16": ("unsigned", "r")}
    (dtype, dletter), (ctype, cletter) = (kinds[type] for type in types)
    places = iter(range(99))
    slots = [", ".join(f"%{next(places)}" for _ in range(n)) for n in (d, 2, 2, c)]
    program = cuda(f"""extern "C" __global__ void k(
            {dtype}* d, const unsigned* a, const unsigned* b, const {ctype}* c) {{
        int t = threadIdx.x;
        asm volatile("mma.sync.aligned.m8n8k4.{".".join(layouts)}.{types[0]}.f16.f16.{types[1]} "
            "{{{slots[0]}}}, {{{slots[1]}}}, {{{slots[2]}}}, {{{slots[3]}}};"
            : {", ".join(f'"={dletter}"(d[{d} * t + {i}])' for i in range(d))}
            : {", ".join(f'"r"({m}[2 * t + {i}])' for m in "ab" for i in range(2))},
              {", ".join(f'"{cletter}"(c[{c} * t + {i}])' for i in range(c))});
    }}""")
    a, b, z = (rng.integers(-4, 5, (4, *size)) for size in ((8, 4), (4, 8), (8, 8)))

    def spread(matrices, role, type, layout):
        at = [[_quad(role, type, layout, lane, i) for i in range(4 + 4 * (role == "c"))]
              for lane in range(32)]  # fmt: skip
        index = tuple(np.moveaxis(np.array(at), -1, 0))
        return np.ascontiguousarray(matrices[index].astype(_TYPES[type]))

    given = [spread(a, "a", "f16", layouts[0]), spread(b, "b", "f16", layouts[1])]
    given.append(spread(z, "c", types[1], ""))
    wanted = spread(a @ b + z, "c", types[0], "")
    out = np.zeros_like(wanted)
    assert program.launch("k", (1,), (32,), out, *given) == 0
    np.testing.assert_array_equal(out, wanted)


def test_movmatrix(cuda, rng):
    program = cuda("""extern "C" __global__ void k(const unsigned* in, unsigned* out) {
        asm volatile("movmatrix.sync.aligned.m8n8.trans.b16 %0, %1;"
            : "=r"(out[threadIdx.x]) : "r"(in[threadIdx.x]));
    }""")
    x = rng.integers(0, 1 << 16, (8, 8), np.uint16)
    out = np.zeros_like(x)
    assert program.launch("k", (1,), (32,), x, out) == 0
    np.testing.assert_array_equal(out, x.T)


@pytest.mark.parametrize("type, times", [("s4", ""), ("u4", ""), ("b1", "xor.popc."),
                                         ("b1", "and.popc.")])  # fmt: skip
def test_wmma_of_elements_smaller_than_a_byte(cuda, rng, type, times):
    k = 32 if type != "b1" else 128
    form = f"m8n8k{k}"
    program = cuda(f"""
    extern "C" __global__ void k(const void* a, const void* b, const int* c, int* d) {{
      asm volatile("{{ .reg .b32 a, b, c<2>;"
        "wmma.load.a.sync.aligned.row.{form}.{type} {{a}}, [%0], {2 * k};"
        "wmma.load.b.sync.aligned.col.{form}.{type} {{b}}, [%1];"
        "wmma.load.c.sync.aligned.row.{form}.s32 {{c0, c1}}, [%2], 8;"
        "wmma.mma.{times}sync.aligned.row.col.{form}.s32.{type}.{type}.s32 {{c0, c1}},"
        " {{a}}, {{b}}, {{c0, c1}};"
        "wmma.store.d.sync.aligned.row.{form}.s32 [%3], {{c0, c1}}, 8; }}"
        :: "l"(a), "l"(b), "l"(c), "l"(d) : "memory");
    }}""")
    low, high = {"s4": (-8, 8), "u4": (0, 16), "b1": (0, 2)}[type]
    a, b = (rng.integers(low, high, (8, k)) for _ in range(2))
    c, d = rng.integers(-9, 9, (8, 8)).astype("i4"), np.zeros((8, 8), "i4")

    def packed(x):
        size = _SMALL[type]
        fields = (x.astype(np.uint32) & (1 << size) - 1).reshape(8, -1, 32 // size)
        return (fields << np.arange(0, 32, size, dtype=np.uint32)).sum(-1, dtype=np.uint32)

    wide = np.concatenate([packed(a), packed(a) ^ 0x5A5A5A5A], axis=1)
    assert program.launch("k", (1,), (32,), wide, packed(b), c, d) == 0
    both = a @ b.T
    if times.startswith("xor"):
        both = a.sum(1)[:, None] + b.sum(1) - 2 * both
    np.testing.assert_array_equal(d, both + c)


_WMMA = """
extern "C" __global__ void k(const void* a, const void* b, const float* c, float* d, int n) {
  asm volatile("{ .reg .b32 a<8>, b<8>; .reg .f32 c<8>;"
    "wmma.load.a.sync.aligned.row.m16n16k16.f16 {a0, a1, a2, a3, a4, a5, a6, a7}, [%0], %4;"
    "wmma.load.b.sync.aligned.col.m16n16k16.f16 {b0, b1, b2, b3, b4, b5, b6, b7}, [%1];"
    "wmma.load.c.sync.aligned.row.m16n16k16.f32 {c0, c1, c2, c3, c4, c5, c6, c7}, [%2], 16;"
    "wmma.mma.sync.aligned.row.col.m16n16k16.f32.f32 {c0, c1, c2, c3, c4, c5, c6, c7},"
    " {a0, a1, a2, a3, a4, a5, a6, a7}, {b0, b1, b2, b3, b4, b5, b6, b7},"
    " {c0, c1, c2, c3, c4, c5, c6, c7};"
    "wmma.store.d.sync.aligned.col.m16n16k16.f32 [%3], {c0, c1, c2, c3, c4, c5, c6, c7}, 16; }"
    :: "l"(a), "l"(b), "l"(c), "l"(d), "r"(n) : "memory");
}
"""


def test_wmma_loads_multiplies_and_stores(cuda, rng):
    a, b = rng.integers(-4, 5, (16, 24)).astype("f2"), rng.integers(-4, 5, (16, 16)).astype("f2")
    c, d = rng.integers(-9, 9, (16, 16)).astype("f4"), np.zeros((16, 16), "f4")
    assert cuda(_WMMA).launch("k", (1,), (32,), a, b, c, d, ctypes.c_int32(24)) == 0
    wanted = a[:, :16].astype("f4") @ b.T.astype("f4") + c
    np.testing.assert_array_equal(d, wanted.T)


@pytest.mark.parametrize(
    "form",
    ["m8n8k64.row.col.s32.s4.s4.s32", "m8n8k128.row.col.s32.b1.b1.s32",
     "m8n8k16.row.col.s32.s8.s8.s32.xor.popc", "m8n8k16.row.row.s32.s8.s8.s32"],
)  # fmt: skip
def test_forms_that_there_are_not_are_refused(form):
    _refused(f"mma.sync.aligned.{form} {{%r1, %r1}}, {{%r1}}, {{%r1}}, {{%r1, %r1}};")


def test_sparse_products_are_refused():
    four = "{%r1, %r1, %r1, %r1}"
    _refused(
        f"mma.sp.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {four}, {{%r1, %r1}}, "
        f"{{%r1, %r1}}, {four}, %r1, 0x0;"
    )


def _refused(text):
    head = (
        ".version 8.0\n.target sm_80\n.address_size 64\n.visible .entry k()\n{\n.reg .b32 %r<2>;\n"
    )
    with pytest.raises(PtxError, match=r"is not known") as caught:
        load(head + f"{text}\nret;}}")
    assert caught.value.line == 7
