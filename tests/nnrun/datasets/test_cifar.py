"""Archives of CIFAR's binary version: small ones in that format, and broken ones."""

import hashlib
import io
import tarfile
from dataclasses import replace

import numpy as np
import pytest

from nnrun import datasets
from nnrun.dataset.download import ChecksumError
from nnrun.datasets import CifarError, MissingDatasetError, cifar

RNG = np.random.default_rng(0)
LABELS = {"cifar10": 1, "cifar100": 2}


def records(n, label_bytes):
    data = RNG.integers(0, 256, (n, label_bytes + 3072)).astype(np.uint8)
    data[:, :label_bytes] %= 10
    return data


def archive(kind, change=lambda members: None):
    """The archive's bytes, and its records by file."""
    layout = cifar._KINDS[kind]
    arrays = {name: records(3, LABELS[kind]) for name in (*layout.train, layout.test)}
    members = {name: array.tobytes() for name, array in arrays.items()}
    members["cifar/readme.html"] = b"text"
    change(members)
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return file.getvalue(), arrays


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("NNRUN_DATASETS", str(tmp_path / "mine"))
    monkeypatch.setenv("NNRUN_DATASETS_URL", (tmp_path / "server").as_uri())
    return tmp_path


def put(places, kind, data, where="mine"):
    (places / where / kind).mkdir(parents=True, exist_ok=True)
    path = places / where / kind / cifar._KINDS[kind].archive
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("kind", LABELS)
def test_pictures_and_labels(places, kind):
    data, arrays = archive(kind)
    put(places, kind, data)
    layout, k = cifar._KINDS[kind], LABELS[kind]
    train, test = getattr(datasets, "get_" + kind)(scale=255)
    whole = np.concatenate([arrays[name] for name in layout.train])
    assert (len(train), len(test)) == (len(whole), 3)
    for i, (x, t) in enumerate(train):
        assert x.dtype == np.float32
        np.testing.assert_array_equal(x.ravel(), whole[i, k:])
        assert (x.shape, t) == ((3, 32, 32), whole[i, k - 1])
    flat, _ = getattr(datasets, "get_" + kind)(withlabel=False, ndim=1)
    np.testing.assert_allclose(flat, whole[:, k:] / 255, rtol=1e-6)
    with pytest.raises(ValueError, match="1 or 3 axes, not 2"):
        getattr(datasets, "get_" + kind)(ndim=2)


def test_it_is_fetched_once_and_checked(places, monkeypatch):
    data, _ = archive("cifar10")
    path = put(places, "cifar10", data, "server")
    with pytest.raises(ChecksumError, match="digest c32a1d4ab5d03f1284b67883e8d87530 wanted"):
        datasets.get_cifar10()
    layout = replace(cifar._KINDS["cifar10"], md5=hashlib.md5(data).hexdigest())
    monkeypatch.setitem(cifar._KINDS, "cifar10", layout)
    assert len(datasets.get_cifar10()[0]) == 15
    path.unlink()
    assert len(datasets.get_cifar10()[0]) == 15


def test_where_it_is_nowhere(places):
    with pytest.raises(MissingDatasetError, match=r"is in none of .*mine.*Put it into .*cifar10"):
        datasets.get_cifar10()


TEST = "cifar-10-batches-bin/test_batch.bin"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda members: members.pop(TEST), "lacks .*test_batch.bin"),
        (lambda members: members.update({TEST: b"x" * 3072}), "3072 bytes, which are no records"),
        (lambda members: members.update({TEST: b""}), "0 bytes, which are no records"),
        (lambda members: members.update({TEST: b"\x0a" * 3073}), "label 10 of 10 classes"),
    ],
)
def test_what_is_no_cifar(places, change, message):
    path = put(places, "cifar10", archive("cifar10", change)[0])
    with pytest.raises(CifarError, match=message) as caught:
        datasets.get_cifar10()
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("keep", [0, 20, 0.5, 0.99])
def test_a_truncated_archive(places, keep):
    data = archive("cifar10")[0]
    put(places, "cifar10", data[: keep if keep >= 1 else int(keep * len(data))])
    with pytest.raises(CifarError, match=r"binary.tar.gz (is not a whole archive|lacks)"):
        datasets.get_cifar10()
