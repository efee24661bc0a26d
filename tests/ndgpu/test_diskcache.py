"""The disk cache returns what was stored or nothing, whatever befalls the folder."""

from __future__ import annotations

import hashlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from ndgpu import diskcache
from ndgpu.diskcache import DiskCache

KEY = hashlib.sha256(b"kernel").hexdigest()
DATA = bytes(range(256)) * 20


def key_of(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def the_file(cache: DiskCache) -> Path:
    (entry,) = cache.entries()
    return entry.path


@pytest.fixture
def cache(tmp_path: Path) -> DiskCache:
    return DiskCache(tmp_path / "cache", 1 << 20)


def test_returns_what_was_put(cache: DiskCache) -> None:
    assert cache.get(KEY) is None
    cache.put(KEY, DATA)
    assert cache.get(KEY) == DATA
    assert DiskCache(cache.root, cache.limit).get(KEY) == DATA


def test_the_last_put_wins(cache: DiskCache) -> None:
    cache.put(KEY, b"old")
    cache.put(KEY, b"")
    assert cache.get(KEY) == b""


def test_only_the_owner_may_enter(cache: DiskCache) -> None:
    cache.put(KEY, DATA)
    assert cache.root.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("key", ["", "abc", "../../etc", "ABCDEF", "abcd/ef", "g" * 8, "a" * 129])
def test_a_bad_key_is_named(cache: DiskCache, key: str) -> None:
    with pytest.raises(ValueError, match="hexadecimal digits, got"):
        cache.get(key)
    with pytest.raises(ValueError, match="hexadecimal digits, got"):
        cache.put(key, DATA)


@pytest.mark.parametrize("kept", [0, 1, 8, 51, 52, 53, 5000, len(DATA) + 51])
def test_truncated_is_absent(cache: DiskCache, kept: int) -> None:
    cache.put(KEY, DATA)
    path = the_file(cache)
    path.write_bytes(path.read_bytes()[:kept])
    assert cache.get(KEY) is None


def test_extended_is_absent(cache: DiskCache) -> None:
    cache.put(KEY, DATA)
    with the_file(cache).open("ab") as file:
        file.write(b"x")
    assert cache.get(KEY) is None


def test_any_flipped_bit_is_absent(cache: DiskCache) -> None:
    cache.put(KEY, b"some machine code")
    path = the_file(cache)
    good = path.read_bytes()
    for bit in range(8 * len(good)):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        path.write_bytes(bad)
        assert cache.get(KEY) is None, f"bit {bit}"
    path.write_bytes(good)
    assert cache.get(KEY) == b"some machine code"


def test_foreign_content_is_absent_then_replaced(cache: DiskCache) -> None:
    cache.put(KEY, DATA)
    the_file(cache).write_bytes(b"\x7fELF" + bytes(500))
    assert cache.get(KEY) is None
    cache.put(KEY, DATA)
    assert cache.get(KEY) == DATA


def test_an_entry_under_another_name_is_absent(cache: DiskCache) -> None:
    cache.put(KEY, DATA)
    other = KEY[:-1] + ("0" if KEY[-1] != "0" else "1")
    path = the_file(cache)
    path.rename(path.with_name(other[2:] + ".entry"))
    assert cache.get(other) is None


def test_a_folder_in_the_entry_s_place_is_harmless(cache: DiskCache) -> None:
    cache.put(KEY, DATA)
    path = the_file(cache)
    path.unlink()
    path.mkdir()
    assert cache.get(KEY) is None
    cache.put(KEY, DATA)
    assert cache.get(KEY) is None
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_eviction_removes_what_was_used_longest_ago(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path, 10_000)
    for number in range(8):
        cache.put(key_of(number), bytes(1000))
    assert cache.get(key_of(0)) is not None  # now the youngest
    for number in range(8, 12):
        cache.put(key_of(number), bytes(1000))
    assert sum(entry.nbytes for entry in cache.entries()) <= 10_000
    assert cache.get(key_of(1)) is None
    assert cache.get(key_of(0)) is not None
    assert cache.get(key_of(11)) is not None


def test_eviction_sees_what_others_wrote(tmp_path: Path) -> None:
    for number in range(6):
        DiskCache(tmp_path, 1 << 20).put(key_of(number), bytes(1000))
    small = DiskCache(tmp_path, 3_000)
    small.put(key_of(6), bytes(1000))
    assert sum(entry.nbytes for entry in small.entries()) <= 3_000
    assert small.get(key_of(6)) is not None


def test_a_large_folder_is_looked_at_by_one_process_for_all(tmp_path: Path) -> None:
    first = DiskCache(tmp_path, 200 << 20)
    first.put(key_of(0), bytes(70 << 20))
    for number in range(1, 66):  # the second look finds a large folder, and says so
        first.put(key_of(number), b"")
    looks = []
    other = DiskCache(tmp_path, 200 << 20)
    other._scan = lambda: looks.append(1)  # type: ignore[method-assign]
    other.put(key_of(100), b"")
    assert looks == []
    os.utime(tmp_path / "tally", (0, 0))
    third = DiskCache(tmp_path, 200 << 20)
    third._scan = lambda: looks.append(1)  # type: ignore[method-assign]
    third.put(key_of(101), b"")
    assert looks == [1]
    assert len(list(third.entries())) == 68


def test_more_than_the_limit_is_not_stored(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path, 500)
    cache.put(KEY, b"small")
    cache.put(key_of(1), bytes(1000))
    assert cache.get(key_of(1)) is None
    assert cache.get(KEY) == b"small"


def test_foreign_files_survive_eviction_and_clear(tmp_path: Path) -> None:
    (tmp_path / "ab").mkdir()
    foreign = [tmp_path / "notes.txt", tmp_path / "ab" / "x.entry", tmp_path / "ab" / "notes"]
    for path in foreign:
        path.write_bytes(bytes(3000))
    cache = DiskCache(tmp_path, 2_000)
    for number in range(4):
        cache.put(key_of(number), bytes(800))
    cache.clear()
    assert list(cache.entries()) == []
    assert all(path.exists() for path in foreign)


def test_abandoned_temporary_files_are_removed(cache: DiskCache) -> None:
    cache.put(KEY, DATA)
    folder = the_file(cache).parent
    dead, alive = folder / "00.entry.1.aa.tmp", folder / "00.entry.2.bb.tmp"
    dead.write_bytes(b"half")
    alive.write_bytes(b"half")
    long_ago = time.time() - 86_400
    os.utime(dead, (long_ago, long_ago))
    DiskCache(cache.root, cache.limit).put(key_of(1), DATA)
    assert not dead.exists()
    assert alive.exists()


def test_an_impossible_folder_is_noted_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_bytes(b"")
    cache = DiskCache(tmp_path / "file" / "cache", 1 << 20)
    with caplog.at_level(logging.INFO, logger="ndgpu.diskcache"):
        for number in range(3):
            cache.put(key_of(number), DATA)
            assert cache.get(key_of(number)) is None
    assert len(caplog.records) == 1
    assert str(cache.root) in caplog.text


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_still_serves(cache: DiskCache) -> None:
    cache.put(KEY, DATA)
    folders = [cache.root, the_file(cache).parent]
    for folder in folders:
        folder.chmod(0o500)
    try:
        reader = DiskCache(cache.root, cache.limit)
        assert reader.get(KEY) == DATA
        reader.put(key_of(1), DATA)
        assert reader.get(key_of(1)) is None
    finally:
        for folder in folders:
            folder.chmod(0o700)


def test_a_full_disk_leaves_nothing_behind(
    cache: DiskCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: object, target: object) -> None:
        raise OSError(28, "No space left on device")

    cache.put(KEY, b"before")
    monkeypatch.setattr(os, "replace", full)
    cache.put(KEY, DATA)
    monkeypatch.undo()
    assert cache.get(KEY) == b"before"
    assert len(list(the_file(cache).parent.iterdir())) == 1


def test_an_entry_tells_its_origin(cache: DiskCache) -> None:
    cache.put(KEY, DATA, {"name": "f", "kind": "image"})
    cache.put(key_of(1), DATA)
    told = {entry.key: entry.origin() for entry in cache.entries()}
    assert told == {KEY: {"name": "f", "kind": "image"}, key_of(1): {}}
    assert cache.get(KEY) == DATA
    the_path = next(entry.path for entry in cache.entries() if entry.key == KEY)
    the_path.write_bytes(b"something else")
    assert next(entry for entry in cache.entries() if entry.key == KEY).origin() == {}


def test_damaged_entries_are_found_and_evicted(cache: DiskCache) -> None:
    for number in range(3):
        cache.put(key_of(number), DATA)
    bad = next(entry for entry in cache.entries() if entry.key == key_of(1))
    bad.path.write_bytes(bad.path.read_bytes()[:-1])
    found = list(cache.damaged())
    assert [entry.key for entry in found] == [key_of(1)]
    cache.evict(found)
    cache.evict(found)
    assert {entry.key for entry in cache.entries()} == {key_of(0), key_of(2)}
    assert not list(cache.damaged())


def test_threads(cache: DiskCache) -> None:
    wrong: list[bytes] = []

    def work(seed: int) -> None:
        for turn in range(50):
            key = key_of(turn % 5)
            cache.put(key, key.encode() * (seed + 1))
            got = cache.get(key)
            if got is not None and got.replace(key.encode(), b""):
                wrong.append(got)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert all(cache.get(key_of(number)) is not None for number in range(5))


WRITER = """
import hashlib, pathlib, sys
from ndgpu.diskcache import DiskCache
cache = DiskCache(pathlib.Path(sys.argv[1]), int(sys.argv[2]))
print("started", flush=True)
turn = 0
while turn < int(sys.argv[3]):
    key = hashlib.sha256(str(turn % 7).encode()).hexdigest()
    cache.put(key, key.encode() * (1 + turn % 500))
    got = cache.get(key)
    assert got is None or got.replace(key.encode(), b"") == b"", key
    turn += 1
"""


def writers(root: Path, count: int, limit: int, turns: int) -> list[subprocess.Popen[str]]:
    return [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(root), str(limit), str(turns)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(count)
    ]


def test_processes_that_write_and_evict_at_once(tmp_path: Path) -> None:
    for process in writers(tmp_path, 4, 60_000, 150):
        process.communicate()
        assert process.returncode == 0


def test_kill_leaves_no_visible_half_entry(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path, 1 << 30)
    for delay in (0.0, 0.003, 0.011, 0.02):
        running = writers(tmp_path, 2, 1 << 30, 10**9)
        for process in running:
            assert process.stdout is not None
            process.stdout.readline()
        time.sleep(delay)
        for process in running:
            process.send_signal(signal.SIGKILL)
            process.communicate()
        for entry in cache.entries():
            data = cache.get(entry.key)
            assert data is not None
            assert data.replace(entry.key.encode(), b"") == b""


def test_default_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NDGPU_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("NDGPU_CACHE_LIMIT", "2KiB")
    cache = diskcache.default()
    assert (cache.root, cache.limit) == (tmp_path, 2048)
    assert diskcache.default() is cache
    monkeypatch.setenv("NDGPU_CACHE_LIMIT", "lots")
    with pytest.raises(ValueError, match="NDGPU_CACHE_LIMIT='lots'"):
        diskcache.default()
