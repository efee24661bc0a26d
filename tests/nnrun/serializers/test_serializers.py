"""Saving and loading: NPZ and HDF5, whole files or errors, nothing unpickled."""

import io
import os
import pickle

import numpy as np
import pytest

import nnrun
import nnrun.links as L
from nnrun import serializers
from nnrun.testing import assert_allclose

FORMATS = {
    "npz": (serializers.save_npz, serializers.load_npz),
    "hdf5": (serializers.save_hdf5, serializers.load_hdf5),
    "safetensors": (serializers.save_safetensors, serializers.load_safetensors),
}


@pytest.fixture(params=FORMATS)
def fmt(request):
    return FORMATS[request.param]


class Model(nnrun.Chain):
    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.l1 = L.Linear(3, 2)
            self.lazy = L.Linear(None, 2)
        self.add_persistent("mean", np.arange(2.0))
        self.add_persistent("count", 7)
        self.add_persistent("rate", 0.5)
        self.add_persistent("flag", True)
        self.add_persistent("label", "über")
        self.add_persistent("nothing", None)
        self.add_persistent("seen", np.zeros(0, np.float32))


def test_a_chain_comes_back(fmt, tmp_path):
    save, load = fmt
    model, again = Model(), Model()
    model.count, model.rate, model.flag, model.label = 8, 0.25, False, "weiß"
    model.mean += 1
    save(tmp_path / "m", model)
    mean = again.mean
    load(tmp_path / "m", again)
    assert_allclose(again.l1.W, model.l1.W, atol=0, rtol=0)
    assert again.mean is mean
    assert mean.tolist() == [1, 2]
    assert (again.count, again.rate, again.flag, again.label) == (8, 0.25, False, "weiß")
    assert type(again.count) is int
    assert type(again.flag) is bool
    assert again.nothing is None
    assert not again.lazy.W.is_initialized


def test_an_uninitialised_parameter_takes_the_stored_shape(fmt, tmp_path):
    save, load = fmt
    model, again = Model(), Model()
    model.lazy.W.initialize((2, 5))
    save(tmp_path / "m", model)
    load(tmp_path / "m", again)
    assert_allclose(again.lazy.W, model.lazy.W, atol=0, rtol=0)


def test_missing_values(fmt, tmp_path):
    save, load = fmt
    save(tmp_path / "m", nnrun.Chain(l1=L.Linear(3, 2, nobias=True)))
    again = nnrun.Chain(l1=L.Linear(3, 2), l2=L.Linear(2, 2))
    with pytest.raises(KeyError, match="l1/b"):
        load(tmp_path / "m", again)
    before = again.l2.W.array.copy()
    load(tmp_path / "m", again, strict=False)
    assert_allclose(again.l2.W, before, atol=0, rtol=0)


def test_wrong_shape(fmt, tmp_path):
    save, load = fmt
    save(tmp_path / "m", L.Linear(3, 2))
    with pytest.raises(ValueError, match=r"W' has shape \(2, 3\) in the file but \(2, 4\)"):
        load(tmp_path / "m", L.Linear(4, 2))


def test_part_of_a_file_and_ignored_names(fmt, tmp_path):
    save, load = fmt
    model = nnrun.Chain(a=nnrun.Chain(b=L.Linear(3, 2)))
    save(tmp_path / "m", model)
    link = L.Linear(3, 2)
    bias = link.b.array.copy() + 1
    link.b.array[...] = bias
    load(tmp_path / "m", link, path="a/b", ignore_names="a/b/b")
    assert_allclose(link.W, model.a.b.W, atol=0, rtol=0)
    assert_allclose(link.b, bias)
    load(tmp_path / "m", link, path="a/b/", ignore_names=[lambda name: name.endswith("W")])
    assert_allclose(link.b, model.a.b.b)


def test_a_missing_file_is_named(fmt, tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        fmt[1](tmp_path / "nowhere", L.Linear(3, 2))


@pytest.mark.parametrize("keep", [0, 10, 0.5, 0.95])
def test_a_truncated_file_is_named(fmt, tmp_path, keep):
    save, load = fmt
    path = tmp_path / "m"
    save(path, L.Linear(100, 20))
    data = path.read_bytes()
    path.write_bytes(data[: int(keep if keep >= 1 or keep == 0 else keep * len(data))])
    with pytest.raises(ValueError, match="m' is not a whole"):
        load(path, L.Linear(100, 20))


def test_damaged_bytes_are_found(tmp_path):
    path = tmp_path / "m"
    serializers.save_npz(path, L.Linear(100, 20))
    data = bytearray(path.read_bytes())
    for i in range(400, 420):
        data[i] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(ValueError, match="m"):
        serializers.load_npz(path, L.Linear(100, 20))


def test_nothing_is_unpickled(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "evil"),)

    path = tmp_path / "m"
    with open(path, "wb") as file:
        np.savez(file, W=np.array([Evil()], object), b=np.zeros(2, np.float32))
    with pytest.raises(ValueError, match="'W' can't be read"):
        serializers.load_npz(path, L.Linear(3, 2))
    path.write_bytes(pickle.dumps(Evil()))
    with pytest.raises(ValueError, match="not a whole NPZ file"):
        serializers.load_npz(path, L.Linear(3, 2))
    assert not (tmp_path / "evil").exists()


