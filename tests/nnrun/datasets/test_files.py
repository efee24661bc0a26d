"""Pictures and text in files of one's own, and the Penn Treebank's."""

import hashlib
import zipfile

import numpy as np
import pytest
from PIL import Image

from nnrun import datasets
from nnrun.datasets import ImageDataset, LabeledImageDataset, TextDataset, ptb
from nnrun.iterators import MultiprocessIterator


@pytest.fixture
def pictures(tmp_path):
    rng = np.random.default_rng(0)
    arrays = {
        "colour.png": rng.integers(0, 256, (4, 6, 3)),
        "grey.png": rng.integers(0, 256, (5, 2)),
        "with blank.png": rng.integers(0, 256, (3, 3, 4)),
    }
    for name, array in arrays.items():
        Image.fromarray(array.astype(np.uint8)).save(tmp_path / name)
    return arrays


def test_pictures(pictures, tmp_path):
    (tmp_path / "list").write_text("\n".join(pictures) + "\n\n")
    for paths in (list(pictures), tmp_path / "list"):
        dataset = ImageDataset(paths, root=tmp_path)
        assert len(dataset) == 3
        for found, array in zip(dataset[:], pictures.values(), strict=True):
            assert found.dtype == np.float32
            expected = array.transpose(2, 0, 1) if array.ndim == 3 else array[None]
            np.testing.assert_array_equal(found, expected)


def test_labelled_pictures(pictures, tmp_path):
    (tmp_path / "list").write_text("colour.png 3\nwith blank.png\t1\n")
    for pairs in ([("colour.png", 3), ("with blank.png", 1)], str(tmp_path / "list")):
        dataset = LabeledImageDataset(pairs, tmp_path, np.float64)
        x, t = dataset[1]
        assert (len(dataset), x.shape, x.dtype, t, t.dtype) == (2, (4, 3, 3), "d", 1, "i")


def test_files_that_are_no_pictures(tmp_path):
    (tmp_path / "x.png").write_bytes(b"no")
    with pytest.raises(ValueError, match=r"x\.png' is no picture"):
        ImageDataset(["x.png"], tmp_path)[0]
    with pytest.raises(FileNotFoundError, match="nowhere"):
        ImageDataset(["nowhere"], tmp_path)[0]
    (tmp_path / "list").write_text("a.png 1\nb.png\n")
    with pytest.raises(ValueError, match=r"line 2: a path and a label are wanted, not 'b\.png'"):
        LabeledImageDataset(tmp_path / "list")


def test_text(tmp_path):
    (tmp_path / "a").write_bytes("eins\r\n\nzwölf\nende".encode())
    (tmp_path / "b").write_bytes("one\n\ntwelve ½\nend\n".encode("latin-1"))
    single = TextDataset(tmp_path / "a")
    assert single[:] == ["eins", "", "zwölf", "ende"]
    both = TextDataset([tmp_path / "a", tmp_path / "b"], ["utf-8", "latin-1"])
    assert both[2] == ("zwölf", "twelve ½")
    kept = TextDataset(
        [tmp_path / "a", tmp_path / "b"], ["utf-8", "latin-1"], "replace", lambda a, b: len(a) == 4
    )
    assert kept[:] == [("eins", "one"), ("ende", "end")]
    with MultiprocessIterator(single, 4, shuffle=False, n_processes=2) as iterator:
        assert next(iterator) == single[:]


def test_texts_that_do_not_go_together(tmp_path):
    (tmp_path / "a").write_text("1\n2\n")
    (tmp_path / "b").write_text("1\n")
    with pytest.raises(ValueError, match="numbers of lines differ"):
        TextDataset([tmp_path / "a", tmp_path / "b"])
    with pytest.raises(ValueError, match="1 files and 2 encodings"):
        TextDataset(tmp_path / "a", ["utf-8", "ascii"])


