"""Idx files are read exactly or refused with what is wrong with them."""

import gzip

import numpy as np
import pytest

from nnrun.datasets.idx import IdxError, content_sha256, read_idx, write_idx

IMAGES = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)


def content(array=IMAGES):
    header = bytes([0, 0, 8, array.ndim])
    return header + b"".join(n.to_bytes(4, "big") for n in array.shape) + array.tobytes()


@pytest.mark.parametrize("name", ["images", "images.gz"])
def test_round_trip(tmp_path, name):
    path = tmp_path / name
    write_idx(path, IMAGES)
    np.testing.assert_array_equal(read_idx(path, 3), IMAGES)
    assert (path.read_bytes()[:2] == b"\x1f\x8b") == name.endswith(".gz")


def test_compression_is_told_by_content_not_by_name(tmp_path):
    path = tmp_path / "images"
    path.write_bytes(gzip.compress(content()))
    np.testing.assert_array_equal(read_idx(path, 3), IMAGES)


def test_same_values_make_the_same_file_and_digest(tmp_path):
    for name in "a.gz", "b.gz", "c":
        write_idx(tmp_path / name, IMAGES)
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()
    assert content_sha256(tmp_path / "a.gz") == content_sha256(tmp_path / "c")


def test_only_bytes_are_written(tmp_path):
    with pytest.raises(TypeError, match="uint8 is wanted, not of int64"):
        write_idx(tmp_path / "x", np.zeros(3, np.int64))


def damaged_gzip():
    # Noise does not compress, so the middle of the stream is data and not a header.
    noise = np.random.RandomState(0).randint(0, 256, (2, 30, 40)).astype(np.uint8)
    stream = bytearray(gzip.compress(content(noise)))
    stream[len(stream) // 2] ^= 0xFF
    return bytes(stream)


HOSTILE = {
    "empty": (b"", "this one with nothing"),
    "html": (b"<html>not found</html>", "this one with 3c68746d"),
    "pickle": (b"\x80\x04\x95\x0b", "this one with 8004950b"),
    "floats": (bytes([0, 0, 0x0D, 3]), "starts with 00000803, this one with 00000d03"),
    "labels": (content(np.zeros(3, np.uint8)), "with 3 axes starts with 00000803"),
    "short header": (content()[:9], "the header ends after 9 bytes"),
    "short": (content()[:-1], r"promises 24 bytes of shape \(2, 3, 4\), and only 23 follow"),
    "long": (content() + b"x", r"more bytes follow the 24 of shape \(2, 3, 4\)"),
    "huge": (bytes([0, 0, 8, 3]) + b"\xff" * 12, "at most 1073741824 are accepted"),
    "truncated gzip": (gzip.compress(content())[:-9], "gzip stream ends too early"),
    "half a gzip": (gzip.compress(content())[:12], "gzip stream ends too early"),
    "damaged gzip": (damaged_gzip(), "gzip stream is damaged"),
    "short in gzip": (gzip.compress(content()[:-1]), "only 23 follow"),
    "bomb": (gzip.compress(content() + bytes(1 << 24)), "more bytes follow"),
    "not gzip after all": (b"\x1f\x8b" + b"x" * 30, "gzip stream is damaged"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_anything_else_is_refused(tmp_path, name):
    data, message = HOSTILE[name]
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(data)
    with pytest.raises(IdxError, match=message) as caught:
        read_idx(path, 3)
    assert str(caught.value).startswith(f"{path}: ")


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read_idx(tmp_path / "nowhere", 3)


def test_every_truncation_and_every_flipped_header_bit_is_refused(tmp_path):
    path, whole = tmp_path / "x", content()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(IdxError):
            read_idx(path, 3)
    for bit in range(16 * 8):
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        with pytest.raises(IdxError):
            read_idx(path, 3)
