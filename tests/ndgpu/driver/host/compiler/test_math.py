"""CUDA's mathematical functions, compiled by NVRTC and run on the host device, against mpmath.

The bounds, in units in the last place, are those of the CUDA C++ Programming Guide.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import mpmath
import numpy as np
import pytest
from cuda.bindings import nvrtc

from ndgpu.driver.host.compiler import load

POINTS = 150


def _normal_cdf(x):
    return mpmath.erfc(-x / mpmath.sqrt(2)) / 2


# Name -> reference, bound for float, bound for double, ends of the interval tried.
FUNCTIONS: dict[str, tuple[Callable, int, int, float, float]] = {
    "exp": (mpmath.exp, 2, 1, -80, 80),
    "exp2": (lambda x: mpmath.mpf(2) ** x, 2, 1, -120, 120),
    "exp10": (lambda x: mpmath.mpf(10) ** x, 2, 1, -37, 37),
    "expm1": (mpmath.expm1, 1, 1, -20, 20),
    "log": (mpmath.log, 1, 1, 1e-30, 100),
    "log2": (lambda x: mpmath.log(x, 2), 1, 1, 1e-30, 100),
    "log10": (mpmath.log10, 2, 1, 1e-30, 100),
    "log1p": (mpmath.log1p, 1, 1, -0.99, 10),
    "sin": (mpmath.sin, 2, 2, -1e6, 1e6),
    "cos": (mpmath.cos, 2, 2, -1e6, 1e6),
    "tan": (mpmath.tan, 4, 2, -1e3, 1e3),
    "sinpi": (mpmath.sinpi, 1, 2, -100, 100),
    "cospi": (mpmath.cospi, 1, 2, -100, 100),
    "asin": (mpmath.asin, 2, 2, -1, 1),
    "acos": (mpmath.acos, 2, 2, -1, 1),
    "atan": (mpmath.atan, 2, 2, -50, 50),
    "sinh": (mpmath.sinh, 3, 2, -30, 30),
    "cosh": (mpmath.cosh, 2, 1, -30, 30),
    "tanh": (mpmath.tanh, 2, 1, -8, 8),
    "asinh": (mpmath.asinh, 3, 3, -100, 100),
    "acosh": (mpmath.acosh, 4, 3, 1, 100),
    "atanh": (mpmath.atanh, 3, 2, -1, 1),
    "sqrt": (mpmath.sqrt, 0, 0, 0, 1e10),
    "rsqrt": (lambda x: 1 / mpmath.sqrt(x), 2, 1, 1e-10, 1e10),
    "cbrt": (mpmath.cbrt, 1, 1, 0, 1e6),
    "rcbrt": (lambda x: 1 / mpmath.cbrt(x), 1, 1, 1e-6, 1e6),
    "erf": (mpmath.erf, 2, 2, -5, 5),
    "erfc": (mpmath.erfc, 4, 5, -4, 9),
    "erfcx": (lambda x: mpmath.exp(mpmath.mpf(x) ** 2) * mpmath.erfc(x), 4, 4, -5, 9),
    "erfinv": (mpmath.erfinv, 2, 5, -1, 1),
    "normcdf": (_normal_cdf, 5, 5, -8, 8),
    "tgamma": (mpmath.gamma, 5, 10, 0.1, 30),
    "lgamma": (mpmath.loggamma, 6, 4, 2.5, 100),
    "j0": (lambda x: mpmath.besselj(0, x), 9, 7, 0.1, 2),
    "y1": (lambda x: mpmath.bessely(1, x), 9, 7, 0.1, 2),
}


def _compiled(source: str) -> str:
    _, program = nvrtc.nvrtcCreateProgram(source.encode(), b"math.cu", 0, [], [])
    options = [b"--gpu-architecture=compute_80"]
    (code,) = nvrtc.nvrtcCompileProgram(program, len(options), options)
    assert int(code) == 0
    _, size = nvrtc.nvrtcGetPTXSize(program)
    text = bytes(size)
    nvrtc.nvrtcGetPTX(program, text)
    return text.rstrip(b"\0").decode()


class Launch(ctypes.Structure):
    _fields_ = (
        ("grid", ctypes.c_uint32 * 3),
        ("block", ctypes.c_uint32 * 3),
        ("dynamic_shared", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
        ("variables", ctypes.c_void_p),
    )


def run(source: str, *arrays: np.ndarray) -> None:
    """The one kernel of the source on one block, a thread for each element."""
    program = load(_compiled(source))
    (kernel,) = program.kernels.values()
    block = (len(arrays[0]), 1, 1)
    pointers = [ctypes.c_void_p(a.ctypes.data) for a in arrays]
    args = (ctypes.c_void_p * len(arrays))(*(ctypes.addressof(p) for p in pointers))
    data = [
        ctypes.create_string_buffer(bytes(v.data), max(v.size, 1) + 64) for v in program.variables
    ]
    variables = (ctypes.c_void_p * max(len(data), 1))(*(ctypes.addressof(d) for d in data))
    launch = Launch((1, 1, 1), block, 0, 0, ctypes.addressof(variables))
    scratch = ctypes.create_string_buffer(kernel.scratch_bytes(block, 0) + 64)
    aligned = -(-ctypes.addressof(scratch) // 64) * 64
    call = ctypes.CFUNCTYPE(
        ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64,
        ctypes.c_void_p,
    )(kernel.entry(block))  # fmt: skip
    assert call(ctypes.addressof(args), ctypes.addressof(launch), 0, 1, aligned) == 0


@pytest.mark.parametrize("kind", ["float", "double"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_within_documented_bound(name: str, kind: str) -> None:
    reference, single, double, low, high = FUNCTIONS[name]
    dtype, bound = (np.float32, single) if kind == "float" else (np.float64, double)
    rng = np.random.default_rng(7)
    x = np.concatenate(
        [
            rng.uniform(low, high, POINTS // 2),
            np.clip(rng.normal(size=POINTS // 2) * 0.3 + (0.5 if low >= 0 else 0), low, high),
        ]
    ).astype(dtype)
    x = x[(x > low) & (x < high)]
    y = np.empty_like(x)
    function = name + ("f" if kind == "float" else "")
    run(
        f'extern "C" __global__ void k(const {kind}* x, {kind}* y) '
        f"{{ y[threadIdx.x] = {function}(x[threadIdx.x]); }}",
        x,
        y,
    )
    worst = 0.0
    with mpmath.workprec(160):
        for source, got in zip(x.tolist(), y, strict=True):
            want = reference(mpmath.mpf(source))
            unit = float(np.spacing(np.abs(dtype(want))))
            worst = max(worst, float(abs(mpmath.mpf(float(got)) - want)) / unit)
    # A bound of n units is on the error against the correctly rounded result.
    assert worst <= bound + 0.5, f"{function} is wrong by {worst:.2f} units in the last place"


def test_nan_has_the_bits_of_a_gpu_where_they_are_seen() -> None:
    """Stored, read as an integer, and passed through a choice; also with payloads coming in."""
    source = """
    extern "C" __global__ void k(const float* x, float* y, int* z, float* w) {
        int i = threadIdx.x;
        float a = x[i] + 1.0f, b = a * 2.0f;
        y[i] = b;
        z[i] = __float_as_int(a * 3.0f);
        float c = x[i] > 0 ? b - 1.0f : a - 2.0f;
        w[i] = -c;
    }"""
    bits = np.array([0x7FC00001, 0xFFC12345, 0x7F800001, 0x3F800000], dtype=np.uint32)
    x = bits.view(np.float32)
    y, w = np.zeros_like(x), np.zeros_like(x)
    z = np.zeros(4, dtype=np.int32)
    run(source, x, y, z, w)
    assert [hex(v) for v in y.view(np.uint32)[:3]] == ["0x7fffffff"] * 3
    assert [hex(v) for v in z.view(np.uint32)[:3]] == ["0x7fffffff"] * 3
    assert [hex(v) for v in w.view(np.uint32)[:3]] == ["0xffffffff"] * 3
    assert (y[3], z.view(np.float32)[3], w[3]) == (4.0, 6.0, -3.0)
