"""cuDNN 9, called through ctypes: typed calls, a handle for each thread, and descriptors.

Descriptors say what lies where; they belong to no device, are never changed once made, and
are kept, so that a call in a training loop makes none.  Statuses, descriptors and the
shapes of results need no GPU.
"""

from __future__ import annotations

import ctypes
import functools
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ndgpu import driver, runtime
from ndgpu.core.dtypes import is_bfloat16
from ndgpu.core.ndarray import ndarray
from ndgpu.linalg.precisions import get_precision
from ndgpu.runtime.libraries import Handles, Library, LibraryError

__all__ = [
    "PROTOTYPES",
    "CuDnn",
    "CuDnnError",
    "Descriptor",
    "current",
    "data_type",
    "ints",
    "scalars",
]

_KINDS = ("Tensor", "Filter", "Convolution", "Pooling", "Dropout", "RNN", "RNNData")
_ALGORITHM = "pppppipp"
_SEARCH = "ppppppppipppz"
_WORKSPACE = "pppppip"
_CONVOLVE = "pppppppipzppp"
PROTOTYPES: dict[str, str] = {
    "cudnnCreate": "p",
    "cudnnDestroy": "p",
    "cudnnSetStream": "pp",
    "cudnnSetTensorNdDescriptor": "piipp",
    "cudnnGetTensorNdDescriptor": "pipppp",
    "cudnnSetFilterNdDescriptor": "piiip",
    "cudnnGetFilterNdDescriptor": "pipppp",
    "cudnnSetConvolutionNdDescriptor": "pipppii",
    "cudnnGetConvolutionNdDescriptor": "pipppppp",
    "cudnnSetConvolutionGroupCount": "pi",
    "cudnnSetConvolutionMathType": "pi",
    "cudnnGetConvolutionNdForwardOutputDim": "pppip",
    "cudnnGetConvolutionForwardAlgorithm_v7": _ALGORITHM,
    "cudnnFindConvolutionForwardAlgorithmEx": _SEARCH,
    "cudnnGetConvolutionForwardWorkspaceSize": _WORKSPACE,
    "cudnnConvolutionForward": _CONVOLVE,
    "cudnnGetConvolutionBackwardDataAlgorithm_v7": _ALGORITHM,
    "cudnnFindConvolutionBackwardDataAlgorithmEx": _SEARCH,
    "cudnnGetConvolutionBackwardDataWorkspaceSize": _WORKSPACE,
    "cudnnConvolutionBackwardData": _CONVOLVE,
    "cudnnGetConvolutionBackwardFilterAlgorithm_v7": _ALGORITHM,
    "cudnnFindConvolutionBackwardFilterAlgorithmEx": _SEARCH,
    "cudnnGetConvolutionBackwardFilterWorkspaceSize": _WORKSPACE,
    "cudnnConvolutionBackwardFilter": _CONVOLVE,
    "cudnnAddTensor": "ppppppp",
    "cudnnSetPoolingNdDescriptor": "piiippp",
    "cudnnGetPoolingNdForwardOutputDim": "ppip",
    "cudnnPoolingForward": "pppppppp",
    "cudnnPoolingBackward": "pppppppppppp",
    "cudnnSoftmaxForward": "piipppppp",
    "cudnnSoftmaxBackward": "piipppppppp",
    "cudnnBatchNormalizationForwardTraining": "pippppppppp" + "dpp" + "dpp",
    "cudnnBatchNormalizationForwardInference": "pipppppppppppd",
    "cudnnBatchNormalizationBackward": "pippppppppppppppdpp",
    "cudnnDropoutGetStatesSize": "pp",
    "cudnnSetDropoutDescriptor": "ppfpzU",
    "cudnnDropoutGetReserveSpaceSize": "pp",
    "cudnnDropoutForward": "pppppppz",
    "cudnnDropoutBackward": "pppppppz",
    "cudnnSetRNNDescriptor_v8": "piiiiiiiiiiiipi",
    "cudnnSetRNNDataDescriptor": "pipiiipp",
    "cudnnGetRNNTempSpaceSizes": "ppippp",
    "cudnnGetRNNWeightSpaceSize": "ppp",
    "cudnnGetRNNWeightParams": "ppizpipppp",
    "cudnnRNNForward": "ppipppppppppppzpzpzp",
    "cudnnRNNBackwardData_v8": "ppppppppppppppppzpzpzp",
    "cudnnRNNBackwardWeights_v8": "ppipppppppzpzpzp",
    "cudnnBackendCreateDescriptor": "ip",
    "cudnnBackendDestroyDescriptor": "p",
    "cudnnBackendSetAttribute": "piiqp",
    "cudnnBackendGetAttribute": "piiqpp",
    "cudnnBackendFinalize": "p",
    "cudnnBackendExecute": "ppp",
}
for _kind in _KINDS:
    PROTOTYPES[f"cudnnCreate{_kind}Descriptor"] = "p"
    PROTOTYPES[f"cudnnDestroy{_kind}Descriptor"] = "p"
