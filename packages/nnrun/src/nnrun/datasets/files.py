"""Finding, or fetching, the one file of a published data set."""

from __future__ import annotations

import os
from pathlib import Path

from nnrun.dataset.download import ChecksumError, DownloadError, download, get_dataset_root, md5_of
from nnrun.datasets.images import MissingDatasetError

__all__ = ["find_or_fetch"]


def find_or_fetch(name: str, file: str, url: str, md5: str) -> Path:
    """Return a file of a data set, fetched into the cache folder if it is nowhere.

    Looked at are ``$NNRUN_DATASETS/<name>``, ``$NNRUN_DATASETS`` and the cache folder's
    ``<name>``; where ``$NNRUN_DATASETS_URL`` is set, ``<name>/<file>`` there is fetched instead.

    Parameters
    ----------
    name : str
        The data set's.
    file : str
        The file's.
    url : str
        Its public home.
    md5 : str
        The digest that its publisher gives.

    Returns
    -------
    Path

    Raises
    ------
    MissingDatasetError
        If it is nowhere and cannot be fetched; the message says where to put it.
    nnrun.dataset.download.ChecksumError
        If what was fetched is something else.
    """
    cache = Path(get_dataset_root()) / name
    chosen = os.environ.get("NNRUN_DATASETS")
    folders = [*([Path(chosen) / name, Path(chosen)] if chosen else []), cache]
    for folder in folders:
        if (folder / file).is_file():
            return folder / file
    base = os.environ.get("NNRUN_DATASETS_URL")
    try:
        source = f"{base.rstrip('/')}/{name}/{file}" if base else url
        download(source, cache / file, md5, digest_of=md5_of)
    except ChecksumError:
        raise
    except DownloadError as error:
        places = ", ".join(str(folder) for folder in folders)
        raise MissingDatasetError(
            f"{file} is in none of {places}, and could not be downloaded: {error}. Put it into "
            f"{cache}, or into a folder that NNRUN_DATASETS names"
        ) from error
    return cache / file
