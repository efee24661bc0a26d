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
    "s32": np.int32,
}
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
]


def _sizes(shape):
    m, rest = shape[1:].split("n")
    n, k = rest.split("k")
    return int(m), int(n), int(k)


def _packed(type):
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
    return np.ascontiguousarray(matrix[at[..., 0], at[..., 1]].astype(_TYPES[type]))


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
    if "u8" in types:
        a, b = abs(a) if types[1] == "u8" else a, abs(b) if types[2] == "u8" else b
    given = [
        _fragments(x, role, type, shape)
        for x, role, type in zip((a, b, c), "abc", types[1:], strict=True)
    ]
    d = np.zeros_like(_fragments(c, "c", types[0], shape))
    assert products.launch(f"k{number}", (1,), (32,), d, *given) == 0
    np.testing.assert_array_equal(d, _fragments(a @ b + c, "c", types[0], shape))


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


def test_shapes_that_are_not_run_are_refused():
    registers = "{%r1, %r1}, {%r1, %r1}, {%r1}, {%r1, %r1};"
    head = (
        ".version 8.0\n.target sm_80\n.address_size 64\n.visible .entry k()\n{\n.reg .b32 %r<2>;\n"
    )
    with pytest.raises(PtxError, match=r"m8n8k128.* is not known") as caught:
        load(head + f"mma.sync.aligned.m8n8k128.row.col.s32.b1.b1.s32.xor.popc {registers}\nret;}}")
    assert caught.value.line == 7
