"""Bytes kept on disk by key, shared by every process of a user: compiled kernels.

What it guarantees:

* `DiskCache.get` returns exactly the bytes that some `DiskCache.put` of the same
  key was given, or None.  An entry that is truncated, altered, of another
  format, or stored under another key's name counts as absent.
* An entry appears whole or not at all: it is written beside its place and
  renamed.  Threads, processes, ``kill -9`` and full disks cannot show half of
  one.
* Neither method raises because of the state of the disk.  A folder that cannot
  be written means that nothing is kept; the first failure of each cache is
  logged (logger ``ndgpu.diskcache``).
* An entry tells its origin (what it was made from, when and for what) and when it was
  used last, without its bytes being read.
* Past its limit the cache removes the entries used longest ago.  Several
  processes may overshoot by what each wrote since it last looked.  Files that
  are not the cache's own are never removed.

The checksum finds damage, not malice: the folder holds machine code, so it is
made readable and writable by its owner alone.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import logging
import os
import re
import secrets
import struct
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ndgpu import config

__all__ = ["DiskCache", "Entry", "default"]

_MAGIC = b"NDGPUdc2"  # the last character is the version of this format
# Magic; checksum of key, origin and data; lengths of origin and data.
_HEAD = struct.Struct("<8s32sIQ")
_KEY = re.compile(r"[0-9a-f]{4,128}")
_SUFFIX = ".entry"
_TEMPORARY = ".tmp"
_ABANDONED_S = 3600.0  # a temporary file this old belongs to a process that died
_PUTS_PER_SCAN = 64  # other processes write too: look at the folder again this often
# A look at a large folder takes long; what it found holds for other processes too for a while,
# where there is room.
_TALLY = "tally"
_TALLY_S = 600.0
_LARGE = 64 << 20
_ROOMY = 0.8
_KEPT = 0.9  # share of the limit that an eviction leaves, so that it is rare

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Entry:
    """One stored entry as the folder shows it, its bytes not checked."""

    key: str
    path: Path
    nbytes: int
    last_use: float

    def origin(self) -> dict[str, str]:
        """Read what `DiskCache.put` was told of where the entry comes from; unchecked.

        Empty where it was told nothing, or the file is not a whole entry.
        """
        with contextlib.suppress(OSError, ValueError, struct.error), open(self.path, "rb") as file:
            magic, _, length, _ = _HEAD.unpack(file.read(_HEAD.size))
            found = json.loads(file.read(length) or b"{}") if magic == _MAGIC else None
            if isinstance(found, dict):
                return {str(name): str(text) for name, text in found.items()}
        return {}


def _checksum(key: str, origin: bytes, data: bytes) -> bytes:
    digest = hashlib.blake2b(key.encode(), digest_size=32)
    digest.update(b"\0")
    digest.update(origin)
    digest.update(data)
    return digest.digest()


def _data_of(key: str, content: bytes) -> bytes | None:
    """The data in a file's content; None unless it is an entry of this key, whole and unaltered."""
    if len(content) < _HEAD.size:
        return None
    magic, checksum, length, size = _HEAD.unpack_from(content)
    start = _HEAD.size + length
    origin, data = content[_HEAD.size : start], content[start:]
    if magic != _MAGIC or len(origin) != length or size != len(data):
        return None
    return data if checksum == _checksum(key, origin, data) else None


