"""Stopping as soon as a parameter is no longer a number."""

from __future__ import annotations

from typing import Any

from nnrun import backend
from nnrun.training.extension import Extension

__all__ = ["FailOnNonNumber"]


class FailOnNonNumber(Extension):
    """Raises an error when a parameter has NaN or infinity in it.

    Looking at every parameter costs time and waits for the device; a trigger such
    as ``(100, 'iteration')`` makes it cheaper.
    """

    needs_model_state = True

    def __call__(self, trainer: Any) -> None:
        """Look at all parameters of all optimizers' models.

        Raises
        ------
        RuntimeError
            If one is not finite; it names the optimizer and the parameters.
        """
        for name, optimizer in trainer.updater.get_all_optimizers().items():
            bad = []
            for path, param in optimizer.target.namedparams():
                array = param.array
                if array is not None:
                    xp = backend.get_array_module(array)
                    if not bool(xp.isfinite(array).all()):
                        bad.append(path)
            if bad:
                raise RuntimeError(
                    f"after iteration {trainer.updater.iteration} parameters of optimizer "
                    f"{name!r} have NaN or infinity: {', '.join(sorted(bad))}"
                )
