"""What CUDA's runtime tells about a device, from the attributes of the driver."""

from __future__ import annotations

from typing import Any

from ndgpu import driver
from ndgpu.runtime import Device, check

__all__ = ["PROPERTIES", "getDeviceProperties"]

# Keys of getDeviceProperties that are one attribute each, without CU_DEVICE_ATTRIBUTE_.
PROPERTIES = {
    "sharedMemPerBlock": "MAX_SHARED_MEMORY_PER_BLOCK",
    "regsPerBlock": "MAX_REGISTERS_PER_BLOCK",
    "warpSize": "WARP_SIZE",
    "maxThreadsPerBlock": "MAX_THREADS_PER_BLOCK",
    "clockRate": "CLOCK_RATE",
    "totalConstMem": "TOTAL_CONSTANT_MEMORY",
    "major": "COMPUTE_CAPABILITY_MAJOR",
    "minor": "COMPUTE_CAPABILITY_MINOR",
    "textureAlignment": "TEXTURE_ALIGNMENT",
    "texturePitchAlignment": "TEXTURE_PITCH_ALIGNMENT",
    "surfaceAlignment": "SURFACE_ALIGNMENT",
    "multiProcessorCount": "MULTIPROCESSOR_COUNT",
    "kernelExecTimeoutEnabled": "KERNEL_EXEC_TIMEOUT",
    "integrated": "INTEGRATED",
    "canMapHostMemory": "CAN_MAP_HOST_MEMORY",
    "computeMode": "COMPUTE_MODE",
    "concurrentKernels": "CONCURRENT_KERNELS",
    "ECCEnabled": "ECC_ENABLED",
    "pciBusID": "PCI_BUS_ID",
    "pciDeviceID": "PCI_DEVICE_ID",
    "pciDomainID": "PCI_DOMAIN_ID",
    "tccDriver": "TCC_DRIVER",
    "asyncEngineCount": "ASYNC_ENGINE_COUNT",
    "unifiedAddressing": "UNIFIED_ADDRESSING",
    "memoryClockRate": "MEMORY_CLOCK_RATE",
    "memoryBusWidth": "GLOBAL_MEMORY_BUS_WIDTH",
    "l2CacheSize": "L2_CACHE_SIZE",
    "persistingL2CacheMaxSize": "MAX_PERSISTING_L2_CACHE_SIZE",
    "accessPolicyMaxWindowSize": "MAX_ACCESS_POLICY_WINDOW_SIZE",
    "maxThreadsPerMultiProcessor": "MAX_THREADS_PER_MULTIPROCESSOR",
    "maxBlocksPerMultiProcessor": "MAX_BLOCKS_PER_MULTIPROCESSOR",
    "sharedMemPerMultiprocessor": "MAX_SHARED_MEMORY_PER_MULTIPROCESSOR",
    "sharedMemPerBlockOptin": "MAX_SHARED_MEMORY_PER_BLOCK_OPTIN",
    "reservedSharedMemPerBlock": "RESERVED_SHARED_MEMORY_PER_BLOCK",
    "regsPerMultiprocessor": "MAX_REGISTERS_PER_MULTIPROCESSOR",
    "streamPrioritiesSupported": "STREAM_PRIORITIES_SUPPORTED",
    "globalL1CacheSupported": "GLOBAL_L1_CACHE_SUPPORTED",
    "localL1CacheSupported": "LOCAL_L1_CACHE_SUPPORTED",
    "managedMemory": "MANAGED_MEMORY",
    "isMultiGpuBoard": "MULTI_GPU_BOARD",
    "multiGpuBoardGroupID": "MULTI_GPU_BOARD_GROUP_ID",
    "hostNativeAtomicSupported": "HOST_NATIVE_ATOMIC_SUPPORTED",
    "singleToDoublePrecisionPerfRatio": "SINGLE_TO_DOUBLE_PRECISION_PERF_RATIO",
    "pageableMemoryAccess": "PAGEABLE_MEMORY_ACCESS",
    "pageableMemoryAccessUsesHostPageTables": "PAGEABLE_MEMORY_ACCESS_USES_HOST_PAGE_TABLES",
    "directManagedMemAccessFromHost": "DIRECT_MANAGED_MEM_ACCESS_FROM_HOST",
    "concurrentManagedAccess": "CONCURRENT_MANAGED_ACCESS",
    "computePreemptionSupported": "COMPUTE_PREEMPTION_SUPPORTED",
    "canUseHostPointerForRegisteredMem": "CAN_USE_HOST_POINTER_FOR_REGISTERED_MEM",
    "cooperativeLaunch": "COOPERATIVE_LAUNCH",
    "memoryPoolsSupported": "MEMORY_POOLS_SUPPORTED",
}


def getDeviceProperties(device: int) -> dict[str, Any]:
    """Return what is known about a device, by the names of ``cudaDeviceProp``.

    Examples
    --------
    >>> from ndgpu.cuda import runtime
    >>> runtime.getDeviceProperties(0)["maxThreadsDim"]
    (1024, 1024, 64)
    """
    chosen = Device(device)
    kinds = driver.CUdevice_attribute

    def ask(name: str) -> int:
        member = getattr(kinds, f"CU_DEVICE_ATTRIBUTE_{name}", None)
        if member is None:  # this driver's API is older
            return 0
        code, answer = driver.cuDeviceGetAttribute(member, chosen.id)
        return 0 if code else int(answer)

    properties: dict[str, Any] = {key: ask(name) for key, name in PROPERTIES.items()}
    properties["name"] = chosen.name.encode()
    properties["totalGlobalMem"] = int(check(driver.cuDeviceTotalMem(chosen.id)))
    properties["maxThreadsDim"] = tuple(ask(f"MAX_BLOCK_DIM_{axis}") for axis in "XYZ")
    properties["maxGridSize"] = tuple(ask(f"MAX_GRID_DIM_{axis}") for axis in "XYZ")
    properties["deviceOverlap"] = int(properties["asyncEngineCount"] > 0)
    properties["uuid"] = bytes(check(driver.cuDeviceGetUuid(chosen.id)).bytes)
    return properties
