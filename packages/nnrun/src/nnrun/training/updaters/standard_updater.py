"""The updater of most trainings: a batch, the loss, its gradients, one optimizer step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nnrun import backend
from nnrun.dataset.convert import concat_examples
from nnrun.training.updaters.updater import Updater

__all__ = ["StandardUpdater"]


def as_arguments(inputs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return what a converter gave as the arguments of a loss function."""
    if isinstance(inputs, tuple):
        return inputs, {}
    return ((), inputs) if isinstance(inputs, dict) else ((inputs,), {})


class StandardUpdater(Updater):
    """Takes a batch from the main iterator and lets the main optimizer learn from it.

    Override `update_core` for another algorithm.

    Parameters
    ----------
    iterator : Iterator or dict of str to Iterator
        Gives the batches; one iterator is called ``main``.
    optimizer : Optimizer or dict of str to Optimizer
        Set up with their models; `update_core` uses the one called ``main``, unless it is
        overridden.
    converter : callable, default concat_examples
        ``converter(batch, device)`` gives the loss function's arguments: one array,
        a tuple, or a dictionary of keyword arguments.
    device : None, int, str or Device
        The models are sent there, and the batches too; ``None`` leaves the models
        where they are.
    loss_func : callable, optional
        Gives the loss; the main optimizer's model if not given.
    loss_scale : float, optional
        Given to each optimizer's ``set_loss_scale``.
    auto_new_epoch : bool, default True
        Whether optimizers are told of a new epoch of the main iterator.
    input_device : None, int, str or Device
        Where batches are sent, if elsewhere than `device`.

    Raises
    ------
    ValueError
        If there is no iterator named ``main``; at the first update, if there is no optimizer
        of that name.
    """

    def __init__(
        self,
        iterator: Any,
        optimizer: Any,
        converter: Callable[..., Any] = concat_examples,
        device: Any = None,
        loss_func: Callable[..., Any] | None = None,
        loss_scale: float | None = None,
        auto_new_epoch: bool = True,
        *,
        input_device: Any = None,
    ) -> None:
        self._iterators = dict(iterator) if isinstance(iterator, dict) else {"main": iterator}
        self._optimizers = dict(optimizer) if isinstance(optimizer, dict) else {"main": optimizer}
        if "main" not in self._iterators:
            raise ValueError(
                f"StandardUpdater: no iterator is named 'main', only {sorted(self._iterators)}"
            )
        self.converter = converter
        self.loss_func = loss_func
        self.device = None if device is None else backend.get_device(device)
        self.input_device = (
            self.device if input_device is None else backend.get_device(input_device)
        )
        self.iteration = 0
        self.auto_new_epoch = auto_new_epoch
        for one in self._optimizers.values():
            if self.device is not None and one.target is not None:
                one.target.to_device(self.device)
            if loss_scale is not None:
                one.set_loss_scale(loss_scale)

    @property
    def epoch(self) -> int:
        """Sweeps completed by the main iterator."""
        return self._iterators["main"].epoch

    @property
    def epoch_detail(self) -> float:
        """The same with the fraction of the current sweep."""
        return self._iterators["main"].epoch_detail

    @property
    def previous_epoch_detail(self) -> float | None:
        """`epoch_detail` before the last update."""
        return self._iterators["main"].previous_epoch_detail

    @property
    def is_new_epoch(self) -> bool:
        """Whether the last update completed a sweep."""
        return self._iterators["main"].is_new_epoch

    def finalize(self) -> None:
        """Finalize the iterators."""
        for iterator in self._iterators.values():
            iterator.finalize()

    def get_optimizer(self, name: str) -> Any:
        """Return the optimizer of a name; KeyError if there is none."""
        return self._optimizers[name]

    def get_all_optimizers(self) -> dict[str, Any]:
        """Return all optimizers by name."""
        return dict(self._optimizers)

    def get_iterator(self, name: str) -> Any:
        """Return the iterator of a name; KeyError if there is none."""
        return self._iterators[name]

    def update(self) -> None:
        """Advance by one iteration: `update_core`, and count it."""
        self.update_core()
        self.iteration += 1

    def update_core(self) -> None:
        """Learn from one batch."""
        iterator = self._iterators["main"]
        if "main" not in self._optimizers:
            raise ValueError(
                f"StandardUpdater: no optimizer is named 'main', only {sorted(self._optimizers)}; "
                "override update_core to use others"
            )
        optimizer = self._optimizers["main"]
        inputs = self.converter(iterator.next(), self.input_device)
        args, named = as_arguments(inputs)
        optimizer.update(self.loss_func or optimizer.target, *args, **named)
        if self.auto_new_epoch and iterator.is_new_epoch:
            for one in self._optimizers.values():
                one.new_epoch(auto=True)

    def serialize(self, serializer: Any) -> None:
        """Save or load the iterators, optimizers, their models, and the iteration."""
        for name, iterator in self._iterators.items():
            iterator.serialize(serializer["iterator:" + name])
        for name, optimizer in self._optimizers.items():
            # The model first: the optimizer's states take the shapes of its parameters,
            # which may not be initialised before.
            optimizer.target.serialize(serializer["model:" + name])
            optimizer.serialize(serializer["optimizer:" + name])
        self.iteration = serializer("iteration", self.iteration)