class DiskCache:
    """A folder of entries, each some bytes under a hexadecimal key.

    Parameters
    ----------
    root : pathlib.Path
        The folder; made at the first `put`.
    limit : int
        Size in bytes past which the entries used longest ago are removed.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     cache = DiskCache(pathlib.Path(folder), limit=1 << 20)
    ...     cache.put("00c0ffee", b"machine code")
    ...     cache.get("00c0ffee"), cache.get("deadbeef")
    (b'machine code', None)
    """

    def __init__(self, root: Path, limit: int) -> None:
        self.root = Path(root)
        self.limit = int(limit)
        # No lock guards these: a lost update costs one scan more or less, while a
        # lock held during a fork would hang the child.
        self._estimate = 0
        self._puts_until_scan = 0
        self._noted = False

    def __repr__(self) -> str:
        return f"DiskCache({str(self.root)!r}, limit={self.limit})"

    def get(self, key: str) -> bytes | None:
        """Return the bytes stored under `key`, or None; marks the entry as used.

        Parameters
        ----------
        key : str
            Lower-case hexadecimal digits, 4 to 128 of them.

        Raises
        ------
        ValueError
            If `key` is anything else.
        """
        path = self._path(key)
        try:
            content = path.read_bytes()
        except OSError:
            return None
        data = _data_of(key, content)
        if data is None:
            return None
        now = time.time_ns()
        # A read-only cache still serves; its entries merely do not get younger.
        with contextlib.suppress(OSError):
            os.utime(path, ns=(now, now))
        return data

    def put(self, key: str, data: bytes, origin: Mapping[str, str] | None = None) -> None:
        """Store `data` under `key`, in place of what was there.

        Parameters
        ----------
        key : str
            Lower-case hexadecimal digits, 4 to 128 of them.
        data : bytes
            What `get` shall return.  More than the whole limit is not stored.
        origin : mapping of str to str, optional
            What `Entry.origin` shall tell: no part of what `get` returns.

        Raises
        ------
        ValueError
            If `key` is not such a key.
        """
        path = self._path(key)
        told = json.dumps(dict(origin)).encode() if origin else b""
        nbytes = _HEAD.size + len(told) + len(data)
        if nbytes > self.limit:
            return
        head = _HEAD.pack(_MAGIC, _checksum(key, told, data), len(told), len(data)) + told
        try:
            self._write(path, head, data)
        except OSError as error:
            if not self._noted:
                self._noted = True
                _log.warning(
                    "%s cannot be written (%s): compiled kernels are not kept", self.root, error
                )
            return
        self._estimate += nbytes
        self._puts_until_scan -= 1
        if self._estimate > self.limit or (self._puts_until_scan < 0 and not self._tallied()):
            self._scan()

    def entries(self) -> Iterator[Entry]:
        """Yield each entry of the folder, in no particular order."""
        for path, status in self._files():
            if path.name.endswith(_SUFFIX):
                key = path.parent.name + path.name.removesuffix(_SUFFIX)
                if _KEY.fullmatch(key):
                    yield Entry(key, path, status.st_size, status.st_mtime_ns / 1e9)

    def clear(self) -> None:
        """Remove every entry."""
        for entry in self.entries():
            _remove(entry.path)
        self._estimate = 0

    def evict(self, entries: Iterable[Entry]) -> None:
        """Remove some entries; one that is gone already is no error."""
        for entry in entries:
            _remove(entry.path)

    def damaged(self) -> Iterator[Entry]:
        """Yield each entry that `get` would not return: altered, cut short, of another format."""
        for entry in self.entries():
            try:
                content = entry.path.read_bytes()
            except OSError:
                continue  # another process removed it
            if _data_of(entry.key, content) is None:
                yield entry

    def _path(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise ValueError(
                f"DiskCache: a key is 4 to 128 lower-case hexadecimal digits, got {key!r}"
            )
        return self.root / key[:2] / (key[2:] + _SUFFIX)

    def _write(self, path: Path, head: bytes, data: bytes) -> None:
        # os.makedirs gives its mode to the last folder only, and the root is the one
        # that must keep other users out.
        os.makedirs(self.root, mode=0o700, exist_ok=True)
        os.makedirs(path.parent, mode=0o700, exist_ok=True)
        temporary = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(8)}{_TEMPORARY}")
        try:
            with open(temporary, "xb") as file:
                file.write(head)
                file.write(data)
            os.replace(temporary, path)
        except BaseException:
            _remove(temporary)
            raise

    def _files(self) -> Iterator[tuple[Path, os.stat_result]]:
        """Every file in a two-digit subfolder; what vanishes meanwhile is skipped."""
        try:
            folders = list(os.scandir(self.root))
        except OSError:
            return
        for folder in folders:
            if not re.fullmatch("[0-9a-f]{2}", folder.name):
                continue
            try:
                files = list(os.scandir(folder.path))
            except OSError:
                continue
            for file in files:
                try:
                    if file.is_file(follow_symlinks=False):
                        yield Path(file.path), file.stat(follow_symlinks=False)
                except OSError:
                    continue

    def _tallied(self) -> bool:
        """Take over what another look at the folder found, if it is recent and leaves room."""
        path = self.root / _TALLY
        try:
            recent = time.time() - path.stat().st_mtime < _TALLY_S
            total = int(path.read_text())
        except (OSError, ValueError):
            return False
        if not recent or not _LARGE < total < _ROOMY * self.limit:
            return False
        self._estimate = max(self._estimate, total)
        self._puts_until_scan = _PUTS_PER_SCAN
        return True

    def _scan(self) -> None:
        """Measure the folder, clear up after dead processes, evict past the limit."""
        oldest_alive = time.time() - _ABANDONED_S
        for path, status in self._files():
            if path.name.endswith(_TEMPORARY) and status.st_mtime < oldest_alive:
                _remove(path)
        entries = sorted(self.entries(), key=lambda entry: entry.last_use)
        total = sum(entry.nbytes for entry in entries)
        if total > self.limit:
            for entry in entries:
                if total <= self.limit * _KEPT:
                    break
                _remove(entry.path)
                total -= entry.nbytes
        self._estimate = total
        self._puts_until_scan = _PUTS_PER_SCAN
        with contextlib.suppress(OSError):  # half a number would be no harm: it is an estimate
            (self.root / _TALLY).write_text(str(total))


def _remove(path: Path) -> None:
    """Remove a file that another process may be removing too."""
    with contextlib.suppress(OSError):
        os.unlink(path)


@functools.lru_cache(maxsize=8)
def _open(root: Path, limit: int) -> DiskCache:
    return DiskCache(root, limit)


def default() -> DiskCache:
    """Return the cache that ``NDGPU_CACHE_DIR`` and ``NDGPU_CACHE_LIMIT`` ask for.

    The variables are read at each call; the same values give the same object.

    Raises
    ------
    ValueError
        If ``NDGPU_CACHE_LIMIT`` cannot be understood.
    """
    return _open(config.value("NDGPU_CACHE_DIR"), config.value("NDGPU_CACHE_LIMIT"))
