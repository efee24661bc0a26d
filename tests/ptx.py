"""PTX of CUDA C++, for tests that go below `ndgpu.RawKernel`."""

from ndgpu.compile import compile_source

__all__ = ["compile_ptx"]


def compile_ptx(source: str, *options: str) -> str:
    """PTX for the host device's architecture, as `ndgpu` itself compiles: cached and recorded."""
    image = compile_source(source, options, "compute_80", name="test.cu")
    return image.data.decode().rstrip("\0")
