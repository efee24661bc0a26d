"""An updater that shares each batch among several devices."""

from __future__ import annotations

from typing import Any

from nnrun import backend
from nnrun.training.updaters.parts import Figures, add_gradients
from nnrun.training.updaters.standard_updater import StandardUpdater

__all__ = ["ParallelUpdater"]


class ParallelUpdater(StandardUpdater):
    """Computes parts of each batch on copies of the model, and steps by the sum of the gradients.

    The step is that of the whole batch on one device, as far as the loss is a mean over
    examples (batch normalization sees each part by itself).  One program thread feeds all
    devices, which work side by side; then gradients go to the main device, and the new
    parameters to the others.

    Parameters
    ----------
    iterator, optimizer, converter
        As for `StandardUpdater`; the main optimizer's model is the main device's.
    models : dict of str to Link, optional
        A model for each name of `devices`; copies of the main one if not given.
    devices : dict of str to device specifier
        Where each model is; one is called ``main``.
    loss_func, loss_scale, auto_new_epoch
        As for `StandardUpdater`; a `loss_func` is called for all models alike, so it must
        take the model from elsewhere than a closure: only with one device can it be given.

    Raises
    ------
    ValueError
        If no device is named ``main``, the models do not go with the devices, or
        `loss_func` comes with several devices.

    Examples
    --------
    >>> import numpy as np, nnrun
    >>> from nnrun import datasets, iterators, training
    >>> x = np.arange(8, dtype=np.float32).reshape(8, 1)
    >>> model = nnrun.links.Classifier(nnrun.links.Linear(1, 1),
    ...     lossfun=nnrun.functions.mean_squared_error)
    >>> model.compute_accuracy = False
    >>> optimizer = nnrun.optimizers.SGD(0.01).setup(model)
    >>> iterator = iterators.SerialIterator(datasets.TupleDataset(x, 2 * x), 4, seed=0)
    >>> updater = training.updaters.ParallelUpdater(
    ...     iterator, optimizer, devices={"main": "numpy", "second": "numpy"})
    >>> updater.update()
    >>> updater.iteration
    1
    """

    def __init__(
        self,
        iterator: Any,
        optimizer: Any,
        converter: Any = None,
        models: dict[str, Any] | None = None,
        devices: dict[str, Any] | None = None,
        loss_func: Any = None,
        loss_scale: float | None = None,
        auto_new_epoch: bool = True,
    ) -> None:
        devices = {"main": "numpy"} if devices is None else dict(devices)
        if "main" not in devices:
            raise ValueError(f"ParallelUpdater: no device is named 'main', only {sorted(devices)}")
        if loss_func is not None and len(devices) > 1:
            raise ValueError(
                "ParallelUpdater: with several devices each model is its own loss function; "
                "`loss_func` cannot be told which model it is called for"
            )
        options = {} if converter is None else {"converter": converter}
        super().__init__(
            iterator,
            optimizer,
            device=devices["main"],
            loss_func=loss_func,
            loss_scale=loss_scale,
            auto_new_epoch=auto_new_epoch,
            **options,
        )
        main = self._optimizers["main"].target
        if models is None:
            models = {name: main if name == "main" else main.copy("copy") for name in devices}
        if set(models) != set(devices) or models["main"] is not main:
            raise ValueError(
                f"ParallelUpdater: models {sorted(models)} and devices {sorted(devices)} must have "
                "the same names, and the main model be the main optimizer's"
            )
        self._devices = {name: backend.get_device(device) for name, device in devices.items()}
        self._models = {name: models[name].to_device(self._devices[name]) for name in devices}

    def connect_trainer(self, trainer: Any) -> None:
        """Let the copies report under the main model's name."""
        for name, model in self._models.items():
            if name != "main":
                trainer.reporter.add_observer("main", model)
                trainer.reporter.add_observers("main", model.namedlinks(skipself=True))

    def update_core(self) -> None:
        """Learn from one batch."""
        iterator, optimizer = self._iterators["main"], self._optimizers["main"]
        batch = iterator.next()
        main = optimizer.target
        names = ["main", *[name for name in self._models if name != "main"]]
        parts = {name: batch[i :: len(names)] for i, name in enumerate(names)}
        busy = [name for name in names if parts[name]]
        complete = all(param.is_initialized for param in main.params())
        figures = Figures(self._devices["main"])
        for name in busy:
            model, device = self._models[name], self._devices[name]
            if not complete and model is not main:
                model.copyparams(main)  # which has its first values now
            model.cleargrads()
            share = len(parts[name]) / len(batch)
            with device, figures.of(share):
                inputs = self.converter(parts[name], device)
                add_gradients(self.loss_func or model, inputs, share, optimizer._loss_scale)
        figures.report()
        for name in busy[1:]:
            main.addgrads(self._models[name])
        optimizer.update()
        for name in names[1:]:
            self._models[name].copyparams(main)
        if self.auto_new_epoch and iterator.is_new_epoch:
            for one in self._optimizers.values():
                one.new_epoch(auto=True)

    def serialize(self, serializer: Any) -> None:
        """Save or load as `StandardUpdater` does; the copies follow the main model."""
        super().serialize(serializer)
        main = self._models["main"]
        for name, model in self._models.items():
            if name != "main":
                model.copyparams(main)
