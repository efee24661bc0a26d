"""What a load found: `LoadReport`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

__all__ = ["LoadReport"]


@dataclass
class LoadReport:
    """Names of a file's values that were loaded, missing, ignored, or not asked for.

    Give a new one to a loading function, and read it afterwards.

    Attributes
    ----------
    loaded : list of str
        In the file, and loaded.
    missing : list of str
        Asked for, and not in the file; the object keeps what it has.
    ignored : list of str
        Asked for, but among the names to ignore.
    extra : list of str
        In the part of the file that was loaded from, and not asked for.

    Examples
    --------
    >>> import nnrun, nnrun.links as L
    >>> from nnrun.serializers import LoadReport, load_npz, save_npz
    >>> save_npz("model.npz", nnrun.Chain(a=L.Scale(W_shape=(2,)), b=L.Linear(2, 2)))
    >>> report = LoadReport()
    >>> model = nnrun.Chain(b=L.Linear(2, 2), c=L.Scale(W_shape=(2,)))
    >>> load_npz("model.npz", model, strict=False, report=report)
    >>> print(report)
    loaded 2: b/W, b/b
    missing 1: c/W
    extra 1: a/W
    """

    loaded: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)

    def finish(self, names: Iterable[str], part: str = "") -> None:
        """Find out what is extra.

        Parameters
        ----------
        names : iterable of str
            All names in the file.
        part : str
            What those of the part that was loaded from begin with.
        """
        known = {*self.loaded, *self.ignored}
        self.extra += sorted(name for name in names if name.startswith(part) and name not in known)

    def __str__(self) -> str:
        lines = []
        for what in ("loaded", "missing", "ignored", "extra"):
            if names := getattr(self, what):
                lines.append(f"{what} {len(names)}: {', '.join(sorted(names))}")
        return "\n".join(lines) or "nothing was asked for"
