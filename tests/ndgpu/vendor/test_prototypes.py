"""The types that the bindings declare are those of the vendor's headers."""

import pytest
from tests.ndgpu.vendor.headers import codes, header, library, prototypes

from ndgpu.cudnn import binding
from ndgpu.fft import cufft
from ndgpu.linalg import cublas, cublaslt, cusolver

BINDINGS = {
    "cublas": (cublas.PROTOTYPES, ["cublas_api.h"]),
    "cublasLt": (cublaslt.PROTOTYPES, ["cublasLt.h"]),
    "cusolver": (cusolver.PROTOTYPES, ["cusolverDn.h"]),
    "cufft": (cufft.PROTOTYPES, ["cufft.h"]),
    "cudnn": (
        binding.PROTOTYPES,
        ["cudnn_graph.h", "cudnn_ops.h", "cudnn_cnn.h", "cudnn_adv.h"],
    ),
}


@pytest.mark.parametrize("name", BINDINGS)
def test_prototypes(name):
    ours, files = BINDINGS[name]
    theirs = {}
    for file in files:
        theirs |= prototypes(header(file))
    assert len(theirs) > 20
    assert {f: codes(theirs[f]) for f in ours if f in theirs} == ours


@pytest.mark.parametrize("name", BINDINGS)
def test_the_library_has_the_functions(name):
    loaded = library(name)
    assert [f for f in BINDINGS[name][0] if not hasattr(loaded, f)] == []


def test_the_parser_of_headers():
    text = """
    #define ANY(a, b) call(a, b);
    CUBLASAPI cublasStatus_t CUBLASWINAPI cublasDo(cublasHandle_t h, /* no */ const int n,
                                                   float* const A[], long long int s, size_t z);
    static inline void f(void) { return cublasOther(h, n); }
    """
    found = prototypes(text)
    assert {k: codes(v) for k, v in found.items()} == {"cublasDo": "pipqz"}
