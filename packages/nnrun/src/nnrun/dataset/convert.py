"""From a list of examples to arrays with a batch axis, on the device that computes.

`concat_examples` guarantees that the arrays have the examples' dtype, a new first
axis, and (with a padding value) the largest extent of every other axis; that all
arrays are copied to the device once for a batch, never once for an example.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nnrun import backend

__all__ = ["Converter", "concat_examples", "converter", "to_device"]


def to_device(device: Any, x: Any) -> Any:
    """Send an array to a device.

    Parameters
    ----------
    device : None, int, str or Device
        ``None`` leaves the array where it is; else what `nnrun.backend.get_device`
        takes.
    x : array
        A NumPy or ndgpu array.

    Returns
    -------
    array
        `x` itself if it is there already.

    Examples
    --------
    >>> to_device("numpy", np.ones(2))
    array([1., 1.])
    """
    return x if device is None else backend.get_device(device).send(x)


class Converter:
    """Base class of converters: from a batch of examples to arrays on a device.

    Override `__call__`.  Any callable of a batch and a device will do as well.
    """

    def __call__(self, batch: Sequence[Any], device: Any = None) -> Any:
        """Convert a batch.

        Parameters
        ----------
        batch : sequence
            Examples.
        device : None or Device
            Where the arrays go.

        Returns
        -------
        array, tuple or dict
            The arguments of a loss function.
        """
        raise NotImplementedError(f"{type(self).__name__} must define __call__")


def converter() -> Callable[[Callable[..., Any]], Converter]:
    """Return a decorator that makes a `Converter` of a function.

    The function is called with a batch and a `nnrun.backend` Device, or None, however the
    device was named.

    Examples
    --------
    >>> @converter()
    ... def as_rows(batch, device):
    ...     return device.send(np.stack(batch))
    >>> as_rows([[1, 2], [3, 4]], "numpy")
    array([[1, 2],
           [3, 4]])
    """

    def decorate(function: Callable[..., Any]) -> Converter:
        return _FunctionConverter(function)

    return decorate


class _FunctionConverter(Converter):
    """A converter that calls a function."""

    def __init__(self, function: Callable[..., Any]) -> None:
        functools.update_wrapper(self, function)
        self._function = function

    def __call__(self, batch: Sequence[Any], device: Any = None) -> Any:
        return self._function(batch, None if device is None else backend.get_device(device))


def concat_examples(
    batch: Sequence[Any], device: Any = None, padding: Any = None
) -> Any | tuple[Any, ...] | dict[Any, Any]:
    """Join the examples of a batch along a new first axis.

    Parameters
    ----------
    batch : sequence of examples
        Each an array (or number), a tuple of such, or a dictionary of such.
    device : None, int, str or Device
        Where the arrays go; see `to_device`.
    padding : None, number, or tuple or dict of those
        With ``None`` all examples have the same shape.  A number fills the end of
        each axis up to the batch's largest extent.  A tuple (or dictionary) gives
        one of the two for each element of the example.

    Returns
    -------
    array, tuple of arrays or dict of arrays
        As the examples are; each array of shape ``(len(batch), ...)``.

    Raises
    ------
    ValueError
        If the batch is empty, the shapes differ and there is no padding, or the
        examples have different numbers of elements.
    TypeError
        If examples are of different kinds.

    Examples
    --------
    >>> x, t = concat_examples([(np.zeros(3), 1), (np.ones(3), 0)])
    >>> x.shape, t
    ((2, 3), array([1, 0]))
    >>> concat_examples([np.array([1, 2]), np.array([3])], padding=-1)
    array([[ 1,  2],
           [ 3, -1]])
    """
    if len(batch) == 0:
        raise ValueError("concat_examples: the batch is empty")
    first = batch[0]
    if isinstance(first, tuple):
        _require_same_elements(batch, tuple, len(first))
        paddings = padding if isinstance(padding, tuple) else (padding,) * len(first)
        if len(paddings) != len(first):
            raise ValueError(
                f"concat_examples: padding has {len(paddings)} values, and an example has "
                f"{len(first)} elements"
            )
        return tuple(
            to_device(device, _concat([example[i] for example in batch], paddings[i], f"[{i}]"))
            for i in range(len(first))
        )
    if isinstance(first, dict):
        _require_same_elements(batch, dict, len(first))
        by_key = padding if isinstance(padding, dict) else dict.fromkeys(first, padding)
        joined = {}
        for key in first:
            try:
                column = [example[key] for example in batch]
                fill = by_key[key]
            except KeyError:
                raise ValueError(
                    f"concat_examples: the first example has key {key!r}, which another "
                    "example (or `padding`) lacks"
                ) from None
            joined[key] = to_device(device, _concat(column, fill, f"[{key!r}]"))
        return joined
    return to_device(device, _concat(list(batch), padding, ""))


def _require_same_elements(
    batch: Sequence[Any], kind: type[tuple] | type[dict], length: int
) -> None:
    for i, example in enumerate(batch):
        if not isinstance(example, kind):
            raise TypeError(
                f"concat_examples: example 0 is a {kind.__name__} and example {i} a "
                f"{type(example).__name__}"
            )
        if len(example) != length:
            raise ValueError(
                f"concat_examples: example 0 has {length} elements and example {i} has "
                f"{len(example)}"
            )


def _concat(examples: list[Any], padding: Any, where: str) -> Any:
    """Join one element of each example; `where` tells which, in errors."""
    first = examples[0]
    if not hasattr(first, "shape") or not hasattr(first, "dtype"):
        return _from_values(examples, where)
    xp = backend.get_array_module(first)
    shapes = {example.shape for example in examples}
    if len(shapes) == 1:
        if first.ndim == 0:
            return xp.stack(examples)
        # What stack gives, in a third of the time: it makes a view of each array first.
        return xp.concatenate(examples).reshape(len(examples), *first.shape)
    ndims = {len(shape) for shape in shapes}
    if padding is None or len(ndims) > 1:
        i = next(i for i, example in enumerate(examples) if example.shape != first.shape)
        hint = "give `padding`" if len(ndims) == 1 else "the numbers of axes differ"
        raise ValueError(
            f"concat_examples: example 0{where} has shape {first.shape} and example {i}{where} "
            f"has shape {examples[i].shape}: {hint}"
        )
    largest = tuple(max(extents) for extents in zip(*shapes, strict=True))
    joined = xp.full((len(examples), *largest), padding, dtype=first.dtype)
    for i, example in enumerate(examples):
        joined[(i, *(slice(extent) for extent in example.shape))] = example
    return joined


def _from_values(examples: list[Any], where: str) -> np.ndarray:
    try:
        array = np.asarray(examples)
    except ValueError as error:
        raise ValueError(f"concat_examples: element{where} of the examples: {error}") from None
    if array.dtype == object:
        raise TypeError(
            f"concat_examples: element{where} of the examples is a "
            f"{type(examples[0]).__name__}, which is no number or array"
        )
    return array
