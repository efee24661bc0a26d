"""Compilation through the disk cache."""

import json
import threading

import pytest

from ndgpu import diskcache
from ndgpu.compile import CompileException, NvrtcNotFoundError, compile_source, images, nvrtc
from ndgpu.compile.headers import closure
from ndgpu.compile.options import complete, include_folders

SOURCE = 'extern "C" __global__ void f(int* x) { *x = VALUE; }'


@pytest.fixture
def cache(tmp_path, monkeypatch):
    cache = diskcache.DiskCache(tmp_path / "cache", limit=1 << 24)
    monkeypatch.setattr(diskcache, "default", lambda: cache)
    return cache


@pytest.fixture
def compiled(monkeypatch):
    """Names of the programs that NVRTC itself compiled."""
    names = []
    real = nvrtc.compile_program

    def spy(source, name, *args, **kwargs):
        names.append(name)
        return real(source, name, *args, **kwargs)

    monkeypatch.setattr(nvrtc, "compile_program", spy)
    return names


def test_a_source_is_compiled_once(cache, compiled):
    first = compile_source(SOURCE, ("-DVALUE=1",))
    again = compile_source(SOURCE, ("-DVALUE=1",))
    assert first == again
    assert b".entry f(" in first.data
    assert len(compiled) == 1


def test_options_and_target_are_part_of_the_key(cache, compiled):
    ptx = compile_source(SOURCE, ("-DVALUE=1",))
    other = compile_source(SOURCE, ("-DVALUE=2",))
    cubin = compile_source(SOURCE, ("-DVALUE=1",), "sm_80")
    assert len({ptx.data, other.data, cubin.data}) == 3
    assert cubin.data.startswith(b"\x7fELF")
    assert len(compiled) == 3


def test_a_header_edit_is_seen(cache, compiled, tmp_path):
    source = '#include "outer.h"\nextern "C" __global__ void f(int* x) { *x = VALUE; }'
    (tmp_path / "outer.h").write_text('#include "inner.h"\n')
    inner = tmp_path / "inner.h"
    inner.write_text("#define VALUE 12345\n")
    options = (f"-I{tmp_path}",)
    assert b"12345" in compile_source(source, options).data
    inner.write_text("#define VALUE 678901\n")
    assert b"678901" in compile_source(source, options).data
    assert len(compiled) == 2


@pytest.mark.parametrize(
    "damage", [lambda d: d[:-20], lambda d: b"", lambda d: d[:9] + b"!" + d[10:]]
)
def test_a_damaged_entry_is_compiled_again(cache, compiled, damage):
    good = compile_source(SOURCE, ("-DVALUE=1",))
    (entry,) = cache.root.rglob("*.entry")
    entry.write_bytes(damage(entry.read_bytes()))
    assert compile_source(SOURCE, ("-DVALUE=1",)) == good
    assert len(compiled) == 2


@pytest.mark.parametrize(
    "entry", [b"", b"\xff" * 40, b"\2" + bytes(7) + b"{}", b"\2" + bytes(7) + b"[]x"]
)
def test_an_entry_of_another_kind_is_not_an_image(entry):
    assert images.Image._parse(entry, ()) is None


def test_name_expressions_are_lowered_and_kept(cache, compiled):
    source = "template <typename T> __global__ void g(T* x) { *x = 1; }"
    for _ in range(2):
        image = compile_source(source, name_expressions=("g<int>", "g<float>"))
        assert set(image.names) == {"g<int>", "g<float>"}
        assert image.names["g<int>"].encode() in image.data
    assert len(compiled) == 1


def test_sources_are_recorded_once(cache, tmp_path, monkeypatch):
    folder = tmp_path / "record"
    monkeypatch.setenv("NDGPU_RECORD_SOURCES", str(folder))
    threads = [
        threading.Thread(target=compile_source, args=(SOURCE, ("-DVALUE=1",))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (file,) = folder.iterdir()
    assert json.loads(file.read_text()) == {
        "source": SOURCE,
        "options": ["-DVALUE=1"],
        "name_expressions": [],
    }


def test_an_error_shows_log_and_numbered_source(cache):
    lines = ["// line"] * 20
    lines[11] = 'extern "C" __global__ void f() { undefined_name; }'
    with pytest.raises(CompileException) as caught:
        compile_source("\n".join(lines), name="broken.cu")
    text = str(caught.value)
    assert "broken.cu(12): error" in text
    assert ">   12 | extern" in text
    assert "   18 | // line" in text
    assert "19 |" not in text
    assert caught.value.source == "\n".join(lines)


def test_a_failed_compilation_is_not_kept(cache, compiled):
    for _ in range(2):
        with pytest.raises(CompileException):
            compile_source("nonsense")
    assert len(compiled) == 2


def test_missing_nvrtc_names_the_extra(monkeypatch):
    from cuda.bindings import nvrtc as bindings

    def missing():
        raise RuntimeError("Failed to dlopen libnvrtc.so.12")

    nvrtc._load.cache_clear()
    monkeypatch.setattr(bindings, "nvrtcVersion", missing)
    with pytest.raises(NvrtcNotFoundError, match=r"dlopen libnvrtc.*ndgpu\[nvrtc12\]"):
        nvrtc._load()


def test_options_may_not_be_one_string():
    with pytest.raises(TypeError, match=r"\('-DX',\)"):
        complete("-DX", "sm_80")
    with pytest.raises(TypeError, match="one is 3"):
        complete((3,), "sm_80")


def test_a_language_standard_that_is_given_stays():
    assert complete(("--std=c++20",), "sm_80") == ("--gpu-architecture=sm_80", "--std=c++20")


def test_include_folders_in_every_spelling():
    assert include_folders(("-I", "a", "--include-path", "b", "-Ic", "-DX")) == ("a", "b", "c")


def test_own_headers_are_closed_over():
    names = [name for name, _ in closure("#include <ndgpu/complex.cuh>").own]
    assert names == ["ndgpu/complex.cuh", "ndgpu/math.cuh", "ndgpu/power.cuh"]
    assert closure("int x;").own == ()


def test_cuda_headers_are_found_where_installed(cache):
    source = '#include <cuda_fp16.h>\nextern "C" __global__ void f(__half* x) { *x = 1; }'
    found = closure(source)
    if found.cuda_folder is None:
        pytest.skip("CUDA's own headers are not installed")
    assert b".entry f(" in compile_source(source).data


def test_complex_header_under_its_other_name(cache):
    source = '#include <cupy/complex.cuh>\nextern "C" __global__ void f(complex<float>* x) {}'
    assert b".entry f(" in compile_source(source).data
