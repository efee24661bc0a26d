"""`Parameter`: a leaf Variable that a link owns and an optimizer updates.

A parameter may be made before its shape is known; it then gets its values, from
its initializer, when a link first sees an input and calls `initialize`.  Values
are always drawn with NumPy and then sent, so that the same seed gives the same
parameters on every device.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nnrun.backend import Device, get_device, is_array
from nnrun.config import get_dtype
from nnrun.core.variable import Variable

__all__ = ["Parameter", "generate_array"]

Array = Any


def generate_array(
    initializer: Callable[[Array], None] | Array | float | None,
    shape: int | Sequence[int],
    xp: Any = np,
    dtype: Any = None,
    device: Any = None,
) -> Array:
    """Return a new array filled by an initializer.

    Parameters
    ----------
    initializer : callable, array or number
        A callable is given a NumPy array to fill; NaN where None.
    shape : int or tuple of int
        Of the new array.
    xp : module
        ``numpy`` or ``ndgpu``: where the array goes, unless `device` says more.
    dtype : dtype, optional
        That of the initializer if it has one, else the configured one.
    device : device specifier, optional
        Where the array goes.

    Returns
    -------
    array

    Raises
    ------
    ValueError
        If `initializer` is an array of another shape.
    TypeError
        If it is none of these.
    """
    shape = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    dtype = get_dtype(dtype if dtype is not None else getattr(initializer, "dtype", None))
    array = np.empty(shape, dtype)
    if initializer is None:
        array.fill(np.nan)
    elif is_array(initializer):
        values: Any = initializer
        if values.shape != shape:
            raise ValueError(
                f"the initial values have shape {values.shape}, but the parameter has {shape}"
            )
        array[...] = get_device("numpy").send(values)
    elif isinstance(initializer, (int, float, np.generic)):
        array.fill(initializer)
    elif callable(initializer):
        initializer(array)
    else:
        raise TypeError(
            "an initializer must be a number, an array or a callable that fills an array, "
            f"not {type(initializer).__name__}"
        )
    if device is not None:
        return get_device(device).send(array)
    return array if xp is np else xp.asarray(array)


class Parameter(Variable):
    """A Variable to be learnt.

    Parameters
    ----------
    initializer : callable, array or number, optional
        Fills the array; an array with no `shape` given is used as it is.
    shape : int or tuple of int, optional
        Where missing, the parameter is uninitialised until `initialize`.
    name : str, optional
        For people.

    Attributes
    ----------
    initializer : object
        As given.
    update_rule : UpdateRule or None
        How the optimizer changes it; set by ``optimizer.setup``.

    Examples
    --------
    >>> import nnrun
    >>> W = nnrun.Parameter(0.5)
    >>> W.is_initialized
    False
    >>> W.initialize((2,))
    >>> W
    variable([0.5, 0.5])
    """

    # No __slots__: links and optimizers may keep things on a parameter.

    def __init__(
        self,
        initializer: Callable[[Array], None] | Array | float | None = None,
        shape: int | Sequence[int] | None = None,
        name: str | None = None,
    ) -> None:
        self.initializer = initializer
        self.update_rule: Any = None
        self._device: Device = get_device("numpy")
        if shape is None and is_array(initializer):
            super().__init__(initializer, name=name)
            self._device = self.device
        else:
            super().__init__(None, name=name)
            if shape is not None:
                self.initialize(shape)

    @property
    def device(self) -> Device:
        """Where the array lives, or will live once initialised."""
        return self._device if self._array is None else super().device

    @property
    def xp(self) -> Any:
        """The array module: ``numpy`` or ``ndgpu``."""
        return self.device.xp

    def initialize(self, shape: int | Sequence[int]) -> None:
        """Give it its array.

        Parameters
        ----------
        shape : int or tuple of int
            The shape, known at last.
        """
        self.array = generate_array(self.initializer, shape, device=self._device)

    def _takes_grad(self, dtype: Any) -> bool:
        # Once the scale of the loss is taken out, a gradient can be too small for float16.
        return self.dtype == np.float16 and dtype == np.float32

    def to_device(self, device: Any) -> None:
        """Move it to a device, at once or when it will be initialised."""
        self._device = get_device(device)
        super().to_device(self._device)

    def copydata(self, var: Variable) -> None:
        """Copy the values of `var` into this array, made on this parameter's device if need be."""
        values = var.array
        if self._array is None and values is not None:
            self.array = generate_array(values, values.shape, device=self._device)
        else:
            super().copydata(var)

    def addgrad(self, var: Variable) -> None:
        """Add the gradient of `var`, taking its shape first if uninitialised."""
        if self._array is None and var.grad is not None:
            self.initialize(var.grad.shape)
        super().addgrad(var)

    def update(self) -> None:
        """Let the update rule change the array by the gradient."""
        if self.update_rule is not None:
            self.update_rule.update(self)

    def __copy__(self) -> Parameter:
        copied = Parameter.__new__(type(self))
        copied.__dict__.update(self.__dict__)
        copied._array = self._array
        copied._node = None
        copied._requires_grad = self._requires_grad
        copied.name = self.name
        return copied

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        copied = self.__copy__()
        memo[id(self)] = copied
        if self._array is not None:
            copied._array = self._array.copy()
        if self.grad is not None:
            copied.grad = self.grad.copy()
        return copied

    def __reduce__(self) -> Any:
        return _rebuild, (
            self._array,
            self.name,
            self.grad,
            self.initializer,
            self.update_rule,
            self._device.name,
        )


def _rebuild(
    array: Array, name: str | None, grad: Array, initializer: Any, update_rule: Any, device: str
) -> Parameter:
    """Make a Parameter from its pickled parts."""
    p = Parameter(initializer if array is None else array, name=name)
    p.initializer = initializer
    p.update_rule = update_rule
    p._device = get_device(device)
    if grad is not None:
        p.grad = grad
    return p
