"""`Classifier`: a model with a loss and an accuracy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nnrun.core import Chain, Link, Variable
from nnrun.functions.accuracy import accuracy
from nnrun.functions.softmax_cross_entropy import softmax_cross_entropy

__all__ = ["Classifier"]


class Classifier(Chain):
    """A model with a loss and an accuracy, both reported.

    Called with inputs and labels it returns the loss, and reports ``loss`` and
    ``accuracy`` to the current reporter.

    Parameters
    ----------
    predictor : Link
        The model; called with the inputs.
    lossfun : callable
        ``lossfun(y, t)``.
    accfun : callable
        ``accfun(y, t)``.
    label_key : int or str
        Which argument holds the labels; the last one by default.  A string names a
        keyword argument.

    Attributes
    ----------
    y, loss, accuracy : Variable or None
        Of the latest call.
    compute_accuracy : bool
        Whether to compute the accuracy.

    Examples
    --------
    >>> import numpy as np, nnrun.links as L
    >>> model = L.Classifier(L.Linear(4, 3))
    >>> model(np.zeros((2, 4), np.float32), np.array([0, 1])).item()  # doctest: +ELLIPSIS
    1.0986...
    """

    compute_accuracy = True

    def __init__(
        self,
        predictor: Link,
        lossfun: Callable[..., Variable] = softmax_cross_entropy,
        accfun: Callable[..., Variable] = accuracy,
        label_key: int | str = -1,
    ) -> None:
        if not isinstance(label_key, (int, str)):
            raise TypeError(f"Classifier: `label_key` must be int or str, not {label_key!r}")
        super().__init__()
        self.lossfun = lossfun
        self.accfun = accfun
        self.y: Any = None
        self.loss: Any = None
        self.accuracy: Any = None
        self.label_key = label_key
        with self.init_scope():
            self.predictor = predictor

    def forward(self, *args: Any, **kwargs: Any) -> Variable:
        """Return the loss.

        Parameters
        ----------
        *args, **kwargs
            The model's inputs, and the labels where `label_key` says.

        Returns
        -------
        Variable

        Raises
        ------
        ValueError
            If there are no labels.
        """
        from nnrun.reporter import report  # beside the core: it belongs to training

        if isinstance(self.label_key, int):
            if not -len(args) <= self.label_key < len(args):
                raise ValueError(
                    f"Classifier: argument {self.label_key} should hold the labels, but there are "
                    f"{len(args)} arguments"
                )
            place = self.label_key % len(args)
            t = args[place]
            args = args[:place] + args[place + 1 :]
        else:
            if self.label_key not in kwargs:
                raise ValueError(
                    f"Classifier: keyword argument {self.label_key!r} should hold the labels"
                )
            t = kwargs.pop(self.label_key)
        # Drop the results of the latest call first: they hold its memory.
        self.y = self.loss = self.accuracy = None
        self.y = self.predictor(*args, **kwargs)
        self.loss = self.lossfun(self.y, t)
        report({"loss": self.loss}, self)
        if self.compute_accuracy:
            self.accuracy = self.accfun(self.y, t)
            report({"accuracy": self.accuracy}, self)
        return self.loss
