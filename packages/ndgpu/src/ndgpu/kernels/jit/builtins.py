"""What functions that become kernels may call: CUDA's indices, barriers, atomics and shuffles.

The objects mean something only within a function decorated by `rawkernel`; elsewhere calling them
is an error that says so.
"""

from __future__ import annotations

from typing import Any, NoReturn

__all__ = [
    "ATOMICS",
    "Builtin",
    "Dim3",
    "atomic_add",
    "atomic_and",
    "atomic_cas",
    "atomic_dec",
    "atomic_exch",
    "atomic_inc",
    "atomic_max",
    "atomic_min",
    "atomic_or",
    "atomic_sub",
    "atomic_xor",
    "blockDim",
    "blockIdx",
    "grid",
    "gridDim",
    "gridsize",
    "laneid",
    "range",
    "shared_memory",
    "shfl_down_sync",
    "shfl_sync",
    "shfl_up_sync",
    "shfl_xor_sync",
    "syncthreads",
    "syncwarp",
    "threadIdx",
    "warpsize",
]


class Builtin:
    """A function of kernels.

    Attributes
    ----------
    name : str
    """

    def __init__(self, name: str, doc: str) -> None:
        self.name = name
        self.__name__ = name
        self.__doc__ = doc

    def __repr__(self) -> str:
        return f"<function {self.name} of kernels>"

    def __call__(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise RuntimeError(
            f"jit.{self.name} works within a function decorated by jit.rawkernel alone"
        )


class Dim3:
    """``threadIdx``, ``blockIdx``, ``blockDim`` or ``gridDim``: `x`, `y` and `z` are uint32."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"<{self.name} of kernels>"


threadIdx = Dim3("threadIdx")
blockIdx = Dim3("blockIdx")
blockDim = Dim3("blockDim")
gridDim = Dim3("gridDim")
warpsize = 32
"""Threads of a warp."""

grid = Builtin("grid", "Return the thread's index in the grid: ``grid(1)``, or a tuple.")
gridsize = Builtin("gridsize", "Return the threads of the grid: ``gridsize(1)``, or a tuple.")
laneid = Builtin("laneid", "Return the thread's number in its warp.")
range = Builtin("range", "As Python's `range`, with ``unroll=`` a number, True or False.")
syncthreads = Builtin("syncthreads", "Wait for all threads of the block.")
syncwarp = Builtin("syncwarp", "Wait for the threads of the warp in ``mask=``, all by default.")
shared_memory = Builtin(
    "shared_memory",
    "Return an array in the block's shared memory: ``shared_memory(dtype, size, alignment=None)``; "
    "a size of None is what the launch gives.",
)
shfl_sync = Builtin("shfl_sync", "Return lane `val_id`'s `var`: ``(mask, var, val_id, width=32)``.")
shfl_up_sync = Builtin("shfl_up_sync", "As `shfl_sync`, from the lane `val_id` below.")
shfl_down_sync = Builtin("shfl_down_sync", "As `shfl_sync`, from the lane `val_id` above.")
shfl_xor_sync = Builtin("shfl_xor_sync", "As `shfl_sync`, from the lane ``laneid ^ val_id``.")


def _atomic(name: str, does: str) -> Builtin:
    return Builtin(name, f"{does} at ``array[index]`` in one step; return what was there before.")


atomic_add = _atomic("atomic_add", "Add `value`")
atomic_sub = _atomic("atomic_sub", "Subtract `value`")
atomic_exch = _atomic("atomic_exch", "Put `value`")
atomic_min = _atomic("atomic_min", "Keep the lesser of `value` and what is there")
atomic_max = _atomic("atomic_max", "Keep the greater of `value` and what is there")
atomic_inc = _atomic("atomic_inc", "Count up, to 0 past `value`,")
atomic_dec = _atomic("atomic_dec", "Count down, to `value` below 0,")
atomic_cas = _atomic("atomic_cas", "Put `alt` (the fourth argument) if `value` is what is there,")
atomic_and = _atomic("atomic_and", "Combine bits by *and* with `value`")
atomic_or = _atomic("atomic_or", "Combine bits by *or* with `value`")
atomic_xor = _atomic("atomic_xor", "Combine bits by *exclusive or* with `value`")

# CUDA's function, and the dtypes that it takes on every device.
ATOMICS: dict[Builtin, tuple[str, str]] = {
    atomic_add: ("atomicAdd", "int32 uint32 uint64 float32 float64"),
    atomic_sub: ("atomicSub", "int32 uint32"),
    atomic_exch: ("atomicExch", "int32 uint32 uint64 float32"),
    atomic_min: ("atomicMin", "int32 uint32 int64 uint64"),
    atomic_max: ("atomicMax", "int32 uint32 int64 uint64"),
    atomic_inc: ("atomicInc", "uint32"),
    atomic_dec: ("atomicDec", "uint32"),
    atomic_cas: ("atomicCAS", "int32 uint32 uint64"),
    atomic_and: ("atomicAnd", "int32 uint32 uint64"),
    atomic_or: ("atomicOr", "int32 uint32 uint64"),
    atomic_xor: ("atomicXor", "int32 uint32 uint64"),
}
