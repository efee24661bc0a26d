"""Evaluating a model on a dataset while it is trained."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from nnrun.config import no_backprop_mode, using_config
from nnrun.dataset.convert import concat_examples
from nnrun.reporter import DictSummary, Reporter, report, report_scope
from nnrun.training.extension import PRIORITY_WRITER, Extension

__all__ = ["Evaluator"]


class Evaluator(Extension):
    """Runs a model over a dataset once and reports the means of what it reports.

    The model runs with ``config.train`` false and without a graph.  Its figures
    get the evaluator's name as a prefix: ``validation/main/loss``.  A mean is over
    batches, each counted once.

    Parameters
    ----------
    iterator : Iterator or dict of str to Iterator
        Goes over the dataset once; it is reset before each use if it can be, else
        copied.  One iterator is called ``main``.
    target : Link or dict of str to Link
        The models; one is called ``main``.
    converter : callable, default concat_examples
        ``converter(batch, device)`` gives the model's arguments.
    device : None, int, str or Device
        Where the batches are sent.
    eval_hook : callable, optional
        Called with the evaluator before each evaluation.
    eval_func : callable, optional
        Called with a batch's arguments instead of the main model.

    Attributes
    ----------
    name : str or None
        The prefix; the trainer sets it, to ``validation`` if it is told nothing else.

    Examples
    --------
    >>> import numpy as np, nnrun
    >>> from nnrun import datasets, iterators, training
    >>> class Model(nnrun.Chain):
    ...     def forward(self, x):
    ...         nnrun.report({"mean": x.mean()}, self)
    >>> iterator = iterators.SerialIterator(np.arange(4.0), 2, repeat=False, shuffle=False)
    >>> training.extensions.Evaluator(iterator, Model())()
    {'main/mean': 1.5}
    """

    trigger = (1, "epoch")
    priority = PRIORITY_WRITER
    default_name = "validation"

    def __init__(
        self,
        iterator: Any,
        target: Any,
        converter: Callable[..., Any] = concat_examples,
        device: Any = None,
        eval_hook: Callable[[Evaluator], Any] | None = None,
        eval_func: Callable[..., Any] | None = None,
    ) -> None:
        self._iterators = dict(iterator) if isinstance(iterator, dict) else {"main": iterator}
        self._targets = dict(target) if isinstance(target, dict) else {"main": target}
        self.converter = converter
        self.device = device
        self.eval_hook = eval_hook
        self.eval_func = eval_func

    def get_iterator(self, name: str) -> Any:
        """Return the iterator of a name; KeyError if there is none."""
        return self._iterators[name]

    def get_all_iterators(self) -> dict[str, Any]:
        """Return all iterators by name."""
        return dict(self._iterators)

    def get_target(self, name: str) -> Any:
        """Return the model of a name; KeyError if there is none."""
        return self._targets[name]

    def get_all_targets(self) -> dict[str, Any]:
        """Return all models by name."""
        return dict(self._targets)

    def __call__(self, trainer: Any = None) -> dict[str, float]:
        """Evaluate, and report the means to the current reporter.

        Parameters
        ----------
        trainer : Trainer, optional
            Not used; without one the evaluator can be called by itself.

        Returns
        -------
        dict of str to float
            The means by name, with the prefix.
        """
        reporter = Reporter()
        # In a trainer the name keeps several evaluators apart; alone there is nothing to prefix.
        prefix = f"{self.name}/" if self.name is not None else ""
        for name, target in self._targets.items():
            reporter.add_observer(prefix + name, target)
            reporter.add_observers(prefix + name, target.namedlinks(skipself=True))
        with reporter, using_config("train", False):
            result = self.evaluate()
        report(result)
        return result

    def evaluate(self) -> dict[str, float]:
        """Go over the dataset once; override for another kind of evaluation.

        Returns
        -------
        dict of str to float
            The mean of each reported figure.

        Raises
        ------
        ValueError
            If the main iterator repeats, and so would never end.
        """
        iterator = self._iterators["main"]
        if getattr(iterator, "repeat", False):
            raise ValueError("Evaluator: the iterator repeats for ever; make it with repeat=False")
        evaluate = self.eval_func or self._targets["main"]
        if self.eval_hook is not None:
            self.eval_hook(self)
        if hasattr(iterator, "reset"):
            iterator.reset()
        else:
            iterator = copy.copy(iterator)
        summary = DictSummary()
        for batch in iterator:
            observation: dict[str, Any] = {}
            with report_scope(observation), no_backprop_mode():
                inputs = self.converter(batch, self.device)
                if isinstance(inputs, tuple):
                    evaluate(*inputs)
                elif isinstance(inputs, dict):
                    evaluate(**inputs)
                else:
                    evaluate(inputs)
            summary.add(observation)
        return {name: float(mean) for name, mean in summary.compute_mean().items()}

    def finalize(self) -> None:
        """Finalize the iterators."""
        for iterator in self._iterators.values():
            iterator.finalize()
