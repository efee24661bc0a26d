"""The user's cache folder of data sets, and downloads into it that are whole or not there.

`download` guarantees that the file it leaves has the wanted digest; that a
transfer which broke is taken up where it stopped; that a file whose digest is
wrong is removed; and that several processes may ask for the same file at once.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

__all__ = [
    "ChecksumError",
    "DownloadError",
    "atomic_write",
    "cache_or_load_file",
    "cached_download",
    "download",
    "get_dataset_directory",
    "get_dataset_root",
    "md5_of",
    "set_dataset_root",
]

_CHUNK = 1 << 20
_root: Path | None = None


class DownloadError(OSError):
    """A file could not be fetched; says which, from where, and why."""


class ChecksumError(DownloadError):
    """A fetched file was not the wanted one; it has been removed."""


def get_dataset_root() -> str:
    """Return the folder that downloaded data sets are kept in.

    What `set_dataset_root` was given, else ``nnrun/datasets`` in the user's cache
    folder (``XDG_CACHE_HOME``, else ``~/.cache``).

    Examples
    --------
    >>> get_dataset_root().endswith("datasets")
    True
    """
    if _root is not None:
        return str(_root)
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(cache, "nnrun", "datasets")


def set_dataset_root(path: str | os.PathLike[str] | None) -> None:
    """Keep downloaded data sets in another folder.

    Parameters
    ----------
    path : path or None
        The folder, made when first needed; ``None`` returns to the default.
    """
    global _root
    _root = None if path is None else Path(path)


def get_dataset_directory(dataset_name: str, create_directory: bool = True) -> str:
    """Return the folder of one data set in the `get_dataset_root` folder.

    Parameters
    ----------
    dataset_name : str
        The data set's; ``a/b`` is a folder in a folder.
    create_directory : bool, default True
        Whether it is made if there is none.

    Examples
    --------
    >>> get_dataset_directory("mine", create_directory=False).endswith("mine")
    True
    """
    folder = os.path.join(get_dataset_root(), *dataset_name.split("/"))
    if create_directory:
        os.makedirs(folder, exist_ok=True)
    return folder


def cache_or_load_file(
    path: str | os.PathLike[str],
    creator: Callable[[str], Any],
    loader: Callable[[str], Any],
) -> Any:
    """Return what a file holds, making the file the first time.

    The file appears under its name whole.  Threads and processes that come at the same time
    wait for the one that makes it.

    Parameters
    ----------
    path : path
        The file's.
    creator : callable
        ``creator(path)`` writes the file at a path for the time being, and returns its content.
    loader : callable
        ``loader(path)`` returns the content of a file that is there.

    Returns
    -------
    object
        What either returned.

    Examples
    --------
    >>> import numpy as np
    >>> def create(path):
    ...     print("made")
    ...     np.savez(path, x=np.arange(3))
    ...     return np.arange(3)
    >>> for _ in range(2):
    ...     cache_or_load_file("numbers.npz", create, lambda path: np.load(path)["x"])
    made
    array([0, 1, 2])
    array([0, 1, 2])
    """
    target = Path(path)
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        # The ending stays the same: a function that saves may go by it.
        partial = target.with_name(f".part-{os.getpid()}-{os.urandom(4).hex()}-{target.name}")
        with _locked(target.with_name(f".{target.name}")):
            if not target.exists():
                try:
                    content = creator(str(partial))
                    os.replace(partial, target)
                finally:
                    partial.unlink(missing_ok=True)
                return content
    return loader(str(target))


def cached_download(url: str, sha256: str | None = None) -> str:
    """Return the path of a downloaded file, fetching it the first time.

    Parameters
    ----------
    url : str
        Where the file is: ``http``, ``https``, ``ftp`` or ``file``.
    sha256 : str, optional
        The digest it must have, in hexadecimal.

    Returns
    -------
    str
        A file in ``_downloads`` of the `get_dataset_root` folder.

    Raises
    ------
    DownloadError
        If it cannot be fetched.
    ChecksumError
        If what came has another digest.
    """
    import hashlib

    folder = Path(get_dataset_root()) / "_downloads"
    target = folder / hashlib.sha256(url.encode()).hexdigest()[:32]
    if not target.exists():
        download(url, target, sha256)
    return str(target)


@contextlib.contextmanager
def atomic_write(path: Path, mode: str = "wb") -> Iterator[IO[Any]]:
    """Write a file that appears whole, under its name, only if the block succeeds.

    Parameters
    ----------
    path : Path
        The file; it replaces one that exists.
    mode : str, default "wb"
        ``wb``, or ``w`` for UTF-8 text.
    """
    name = path.with_name(f".{path.name}.{os.getpid()}-{os.urandom(4).hex()}.part")
    # Not tempfile's: its files are for their owner alone, and a result is as readable as others.
    handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with os.fdopen(handle, mode, encoding=None if "b" in mode else "utf-8") as file:
            yield file
        os.replace(name, path)
    except BaseException:
        name.unlink(missing_ok=True)
        raise


def download(
    url: str,
    target: Path,
    sha256: str | None = None,
    *,
    timeout: float = 10.0,
    limit: int = 1 << 32,
    digest_of: Callable[[Path], str] | None = None,
) -> None:
    """Fetch one file, whole and checked, or raise and leave nothing under its name.

    Parameters
    ----------
    url : str
        Where it is.
    target : Path
        Where it goes; folders are made.
    sha256 : str, optional
        The digest wanted: SHA-256, or what `digest_of` computes.
    timeout : float, default 10
        Seconds that the connection may stay silent.
    limit : int, default 4 GiB
        Most bytes taken.
    digest_of : callable, optional
        Computes the digest of the fetched file, for digests that are of its content
        rather than of its compressed bytes; its errors count as a wrong digest.

    Raises
    ------
    DownloadError
        If the transfer fails; what came is kept, and the next call goes on from there.
    ChecksumError
        If the digest is wrong; the file is removed.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(target.name + ".part")
        with _locked(partial):
            if target.exists():  # another process was faster
                return
            _fetch(url, partial, timeout, limit)
            if sha256 is not None:
                _require_digest(url, partial, sha256, digest_of or _sha256_of)
            os.replace(partial, target)
    except DownloadError:
        raise
    except OSError as error:
        raise DownloadError(f"{url}: cannot be saved as {target}: {error}") from error


