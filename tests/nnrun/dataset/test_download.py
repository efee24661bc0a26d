"""Downloads are whole and checked, go on where they broke, and leave nothing else behind."""

import hashlib
import http.server
import threading

import pytest

from nnrun.dataset import cached_download, get_dataset_root, set_dataset_root
from nnrun.dataset.download import ChecksumError, DownloadError, atomic_write, download

CONTENT = bytes(range(256)) * 1000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        start = 0
        server.ranges.append(self.headers.get("Range"))
        if self.path == "/gone":
            self.send_error(404)
            return
        asked = self.headers.get("Range")
        if asked and self.path != "/noranges":
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            if start >= len(CONTENT):
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        rest = CONTENT[start:]
        if server.breaks_after is not None:
            rest, server.breaks_after = rest[: server.breaks_after], None
        self.wfile.write(rest)

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.ranges, server.breaks_after = [], None
        server.url = f"http://127.0.0.1:{server.server_port}/file"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def test_file_comes_whole(server, tmp_path):
    target = tmp_path / "deep" / "file"
    download(server.url, target, DIGEST)
    assert target.read_bytes() == CONTENT
    download(server.url, target, DIGEST)  # it is there: not asked for again
    assert len(server.ranges) == 1


@pytest.mark.parametrize("path", ["/file", "/noranges"])
def test_broken_transfer_goes_on(server, tmp_path, path):
    url = server.url.replace("/file", path)
    server.breaks_after = 1000
    target = tmp_path / "file"
    with pytest.raises(DownloadError, match="after 1000 of 256000 bytes"):
        download(url, target, DIGEST)
    assert not target.exists()
    download(url, target, DIGEST)
    assert target.read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=1000-"]


def test_wholly_fetched_but_unchecked_file_is_taken(server, tmp_path):
    (tmp_path / "file.part").write_bytes(CONTENT)
    download(server.url, tmp_path / "file", DIGEST)
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_wrong_content_is_removed(server, tmp_path):
    with pytest.raises(ChecksumError, match=rf"digest {'0' * 64} wanted, {DIGEST} came"):
        download(server.url, tmp_path / "file", "0" * 64)
    assert [path.name for path in tmp_path.iterdir()] == ["file.part.lock"]


def test_too_long_is_refused(server, tmp_path):
    with pytest.raises(DownloadError, match="longer than the 1000 bytes"):
        download(server.url, tmp_path / "file", limit=1000)
    assert not (tmp_path / "file.part").exists()


def test_server_error_is_named(server, tmp_path):
    with pytest.raises(DownloadError, match=r"/gone: the server answered 404"):
        download(server.url.replace("/file", "/gone"), tmp_path / "file")


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/x", "file:///no/such/file", "nonsense"])
def test_unreachable_is_named(url, tmp_path):
    with pytest.raises(DownloadError, match=url.replace(".", r"\.")):
        download(url, tmp_path / "file")


def test_unwritable_target_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DownloadError, match="cannot be saved"):
        download("file:///dev/null", tmp_path / "file" / "inside")


def test_two_at_once_fetch_once(server, tmp_path):
    target = tmp_path / "file"
    arguments = (server.url, target, DIGEST)
    threads = [threading.Thread(target=download, args=arguments) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert target.read_bytes() == CONTENT
    assert len(server.ranges) == 1


def test_root_follows_the_settings(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert get_dataset_root() == str(tmp_path / "nnrun" / "datasets")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert get_dataset_root() == "/home/somebody/.cache/nnrun/datasets"


def test_cached_download_fetches_once(server, tmp_path):
    set_dataset_root(tmp_path)
    try:
        first = cached_download(server.url)
        assert cached_download(server.url, DIGEST) == first
    finally:
        set_dataset_root(None)
    assert first.startswith(str(tmp_path / "_downloads"))
    assert len(server.ranges) == 1


def test_atomic_write_leaves_the_old_file_after_an_error(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), atomic_write(path, "w") as file:
        file.write("half of the new")
        1 / 0
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    with atomic_write(path) as file:
        file.write(b"new")
    assert path.read_bytes() == b"new"
    other = tmp_path / "other"
    other.touch()
    assert path.stat().st_mode == other.stat().st_mode