def test_penn_treebank(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("NNRUN_DATASETS", raising=False)
    monkeypatch.setenv("NNRUN_DATASETS_URL", (tmp_path / "server").as_uri())
    folder = tmp_path / "server" / "ptb"
    folder.mkdir(parents=True)
    texts = [" a b a \n c \n", " b d \n", " a \n"]
    for name, text in zip(ptb._FILES, texts, strict=True):
        (folder / name).write_text(text)
    digests = {n: hashlib.md5((folder / n).read_bytes()).hexdigest() for n in ptb._FILES}
    with pytest.raises(OSError, match="the file has been removed"):
        datasets.get_ptb_words()
    monkeypatch.setattr(ptb, "_FILES", digests)
    vocabulary = datasets.get_ptb_words_vocabulary()
    assert vocabulary == {"a": 0, "b": 1, "<eos>": 2, "c": 3, "d": 4}
    train, val, test = datasets.get_ptb_words()
    assert train.tolist() == [0, 1, 0, 2, 3, 2]
    assert (val.tolist(), test.tolist(), train.dtype) == ([1, 4, 2], [0, 2], np.int32)
    (folder / "x").write_bytes(b"\xff")
    with pytest.raises(ValueError, match="x' is no text in UTF-8"):
        ptb.read_words(folder / "x")


# -- zip files ----------------------------------------------------------------------------


@pytest.fixture
def archive(pictures, tmp_path):
    path = tmp_path / "pictures.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.mkdir("folder") if hasattr(file, "mkdir") else file.writestr("folder/", "")
        for name in reversed(pictures):
            file.write(tmp_path / name, name)
    return path


def test_zipped_pictures(pictures, archive, tmp_path):
    dataset = datasets.ZippedImageDataset(archive, np.float64)
    several = datasets.MultiZippedImageDataset([archive, str(archive)], np.float64)
    plain = ImageDataset(sorted(pictures), tmp_path, np.float64)
    assert (len(dataset), len(several)) == (3, 6)
    for i in range(3):
        for found in (dataset[i], several[i], several[i + 3]):
            assert found.dtype == np.float64
            np.testing.assert_array_equal(found, plain[i])
    assert len(datasets.MultiZippedImageDataset([])) == 0


def test_labelled_zipped_pictures(archive, tmp_path):
    (tmp_path / "labels").write_text("with blank.png 4\ncolour.png 1\n")
    dataset = datasets.LabeledZippedImageDataset(archive, tmp_path / "labels")
    assert [(x.shape, int(t)) for x, t in dataset] == [((4, 3, 3), 4), ((3, 4, 6), 1)]
    (tmp_path / "labels").write_text("missing.png 4\n")
    with pytest.raises(ValueError, match=r"pictures\.zip' has no 'missing\.png'"):
        datasets.LabeledZippedImageDataset(archive, tmp_path / "labels")


def test_zipped_pictures_in_processes(archive):
    dataset = datasets.ZippedImageDataset(archive)
    expected = [x.sum() for x in dataset]
    for method in ("fork", "spawn"):
        iterator = MultiprocessIterator(
            dataset, 1, repeat=False, shuffle=False, n_processes=2, start_method=method
        )
        assert [batch[0].sum() for batch in iterator] == expected
        iterator.finalize()


def test_damaged_zip_files(archive, tmp_path):
    (tmp_path / "no.zip").write_bytes(b"PK no")
    with pytest.raises(ValueError, match=r"no\.zip' is no zip file"):
        datasets.ZippedImageDataset(tmp_path / "no.zip")
    with zipfile.ZipFile(tmp_path / "text.zip", "w") as file:
        file.writestr("x.png", "no picture")
    with pytest.raises(ValueError, match=r"text\.zip: x\.png' is no picture"):
        datasets.ZippedImageDataset(tmp_path / "text.zip")[0]
    data = bytearray(archive.read_bytes())
    at = data.index(b"IDAT")
    data[at + 8 : at + 16] = b"\0" * 8
    archive.write_bytes(data)
    with pytest.raises(ValueError, match=r"can't be read|is no picture"):
        datasets.ZippedImageDataset(archive)[:]