@contextlib.contextmanager
def _locked(partial: Path) -> Iterator[None]:
    import fcntl

    with open(partial.with_name(partial.name + ".lock"), "ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fetch(url: str, partial: Path, timeout: float, limit: int) -> None:
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    have = partial.stat().st_size if partial.exists() else 0
    try:
        request = Request(url, headers={"User-Agent": "nnrun"})
        if have:
            request.add_header("Range", f"bytes={have}-")
        with urlopen(request, timeout=timeout) as response:
            resumed = have > 0 and _starts_at(response, have)
            size = have if resumed else 0
            expected = _expected_size(response, size)
            with open(partial, "ab" if resumed else "wb") as file:
                while chunk := response.read(_CHUNK):
                    size += len(chunk)
                    if size > limit:
                        raise DownloadError(f"{url}: longer than the {limit} bytes allowed")
                    file.write(chunk)
    except HTTPError as error:
        if error.code == 416:  # the partial file is as long as the whole: no such range is left
            return
        raise DownloadError(f"{url}: the server answered {error.code} {error.reason}") from error
    except DownloadError:
        partial.unlink(missing_ok=True)
        raise
    except (OSError, ValueError, HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise DownloadError(f"{url}: {reason}") from error
    if expected is not None and size < expected:
        raise DownloadError(f"{url}: the transfer broke off after {size} of {expected} bytes")


def _starts_at(response: Any, have: int) -> bool:
    """Whether the server goes on from byte `have`; one that ignores ranges starts anew."""
    if getattr(response, "status", None) != 206:
        return False
    match = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return match is not None and int(match[1]) == have


def _expected_size(response: Any, already: int) -> int | None:
    text = response.headers.get("Content-Length")
    return already + int(text) if text is not None and text.isdigit() else None


def _sha256_of(path: Path) -> str:
    import hashlib  # 5 ms that only a download needs

    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def md5_of(path: Path) -> str:
    """Return the MD5 digest of a file: for data sets whose publishers give no other.

    Parameters
    ----------
    path : Path
        The file.
    """
    import hashlib

    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _require_digest(url: str, path: Path, wanted: str, digest_of: Callable[[Path], str]) -> None:
    try:
        found = digest_of(path)
    except ValueError as error:
        path.unlink()
        raise ChecksumError(
            f"{url}: what came is damaged ({error}); it has been removed"
        ) from error
    if found != wanted.lower():
        path.unlink()
        raise ChecksumError(
            f"{url}: digest {wanted} wanted, {found} came; the file has been removed"
        )
