"""How one parameter learns: `UpdateRule` and its `Hyperparameter`.

A rule knows how to change one parameter by its gradient and keeps the state that
takes (a momentum, say).  Hyperparameters are shared: a rule's own value hides the
optimizer's, so one parameter can learn more slowly than the rest.

States live where the parameters live, and updates change arrays in place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from nnrun.backend import is_array, is_current
from nnrun.core import Parameter
from nnrun.serializer import Deserializer
from nnrun.update_kernel import UpdateKernel

__all__ = ["Hyperparameter", "HyperparameterProxy", "UpdateRule", "hook_name"]

Array = Any


class Hyperparameter:
    """Named numbers, with a parent that answers for those not set here.

    Parameters
    ----------
    parent : Hyperparameter, optional
        Who answers for the others.

    Examples
    --------
    >>> from nnrun.optimizer import Hyperparameter
    >>> shared = Hyperparameter()
    >>> shared.lr = 0.1
    >>> own = Hyperparameter(shared)
    >>> own.lr
    0.1
    >>> own.lr = 0.01
    >>> shared.lr, own.get_dict()
    (0.1, {'lr': 0.01})
    """

    def __init__(self, parent: Hyperparameter | None = None) -> None:
        self._parent = parent

    if TYPE_CHECKING:

        def __setattr__(self, name: str, value: Any) -> None: ...

    def __getattr__(self, name: str) -> Any:
        # Only called for what is not in this object.
        parent = self.__dict__.get("_parent")
        if parent is None or name.startswith("__"):
            raise AttributeError(f"no hyperparameter {name!r}")
        return getattr(parent, name)

    @property
    def parent(self) -> Hyperparameter | None:
        """Who answers for what is not set here."""
        return self._parent

    def get_dict(self) -> dict[str, Any]:
        """Return all values as seen from here."""
        values = {} if self._parent is None else self._parent.get_dict()
        values.update((k, v) for k, v in self.__dict__.items() if k != "_parent")
        return values

    def __repr__(self) -> str:
        values = ", ".join(f"{k}={v}" for k, v in sorted(self.get_dict().items()))
        return f"Hyperparameter({values})"


class UpdateRule:
    """How one parameter changes by its gradient.

    Subclasses define `update_core`, or `update_core_cpu` and one of `device_update` and
    `update_core_gpu`, and, if they keep a state, `init_state`.

    Parameters
    ----------
    parent_hyperparam : Hyperparameter, optional
        The optimizer's.
    **own : float or None
        The rule's own hyperparameters; None leaves one to the optimizer.

    Attributes
    ----------
    hyperparam : Hyperparameter
        The rule's own, over the optimizer's.
    enabled : bool
        Whether `update` does anything.
    t : int
        How often it did.
    state : dict or None
        Arrays (and numbers) by name; None before the first update.
    """

    def __init__(self, parent_hyperparam: Hyperparameter | None = None, **own: Any) -> None:
        self.hyperparam = Hyperparameter(parent_hyperparam)
        for name, value in own.items():
            if value is not None:
                setattr(self.hyperparam, name, value)
        self.enabled = True
        self.t = 0
        self.state: dict[str, Any] | None = None
        self._hooks: dict[str, Callable[[UpdateRule, Parameter], None]] = {}
        self._use_fp32 = False
        self._master: Parameter | None = None

    def update(self, param: Parameter) -> None:
        """Change the parameter, unless disabled or it has no gradient.

        Parameters
        ----------
        param : Parameter
            Initialised.
        """
        with param.device:
            target = self.begin(param)
            if target is not None:
                self.update_core(target)
                self.end(param)

    def begin(self, param: Parameter) -> Parameter | None:
        """Do what comes before the change: count, call hooks, make or move the state.

        Parameters
        ----------
        param : Parameter
            On the current device.

        Returns
        -------
        Parameter or None
            What is to be changed: `param`, or the float32 copy that is kept of it; None
            if nothing is to be done.
        """
        if not self.enabled or param.grad is None or not param.size:
            return None
        self.t += 1
        for hook in self._hooks.values():
            hook(self, param)
        target = self._prepared(param)
        if target is not param:
            target.grad = param.grad.astype(np.float32, copy=False)
        return target

    def end(self, param: Parameter) -> None:
        """Do what comes after the change: round the float32 copy into the parameter."""
        if self._master is not None:
            param.array[...] = self._master.array
            self._master.cleargrad()

    @property
    def joins(self) -> bool:
        """Whether `device_update` says all about an update on a device."""
        kind = type(self)
        return (
            kind.device_update is not UpdateRule.device_update
            and kind.update is UpdateRule.update
            and kind.update_core is UpdateRule.update_core
            and kind.update_core_gpu is UpdateRule.update_core_gpu
        )

    def _prepared(self, param: Parameter) -> Parameter:
        """The parameter, or its float32 copy; its state there, and where it lives."""
        target = param
        if self._use_fp32 and param.dtype == np.float16:
            if self._master is None:
                self._master = Parameter(param.array.astype(np.float32))
            self._master.to_device(param.device)
            target = self._master
        if self.state is None:
            self.state = {}
            self.init_state(target)
        kind = type(target.array)
        for key, value in self.state.items():
            if (type(value) is not kind or not is_current(value)) and is_array(value):
                self.state[key] = param.device.send(value)  # the parameter has moved since
        return target

    def use_fp32_update(self, flag: bool = True) -> None:
        """Keep a float32 copy of a float16 parameter, and update that.

        Steps too small to change a float16 number add up in it.  It is made from the
        parameter at the first update; the parameter is its rounding from then on.

        Parameters
        ----------
        flag : bool
            Whether to; without it the parameter itself is updated.
        """
        self._use_fp32 = flag
        self._master = self._master if flag else None

    def init_state(self, param: Parameter) -> None:
        """Fill ``self.state`` before the first update."""

    def update_core(self, param: Parameter) -> None:
        """Change ``param.array`` in place."""
        if isinstance(param.array, np.ndarray):
            self.update_core_cpu(param)
        else:
            self.update_core_gpu(param)

    def update_core_cpu(self, param: Parameter) -> None:
        """Change a NumPy array in place."""
        raise NotImplementedError(f"{type(self).__name__} defines no update")

    def update_core_gpu(self, param: Parameter) -> None:
        """Change an ndgpu array in place, by one kernel."""
        kernel, scalars = self.device_update()
        kernel.one(param.array, param.grad, self.state or {}, scalars)

    def device_update(self) -> tuple[UpdateKernel, tuple[float, ...]]:
        """Return the kernel of this update and the numbers it takes."""
        raise NotImplementedError(f"{type(self).__name__} defines no update")

    def add_hook(
        self, hook: Callable[[UpdateRule, Parameter], None], name: str | None = None
    ) -> None:
        """Call ``hook(rule, param)`` before each update.

        Raises
        ------
        KeyError
            If there is a hook of that name.
        """
        name = hook_name(hook, name)
        if name in self._hooks:
            raise KeyError(f"the update rule already has a hook {name!r}")
        self._hooks[name] = hook

    def remove_hook(self, name: str) -> None:
        """Remove a hook by name.

        Raises
        ------
        KeyError
            If there is none of that name.
        """
        if name not in self._hooks:
            raise KeyError(f"the update rule has no hook {name!r}")
        del self._hooks[name]

    def serialize(self, serializer: Any, param: Parameter | None = None) -> None:
        """Save to, or load from, a serializer: the count and the state.

        Parameters
        ----------
        serializer : Serializer or Deserializer
            Of this rule's part.
        param : Parameter, optional
            Whose rule it is; with it a state is made to be filled where there is none.
        """
        if isinstance(serializer, Deserializer) and param is not None:
            # A rule that was never used has saved no state.
            if not serializer("t", 0):
                self.state = self._master = None
            elif param.is_initialized:
                with param.device:
                    self._prepared(param)
        self.t = serializer("t", self.t)
        if self.state is not None:
            for key in self.state:
                self.state[key] = serializer(key, self.state[key])
        if self._master is not None:
            serializer("fp32_param", self._master.array)


def hook_name(hook: Any, name: str | None) -> str:
    """Return the name given, or else the hook's own, or its class's."""
    found = name or getattr(hook, "name", None) or getattr(hook, "__name__", None)
    return found or type(hook).__name__


class HyperparameterProxy:
    """An attribute of an optimizer that stands for one of its hyperparameters."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.__doc__ = f"The hyperparameter `{name}`."

    def __get__(self, owner: Any, kind: type | None = None) -> Any:
        return self if owner is None else getattr(owner.hyperparam, self._name)

    def __set__(self, owner: Any, value: Any) -> None:
        setattr(owner.hyperparam, self._name, value)
