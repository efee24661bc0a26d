"""C types of dtypes."""

import struct

import ml_dtypes
import numpy as np
import pytest

from ndgpu.compile import cast, compile_source, ctype, headers_of, is_supported, pack_code

DTYPES = [np.dtype(code) for code in "?bhilqBHILQefdFD"] + [np.dtype(ml_dtypes.bfloat16)]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_pack_code_has_the_size_of_the_dtype(dtype):
    assert struct.calcsize("=" + pack_code(dtype)) == dtype.itemsize


def test_c_types_have_the_size_of_the_dtype():
    checks = "\n".join(f"static_assert(sizeof({ctype(d)}) == {d.itemsize});" for d in DTYPES)
    includes = "\n".join(f"#include <ndgpu/{h}.cuh>" for h in headers_of(DTYPES))
    compile_source(f'{includes}\n{checks}\nextern "C" __global__ void f() {{}}')


@pytest.mark.parametrize("text", ["M8[s]", "U4", "O", "S3", "V8", ">i4", "g"])
def test_other_dtypes_are_refused_by_name(text):
    dtype = np.dtype(text)
    assert not is_supported(dtype)
    with pytest.raises(TypeError, match="not supported in kernels"):
        ctype(dtype)


def test_every_cast_compiles():
    lines = []
    for k, source in enumerate(DTYPES):
        lines.append(f"  {ctype(source)} v{k} = ((const {ctype(source)}*)p)[threadIdx.x];")
        for target in DTYPES:
            lines.append(f"  *({ctype(target)}*)(p += 16) = {cast(f'v{k}', source, target)};")
    includes = "\n".join(f"#include <ndgpu/{h}.cuh>" for h in headers_of(DTYPES))
    body = "\n".join(lines)
    compile_source(f'{includes}\nextern "C" __global__ void f(char* p) {{\n{body}\n}}')
