"""Where arrays live: NumPy's memory, or a device of ndgpu.

`get_array_module` answers with the module (``numpy`` or ``ndgpu``) whose
functions suit given arrays, so that one piece of code serves both.
`get_device` turns a name into a `Device`, which makes, moves and recognises
arrays.  ndgpu is imported when a device of it is first asked for.

Names of devices
----------------
``numpy``
    NumPy on the CPU.  Also ``@numpy``, ``-1``, ``cpu``.
``cuda:N``
    The GPU number N.
``host:N``
    ndgpu's software GPU number N.
``auto``
    The first GPU if there is one, else NumPy.
``@cupy:N``, ``gpu:N``, ``N``
    Device number N of whatever ndgpu runs on.

Examples
--------
>>> import numpy as np
>>> from nnrun import backend
>>> backend.get_array_module(np.ones(2)).__name__
'numpy'
>>> backend.get_device("numpy").send([1.0, 2.0])
array([1., 2.])
"""

from __future__ import annotations

import re
import sys
import threading
from types import ModuleType, TracebackType
from typing import Any

import numpy as np

__all__ = [
    "CpuDevice",
    "Device",
    "DeviceId",
    "GpuDevice",
    "copyto",
    "get_array_module",
    "get_array_types",
    "get_cpu_array_types",
    "get_device",
    "get_device_from_array",
    "is_array",
    "is_arrays_compatible",
    "is_current",
    "using_device",
]

Array = Any
DeviceId = Any

_KNOWN = "numpy, cuda:N, host:N, auto (or Chainer's @numpy, @cupy:N, -1, N)"

# Answers of `_module_of_type`, by the array's type: one dictionary look-up on the hot path.
_modules: dict[type, ModuleType | None] = {np.ndarray: np}


def _module_of_type(kind: type) -> ModuleType | None:
    """The array module of a type, None if it is no array; remembered."""
    ndgpu = sys.modules.get("ndgpu")
    if issubclass(kind, np.ndarray):
        module: ModuleType | None = np
    elif ndgpu is not None and hasattr(ndgpu, "ndarray") and issubclass(kind, ndgpu.ndarray):
        module = ndgpu
    else:
        module = None
    _modules[kind] = module
    return module


def is_array(x: Any) -> bool:
    """Whether `x` is an array of NumPy or of ndgpu."""
    kind = type(x)
    module = _modules[kind] if kind in _modules else _module_of_type(kind)
    return module is not None


def get_array_module(*args: Any) -> Any:
    """Return ``ndgpu`` if any argument is an array (or Variable) of it, else ``numpy``.

    Parameters
    ----------
    *args : object
        Arrays, Variables, or anything else (which counts for NumPy).

    Returns
    -------
    module
        ``numpy`` or ``ndgpu``; both offer NumPy's names.
    """
    for x in args:
        kind = type(x)
        module = _modules[kind] if kind in _modules else _module_of_type(kind)
        if module is None:
            # Variables (and parameters) carry an array; a cheap look that needs no import.
            inner = getattr(x, "array", None)
            if inner is None or not is_array(inner):
                continue
            module = _modules[type(inner)]
        if module is not np:
            return module
    return np


def get_array_types() -> tuple[type, ...]:
    """Return the types of arrays there are: NumPy's, and ndgpu's once that is imported."""
    ndgpu = sys.modules.get("ndgpu")
    return (np.ndarray,) if ndgpu is None else (np.ndarray, ndgpu.ndarray)


def get_cpu_array_types() -> tuple[type, ...]:
    """Return the types of arrays in the CPU's memory: NumPy's."""
    return (np.ndarray,)


def is_arrays_compatible(arrays: Any) -> bool:
    """Whether arrays, of which some may be None, can be computed with together.

    Examples
    --------
    >>> import numpy as np
    >>> from nnrun.backend import is_arrays_compatible
    >>> is_arrays_compatible([np.ones(2), None])
    True
    """
    given = [x for x in arrays if x is not None]
    if not all(is_array(x) for x in given):
        raise TypeError("is_arrays_compatible: arrays of NumPy or ndgpu are wanted")
    return len({get_device_from_array(x) for x in given}) < 2


