"""How parameters learn: `Optimizer`, `UpdateRule`, `Hyperparameter`.

An optimizer is set up with a link and gives each of its parameters an *update
rule*, which knows how to change one parameter by its gradient and keeps the
state that takes (a momentum, say).  Hyperparameters are shared: a rule's own
value hides the optimizer's, so one parameter can learn more slowly than the rest.

States live where the parameters live, and updates change arrays in place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from nnrun.backend import is_array
from nnrun.core import Link, Parameter, Variable
from nnrun.serializer import Deserializer

__all__ = ["GradientMethod", "Hyperparameter", "HyperparameterProxy", "Optimizer", "UpdateRule"]

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

    Subclasses define `update_core` (or both of `update_core_cpu` and
    `update_core_gpu`) and, if they keep a state, `init_state`.

    Parameters
    ----------
    parent_hyperparam : Hyperparameter, optional
        The optimizer's.

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

    def __init__(self, parent_hyperparam: Hyperparameter | None = None) -> None:
        self.hyperparam = Hyperparameter(parent_hyperparam)
        self.enabled = True
        self.t = 0
        self.state: dict[str, Any] | None = None
        self._hooks: dict[str, Callable[[UpdateRule, Parameter], None]] = {}

    def update(self, param: Parameter) -> None:
        """Change the parameter, unless disabled or it has no gradient.

        Parameters
        ----------
        param : Parameter
            Initialised.
        """
        if not self.enabled or param.grad is None or not param.size:
            return
        self.t += 1
        for hook in self._hooks.values():
            hook(self, param)
        with param.device as device:
            if self.state is None:
                self.state = {}
                self.init_state(param)
            for key, value in self.state.items():
                if is_array(value) and not device.is_array_supported(value):
                    self.state[key] = device.send(value)  # the parameter has moved since
            self.update_core(param)

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
        """Change an ndgpu array in place."""
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
        name = _hook_name(hook, name)
        if name in self._hooks:
            raise KeyError(f"the update rule already has a hook {name!r}")
        self._hooks[name] = hook

    def remove_hook(self, name: str) -> None:
        """Remove a hook by name."""
        del self._hooks[name]

    def serialize(self, serializer: Any) -> None:
        """Save to, or load from, a serializer: the count and the state."""
        self.t = serializer("t", self.t)
        if self.state is not None:
            for key in self.state:
                self.state[key] = serializer(key, self.state[key])


def _hook_name(hook: Any, name: str | None) -> str:
    found = name or getattr(hook, "name", None) or getattr(hook, "__name__", None)
    return found or type(hook).__name__


class Optimizer:
    """What all optimizers share: a target link, counts and hooks.

    Attributes
    ----------
    target : Link
        What learns; set by `setup`.
    t : int
        How many updates were made.
    epoch : int
        How many epochs began, for those who count them by `new_epoch`.
    """

    target: Any = None
    t = 0
    epoch = 0
    _loss_scale: float | None = None

    def __init__(self) -> None:
        self._pre_hooks: dict[str, Any] = {}
        self._post_hooks: dict[str, Any] = {}

    def setup(self, link: Link) -> Optimizer:
        """Set what learns.

        Parameters
        ----------
        link : Link
            Its parameters get update rules.

        Returns
        -------
        Optimizer
            The optimizer itself.

        Raises
        ------
        TypeError
            If `link` is no link.
        """
        if not isinstance(link, Link):
            raise TypeError(f"setup: `link` must be a Link, not {type(link).__name__}")
        self.target = link
        self.t = 0
        self.epoch = 0
        return self

    def update(self, lossfun: Callable[..., Variable] | None = None, *args: Any, **kw: Any) -> None:
        """Make one step; see subclasses."""
        raise NotImplementedError(f"{type(self).__name__} defines no update")

    def new_epoch(self, auto: bool = False) -> None:
        """Count an epoch."""
        self.epoch += 1

    def set_loss_scale(self, loss_scale: float) -> None:
        """Multiply the loss' gradient, and divide the parameters' by the same, for half precision.

        Parameters
        ----------
        loss_scale : float
            The factor, larger than 0.
        """
        if not loss_scale > 0:
            raise ValueError(f"set_loss_scale: the factor must be positive, not {loss_scale}")
        self._loss_scale = float(loss_scale)

    def add_hook(self, hook: Any, name: str | None = None, timing: str = "auto") -> None:
        """Call a hook at each update.

        Parameters
        ----------
        hook : callable
            ``hook(optimizer)``; one with ``call_for_each_param`` set is called as
            ``hook(rule, param)`` for each parameter.
        name : str, optional
            The hook's own name by default.
        timing : {'auto', 'pre', 'post'}
            Before or after the parameters change; the hook's own wish by default.

        Raises
        ------
        KeyError
            If there is a hook of that name.
        """
        if not callable(hook):
            raise TypeError(f"add_hook: `hook` must be callable, not {type(hook).__name__}")
        name = _hook_name(hook, name)
        if timing == "auto":
            timing = getattr(hook, "timing", "pre")
            timing = "pre" if timing == "auto" else timing
        if timing not in ("pre", "post"):
            raise ValueError(f"add_hook: `timing` must be 'auto', 'pre' or 'post', not {timing!r}")
        if name in self._pre_hooks or name in self._post_hooks:
            raise KeyError(f"the optimizer already has a hook {name!r}")
        (self._pre_hooks if timing == "pre" else self._post_hooks)[name] = hook

    def remove_hook(self, name: str) -> None:
        """Remove a hook by name.

        Raises
        ------
        KeyError
            If there is none of that name.
        """
        for hooks in (self._pre_hooks, self._post_hooks):
            if name in hooks:
                del hooks[name]
                return
        raise KeyError(f"the optimizer has no hook {name!r}")

    def call_hooks(self, timing: str = "pre") -> None:
        """Call the hooks of a timing."""
        for hook in (self._pre_hooks if timing == "pre" else self._post_hooks).values():
            if getattr(hook, "call_for_each_param", False):
                for param in self.target.params():
                    if param.update_rule is not None and param.grad is not None:
                        hook(param.update_rule, param)
            else:
                hook(self)

    def check_nan_in_grads(self) -> None:
        """Raise `RuntimeError` naming the parameters whose gradients hold NaN or infinity."""
        bad = [
            path
            for path, p in self.target.namedparams()
            if p.grad is not None and not bool(p.xp.isfinite(p.grad).all())
        ]
        if bad:
            raise RuntimeError(f"NaN or infinity in the gradients of {', '.join(bad)}")

    def serialize(self, serializer: Any) -> None:
        """Save to, or load from, a serializer: counts, and each parameter's rule by its path."""
        if self.target is None:
            raise RuntimeError("the optimizer has no target; call setup(link) first")
        self.t = serializer("t", self.t)
        self.epoch = serializer("epoch", self.epoch)
        for path, param in self.target.namedparams():
            rule = param.update_rule
            if rule is None:
                continue
            part = serializer[path]
            if isinstance(serializer, Deserializer):
                # A rule that was never used has saved no state, else there must be one to fill.
                if not part("t", 0):
                    rule.state = None
                elif rule.state is None and param.is_initialized:
                    rule.state = {}
                    with param.device:
                        rule.init_state(param)
            rule.serialize(part)


