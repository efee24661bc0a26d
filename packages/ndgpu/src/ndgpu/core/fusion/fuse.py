"""`fuse`: a decorator that runs a function of arrays as few kernels.

Guarantees: the results are those of the function unfused, for every dtype, layout and order of
operands; what cannot be fused runs unfused, and says why, once for each kind of call.
"""

from __future__ import annotations

import functools
import re
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from ndgpu.core import casts
from ndgpu.core.fusion.errors import CannotFuse, FusionWarning
from ndgpu.core.ndarray import ndarray

__all__ = ["Fused", "fuse"]

if TYPE_CHECKING:
    from ndgpu.core.fusion.program import Program

_PROGRAMS_KEPT = 256


class _Place:
    """Stands for the array with this number in what a function returned."""

    def __init__(self, number: int) -> None:
        self.number = number


class Fused:
    """A function that is recorded at its first call with arguments of a kind; see `fuse`.

    Attributes
    ----------
    kernel_name : str
        What its kernels are called in profilers.
    __wrapped__ : callable
        The function.
    """

    __wrapped__: Callable[..., Any]

    def __init__(self, function: Callable[..., Any], kernel_name: str | None = None) -> None:
        functools.update_wrapper(self, function)
        self.__wrapped__ = function
        name = str(kernel_name or getattr(function, "__name__", "fused"))
        self.kernel_name = re.sub(r"\W", "_", name)
        self._programs: dict[Any, tuple[Program, Any] | None] = {}

    def __repr__(self) -> str:
        return f"<fused {self.kernel_name}>"

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def clear_cache(self) -> None:
        """Forget what was recorded, as when something changed that the function reads."""
        self._programs.clear()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        given = (*args, *kwargs.values()) if kwargs else args
        arrays = [x for x in given if type(x) is ndarray]
        if not arrays or any(getattr(a._data, "recorded", False) for a in arrays):
            # NumPy's arrays, or a fused function within one that is being recorded.
            return self.__wrapped__(*args, **kwargs)
        key: Any = tuple(
            [
                (x._dtype, x._shape, x._strides) if type(x) is ndarray else (type(x), x)
                for x in given
            ]
        )
        if kwargs:
            key = (key, tuple(kwargs))
        try:
            known = key in self._programs
        except TypeError:
            self._warn("an argument is of a type that cannot be hashed")
            return self.__wrapped__(*args, **kwargs)
        found = self._programs.get(key) if known else self._record(key, args, kwargs, arrays)
        if found is None:
            return self.__wrapped__(*args, **kwargs)
        program, template = found
        here = arrays[0]._data.device_id
        if any(a._data.device_id != here for a in arrays) or (
            program.written and _share(arrays, program.written)
        ):
            return self.__wrapped__(*args, **kwargs)
        return _fill(template, program.run(arrays))

    def _record(
        self, key: Any, args: tuple[Any, ...], kwargs: dict[str, Any], arrays: list[ndarray]
    ) -> tuple[Program, Any] | None:
        from ndgpu.core.fusion.program import Program
        from ndgpu.core.fusion.recorder import Recorder

        found: tuple[Program, Any] | None = None
        recorder = Recorder(arrays)
        stand_ins = iter(recorder.arrays)
        args = tuple([next(stand_ins) if type(x) is ndarray else x for x in args])
        kwargs = {k: next(stand_ins) if type(x) is ndarray else x for k, x in kwargs.items()}
        results: list[ndarray] = []
        try:
            with recorder.recording():
                returned = self.__wrapped__(*args, **kwargs)
                template = _template(returned, results)
                found = Program(self.kernel_name, recorder, results), template
        except CannotFuse as error:
            self._warn(str(error))
        if len(self._programs) >= _PROGRAMS_KEPT:
            self._programs.clear()
        self._programs[key] = found
        return found

    def _warn(self, why: str) -> None:
        warnings.warn(f"{self.kernel_name} runs unfused: {why}", FusionWarning, stacklevel=4)


def _share(arrays: list[ndarray], written: set[int]) -> bool:
    """Whether an array that is changed shares memory with another argument."""
    return any(
        casts.overlaps(arrays[k], other)
        for k in written
        for n, other in enumerate(arrays)
        if n != k
    )


def _template(returned: Any, results: list[ndarray]) -> Any:
    """What a function returned, with the place in `results` of each array instead of it."""
    if isinstance(returned, ndarray):
        results.append(returned)
        return _Place(len(results) - 1)
    if isinstance(returned, (tuple, list)) and type(returned) in (tuple, list):
        return type(returned)([_template(x, results) for x in returned])
    if type(returned) is dict:
        return {name: _template(x, results) for name, x in returned.items()}
    if returned is None or isinstance(returned, (bool, int, float, complex, str, np.generic)):
        return returned
    raise CannotFuse(f"it returns a {type(returned).__name__}")


def _fill(template: Any, results: list[ndarray]) -> Any:
    if type(template) is _Place:
        return results[template.number]
    if type(template) in (tuple, list):
        return type(template)([_fill(x, results) for x in template])
    if type(template) is dict:
        return {name: _fill(x, results) for name, x in template.items()}
    return template


@overload
def fuse(function: Callable[..., Any], /) -> Fused: ...
@overload
def fuse(
    function: None = None, /, *, kernel_name: str | None = None
) -> Callable[[Callable[..., Any]], Fused]: ...
def fuse(function: Callable[..., Any] | None = None, /, *, kernel_name: str | None = None) -> Any:
    """Run a function of arrays as one kernel, or as few as its reductions let it be.

    The function is run once on stand-ins for each combination of dtypes, shapes and strides (and
    of the values of other arguments), to see which elementwise operations and reductions it comes
    to.  Those are joined: each array is read once, and what lies between is never in memory.
    An elementwise function is one kernel; each reduction ends one.

    Parameters
    ----------
    function : callable
        Takes and returns arrays, numbers, and tuples, lists and dicts of them.  It may use
        operators, ufuncs, ``where``, ``clip``, ``astype``, reductions, views such as ``x.T`` and
        ``x[:, None]``, ``out=``, in-place operators on its arguments, and an `ElementwiseKernel`.
    kernel_name : str, optional
        Names the kernels for profilers; the function's name by default.

    Returns
    -------
    Fused
        The function, fused.  Called with NumPy arrays alone it runs as it is.

    Warns
    -----
    FusionWarning
        Where a call cannot be fused, with the reason; it then runs unfused: where the function
        needs the value of an array (``if``, ``float``, ``.get()``), uses arrays that are not its
        arguments, sorts, multiplies matrices, draws random numbers or indexes by arrays.

    Notes
    -----
    What a function reads besides its arguments (a global number, say) is looked at when it is
    recorded, and not at later calls; `Fused.clear_cache` has it recorded again.  An operation's
    side effects, such as printing, happen at recording only.

    Examples
    --------
    >>> import ndgpu
    >>> @ndgpu.fuse(kernel_name="squared_difference")
    ... def squared_difference(x, y):
    ...     return (x - y) * (x - y)
    >>> x = ndgpu.arange(5)
    >>> squared_difference(x, x[::-1])
    array([16,  4,  0,  4, 16])
    """
    if function is None:
        return functools.partial(Fused, kernel_name=kernel_name)
    if not callable(function):
        raise TypeError(f"fuse: expected a function, got {type(function).__name__}")
    return Fused(function, kernel_name)