"""Every function of cuDNN that is called, as `ndgpu.runtime.libraries.Library` takes it."""

# cudnn_graph.h
_DATA = {"float32": 0, "float64": 1, "float16": 2, "bfloat16": 9}
_FLOAT, _DOUBLE = 0, 1
_NCHW = 0
_CROSS_CORRELATION = 1
# cudnnMathType_t: for float32 by the precision set, for 16-bit floats tensor cores.
_DEFAULT_MATH, _TENSOR_OP, _CONVERSION, _FMA = 0, 1, 2, 3
_MATH = {"float32": _FMA, "tf32": _DEFAULT_MATH, "float16": _CONVERSION, "bfloat16": _CONVERSION}
_PROPAGATE_NAN = 1
_KEPT = 4096
_LEAST_VERSION = 90000


class CuDnnError(LibraryError):
    """A call of cuDNN that failed."""


def data_type(dtype: np.dtype) -> int | None:
    """Return the ``cudnnDataType_t`` of a floating dtype, or None if cuDNN has not got it."""
    return _DATA.get("bfloat16" if is_bfloat16(dtype) else dtype.name)


@functools.cache
def _scalar(value: float, double: bool) -> np.ndarray:
    return np.array([value], np.float64 if double else np.float32)


def scalars(dtype: np.dtype) -> tuple[int, int]:
    """Return the addresses of a one and a zero as cuDNN wants them for tensors of a dtype."""
    double = dtype.itemsize == 8
    return _scalar(1.0, double).ctypes.data, _scalar(0.0, double).ctypes.data


def ints(values: Sequence[int]) -> Any:
    """Return a C array of int."""
    return (ctypes.c_int * len(values))(*values)


class Descriptor:
    """One descriptor, destroyed with this object; given to calls as it is.

    Attributes
    ----------
    value : int
    holds : tuple
        What must live as long: other descriptors that it is made of.
    """

    __slots__ = ("_as_parameter_", "_destroy", "holds", "value")

    def __init__(self, value: int, destroy: Callable[[int], None]) -> None:
        self.value = self._as_parameter_ = value
        self.holds: tuple[Descriptor, ...] = ()
        self._destroy = destroy

    # A default: the module's own names may be gone by the time that this is called last.
    def __del__(self, _ending: Any = sys.is_finalizing) -> None:
        if not _ending():
            self._destroy(self.value)