class HyperparameterProxy:
    """An attribute of an optimizer that stands for one of its hyperparameters."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.__doc__ = f"The hyperparameter `{name}`."

    def __get__(self, owner: Any, kind: type | None = None) -> Any:
        return self if owner is None else getattr(owner.hyperparam, self._name)

    def __set__(self, owner: Any, value: Any) -> None:
        setattr(owner.hyperparam, self._name, value)


class GradientMethod(Optimizer):
    """Optimizers that follow the gradient; all of `nnrun.optimizers` are.

    Subclasses define `create_update_rule`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.hyperparam = Hyperparameter()

    def setup(self, link: Link) -> GradientMethod:
        """Set what learns, and give each of its parameters an update rule."""
        super().setup(link)
        for param in link.params():
            param.update_rule = self.create_update_rule()
        return self

    def create_update_rule(self) -> UpdateRule:
        """Return a new rule for one parameter."""
        raise NotImplementedError(f"{type(self).__name__} defines no update rule")

    def update(self, lossfun: Callable[..., Variable] | None = None, *args: Any, **kw: Any) -> None:
        """Make one step.

        Parameters
        ----------
        lossfun : callable, optional
            ``lossfun(*args, **kw)`` returns the loss, from which new gradients are
            computed; without it those there are taken.

        Raises
        ------
        RuntimeError
            If `setup` was not called.
        """
        if self.target is None:
            raise RuntimeError("the optimizer has no target; call setup(link) first")
        if lossfun is not None:
            loss = lossfun(*args, **kw)
            self.target.cleargrads()
            loss.backward(loss_scale=self._loss_scale)
            del loss  # and with it the graph, before the states are made
        if self._loss_scale is not None:
            for param in self._params_with_grad():
                param.grad = param.grad * (1.0 / self._loss_scale)  # type: ignore[operator]
        self.call_hooks("pre")
        self.t += 1
        self.update_params(self._params_with_grad())
        self.call_hooks("post")

    def update_params(self, params: list[Parameter]) -> None:
        """Change the parameters given, which all have a gradient."""
        for param in params:
            param.update()

    def _params_with_grad(self) -> list[Parameter]:
        return [p for p in self.target.params() if p.grad is not None]

    def __repr__(self) -> str:
        values = ", ".join(f"{k}={v}" for k, v in self.hyperparam.get_dict().items())
        return f"{type(self).__name__}({values})"
