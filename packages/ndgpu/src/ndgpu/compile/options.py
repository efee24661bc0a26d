"""Options for NVRTC: what is always given, and what callers may add."""

from __future__ import annotations

from collections.abc import Iterable

from ndgpu import config

__all__ = ["complete", "has_lines", "include_folders", "lean"]

_LINES = ("--generate-line-info", "-lineinfo")


def has_lines(target: str) -> bool:
    """Whether PTX is to tell its source's lines: where reports or a trace were asked for."""
    wanted = config.value("NDGPU_HOST_CHECK") or config.value("NDGPU_HOST_TRACE")
    return target.startswith("compute_") and bool(wanted)


def lean(options: Iterable[str], version: tuple[int, int]) -> tuple[str, ...]:
    """Add what lets NVRTC leave out textures and the runtime's types, a quarter of its time.

    For generated code, which uses neither.

    Parameters
    ----------
    options : iterable of str
    version : tuple of int
        NVRTC's; before 12.4 there is no such option.

    Examples
    --------
    >>> lean((), (12, 3)), lean((), (12, 9))
    ((), ('--minimal',))
    """
    return (*options, "--minimal") if version >= (12, 4) else tuple(options)


def complete(options: Iterable[str], target: str) -> tuple[str, ...]:
    """Add the architecture and the language standard, unless the caller gave them.

    Parameters
    ----------
    options : iterable of str
        Options of NVRTC as a caller gave them.
    target : str
        ``sm_90`` or ``compute_80`` and the like.

    Raises
    ------
    TypeError
        If options are one string instead of a sequence of strings.

    Examples
    --------
    >>> complete(("--use_fast_math",), "sm_90")
    ('--gpu-architecture=sm_90', '--std=c++17', '--use_fast_math')
    """
    if isinstance(options, str):
        raise TypeError(f"options must be a sequence of strings such as ({options!r},), not one")
    given = tuple(options)
    for option in given:
        if not isinstance(option, str):
            raise TypeError(f"options must be strings, but one is {option!r}")
    always = [f"--gpu-architecture={target}"]
    if not any(option.startswith(("-std", "--std")) for option in given):
        always.append("--std=c++17")
    if has_lines(target) and not any(option in _LINES for option in given):
        always.append(_LINES[0])
    return (*always, *given)


def include_folders(options: Iterable[str]) -> tuple[str, ...]:
    """List the include folders among options.

    Examples
    --------
    >>> include_folders(("-Ia", "-I", "b", "--include-path=c", "-DX"))
    ('a', 'b', 'c')
    """
    folders = []
    rest = iter(options)
    for option in rest:
        if option in ("-I", "--include-path"):
            folders.append(next(rest, ""))
        elif option.startswith("-I"):
            folders.append(option[2:])
        elif option.startswith("--include-path="):
            folders.append(option.removeprefix("--include-path="))
    return tuple(folder for folder in folders if folder)
