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
    "DebugMode",
    "GlobalConfig",
    "LocalConfig",
    "config",
    "force_backprop_mode",
    "get_dtype",
    "global_config",
    "is_debug",
    "mixed16",
    "no_backprop_mode",
    "set_debug",
    "should_use_cudnn",
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
    in_recomputing : bool
        `nnrun.functions.forget` computes again what it did not keep, so that what
        moves with each forward, such as running averages, must not move now.
    autotune, use_cudnn, use_cudnn_tensor_core, cudnn_deterministic
        Settings of cuDNN that programs for Chainer make: ``auto``, ``always`` or
        ``never``, as `nnrun.should_use_cudnn` reads them.
    """

    train: bool = True
    enable_backprop: bool = True
    debug: bool = False
    type_check: bool = True
    dtype: Any = np.dtype(np.float32)
    keep_graph_on_report: bool = False
    in_recomputing: bool = False
    autotune: bool = False
    use_cudnn: str = "auto"
    use_cudnn_tensor_core: str = "auto"
    cudnn_deterministic: bool = False

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


class DebugMode(using_config):
    """Debug mode inside a ``with`` block: on or off.

    Parameters
    ----------
    debug : bool

    Examples
    --------
    >>> import nnrun
    >>> with nnrun.DebugMode(True):
    ...     nnrun.is_debug()
    True
    """

    __slots__ = ()

    def __init__(self, debug: bool) -> None:
        super().__init__("debug", bool(debug))


class _Mixed16:
    """Half precision, but single for what would suffer: statistics of normalisations."""

    char = "E"  # of a dtype that NumPy has not

    def __repr__(self) -> str:
        return "dtype('mixed16')"


mixed16 = _Mixed16()


def get_dtype(dtype: Any = None, map_mixed16: Any = None) -> np.dtype[Any]:
    """Return `dtype` as a NumPy dtype, or the configured one where it is None.

    Parameters
    ----------
    dtype : dtype, optional
        `mixed16` counts as float16.
    map_mixed16 : dtype, optional
        What `mixed16` counts as instead.

    Returns
    -------
    numpy.dtype

    Examples
    --------
    >>> import nnrun
    >>> nnrun.get_dtype(), nnrun.get_dtype("f8")
    (dtype('float32'), dtype('float64'))
    >>> nnrun.get_dtype(nnrun.mixed16, map_mixed16="f4")
    dtype('float32')
    """
    if dtype is None:
        dtype = config.dtype
    if dtype is mixed16 or dtype == "mixed16":
        dtype = np.float16 if map_mixed16 is None else map_mixed16
    return np.dtype(dtype)


_CUDNN_LEVELS = ("==always", ">=auto")


def should_use_cudnn(level: str, lowest_version: int = 0) -> bool:
    """Whether the setting ``config.use_cudnn`` asks for cuDNN at a level.

    nnrun's own kernels serve where cuDNN is not there; this answers what a program
    for Chainer asks before it calls cuDNN by itself.

    Parameters
    ----------
    level : {'==always', '>=auto'}
    lowest_version : int
        Of cuDNN; nnrun has none, so any positive one is too much.

    Raises
    ------
    ValueError
        If `level` is neither.

    Examples
    --------
    >>> import nnrun
    >>> nnrun.should_use_cudnn(">=auto")
    False
    """
    if level not in _CUDNN_LEVELS:
        raise ValueError(f"should_use_cudnn: `level` must be one of {_CUDNN_LEVELS}, not {level!r}")
    return False
