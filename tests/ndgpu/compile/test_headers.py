"""Every header compiles, alone, for each generation of device that is supported."""

from pathlib import Path

import pytest

import ndgpu.compile
from ndgpu.compile import compile_source

FOLDER = Path(ndgpu.compile.__file__).parent.parent / "include"
HEADERS = sorted(path.stem for path in FOLDER.glob("*.cuh"))

USES = {
    "half": "x[0] += float(float16(x[1]) * bfloat16(x[2])); float16 h(1.0); h += 2; x[3] = h;",
    "complex": "complex<float> z(x[0], x[1]); z = 2 * pow(z, exp(z)) / z; x[0] = abs(z);",
    "math": "x[0] = ndgpu::remainder(ndgpu::floor_divide(x[0], x[1]), ndgpu::lowest<float>());",
    "power": "x[0] = ndgpu::power(x[0], x[1]);",
    "reduce": "x[0] = ndgpu::argmax(ndgpu::Indexed<float>{x[0], 1}, "
    "ndgpu::shuffle_down(ndgpu::Indexed<float>{x[1], 2}, 1)).value;",
    "philox": "x[0] = ndgpu::random_normal_float(1, 2, 3) + ndgpu::random_uniform_double(1, 2, 3);",
    "linalg": "using namespace ndgpu::linalg; x[0] = sum_of_warp(square_size(x[1])); "
    "cholesky_block(x, 2, 2, 0, (int*)(x + 8));",
    "special": "x[0] = ndgpu::special::expit(x[1]) + ndgpu::special::gammainc(x[2], x[3]);",
    "random": "ndgpu::RandomStream g(1, 2, 3); x[0] = ndgpu::beta(g, 0.5, x[1]);",
    "random_discrete": "ndgpu::RandomStream g(1, 2, 3); x[0] = ndgpu::binomial(g, 100, x[1]);",
    "scan": "x[0] = ndgpu::shuffle_up(x[1], 3);",
    "sort": "x[0] = ndgpu::decode_integer<unsigned, int>("
    "ndgpu::encode_integer<unsigned, int>(int(x[1])));",
    "stream": "ndgpu::store_streaming(x, 2.f);",
    "nv_target": "NV_IF_ELSE_TARGET(NV_PROVIDES_SM_80, (x[0] = 8;), (x[0] = 7;)) "
    "NV_IF_TARGET(NV_IS_DEVICE, (x[1] = 1; x[2] = 1;))",
    "jit": "ndgpu::JitArray<float, 1, false> a{x, 4, {4}, {4}}; a.at(1) = a.at(2u);",
    "index": "ndgpu::RawShape<2> s{4, {2, 2}, {8, 4}}; "
    "ndgpu::Raw<float, 2, false> r(x, s); r[3] = r[{1, 0}];",
}


def test_every_header_is_tried():
    assert sorted(USES) == HEADERS


@pytest.mark.parametrize("target", ["sm_75", "compute_80", "sm_90", "sm_100"])
@pytest.mark.parametrize("header", HEADERS)
def test_header_compiles(header, target):
    compile_source(
        f"#include <ndgpu/{header}.cuh>\n"
        f'extern "C" __global__ void f(float* x) {{ {USES[header]} }}',
        (),
        target,
    )


def test_cuda_headers_that_want_cccl_compile_without_it():
    image = compile_source(
        "#include <cooperative_groups.h>\n#include <cuda_fp16.h>\n"
        'extern "C" __global__ void f(half* x) {'
        "  auto tile = cooperative_groups::tiled_partition<4>("
        "cooperative_groups::this_thread_block());"
        "  x[0] = __hadd(x[1], tile.shfl(x[2], 1)); }",
        (),
        "compute_80",
    )
    assert b"shfl" in image.data
