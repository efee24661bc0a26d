"""``python -m ndgpu``: the report, and what may be done to the kernel cache."""

import os
import subprocess
import sys

import numpy as np
import pytest

import ndgpu
from ndgpu import about, config, diskcache
from ndgpu.__main__ import main
from ndgpu.compile.images import compile_source

KERNEL = 'extern "C" __global__ void f(int* x) { *x = %d; }'


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("NDGPU_CACHE_DIR", str(tmp_path / "cache"))
    for k in range(3):
        compile_source(KERNEL % k, name=f"kernel_{k}.cu")
    return diskcache.default()


def lines(capsys):
    return capsys.readouterr().out.splitlines()


def test_the_report(capsys, monkeypatch):
    monkeypatch.setenv("NDGPU_HOST_THREADS", "1")
    assert main([]) == 0
    rows = dict(line.split(" : ", 1) for line in lines(capsys))
    rows = {name.strip(): text for name, text in rows.items()}
    assert rows["ndgpu"] == ndgpu.__version__ and rows["numpy"] == np.__version__
    assert rows["NDGPU_HOST_THREADS"] == "1"
    assert rows["NVRTC"][0].isdigit()
    assert rows["Devices"] == str(ndgpu.cuda.device_count())
    assert "compute capability" in rows["Device 0"]
    assert {"cublas", "cudnn", "Kernel cache", "CUDA headers", "Platform"} <= set(rows)
    ndgpu.show_config()
    assert next(line.split(" : ")[0] for line in lines(capsys)).strip() == "ndgpu"


def test_a_report_of_what_is_broken(monkeypatch):
    def broken():
        raise RuntimeError("the driver is older than the library\nand more")

    monkeypatch.setattr(about, "_driver", broken)
    monkeypatch.setattr(about, "_nvrtc", broken)
    rows = dict(about.report())
    assert rows["Driver"] == "not available (the driver is older than the library)"
    assert rows["NVRTC"].startswith("not available")
    assert set(config.TABLE) & set(rows) == set(config.TABLE) & set(os.environ)


def test_list_and_size(cache, capsys):
    assert main(["cache", "list", "--limit", "2"]) == 0
    head, *rows, more = lines(capsys)
    assert head.split() == ["last", "use", "size", "kind", "target", "made", "by", "name"]
    assert len(rows) == 2 and all("image" in row and "compute_80" in row for row in rows)
    assert all(row.split()[-1].startswith("kernel_") for row in rows) and "and 1 more" in more
    assert main(["cache", "list", "--sort", "size"]) == 0
    assert len(lines(capsys)) == 4
    assert main(["cache", "size"]) == 0
    root, image, total = lines(capsys)
    assert root == str(cache.root)
    assert image.split()[:2] == ["image", "3"] and total.split()[:2] == ["all", "3"]


def test_verify(cache, capsys):
    assert main(["cache", "verify"]) == 0
    assert lines(capsys) == ["3 entries, 0 damaged"]
    entry = next(cache.entries())
    entry.path.write_bytes(entry.path.read_bytes()[:-3])
    assert main(["cache", "verify"]) == 1
    assert lines(capsys) == [f"damaged: {entry.path}", "3 entries, 1 damaged"]
    assert main(["cache", "verify", "--evict"]) == 0
    assert lines(capsys)[-1] == "3 entries, 1 damaged and removed"
    assert len(list(cache.entries())) == 2


def test_evict_and_clear(cache, capsys):
    assert main(["cache", "evict"]) == 2
    assert "say which entries" in capsys.readouterr().err
    old = next(e for e in cache.entries() if e.origin()["name"] == "kernel_1.cu")
    os.utime(old.path, (0, 0))
    assert main(["cache", "evict", "--older", "1"]) == 0
    assert lines(capsys)[0].startswith("removed 1 entries, ")
    assert main(["cache", "evict", "--kind", "object code"]) == 0
    assert lines(capsys) == ["removed 0 entries, 0 B"]
    assert main(["cache", "evict", "--name", "*_2*"]) == 0
    assert [e.origin()["name"] for e in cache.entries()] == ["kernel_0.cu"]
    capsys.readouterr()
    assert main(["cache", "clear"]) == 0
    assert lines(capsys) == ["removed 1 entries"] and not list(cache.entries())


def test_warm(tmp_path, monkeypatch):
    from ndgpu import warming

    calls = []
    monkeypatch.setattr(
        warming, "tasks", lambda dtypes: [lambda k=k: calls.append(k) for k in range(7)]
    )
    assert warming.warm(["float32"], 0, 2) == 4 and calls == [0, 2, 4, 6]
    assert warming.warm(["float32"], 1, 2) == 3
    assert sorted(calls) == list(range(7))


def test_warming_fills_the_cache(tmp_path):
    """One part of many of one dtype, in a process of its own, as the command line starts them."""
    environment = os.environ | {"NDGPU_CACHE_DIR": str(tmp_path)}
    command = ["-m", "ndgpu", "cache", "warm", "--dtypes", "float32", "--part", "0/200"]
    subprocess.run([sys.executable, *command], env=environment, check=True)
    kinds = {e.origin()["kind"] for e in diskcache.DiskCache(tmp_path, 1 << 30).entries()}
    assert "image" in kinds
