"""What links that keep a state from call to call share."""

from __future__ import annotations

from typing import Any

from nnrun.backend import get_device_from_array
from nnrun.core import DeviceResidentsVisitor, Link, Variable, as_array, as_variable

__all__ = ["State", "zeros_like_rows"]


def zeros_like_rows(x: Any, size: int) -> Any:
    """Zeros of shape (batch, size), of the dtype and on the device of a batch of rows."""
    array = as_array(x)
    with get_device_from_array(array) as device:
        return device.xp.zeros((len(array), size), array.dtype)


class State(Link):
    """Mixed into a link before its base; `state_names` names the attributes of the state.

    The state is None until the first call and after `reset_state`.  It moves with
    the link from device to device, and is not saved.
    """

    state_names: tuple[str, ...] = ("h",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.reset_state()

    def reset_state(self) -> None:
        """Forget the state: the next call starts from zeros."""
        for name in self.state_names:
            setattr(self, name, None)

    def _set(self, *values: Any) -> None:
        for name, value in zip(self.state_names, values, strict=True):
            v = as_variable(value)
            v.to_device(self.device)
            setattr(self, name, v)

    def _show_own(self, visitor: DeviceResidentsVisitor) -> None:
        super()._show_own(visitor)
        for name in self.state_names:
            value: Variable | None = getattr(self, name)
            if value is not None:
                visitor.visit_variable(value)
