"""NVRTC leaves alone what is not its own."""

from ndgpu.compile import nvrtc


def test_an_empty_log_is_not_written_into_shared_bytes():
    source = 'extern "C" __global__ void k(int* x) { *x = 1; }'
    _, _, log = nvrtc.compile_program(
        source, "k.cu", ["--gpu-architecture=compute_80"], [], [], binary=False
    )
    assert log.strip("\0 \n") == ""
    # CPython has one object for each byte; a library that fills bytes in place can ruin it.
    assert [bytes([i])[0] for i in range(256)] == list(range(256))