def test_what_cannot_be_stored_leaves_the_old_file(fmt, tmp_path):
    save, load = fmt
    path = tmp_path / "m"
    link = L.Linear(3, 2)
    save(path, link)
    bad = L.Linear(3, 2)
    bad.add_persistent("object", object())
    with pytest.raises(TypeError, match="object' can't be saved"):
        save(path, bad)
    load(path, link)
    assert [p.name for p in tmp_path.iterdir()] == ["m"]


def test_npz_in_memory_and_uncompressed(tmp_path):
    link = L.Linear(3, 2)
    file = io.BytesIO()
    serializers.save_npz(file, link, compression=False)
    file.seek(0)
    again = L.Linear(3, 2)
    serializers.load_npz(file, again)
    assert_allclose(again.W, link.W, atol=0, rtol=0)
    with np.load(io.BytesIO(file.getvalue())) as npz:
        assert sorted(npz.files) == ["W", "b"]
    np.save(tmp_path / "one.npy", np.zeros(3))
    with pytest.raises(ValueError, match="holds a single array"):
        serializers.load_npz(tmp_path / "one.npy", link)


def test_from_device_to_numpy_and_back(xp, fmt, tmp_path):
    save, load = fmt
    link, again = L.Linear(3, 2), L.Linear(3, 2)
    if xp is not np:
        link.to_gpu()
    save(tmp_path / "m", link)
    load(tmp_path / "m", again)
    assert_allclose(again.W, link.W, atol=0, rtol=0)
    load(tmp_path / "m", link)
    assert isinstance(link.W.array, xp.ndarray)


def test_a_report_of_a_partial_load(fmt, tmp_path):
    save, load = fmt
    save(tmp_path / "m", nnrun.Chain(a=nnrun.Chain(l=L.Linear(3, 2), k=L.Linear(1, 1))))
    report = serializers.LoadReport()
    model = nnrun.Chain(l=L.Linear(3, 2), m=L.Linear(1, 1, nobias=True))
    load(tmp_path / "m", model, path="a", strict=False, ignore_names="a/l/b", report=report)
    assert report.loaded == ["a/l/W"]
    assert report.ignored == ["a/l/b"]
    assert report.extra == ["a/k/W", "a/k/b"]
    assert [name.removeprefix("a/") for name in report.missing] == ["m/W"]
    assert "extra 2: a/k/W, a/k/b" in str(report)
    whole = serializers.LoadReport()
    load(tmp_path / "m", nnrun.Chain(l=L.Linear(3, 2), k=L.Linear(1, 1)), path="a", report=whole)
    assert (len(whole.loaded), whole.missing, whole.extra) == (4, [], [])


def test_numbers_of_another_kind(fmt, tmp_path):
    save, load = fmt
    link = L.Linear(3, 2)
    link.add_persistent("seen", np.array([1.5, 2.5]))
    save(tmp_path / "m", link)
    other = L.Linear(3, 2)
    other.add_persistent("seen", np.array([1, 2]))
    with pytest.raises(ValueError, match="seen' is of float64 in the file but of int64"):
        load(tmp_path / "m", other)
    narrow = L.Linear(3, 2)
    narrow.add_persistent("seen", np.zeros(2, np.float32))
    load(tmp_path / "m", narrow)
    assert narrow.seen.tolist() == [1.5, 2.5]


def test_safetensors_are_read_by_the_library(tmp_path):
    import safetensors.numpy

    link = L.Linear(3, 2)
    link.add_persistent("label", "über")
    serializers.save_safetensors(tmp_path / "m", link, {"made by": "nnrun"})
    arrays = safetensors.numpy.load_file(tmp_path / "m")
    assert sorted(arrays) == ["W", "b"]
    assert_allclose(arrays["W"], link.W, atol=0, rtol=0)
    with safetensors.safe_open(tmp_path / "m", "np") as file:
        assert file.metadata()["made by"] == "nnrun"
    link.add_persistent("wave", np.ones(2, complex))
    with pytest.raises(TypeError, match="'wave' can't be saved: safetensors has no complex128"):
        serializers.save_safetensors(tmp_path / "m", link)
