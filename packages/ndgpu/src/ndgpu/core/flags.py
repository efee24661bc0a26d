"""What `ndarray.flags` returns."""

from __future__ import annotations

__all__ = ["Flags"]


class Flags:
    """Memory layout of an array, as `numpy.ndarray.flags`: attributes, or keys in capitals."""

    __slots__ = ("c_contiguous", "f_contiguous", "owndata", "writeable")

    def __init__(self, c_contiguous: bool, f_contiguous: bool, owndata: bool) -> None:
        self.c_contiguous = c_contiguous
        self.f_contiguous = f_contiguous
        self.owndata = owndata
        self.writeable = True

    @property
    def contiguous(self) -> bool:
        """Whether the array is C-contiguous."""
        return self.c_contiguous

    @property
    def forc(self) -> bool:
        """Whether the array is C- or Fortran-contiguous."""
        return self.c_contiguous or self.f_contiguous

    @property
    def fnc(self) -> bool:
        """Whether the array is Fortran-contiguous and not C-contiguous."""
        return self.f_contiguous and not self.c_contiguous

    def __getitem__(self, name: str) -> bool:
        if name.lower() not in ("contiguous", "forc", "fnc", *self.__slots__):
            raise KeyError(f"Unknown flag: {name!r}")
        return bool(getattr(self, name.lower()))

    def __repr__(self) -> str:
        return "\n".join(f"  {name.upper()} : {getattr(self, name)}" for name in self.__slots__)
