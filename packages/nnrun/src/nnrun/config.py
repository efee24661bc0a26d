"""Settings that a program may change for a part of itself, per thread.

A setting is looked up in the thread's own values first, then in the ones that
all threads share.  The shared values are the class attributes of `LocalConfig`
and the thread's own are its instance attributes, so reading a setting is one
attribute access and needs no Python code.

Examples
--------
>>> import nnrun
>>> nnrun.config.train
True
>>> with nnrun.using_config("train", False):
...     nnrun.config.train
False
"""

from __future__ import annotations

import sys
import threading
from types import TracebackType
from typing import Any, TextIO

import numpy as np

__all__ = [
    "GlobalConfig",
    "LocalConfig",
    "config",
    "force_backprop_mode",
    "get_dtype",
    "global_config",
    "is_debug",
    "no_backprop_mode",
    "set_debug",
    "using_config",
]


class LocalConfig(threading.local):
    """The settings as the current thread sees them; `nnrun.config` is its instance.

    Setting an attribute changes it for this thread only; deleting it lets the
    shared value of `nnrun.global_config` show again.

    Attributes
    ----------
    train : bool
        Functions such as `dropout` behave as in training.
    enable_backprop : bool
        Functions record the graph that `Variable.backward` walks.
    debug : bool
        Look for NaN after every function, and remember where each was called.
    type_check : bool
        Check shapes and dtypes of the functions' inputs.
    dtype : numpy dtype
        What parameters are made of where nothing else is said.
    keep_graph_on_report : bool
        Reported values keep their graph.
    """

    train: bool = True
    enable_backprop: bool = True
    debug: bool = False
    type_check: bool = True
    dtype: Any = np.dtype(np.float32)
    keep_graph_on_report: bool = False

    def show(self, file: TextIO | None = None) -> None:
        """Print every setting as this thread sees it, one per line.

        Parameters
        ----------
        file : text file, optional
            Where to print; standard output by default.
        """
        names = {**_shared(), **self.__dict__}
        out = sys.stdout if file is None else file
        for name in sorted(names):
            out.write(f"{name:<21} {names[name]}\n")


def _shared() -> dict[str, Any]:
    return {
        name: value
        for name, value in vars(LocalConfig).items()
        if not name.startswith("_") and name != "show"
    }


class GlobalConfig:
    """The settings that all threads share; `nnrun.global_config` is its instance.

    Examples
    --------
    >>> import nnrun
    >>> nnrun.global_config.user_setting = 3
    >>> nnrun.config.user_setting
    3
    >>> del nnrun.global_config.user_setting
    """

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        try:
            return _shared()[name]
        except KeyError:
            raise AttributeError(f"no setting {name!r}; known: {sorted(_shared())}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_") or name == "show":
            raise AttributeError(f"{name!r} cannot be the name of a setting")
        setattr(LocalConfig, name, value)

    def __delattr__(self, name: str) -> None:
        if name not in _shared():
            raise AttributeError(f"no setting {name!r}; known: {sorted(_shared())}")
        delattr(LocalConfig, name)

    def show(self, file: TextIO | None = None) -> None:
        """Print every shared setting, one per line, to `file` (standard output)."""
        out = sys.stdout if file is None else file
        for name, value in sorted(_shared().items()):
            out.write(f"{name:<21} {value}\n")


config = LocalConfig()
global_config = GlobalConfig()


class using_config:  # a function to its users, as in `with using_config(...)`
    """Change one setting inside a ``with`` block.

    Parameters
    ----------
    name : str
        The setting.
    value : object
        Its value inside the block.
    config : LocalConfig or GlobalConfig, optional
        Whose setting: this thread's by default.

    Examples
    --------
    >>> import nnrun
    >>> with nnrun.using_config("enable_backprop", False):
    ...     nnrun.config.enable_backprop
    False
    """

    __slots__ = ("_config", "_had", "_name", "_old", "_value")

    def __init__(self, name: str, value: Any, config: LocalConfig | GlobalConfig = config) -> None:
        self._name = name
        self._value = value
        self._config = config

    def __enter__(self) -> None:
        values = self._config.__dict__ if isinstance(self._config, LocalConfig) else _shared()
        self._had = self._name in values
        self._old = values.get(self._name)
        setattr(self._config, self._name, self._value)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._had:
            setattr(self._config, self._name, self._old)
        else:
            delattr(self._config, self._name)


def no_backprop_mode() -> using_config:
    """Record no graph inside the ``with`` block: less memory, no `backward`.

    Examples
    --------
    >>> import numpy as np, nnrun
    >>> x = nnrun.Variable(np.ones(3, np.float32))
    >>> with nnrun.no_backprop_mode():
    ...     (x * 2).creator is None
    True
    """
    return using_config("enable_backprop", False)


def force_backprop_mode() -> using_config:
    """Record the graph inside the ``with`` block, also within `no_backprop_mode`."""
    return using_config("enable_backprop", True)


def is_debug() -> bool:
    """Whether this thread is in debug mode (``nnrun.config.debug``)."""
    return bool(config.debug)


def set_debug(debug: bool) -> None:
    """Switch debug mode on or off for this thread."""
    config.debug = bool(debug)


def get_dtype(dtype: Any = None) -> np.dtype[Any]:
    """Return `dtype` as a NumPy dtype, or the configured one where it is None.

    Examples
    --------
    >>> import nnrun
    >>> nnrun.get_dtype(), nnrun.get_dtype("f8")
    (dtype('float32'), dtype('float64'))
    """
    return np.dtype(config.dtype if dtype is None else dtype)
