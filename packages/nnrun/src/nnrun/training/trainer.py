"""The training loop: updates, and between them whatever was asked for.

What is guaranteed:

- an error in the updater or an extension is raised from `Trainer.run` as it is,
  with its traceback, after every extension and the updater were finalized (an
  error in one's cleaning up does not keep the others from theirs);
- the same holds for Ctrl-C (`KeyboardInterrupt`), which is taken between two iterations, so
  that what was logged until then is whole and a snapshot taken then can go on; pressed a second
  time it is taken at once;
- a trainer whose state was loaded goes on exactly as the one that saved it would
  have, as far as its parts save their states: the generators of NumPy and of the
  iterators are among them.
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnrun.iterators.random_state import (
    serialize_device_random_state,
    serialize_random_state,
)
from nnrun.reporter import Reporter
from nnrun.serializer import Deserializer
from nnrun.training.extension import Extension
from nnrun.training.interrupts import interrupts_between_iterations
from nnrun.training.triggers.interval_trigger import get_trigger

__all__ = ["Trainer"]


@dataclass(slots=True)
class _Entry:
    """An extension as the trainer knows it."""

    extension: Callable[[Any], Any]
    trigger: Callable[[Any], bool]
    priority: int
    call_before_training: bool


class Trainer:
    """Runs an updater until a trigger says stop, and extensions when theirs say so.

    Each iteration has an update and then, by falling priority, the extensions
    whose triggers fire.  What is reported meanwhile, by the optimizers' models
    under their optimizers' names, is in `observation`.

    Parameters
    ----------
    updater : Updater
        Advances the training by one iteration.
    stop_trigger : tuple, callable or None
        When to stop, such as ``(20, 'epoch')``; ``None`` never stops.
    out : str, default 'result'
        The folder of results; made by `run`.
    extensions : iterable, optional
        Extensions to add with their defaults.

    Attributes
    ----------
    updater, out
        As given.
    stop_trigger : callable
        When to stop.
    observation : dict
        What was reported in this iteration.
    reporter : Reporter
        Names the links of the optimizers' models.

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
    >>> updater = training.StandardUpdater(iterator, optimizer)
    >>> trainer = training.Trainer(updater, (30, "epoch"), out="example")
    >>> trainer.run()
    >>> updater.iteration, float(trainer.observation["main/loss"].array) < 0.1
    (60, True)
    """

    def __init__(
        self,
        updater: Any,
        stop_trigger: Any = None,
        out: str | os.PathLike[str] = "result",
        extensions: Any = None,
    ) -> None:
        self.updater = updater
        self.stop_trigger = get_trigger(stop_trigger)
        self.observation: dict[str, Any] = {}
        self.out = os.fspath(out)
        self.reporter = Reporter()
        for name, optimizer in updater.get_all_optimizers().items():
            self.reporter.add_observer(name, optimizer.target)
            self.reporter.add_observers(name, optimizer.target.namedlinks(skipself=True))
        updater.connect_trainer(self)
        self._extensions: dict[str, _Entry] = {}
        self._started_at: float | None = None
        self._elapsed_before = 0.0
        self._final_elapsed: float | None = None
        for extension in extensions or ():
            self.extend(extension)

    @property
    def elapsed_time(self) -> float:
        """Seconds of training, those before a resumed snapshot included.

        Raises
        ------
        RuntimeError
            If the training has not started.
        """
        if self._final_elapsed is not None:
            return self._final_elapsed
        if self._started_at is None:
            raise RuntimeError("Trainer: the training has not started, so no time has elapsed")
        return time.perf_counter() - self._started_at + self._elapsed_before

    @property
    def is_before_training(self) -> bool:
        """Whether no update was done yet: true in calls by ``call_before_training``."""
        return self.updater.iteration == 0

    def extend(
        self,
        extension: Callable[[Any], Any],
        name: str | None = None,
        trigger: Any = None,
        priority: int | None = None,
        *,
        call_before_training: bool = False,
    ) -> None:
        """Add an extension.

        Parameters
        ----------
        extension : callable
            Called with the trainer; see `nnrun.training.Extension`.
        name : str, optional
            Its name; its own `name`, else its `default_name` (or ``__name__``) if not
            given.  A name that is taken gets ``_1``, ``_2`` ... appended.
        trigger : tuple or callable, optional
            When it runs; its own `trigger`, else ``(1, 'iteration')``.
        priority : int, optional
            Its own `priority`, else `PRIORITY_READER`.
        call_before_training : bool, default False
            Whether it also runs once before the first update.

        Raises
        ------
        TypeError
            If it cannot be called.
        ValueError
            If it is to be called ``training``, or has no name.
        """
        if not callable(extension):
            raise TypeError(f"Trainer.extend: {extension!r} cannot be called")
        if name is None:
            name = (
                getattr(extension, "name", None)
                or getattr(extension, "default_name", None)
                or getattr(extension, "__name__", None)
            )
        if not name:
            raise ValueError(f"Trainer.extend: {extension!r} has no name; give one")
        if name == "training":
            raise ValueError("Trainer.extend: the name 'training' is the trainer's own")
        if trigger is None:
            trigger = getattr(extension, "trigger", None) or Extension.trigger
        if priority is None:
            priority = getattr(extension, "priority", Extension.priority)
        unique, number = name, 0
        while unique in self._extensions:
            number += 1
            unique = f"{name}_{number}"
        if isinstance(extension, Extension):
            extension.name = unique
        self._extensions[unique] = _Entry(
            extension, get_trigger(trigger), priority, call_before_training
        )

    def get_extension(self, name: str) -> Any:
        """Return the extension of a name.

        Raises
        ------
        ValueError
            If there is none; the message lists the names.
        """
        if name not in self._extensions:
            raise ValueError(
                f"the trainer has no extension {name!r}; it has {', '.join(self._extensions)}"
            )
        return self._extensions[name].extension

    def run(self, show_loop_exception_msg: bool = True) -> None:
        """Train until the stop trigger fires.

        Parameters
        ----------
        show_loop_exception_msg : bool, default True
            Whether an error's traceback is printed at once, before the cleaning up;
            it is raised in any case.

        Raises
        ------
        RuntimeError
            If this trainer has already run.
        """
        if self._final_elapsed is not None:
            raise RuntimeError("Trainer.run: this trainer has already run; make another")
        os.makedirs(self.out, exist_ok=True)
        # `sorted` keeps the order of those with equal priority.
        entries = sorted(self._extensions.values(), key=lambda entry: -entry.priority)
        self._started_at = time.perf_counter()
        failed = False
        try:
            for entry in entries:
                if initialize := getattr(entry.extension, "initialize", None):
                    initialize(self)
            with interrupts_between_iterations() as raise_if_interrupted:
                self._loop(entries, raise_if_interrupted)
        except BaseException as error:
            failed = True
            self._report_error(entries, error, show_loop_exception_msg)
            raise
        finally:
            self._finalize(entries, failed)

    def _loop(self, entries: list[_Entry], raise_if_interrupted: Callable[[], None]) -> None:
        update, scope, stop = self.updater.update, self.reporter.scope, self.stop_trigger
        with scope(self.observation):
            for entry in entries:
                if entry.call_before_training:
                    entry.extension(self)
        while not stop(self):
            self.observation = {}
            with scope(self.observation):
                update()
                for entry in entries:
                    if entry.trigger(self):
                        entry.extension(self)
            raise_if_interrupted()

    def _report_error(self, entries: list[_Entry], error: BaseException, show: bool) -> None:
        if show and isinstance(error, Exception):
            where = f"iteration {self.updater.iteration}"
            print(f"Exception in the training loop at {where}: {error}", file=sys.stderr)
            traceback.print_exception(error)
        for entry in entries:
            if on_error := getattr(entry.extension, "on_error", None):
                try:
                    on_error(self, error, error.__traceback__)
                except Exception as second:  # the first error is the one to be raised
                    error.add_note(f"and {type(entry.extension).__name__}.on_error: {second!r}")

    def _finalize(self, entries: list[_Entry], failed: bool) -> None:
        """Clean up all; raise the first error of that, unless another is on its way."""
        first: BaseException | None = None
        cleaners = [getattr(entry.extension, "finalize", None) for entry in entries]
        for clean in [*cleaners, self.updater.finalize]:
            if clean is None:
                continue
            try:
                clean()
            except Exception as error:
                first = first or error
        self._final_elapsed = self.elapsed_time
        if first is not None:
            if not failed:
                raise first
            traceback.print_exception(first)

    def _device_modules(self) -> set[Any]:
        """The array modules of the models, NumPy left out."""
        targets = [o.target for o in self.updater.get_all_optimizers().values()]
        return {target.xp for target in targets if hasattr(target, "xp")} - {np}

    def serialize(self, serializer: Any) -> None:
        """Save or load the whole training.

        What a snapshot lacks, because an extension was added since or the snapshot
        comes from elsewhere, keeps its state.
        """
        self.updater.serialize(serializer["updater"])
        parts = [(self.stop_trigger, serializer["stop_trigger"])]
        for name, entry in self._extensions.items():
            parts.append((entry.extension, serializer["extensions"][name]))
            parts.append((entry.trigger, serializer["extension_triggers"][name]))
        for part, place in parts:
            if hasattr(part, "serialize"):
                try:
                    part.serialize(place)
                except KeyError:
                    if not isinstance(serializer, Deserializer):
                        raise
        serialize_random_state(serializer["numpy_random"], np.random)
        for module in self._device_modules():
            serialize_device_random_state(serializer["device_random"], module.random)
        if self._started_at is None or self._final_elapsed is not None:
            elapsed = self._final_elapsed or self._elapsed_before
        else:
            elapsed = self.elapsed_time
        self._elapsed_before = float(serializer("_snapshot_elapsed_time", elapsed))
        if self._started_at is not None and self._final_elapsed is None:
            # Saving: what has elapsed stays counted from here on, once.
            self._started_at = time.perf_counter()
