"""cuBLAS and cuBLASLt without a GPU: statuses and descriptors."""

import ctypes

import pytest
from tests.ndgpu.vendor.headers import library

from ndgpu.linalg.cublas import CuBlas, CuBlasError
from ndgpu.linalg.cublaslt import CuBlasLt


def test_statuses():
    blas = CuBlas(library("cublas"))
    with pytest.raises(CuBlasError, match=r"cublasDestroy_v2 failed with status 1 \(the library w"):
        blas.calls.cublasDestroy_v2(None)


def test_descriptors_of_cublaslt():
    lt = CuBlasLt(library("cublasLt"))
    with lt.descriptor("MatrixLayout", 2, 30, 40, 50) as layout:
        forms = {0: ctypes.c_uint32, 2: ctypes.c_uint64, 3: ctypes.c_uint64, 4: ctypes.c_int64}
        values = {k: lt.get("MatrixLayout", layout, k, form) for k, form in forms.items()}
        assert values == {0: 2, 2: 30, 3: 40, 4: 50}
        lt.set("MatrixLayout", layout, 5, ctypes.c_int32(7))
        assert lt.get("MatrixLayout", layout, 5, ctypes.c_int32) == 7
    with lt.descriptor("MatmulDesc", 68, 0) as operation:
        for attribute, value in ((3, 1), (7, 6)):
            lt.set("MatmulDesc", operation, attribute, ctypes.c_int(value))
            assert lt.get("MatmulDesc", operation, attribute, ctypes.c_int) == value
        lt.set("MatmulDesc", operation, 8, ctypes.c_void_p(4096))
        assert lt.get("MatmulDesc", operation, 8, ctypes.c_void_p) == 4096
        with pytest.raises(CuBlasError, match="cublasLtMatmulDescSetAttribute failed with status"):
            lt.set("MatmulDesc", operation, 999, ctypes.c_int(0))
    with lt.descriptor("MatmulPreference") as preference:
        lt.set("MatmulPreference", preference, 1, ctypes.c_size_t(1 << 20))
        lt.set("MatmulPreference", preference, 5, ctypes.c_uint32(16))
