"""`nnrun.cuda` under the name of Chainer's later versions."""

from nnrun.cuda import (
    elementwise,
    get_array_module,
    get_device_from_id,
    is_available,
    raw,
    reduce,
    to_cpu,
    to_gpu,
)

__all__ = [
    "elementwise",
    "get_array_module",
    "get_device_from_id",
    "is_available",
    "raw",
    "reduce",
    "to_cpu",
    "to_gpu",
]
