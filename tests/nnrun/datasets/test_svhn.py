"""MATLAB files of house numbers: small ones in that format, and broken ones."""

import hashlib
import struct
import zlib

import numpy as np
import pytest

from nnrun import datasets
from nnrun.datasets import svhn
from nnrun.datasets.svhn import MatError, read_mat


def element(kind, content):
    if kind != 15 and 0 < len(content) <= 4:
        return struct.pack("<HH", kind, len(content)) + content.ljust(4, b"\0")
    padding = b"" if kind == 15 else bytes(-len(content) % 8)
    return struct.pack("<II", kind, len(content)) + content + padding


def matrix(name, array, compressed=True, mat_class=9):
    content = element(6, struct.pack("<II", mat_class, 0))
    content += element(5, np.array(array.shape, "<i4").tobytes())
    content += element(1, name.encode()) + element(2, array.tobytes(order="F"))
    whole = element(14, content)
    return element(15, zlib.compress(whole)) if compressed else whole


def mat(*matrices):
    return b"MATLAB 5.0".ljust(124) + b"\0\x01IM" + b"".join(matrices)


RNG = np.random.default_rng(0)
PICTURES = RNG.integers(0, 256, (32, 32, 3, 4)).astype(np.uint8)
LABELS = np.array([[1], [10], [9], [2]], np.uint8)


@pytest.mark.parametrize("compressed", [True, False])
def test_matrices(tmp_path, compressed):
    (tmp_path / "m").write_bytes(
        mat(matrix("X", PICTURES, compressed), matrix("label", LABELS, compressed))
    )
    arrays = read_mat(tmp_path / "m")
    np.testing.assert_array_equal(arrays["X"], PICTURES)
    np.testing.assert_array_equal(arrays["label"], LABELS)


def test_pictures_and_labels(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("NNRUN_DATASETS", raising=False)
    monkeypatch.setenv("NNRUN_DATASETS_URL", (tmp_path / "server").as_uri())
    (tmp_path / "server" / "svhn").mkdir(parents=True)
    data = mat(matrix("X", PICTURES), matrix("y", LABELS))
    for file in svhn._FILES:
        (tmp_path / "server" / "svhn" / file).write_bytes(data)
    monkeypatch.setattr(svhn, "_FILES", dict.fromkeys(svhn._FILES, hashlib.md5(data).hexdigest()))
    train, test = datasets.get_svhn(scale=255)
    assert (len(train), len(test), [int(t) for _, t in train]) == (4, 4, [1, 0, 9, 2])
    for i, (x, _) in enumerate(test):
        np.testing.assert_array_equal(x, PICTURES[..., i].transpose(2, 0, 1))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "does not begin"),
        (mat(matrix("X", PICTURES))[:-9], "longer than the file"),
        (mat(matrix("X", PICTURES, False))[:-9], "longer than the file"),
        (mat(matrix("X", PICTURES), b"abc"), "ends within an element"),
        (mat(matrix("X", LABELS, mat_class=6)), "not of unsigned bytes"),
        (mat(element(9, bytes(8))), "type 9, which is no matrix"),
        (mat(element(15, zlib.compress(bytes(999))[:-5])), "cut, or too large"),
        (mat(element(15, b"no zlib")), "header"),
    ],
)
def test_what_is_no_matlab_file(tmp_path, data, message):
    (tmp_path / "m").write_bytes(data)
    with pytest.raises(MatError, match=message) as caught:
        read_mat(tmp_path / "m")
    assert str(tmp_path / "m") in str(caught.value)