class Device:
    """One place where arrays live; made by `get_device`.

    Attributes
    ----------
    name : str
        ``numpy``, ``cuda:0``, ``host:1`` ...
    xp : module
        ``numpy`` or ``ndgpu``.
    """

    name: str

    @property
    def xp(self) -> Any:
        """The array module of this device."""
        raise NotImplementedError

    def use(self) -> None:
        """Make this the current device of the calling thread."""
        raise NotImplementedError

    def is_array_supported(self, array: Any) -> bool:
        """Whether `array` lives on this device."""
        raise NotImplementedError

    def _send(self, array: Array) -> Array:
        raise NotImplementedError

    def __enter__(self) -> Device:
        raise NotImplementedError

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        raise NotImplementedError

    def send(self, arrays: Any) -> Any:
        """Return the arrays on this device; what is already there is not copied.

        Parameters
        ----------
        arrays : array, sequence of numbers, or tuple, list or dict of arrays
            Containers keep their kind and are gone through to any depth; ``None``
            stays ``None``.

        Returns
        -------
        array or container of arrays
        """
        if arrays is None:
            return None
        if isinstance(arrays, dict):
            return {key: self.send(value) for key, value in arrays.items()}
        if isinstance(arrays, (tuple, list)):
            if any(is_array(x) or isinstance(x, (tuple, list, dict)) for x in arrays):
                return type(arrays)([self.send(x) for x in arrays])
            return self._send(np.asarray(arrays))
        return self._send(arrays if is_array(arrays) else np.asarray(arrays))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Device) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __reduce__(self) -> Any:
        return get_device, (self.name,)  # copies are the device itself

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"<Device {self.name}>"


class CpuDevice(Device):
    """NumPy's memory."""

    name = "numpy"

    @property
    def xp(self) -> Any:
        """The module ``numpy``."""
        return np

    def use(self) -> None:
        """Do nothing: NumPy has no current device."""

    def is_array_supported(self, array: Any) -> bool:
        """Whether `array` is a NumPy array."""
        return isinstance(array, np.ndarray)

    def _send(self, array: Array) -> Array:
        if isinstance(array, np.ndarray):
            return array
        return get_array_module(array).asnumpy(array)

    def __enter__(self) -> CpuDevice:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None


class GpuDevice(Device):
    """A device of ndgpu: a GPU, or the software GPU.

    Parameters
    ----------
    kind : str
        ``cuda`` or ``host``.
    number : int
        Which one.
    """

    def __init__(self, kind: str, number: int) -> None:
        import ndgpu  # a GPU is asked for: now its cost is due

        count = ndgpu.cuda.device_count()
        if not 0 <= number < count:
            raise ValueError(
                f"there is no device {kind}:{number}; ndgpu sees {count} ({kind}:0 .. "
                f"{kind}:{count - 1})"
                if count
                else f"there is no device {kind}:{number}; ndgpu sees none"
            )
        self.name = f"{kind}:{number}"
        self.id = number
        self._ndgpu = ndgpu
        # What each thread has entered; one object serves all threads.
        self._local = threading.local()

    @property
    def xp(self) -> Any:
        """The module ``ndgpu``."""
        return self._ndgpu

    @property
    def device(self) -> Any:
        """A new ``ndgpu.cuda.Device`` of this number."""
        return self._ndgpu.cuda.Device(self.id)

    def use(self) -> None:
        """Make this device the calling thread's current one."""
        self.device.use()

    def is_array_supported(self, array: Any) -> bool:
        """Whether `array` is in the memory of this device."""
        return isinstance(array, self._ndgpu.ndarray) and array.device.id == self.id

    def _send(self, array: Array) -> Array:
        if self.is_array_supported(array):
            return array
        with self.device:
            if isinstance(array, self._ndgpu.ndarray):
                return array.copy()  # ndgpu's copy lands on the current device
            return self._ndgpu.asarray(array)

    def __enter__(self) -> GpuDevice:
        device = self.device
        device.__enter__()
        entered = self._local.__dict__.setdefault("entered", [])
        entered.append(device)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._local.entered.pop().__exit__(kind, error, trace)


_CPU = CpuDevice()
_SPEC = re.compile(r"@?(?P<kind>[a-z0-9_]+?)(?::(?P<number>\d+))?")

# What `auto` means without a GPU: NumPy trains the small models of the examples faster than
# the software GPU does (benchmarks/results has the figures).
_AUTO_WITHOUT_GPU = "numpy"