class CuDnn:
    """One loaded cuDNN.

    Parameters
    ----------
    library : ctypes.CDLL

    Raises
    ------
    RuntimeError
        If it is older than cuDNN 9.
    """

    def __init__(self, library: Any) -> None:
        library.cudnnGetVersion.restype = ctypes.c_size_t
        self.version = int(library.cudnnGetVersion())
        if self.version < _LEAST_VERSION:
            raise RuntimeError(f"cuDNN 9 or newer is needed, found version {self.version}")
        function = library.cudnnGetErrorString
        function.argtypes, function.restype = [ctypes.c_int], ctypes.c_char_p
        self.calls = Library(
            library, PROTOTYPES, lambda status: (function(status) or b"").decode(), CuDnnError
        )
        self._handles = Handles(
            lambda: self.create("cudnnCreate"), self.calls.cudnnDestroy, self.calls.cudnnSetStream
        )
        # Descriptors are kept for each library: a cache for each object, not for the class.
        keep = functools.lru_cache(maxsize=_KEPT)
        self._tensor, self._filter = keep(self._make_tensor), keep(self._make_filter)
        self._convolution, self._pooling = keep(self._make_convolution), keep(self._make_pooling)

    def create(self, name: str) -> int:
        """Call a function that makes something, and return it."""
        made = ctypes.c_void_p()
        getattr(self.calls, name)(ctypes.byref(made))
        return made.value or 0

    def handle(self) -> int:
        """Return the handle of this thread and device, working in the current stream."""
        return self._handles.current()

    def new(self, kind: str) -> Descriptor:
        """Return a new descriptor of a kind ("Tensor", "RNN", ...), not yet set."""
        value = self.create(f"cudnnCreate{kind}Descriptor")
        return Descriptor(value, getattr(self.calls, f"cudnnDestroy{kind}Descriptor"))

    @staticmethod
    def math(dtype: np.dtype) -> int:
        """Return the ``cudnnMathType_t`` for a dtype, by the precision set in this thread."""
        return _MATH[get_precision()] if dtype.itemsize >= 4 else _TENSOR_OP

    # -- descriptors that are kept ----------------------------------------------------

    def tensor(self, a: ndarray, shape: Sequence[int], least: int = 4) -> Descriptor:
        """Describe a C-contiguous array, seen in a shape of at least so many axes."""
        shape = (*shape, *(1,) * (least - len(shape)))
        return self._tensor(data_type(a._dtype), shape)

    def _make_tensor(self, code: int, shape: tuple[int, ...]) -> Descriptor:
        made = self.new("Tensor")
        strides = [1]
        for n in reversed(shape[1:]):
            strides.insert(0, strides[0] * n)
        call = self.calls.cudnnSetTensorNdDescriptor
        call(made, code, len(shape), ints(shape), ints(strides))
        return made

    def filter(self, a: ndarray, shape: Sequence[int]) -> Descriptor:
        """Describe the weights of a convolution, (out, in / groups, ...), C-contiguous."""
        return self._filter(data_type(a._dtype), tuple(shape))

    def _make_filter(self, code: int, shape: tuple[int, ...]) -> Descriptor:
        made = self.new("Filter")
        call = self.calls.cudnnSetFilterNdDescriptor
        call(made, code, _NCHW, len(shape), ints(shape))
        return made

    def convolution(
        self,
        dtype: np.dtype,
        pad: Sequence[int],
        stride: Sequence[int],
        dilation: Sequence[int],
        groups: int,
        math: int | None = None,
    ) -> Descriptor:
        """Describe a cross-correlation; `math` is the ``cudnnMathType_t``, by precision if None."""
        if math is None:
            math = self.math(dtype)
        compute = _DOUBLE if dtype.itemsize == 8 else _FLOAT
        lengths = (tuple(pad), tuple(stride), tuple(dilation))
        return self._convolution(compute, *lengths, groups, math)

    def _make_convolution(
        self,
        compute: int,
        pad: tuple[int, ...],
        stride: tuple[int, ...],
        dilation: tuple[int, ...],
        groups: int,
        math: int,
    ) -> Descriptor:
        made = self.new("Convolution")
        lengths = [ints(x) for x in (pad, stride, dilation)]
        call = self.calls.cudnnSetConvolutionNdDescriptor
        call(made, len(pad), *lengths, _CROSS_CORRELATION, compute)
        self.calls.cudnnSetConvolutionGroupCount(made, groups)
        self.calls.cudnnSetConvolutionMathType(made, math)
        return made

    def pooling(
        self, mode: int, window: Sequence[int], pad: Sequence[int], stride: Sequence[int]
    ) -> Descriptor:
        """Describe a pooling; `mode` is the ``cudnnPoolingMode_t``."""
        return self._pooling(mode, tuple(window), tuple(pad), tuple(stride))

    def _make_pooling(
        self, mode: int, window: tuple[int, ...], pad: tuple[int, ...], stride: tuple[int, ...]
    ) -> Descriptor:
        made = self.new("Pooling")
        lengths = [ints(x) for x in (window, pad, stride)]
        call = self.calls.cudnnSetPoolingNdDescriptor
        call(made, mode, _PROPAGATE_NAN, len(window), *lengths)
        return made


@functools.cache
def _of(device_id: int) -> CuDnn | None:
    library = driver.load_library("cudnn")
    return None if library is None else CuDnn(library)


def current() -> CuDnn | None:
    """Return the cuDNN of the current device, or None where the driver cannot run one."""
    return _of(runtime.current_device_id())
