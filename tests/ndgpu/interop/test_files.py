"""Files and text: what NumPy wrote is read, what is written NumPy reads, and nothing unpickles."""

import io
import pathlib

import numpy as np
import pytest

import ndgpu

ARRAYS = {
    "dense": np.arange(6.0).reshape(2, 3),
    "fortran": np.asfortranarray(np.arange(6, dtype="i2").reshape(2, 3)),
    "strided": np.arange(24, dtype="c8").reshape(4, 6)[::-2, ::3],
    "bool": np.array([True, False]),
    "0-d": np.array(2.5, "f4"),
    "empty": np.empty((0, 3), "u1"),
    "big-endian": np.arange(3, dtype=">i4"),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_npy_both_ways(name, tmp_path):
    host = ARRAYS[name]
    np.save(tmp_path / "theirs.npy", host)
    x = ndgpu.load(tmp_path / "theirs.npy")
    assert isinstance(x, ndgpu.ndarray) and x.shape == host.shape
    assert x.dtype == host.dtype.newbyteorder("=")
    np.testing.assert_array_equal(x.get(), host)
    ndgpu.save(tmp_path / "ours.npy", x)
    back = np.load(tmp_path / "ours.npy")
    assert back.dtype == x.dtype
    np.testing.assert_array_equal(back, host)


def test_a_name_without_suffix_gets_one(tmp_path):
    ndgpu.save(str(tmp_path / "a"), ndgpu.arange(3))
    ndgpu.savez(tmp_path / "b", ndgpu.arange(3))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.npy", "b.npz"]


def test_open_files_and_buffers(tmp_path):
    buffer = io.BytesIO()
    for k in range(3):
        ndgpu.save(buffer, ndgpu.full(2, k))
    buffer.seek(0)
    assert [ndgpu.load(buffer).tolist() for _ in range(3)] == [[0, 0], [1, 1], [2, 2]]
    with pytest.raises(EOFError):
        ndgpu.load(buffer)


@pytest.mark.parametrize("save", [ndgpu.savez, ndgpu.savez_compressed])
def test_npz_both_ways(save, tmp_path):
    path = tmp_path / "several.npz"
    save(path, ndgpu.arange(3), np.ones(2), [1, 2], weights=ndgpu.eye(2), bias=3)
    with np.load(path) as theirs, ndgpu.load(path) as ours:
        assert ours.files == theirs.files == list(ours)
        assert len(ours) == 5 and "weights" in ours and "none" not in ours
        for name in theirs.files:
            assert isinstance(ours[name], ndgpu.ndarray)
            np.testing.assert_array_equal(ours[name].get(), theirs[name])
        assert {k: v.shape for k, v in ours.items()} == {k: v.shape for k, v in theirs.items()}
        with pytest.raises(KeyError):
            ours["none"]


def test_pickles_are_not_opened_unasked(tmp_path):
    path = tmp_path / "objects.npy"
    np.save(path, np.array([{}, None], object), allow_pickle=True)
    with pytest.raises(ValueError, match="allow_pickle="):
        ndgpu.load(path)
    with pytest.raises(TypeError, match="no place on a device"):
        ndgpu.load(path, allow_pickle=True)
    np.savez(tmp_path / "objects.npz", a=np.array([{}], object))
    with (
        ndgpu.load(tmp_path / "objects.npz") as file,
        pytest.raises(ValueError, match="allow_pickle="),
    ):
        file["a"]
    (tmp_path / "junk.npy").write_bytes(b"no array at all")
    with pytest.raises(ValueError, match="allow_pickle="):
        ndgpu.load(tmp_path / "junk.npy")


def test_a_pickle_that_is_asked_for(tmp_path):
    x = ndgpu.arange(3)
    x.dump(tmp_path / "array.pkl")
    with pytest.raises(ValueError, match="allow_pickle="):
        ndgpu.load(tmp_path / "array.pkl")
    y = ndgpu.load(tmp_path / "array.pkl", allow_pickle=True)
    assert isinstance(y, ndgpu.ndarray) and y.tolist() == [0, 1, 2]


def test_files_that_are_cut_off(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, np.arange(1000))
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(ValueError):
        ndgpu.load(path)
    with pytest.raises(FileNotFoundError):
        ndgpu.load(tmp_path / "none.npy")
    (tmp_path / "empty.npy").write_bytes(b"")
    with pytest.raises(EOFError):
        ndgpu.load(tmp_path / "empty.npy")


def test_text_both_ways(tmp_path):
    host = np.array([[1.5, -2], [3, 1e-30]])
    path = tmp_path / "a.txt"
    ndgpu.savetxt(path, ndgpu.asarray(host), fmt="%.18e", delimiter=",", header="x,y")
    x = ndgpu.loadtxt(path, delimiter=",")
    assert isinstance(x, ndgpu.ndarray)
    np.testing.assert_array_equal(x.get(), host)
    np.testing.assert_array_equal(np.loadtxt(path, delimiter=","), host)
    columns = ndgpu.loadtxt(path, delimiter=",", unpack=True)
    np.testing.assert_array_equal(columns.get(), host.T)
    assert ndgpu.loadtxt(["1 2", "3 4"], dtype="i4", usecols=1, ndmin=1).tolist() == [2, 4]


def test_text_that_lacks_some():
    text = ["1,2,", "4,,6"]
    got = ndgpu.genfromtxt(text, delimiter=",", filling_values=-1)
    np.testing.assert_array_equal(got.get(), np.genfromtxt(text, delimiter=",", filling_values=-1))


def test_raw_files(tmp_path):
    path = tmp_path / "raw.bin"
    x = ndgpu.arange(6, dtype="i2").reshape(2, 3).T
    x.tofile(path)
    assert path.read_bytes() == x.get().tobytes()
    assert ndgpu.fromfile(path, "i2").tolist() == [0, 3, 1, 4, 2, 5]
    assert ndgpu.fromfile(path, "i2", count=2, offset=2).tolist() == [3, 1]
    x.tofile(str(tmp_path / "raw.txt"), sep=" ", format="%d")
    assert pathlib.Path(tmp_path / "raw.txt").read_text() == "0 3 1 4 2 5"
    assert ndgpu.fromfile(tmp_path / "raw.txt", sep=" ").tolist() == [0, 3, 1, 4, 2, 5]


def test_buffers_iterators_and_text():
    assert ndgpu.frombuffer(b"\1\0\2\0", "<i2").tolist() == [1, 2]
    assert ndgpu.frombuffer(b"\1\0\2\0\3\0", "i2", count=1, offset=2).tolist() == [2]
    with pytest.raises(ValueError, match="multiple of element size"):
        ndgpu.frombuffer(b"\1\0\2", "i2")
    assert ndgpu.fromiter((k * k for k in range(4)), "f4").tolist() == [0, 1, 4, 9]
    assert ndgpu.fromstring("1 2 3", dtype=int, sep=" ").tolist() == [1, 2, 3]


CONVERSIONS = {
    "asnumpy": ndgpu.asnumpy,
    "get": lambda a, **k: a.get(**k),
}


@pytest.mark.parametrize("name", CONVERSIONS)
def test_copies_to_the_host(name):
    convert = CONVERSIONS[name]
    x = ndgpu.arange(6.0).reshape(2, 3).T
    assert convert(x).flags.c_contiguous
    assert convert(x, order="F").flags.f_contiguous
    assert convert(x, order="A").flags.f_contiguous
    with pytest.raises(ValueError, match="order"):
        convert(x, order="K")
    out = np.empty((3, 2))
    assert convert(x, out=out) is out
    np.testing.assert_array_equal(out, [[0, 3], [1, 4], [2, 5]])
    for wrong in (np.empty((2, 3)), np.empty((3, 2), "f4"), np.empty((2, 3)).T):
        with pytest.raises(ValueError, match="`out`"):
            convert(x, out=wrong)
    with pytest.raises(TypeError, match="`out`"):
        convert(x, out=ndgpu.empty((3, 2)))
    stream = ndgpu.cuda.Stream()
    later = convert(x, stream=stream, blocking=False)
    stream.synchronize()
    np.testing.assert_array_equal(later, out)


def test_asnumpy_of_what_is_on_the_host():
    host = np.arange(3)
    assert ndgpu.asnumpy(host) is host
    assert ndgpu.asnumpy([1, 2]).tolist() == [1, 2]


def test_copies_from_the_host():
    x = ndgpu.zeros((2, 3), "f4").T
    x.set(np.arange(6).reshape(3, 2))
    assert x.tolist() == [[0, 1], [2, 3], [4, 5]]
    stream = ndgpu.cuda.Stream()
    x.set(np.ones((3, 2)), stream=stream)
    stream.synchronize()
    assert (x.get() == 1).all()
    with pytest.raises(ValueError, match="shapes differ"):
        x.set(np.ones(6))
    with pytest.raises(TypeError, match="device array"):
        x.set(x)


@pytest.mark.parametrize("make", [ndgpu.array, ndgpu.asarray, ndgpu.asanyarray])
@pytest.mark.parametrize("blocking", [False, True])
def test_the_host_array_may_change_at_once(make, blocking):
    host = np.arange(100_000)
    x = make(host, blocking=blocking)
    host[...] = -1
    assert int(x.sum()) == 4999950000
