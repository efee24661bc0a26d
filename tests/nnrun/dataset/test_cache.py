"""Files that are made once, whoever comes first."""

import threading
import time
from pathlib import Path

import pytest

from nnrun import dataset


@pytest.fixture
def root(tmp_path):
    dataset.set_dataset_root(tmp_path / "root")
    yield tmp_path / "root"
    dataset.set_dataset_root(None)


def test_a_data_set_s_folder(root):
    assert not root.exists()
    assert Path(dataset.get_dataset_directory("a/b", False)) == root / "a" / "b"
    assert not root.exists()
    assert Path(dataset.get_dataset_directory("a/b")).is_dir()


def test_a_file_is_made_once(tmp_path):
    path, made = tmp_path / "folder" / "file.txt", []

    def create(partial):
        made.append(partial)
        assert partial.endswith("file.txt") and not path.exists()
        time.sleep(0.05)
        Path(partial).write_text("content")
        return "content"

    def load():
        assert dataset.cache_or_load_file(path, create, lambda p: Path(p).read_text()) == "content"

    threads = [threading.Thread(target=load) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert path.read_text() == "content"


def test_a_file_that_could_not_be_made_is_not_there(tmp_path):
    def create(partial):
        Path(partial).write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        dataset.cache_or_load_file(tmp_path / "file", create, str)
    assert not (tmp_path / "file").exists()
    assert not list(tmp_path.glob(".part*"))


def test_converters():
    class Mine(dataset.Converter):
        pass

    with pytest.raises(NotImplementedError, match="Mine must define __call__"):
        Mine()([1])

    @dataset.converter()
    def joined(batch, device):
        """Joins."""
        return device, batch

    assert isinstance(joined, dataset.Converter)
    assert joined.__doc__ == "Joins."
    assert joined([1], None) == (None, [1])
    device, batch = joined([1], "numpy")
    assert device.name == "numpy" and batch == [1]
    assert isinstance(dataset.ConcatWithAsyncTransfer(), dataset.Converter)