def get_device(device_spec: DeviceId) -> Device:
    """Return the device of a name.

    Parameters
    ----------
    device_spec : str, int or Device
        ``numpy``, ``cuda:N``, ``host:N`` or ``auto``; Chainer's ``@numpy``,
        ``@cupy:N``, ``-1`` (CPU) and ``N`` work too.  A `Device` is returned as it is.

    Returns
    -------
    Device

    Raises
    ------
    ValueError
        If there is no such device; the message lists what is known.
    RuntimeError
        If ndgpu already runs on another kind of device.

    Examples
    --------
    >>> from nnrun import backend
    >>> backend.get_device("@numpy")
    <Device numpy>
    >>> backend.get_device("tpu")
    Traceback (most recent call last):
    ...
    ValueError: unknown device 'tpu'; known: numpy, cuda:N, host:N, auto (or Chainer's @numpy, \
@cupy:N, -1, N)
    """
    if isinstance(device_spec, Device):
        return device_spec
    if isinstance(device_spec, (int, np.integer)) and not isinstance(device_spec, bool):
        return _CPU if device_spec < 0 else _ndgpu_device(None, int(device_spec))
    if not isinstance(device_spec, str):
        # ndgpu.cuda.Device objects have an id; Chainer's users pass them too.
        number = getattr(device_spec, "id", None)
        if isinstance(number, int):
            return _ndgpu_device(None, number)
        raise ValueError(f"unknown device {device_spec!r}; known: {_KNOWN}")
    if re.fullmatch(r"-?\d+", device_spec):
        return get_device(int(device_spec))
    match = _SPEC.fullmatch(device_spec)
    kind = match["kind"] if match else ""
    if kind in ("numpy", "cpu") and match and match["number"] is None:
        return _CPU
    number = int(match["number"] or 0) if match else 0
    if kind in ("cupy", "gpu", "ndgpu"):
        return _ndgpu_device(None, number)
    if kind in ("cuda", "host"):
        return _ndgpu_device(kind, number)
    if device_spec == "auto":
        return _auto()
    raise ValueError(f"unknown device {device_spec!r}; known: {_KNOWN}")


_devices: dict[tuple[str, int], GpuDevice] = {}


def _ndgpu_device(kind: str | None, number: int) -> GpuDevice:
    """Device `number` of ndgpu, whose driver is chosen first where `kind` says which."""
    import ndgpu

    if kind is not None:
        ndgpu.cuda.choose(kind)
    key = (ndgpu.cuda.kind(), number)
    device = _devices.get(key)
    if device is None:
        device = _devices[key] = GpuDevice(*key)
    return device


def _auto() -> Device:
    import ndgpu

    if ndgpu.cuda.kind() == "cuda":
        return _ndgpu_device("cuda", 0)
    return get_device(_AUTO_WITHOUT_GPU)


def get_device_from_array(*arrays: Any) -> Device:
    """Return the device of the first array (or Variable) of ndgpu, else NumPy's.

    Parameters
    ----------
    *arrays : array or Variable

    Returns
    -------
    Device
    """
    for x in arrays:
        inner: Any = x if is_array(x) else getattr(x, "array", None)
        if is_array(inner) and _modules[type(inner)] is not np:
            return _ndgpu_device(None, inner.device.id)
    return _CPU


def is_current(array: Array) -> bool:
    """Whether work on an array needs no change of the current device.

    The hot path of every function: cheaper than entering the device it is in.
    """
    kind = type(array)
    if kind is np.ndarray:
        return True
    module = _modules[kind] if kind in _modules else _module_of_type(kind)
    return module is None or module is np or array.device_id == module.cuda.get_device_id()


def using_device(device_spec: DeviceId) -> Device:
    """Return the device for use in a ``with`` block, inside which it is current."""
    return get_device(device_spec)


def copyto(dst: Array, src: Array) -> None:
    """Copy the values of `src` into `dst`, wherever either lives.

    Parameters
    ----------
    dst : array
        Written to.
    src : array
        Read; broadcast to ``dst.shape``.

    Raises
    ------
    TypeError
        If `dst` is not an array.
    """
    if isinstance(dst, np.ndarray):
        np.copyto(dst, _CPU.send(src))
    elif is_array(dst):
        device = get_device_from_array(dst)
        with device:
            dst[...] = device.send(src)
    else:
        raise TypeError(f"copyto: `dst` must be an array, not {type(dst).__name__}")
