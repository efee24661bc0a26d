"""The kernel cache survives races, kills, full and read-only disks, and damage.

`make cache-faults` runs the same with 64 processes, two hundred times in a row.
"""

import pytest
from tests.ndgpu.compile.cache_faults import FAULTS, run

from ndgpu.compile import images
from ndgpu.compile.headers import closure
from ndgpu.diskcache import DiskCache


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_fault(name):
    run(name, 4, seed=7)


KERNEL = 'extern "C" __global__ void f(int* x) { *x = %s; }'


@pytest.fixture
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("NDGPU_CACHE_DIR", str(folder))
    return DiskCache(folder, 1 << 30)


def test_editing_a_header_invalidates_only_what_includes_it(cache, tmp_path):
    header, other = tmp_path / "one.cuh", tmp_path / "two.cuh"
    header.write_text("#define ONE 1\n")
    other.write_text("#define TWO 2\n")
    sources = [
        '#include "one.cuh"\n' + KERNEL % "ONE",
        '#include "two.cuh"\n' + KERNEL % "TWO",
        KERNEL % "3",
    ]
    options = (f"-I{tmp_path}",)

    def keys():
        for source in sources:
            images.compile_source(source, options)
        return {entry.key for entry in cache.entries()}

    before = keys()
    assert len(before) == 3 and keys() == before
    header.write_text("#define ONE 11  // edited\n")
    after = keys()
    assert before < after and len(after) == 4
    image = images.compile_source(sources[0], options)
    assert b"11" in image.data


def test_the_digest_of_ndgpu_s_own_headers_holds_their_text(monkeypatch):
    from ndgpu.compile import headers

    text = headers._own_text
    plain = closure("#include <ndgpu/index.cuh>\n"), closure("#include <ndgpu/half.cuh>\n")
    monkeypatch.setattr(
        headers,
        "_own_text",
        lambda name: text(name) + "\n" if name == "ndgpu/index.cuh" else text(name),
    )
    headers._own_closure.cache_clear()
    try:
        edited = closure("#include <ndgpu/index.cuh>\n"), closure("#include <ndgpu/half.cuh>\n")
    finally:
        headers._own_closure.cache_clear()
    assert plain[0].digest != edited[0].digest
    assert plain[1] == edited[1]


def test_an_image_tells_its_origin(cache):
    images.compile_source(KERNEL % "4", name="four.cu", target="compute_80")
    (entry,) = cache.entries()
    origin = entry.origin()
    assert (origin["kind"], origin["name"], origin["target"]) == ("image", "four.cu", "compute_80")
    assert origin["made by"].startswith("NVRTC ")
