"""Hooks that watch functions: times, memory, values, ranges for profilers."""

from nnrun.function_hooks.cuda_profile import CUDAProfileHook
from nnrun.function_hooks.memory_profile import CupyMemoryProfileHook, MemoryProfileHook
from nnrun.function_hooks.print_hook import PrintHook
from nnrun.function_hooks.timer import TimerHook

__all__ = [
    "CUDAProfileHook",
    "CupyMemoryProfileHook",
    "MemoryProfileHook",
    "PrintHook",
    "TimerHook",
]
