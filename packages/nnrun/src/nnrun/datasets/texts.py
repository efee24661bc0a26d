"""Short English texts that ship with the package, for language models without a network."""

from __future__ import annotations

from pathlib import Path

__all__ = ["TEXTS", "get_text"]

_SHIPPED = Path(__file__).with_name("data") / "texts"

#: Name of each text: what it is.
TEXTS = {
    "constitution": "The Constitution of the United States of America with its amendments",
    "declaration": "The Declaration of Independence of the thirteen united States of America",
}


def get_text(name: str) -> str:
    """Return a text that ships with the package.

    Nothing is ever searched for or downloaded.  Both texts are in the public domain; lines
    are broken at about 72 characters, and all characters are ASCII.

    Parameters
    ----------
    name : {'constitution', 'declaration'}
        45,345 or 9,330 characters.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If there is no text of that name.

    Examples
    --------
    >>> text = get_text("constitution")
    >>> len(text), len(set(text)), len(text.split())
    (45345, 71, 7670)
    """
    if name not in TEXTS:
        raise ValueError(f"get_text: there is no text {name!r}; there are {', '.join(TEXTS)}")
    return (_SHIPPED / f"{name}.txt").read_text(encoding="ascii")
