"""What changes a whole model: `Optimizer` and `GradientMethod`.

An optimizer is set up with a link and gives each of its parameters an update rule
(see `nnrun.update_rule`).  On a device the parameters whose rules do the same, with
the same numbers, are updated by one launch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nnrun.backend import is_current
from nnrun.core import Link, Parameter, Variable
from nnrun.update_rule import Hyperparameter, HyperparameterProxy, UpdateRule, hook_name

__all__ = ["GradientMethod", "Hyperparameter", "HyperparameterProxy", "Optimizer", "UpdateRule"]

_FIRST_LOSS_SCALE = 32768.0
_GREATEST_LOSS_SCALE = 2.0**24


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
    _scaling_interval: int | None = None
    _good_steps = 0
    _safe = True

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
        self._scaling_interval = None

    def loss_scaling(self, interval: int = 1000, scale: float | None = None) -> None:
        """Scale the loss for half precision by a factor that finds its size itself.

        Where a gradient is not finite the step is left out and the factor halved; after
        `interval` steps without that it is doubled.  Each step waits for the device, to
        learn whether the gradients are finite.

        Parameters
        ----------
        interval : int
            Good steps before the factor grows.
        scale : float, optional
            A factor that stays as it is, as `set_loss_scale` sets it.

        Raises
        ------
        ValueError
            If `interval` is not positive.
        """
        if interval < 1:
            raise ValueError(f"loss_scaling: `interval` must be positive, not {interval}")
        self.set_loss_scale(_FIRST_LOSS_SCALE if scale is None else scale)
        if scale is None:
            self._scaling_interval = interval
            self._good_steps = 0

    def is_safe_to_update(self) -> bool:
        """Whether the last step was made, rather than left out for gradients not finite."""
        return self._safe

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
        name = hook_name(hook, name)
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
        bad = []
        for path, p in self.target.namedparams():
            if p.grad is not None:
                with p.device:
                    if not bool(p.xp.isfinite(p.grad).all()):
                        bad.append(path)
        if bad:
            raise RuntimeError(f"NaN or infinity in the gradients of {', '.join(bad)}")

    def serialize(self, serializer: Any) -> None:
        """Save to, or load from, a serializer: counts, and each parameter's rule by its path."""
        if self.target is None:
            raise RuntimeError("the optimizer has no target; call setup(link) first")
        self.t = serializer("t", self.t)
        self.epoch = serializer("epoch", self.epoch)
        if self._scaling_interval is not None:
            self._loss_scale = serializer("loss_scale", self._loss_scale)
            self._good_steps = serializer("good_steps", self._good_steps)
        for path, param in self.target.namedparams():
            if param.update_rule is not None:
                param.update_rule.serialize(serializer[path], param)


class GradientMethod(Optimizer):
    """Optimizers that follow the gradient; all of `nnrun.optimizers` are.

    Subclasses define `create_update_rule`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.hyperparam = Hyperparameter()
        self._use_fp32_update = False
        self._tables: dict[Any, Any] = {}

    def setup(self, link: Link) -> GradientMethod:
        """Set what learns, and give each of its parameters an update rule."""
        super().setup(link)
        for param in link.params():
            param.update_rule = self.create_update_rule()
            if self._use_fp32_update:
                param.update_rule.use_fp32_update()
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
            # That a scaled gradient is too large is what a dynamic scale wants to learn.
            expected = (
                {} if self._scaling_interval is None else {"over": "ignore", "invalid": "ignore"}
            )
            with np.errstate(**expected):  # type: ignore[arg-type]
                loss.backward(loss_scale=self._loss_scale)
            del loss  # and with it the graph, before the states are made
        self._safe = True
        if self._loss_scale is not None:
            self._unscale(self._loss_scale)
            if self._scaling_interval is not None:
                self._adapt_loss_scale(self._scaling_interval)
        if self._safe:
            self.call_hooks("pre")
            self.t += 1
            self.update_params(self._params_with_grad())
            self.call_hooks("post")

    def _unscale(self, scale: float) -> None:
        for param in self._params_with_grad():
            grad: Any = param.grad
            with param.device:
                if grad.dtype == np.float16:
                    grad = grad.astype(np.float32)  # what was scaled up to be a float16
                param.grad = grad * (1.0 / scale)

    def _adapt_loss_scale(self, interval: int) -> None:
        finite = [self._all_finite(p) for p in self._params_with_grad()]
        self._safe = all(bool(one) for one in finite)  # asked after all were sent to the device
        scale: Any = self._loss_scale
        if not self._safe:
            self._loss_scale = max(scale / 2, 1.0)
            self._good_steps = 0
            return
        self._good_steps += 1
        if self._good_steps >= interval:
            self._loss_scale = min(scale * 2, _GREATEST_LOSS_SCALE)
            self._good_steps = 0

    @staticmethod
    def _all_finite(param: Parameter) -> Any:
        with param.device:
            return param.xp.isfinite(param.grad).all()

    def use_fp32_update(self, flag: bool = True) -> None:
        """Keep float32 copies of float16 parameters, and update those.

        Parameters
        ----------
        flag : bool
            Whether to.
        """
        self._use_fp32_update = flag
        for param in self.target.params() if self.target is not None else ():
            if param.update_rule is not None:
                param.update_rule.use_fp32_update(flag)

    def update_params(self, params: list[Parameter]) -> None:
        """Change the parameters given, which all have a gradient.

        Those on a device whose rules run one kernel with the same numbers share a launch.
        """
        groups: dict[Any, list[tuple[Parameter, Parameter]]] = {}
        for param in params:
            rule = param.update_rule
            if rule is None or isinstance(param.array, np.ndarray) or not rule.joins:
                param.update()
                continue
            if is_current(param.array):
                target = rule.begin(param)
            else:
                with param.device:
                    target = rule.begin(param)
            if target is not None:
                place = (target.array.device_id, target.dtype, *rule.device_update())
                groups.setdefault(place, []).append((param, target))
        for (_, _, kernel, scalars), members in groups.items():
            with members[0][0].device:
                self._update_together(kernel, scalars, members)

    def _update_together(
        self, kernel: Any, scalars: Any, members: list[tuple[Parameter, Parameter]]
    ) -> None:
        together = []
        for param, target in members:
            update = (target.array, target.grad, param.update_rule.state)
            if kernel.can_join(target.array, target.grad):
                together.append(update)
            else:
                kernel.one(*update, scalars)
        if together:
            kernel.many(together, scalars, self._tables)
        for param, _ in members:
            param.update_rule.end(param)

    def _params_with_grad(self) -> list[Parameter]:
        return [p for p in self.target.params() if p.grad is not None]

    def __repr__(self) -> str:
        values = ", ".join(f"{k}={v}" for k, v in self.hyperparam.get_dict().items())
        return f"{type(self).__name__}({values})"
