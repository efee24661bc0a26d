"""What a host device answers to `cuDeviceGetAttribute`: the table of an sm_80-like GPU.

The figures are those of a device of compute capability 8.0 where a kernel can
tell, since PTX for ``compute_80`` may rely on them; sizes and counts that
describe the machine (multiprocessors) are the machine's.  What a host device
cannot do (textures, surfaces, clusters, sharing handles) is 0, which is how
CUDA says "no".  A number that is no attribute at all is not in the table.
"""

from __future__ import annotations

from cuda.bindings.driver import CUdevice_attribute

from ndgpu import config

__all__ = ["MAX_GRID", "REGISTERS", "SHARED", "SHARED_OPTIN", "WARP", "table"]

WARP = 32
REGISTERS = 65536
"""32-bit registers of a multiprocessor, and the most that one block may have."""
SHARED = 48 << 10
"""Shared memory that a block may have without asking, in bytes."""
SHARED_OPTIN = 163 << 10
"""Shared memory that a block may have after `cuFuncSetAttribute`, in bytes."""
MAX_GRID = (2**31 - 1, 65535, 65535)

_ROWS = {
    "MAX_THREADS_PER_BLOCK": 1024,
    "MAX_BLOCK_DIM_X": 1024,
    "MAX_BLOCK_DIM_Y": 1024,
    "MAX_BLOCK_DIM_Z": 64,
    "MAX_GRID_DIM_X": MAX_GRID[0],
    "MAX_GRID_DIM_Y": MAX_GRID[1],
    "MAX_GRID_DIM_Z": MAX_GRID[2],
    "MAX_SHARED_MEMORY_PER_BLOCK": SHARED,
    "MAX_SHARED_MEMORY_PER_BLOCK_OPTIN": SHARED_OPTIN,
    "MAX_SHARED_MEMORY_PER_MULTIPROCESSOR": 164 << 10,
    "RESERVED_SHARED_MEMORY_PER_BLOCK": 1 << 10,
    "TOTAL_CONSTANT_MEMORY": 64 << 10,
    "WARP_SIZE": WARP,
    "MAX_PITCH": 2**31 - 1,
    "MAX_REGISTERS_PER_BLOCK": REGISTERS,
    "MAX_REGISTERS_PER_MULTIPROCESSOR": REGISTERS,
    "MAX_THREADS_PER_MULTIPROCESSOR": 2048,
    "MAX_BLOCKS_PER_MULTIPROCESSOR": 32,
    "COMPUTE_CAPABILITY_MAJOR": 8,
    "COMPUTE_CAPABILITY_MINOR": 0,
    "CLOCK_RATE": 1_000_000,  # kHz: `clock` counts nanoseconds
    "MEMORY_CLOCK_RATE": 1_600_000,
    "GLOBAL_MEMORY_BUS_WIDTH": 64,
    "L2_CACHE_SIZE": 32 << 20,
    "TEXTURE_ALIGNMENT": 512,
    "TEXTURE_PITCH_ALIGNMENT": 32,
    "SURFACE_ALIGNMENT": 512,
    "INTEGRATED": 1,
    "CAN_MAP_HOST_MEMORY": 1,
    "UNIFIED_ADDRESSING": 1,
    "MANAGED_MEMORY": 1,
    "CONCURRENT_MANAGED_ACCESS": 1,
    "DIRECT_MANAGED_MEM_ACCESS_FROM_HOST": 1,
    "PAGEABLE_MEMORY_ACCESS": 1,
    "PAGEABLE_MEMORY_ACCESS_USES_HOST_PAGE_TABLES": 1,
    "CAN_USE_HOST_POINTER_FOR_REGISTERED_MEM": 1,
    "HOST_NATIVE_ATOMIC_SUPPORTED": 1,
    "STREAM_PRIORITIES_SUPPORTED": 1,
    "GLOBAL_L1_CACHE_SUPPORTED": 1,
    "LOCAL_L1_CACHE_SUPPORTED": 1,
    "CONCURRENT_KERNELS": 1,
    "COOPERATIVE_LAUNCH": 1,
    "MEMORY_POOLS_SUPPORTED": 1,
    "SINGLE_TO_DOUBLE_PRECISION_PERF_RATIO": 2,
    "HOST_NUMA_ID": -1,
}


def table(ordinal: int) -> dict[int, int]:
    """Return every attribute of the host device number `ordinal`."""
    values = {int(attribute): 0 for attribute in CUdevice_attribute}
    del values[int(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX)]  # the end of the enumeration
    rows = _ROWS | {
        # What the processor does to memory by itself, the checks do not see.
        "PAGEABLE_MEMORY_ACCESS_USES_HOST_PAGE_TABLES": int(not config.value("NDGPU_HOST_CHECK")),
        "MULTIPROCESSOR_COUNT": config.value("NDGPU_HOST_THREADS"),
        "PCI_DEVICE_ID": ordinal,
    }
    for name, value in rows.items():
        attribute = getattr(CUdevice_attribute, f"CU_DEVICE_ATTRIBUTE_{name}")
        values[int(attribute)] = value
    return values
