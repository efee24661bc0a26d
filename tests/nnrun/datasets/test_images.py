"""The image data sets are found where they are, in order, and checked wherever they come from."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from nnrun import datasets
from nnrun.datasets import images as module
from nnrun.datasets.idx import IdxError, content_sha256, write_idx
from nnrun.datasets.images import FILES, SOURCES, MissingDatasetError, load, load_images

RNG = np.random.RandomState(0)
ARRAYS = (
    RNG.randint(0, 256, (6, 4, 5)).astype(np.uint8),
    np.arange(6, dtype=np.uint8),
    RNG.randint(0, 256, (2, 4, 5)).astype(np.uint8),
    np.array([9, 0], np.uint8),
)


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    """No folder of the machine, and no address outside it, is looked at."""
    monkeypatch.delenv("NNRUN_DATASETS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(module, "_SYSTEM", tmp_path / "system")
    monkeypatch.setenv("NNRUN_DATASETS_URL", (tmp_path / "server").as_uri())
    return tmp_path


def fill(folder, arrays=ARRAYS, ending=".gz"):
    folder.mkdir(parents=True)
    for name, array in zip(FILES, arrays, strict=True):
        write_idx(folder / (name + ending), array)
    return folder


def sha256(arrays):
    digests = []
    for array in arrays:
        header = bytes([0, 0, 8, array.ndim])
        header += b"".join(n.to_bytes(4, "big") for n in array.shape)
        digests.append(hashlib.sha256(header + array.tobytes()).hexdigest())
    return tuple(digests)


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_chosen_folder_comes_first(places, monkeypatch, ending):
    fill(places / "system" / "mnist")
    folder = fill(places / "mine" / "mnist", ending=ending)
    monkeypatch.setenv("NNRUN_DATASETS", str(places / "mine"))
    images = load("mnist")
    assert images.where == str(folder)
    for found, expected in zip(
        (images.train_images, images.train_labels, images.test_images, images.test_labels),
        ARRAYS,
        strict=True,
    ):
        np.testing.assert_array_equal(found, expected)
    assert images.describe() == (
        f"MNIST: 6 training and 2 test images of 4x5 pixels, from {folder}"
    )


def test_chosen_folder_may_hold_the_files_itself(places, monkeypatch):
    monkeypatch.setenv("NNRUN_DATASETS", str(fill(places / "mine")))
    assert load("fashion-mnist").where == str(places / "mine")


def test_system_folder_comes_before_the_cache(places):
    fill(places / "cache/nnrun/datasets/mnist")
    assert load("mnist").where == str(places / "cache/nnrun/datasets/mnist")
    fill(places / "system" / "mnist")
    assert load("mnist").where == str(places / "system" / "mnist")


def test_incomplete_folder_is_named_with_what_it_lacks(places):
    folder = fill(places / "system" / "mnist")
    (folder / f"{FILES[2]}.gz").unlink()
    with pytest.raises(MissingDatasetError, match=rf"{folder} lacks {FILES[2]}"):
        load("mnist")


def test_nowhere_says_where_it_looked_and_where_to_put_it(places, monkeypatch):
    monkeypatch.setenv("NNRUN_DATASETS", str(places / "mine"))
    with pytest.raises(MissingDatasetError) as caught:
        load("fashion-mnist")
    message = str(caught.value)
    for part in ("mine/fashion-mnist", "system/fashion-mnist", "NNRUN_DATASETS", *FILES):
        assert part in message
    assert f"Put {FILES[0]}" in message
    assert f"into {places}/cache/nnrun/datasets/fashion-mnist" in message


def test_unknown_name():
    with pytest.raises(ValueError, match="named 'mnst'; there are fashion-mnist, mnist, kuz"):
        load("mnst")


@pytest.fixture
def served(places, monkeypatch):
    """A data set at the download address, whose published digests are those of its files."""
    folder = fill(places / "server" / "mnist")
    source = SOURCES["mnist"]
    fake = type(source)("mnist", "MNIST", source.url, sha256(ARRAYS), source.levels, source.classes)
    monkeypatch.setitem(SOURCES, "mnist", fake)
    return folder


def test_download_goes_into_the_cache(served, places):
    images = load("mnist")
    np.testing.assert_array_equal(images.test_images, ARRAYS[2])
    assert images.where.startswith(served.as_uri())
    for path in served.iterdir():
        path.unlink()
    assert load("mnist").where == str(places / "cache/nnrun/datasets/mnist")


def test_interrupted_download_goes_on(served, places):
    (served / f"{FILES[3]}.gz").rename(served / "later")
    with pytest.raises(MissingDatasetError, match=FILES[3]):
        load("mnist")
    (served / "later").rename(served / f"{FILES[3]}.gz")
    (served / f"{FILES[0]}.gz").unlink()  # it is in the cache already
    np.testing.assert_array_equal(load("mnist").train_images, ARRAYS[0])


@pytest.mark.parametrize("damage", ["other content", "truncated"])
def test_corrupt_download_is_named_and_removed(served, places, damage):
    path = served / f"{FILES[1]}.gz"
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:-3])
    else:
        write_idx(path, ARRAYS[1][::-1].copy())
    with pytest.raises(MissingDatasetError, match=rf"{FILES[1]}\.gz: .*removed"):
        load("mnist")
    left = {path.name for path in (places / "cache/nnrun/datasets/mnist").iterdir()}
    assert {name for name in left if not name.endswith(".lock")} == {f"{FILES[0]}.gz"}


@pytest.mark.parametrize(
    ("which", "array", "message"),
    [
        (1, np.arange(5, dtype=np.uint8), "has 6 images and .* 5 labels"),
        (1, np.full(6, 10, np.uint8), "label 10 found; 9 is the largest"),
        (2, np.zeros((2, 5, 5), np.uint8), r"\(4, 5\) pixels and test images of \(5, 5\)"),
        (1, ARRAYS[0], "unsigned bytes with 1 axes"),
    ],
)
def test_inconsistent_files_are_refused(places, which, array, message):
    arrays = list(ARRAYS)
    arrays[which] = array
    with pytest.raises(IdxError, match=message):
        load_images(fill(places / "folder", arrays), "mnist")


def test_no_images_at_all_are_refused(places):
    empty = (np.zeros((0, 4, 5), np.uint8), np.zeros(0, np.uint8))
    with pytest.raises(IdxError, match="there are no images"):
        load_images(fill(places / "folder", empty + ARRAYS[2:]), "mnist")


def test_another_data_set_under_this_name_is_refused(places, served):
    fill(places / "system" / "fashion-mnist")
    with pytest.raises(IdxError, match="is a file of MNIST, and Fashion-MNIST was asked for"):
        load("fashion-mnist")


def test_shipped_digits_are_the_published_ones():
    folder = module._SHIPPED / "digits"
    found = tuple(content_sha256(folder / f"{name}.gz") for name in FILES)
    assert found == SOURCES["digits"].sha256
    assert "CC BY 4.0" in (module._SHIPPED / "README.md").read_text()
    images = load("digits")
    assert (images.train_images.max(), images.test_images.max()) == (16, 16)
    # Every class is in both parts.
    assert np.bincount(images.train_labels).min() > 140
    assert np.bincount(images.test_labels).min() >= 19


@pytest.mark.parametrize(
    ("options", "shape"),
    [
        ({}, (64,)),
        ({"ndim": 2}, (8, 8)),
        ({"ndim": 3}, (1, 8, 8)),
        ({"ndim": 3, "rgb_format": True}, (3, 8, 8)),
    ],
)
def test_shapes_of_examples(options, shape):
    train, test = datasets.get_digits(**options)
    assert (len(train), len(test)) == (1497, 300)
    x, t = train[0]
    assert (x.shape, x.dtype, t.dtype) == (shape, np.float32, np.int32)


def test_options_of_examples():
    train, _ = datasets.get_digits(scale=255.0, dtype="float64", label_dtype="uint8")
    x, t = train[0]
    assert (x.dtype, t.dtype) == (np.float64, np.uint8)
    np.testing.assert_array_equal(x, load("digits").train_images[0].ravel() * (255 / 16))
    bare, _ = datasets.get_digits(withlabel=False)
    assert isinstance(bare, np.ndarray) and bare.shape == (1497, 64)
    assert (bare.min(), bare.max()) == (0, 1)


@pytest.mark.parametrize("function", [datasets.get_mnist, datasets.get_fashion_mnist])
def test_the_others_are_read_the_same_way(places, function):
    fill(places / "system" / "mnist")
    other = tuple(a.copy() for a in ARRAYS)
    other[1][0] = 7
    fill(places / "system" / "fashion-mnist", other)
    train, test = function(ndim=3)
    assert (len(train), len(test), train[0][0].shape) == (6, 2, (1, 4, 5))
    np.testing.assert_allclose(train[0][0][0], ARRAYS[0][0] / 255, rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"ndim": 4}, "1, 2 or 3 axes, not 4"), ({"rgb_format": True}, "need ndim=3, not 1")],
)
def test_wrong_options(options, message):
    with pytest.raises(ValueError, match=message):
        datasets.get_digits(**options)


def test_kuzushiji_mnist_is_known_by_the_publishers_digests(places, monkeypatch):
    folder = fill(places / "server" / "kuzushiji-mnist")
    with pytest.raises(MissingDatasetError, match="digest bdb82020997e1d708af4cf47b453dcf7 wanted"):
        load("kuzushiji-mnist")
    digests = tuple(hashlib.md5((folder / (f + ".gz")).read_bytes()).hexdigest() for f in FILES)
    source = replace(SOURCES["kuzushiji-mnist"], packed_md5=digests)
    monkeypatch.setitem(SOURCES, "kuzushiji-mnist", source)
    train, test = datasets.get_kuzushiji_mnist(ndim=3)
    assert (len(train), len(test), train[0][0].shape, train[3][1]) == (6, 2, (1, 4, 5), 3)
