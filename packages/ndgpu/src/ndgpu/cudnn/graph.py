"""cuDNN's graph interface: descriptors with attributes, and plans made from one operation.

Descriptors of tensors and operations need no GPU; plans do.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from typing import Any

from ndgpu import runtime
from ndgpu.cudnn.binding import CuDnn, CuDnnError, Descriptor

__all__ = ["Plan", "get", "new_operation", "new_tensor"]

# cudnn_graph.h: cudnnBackendDescriptorType_t, ...AttributeType_t and ...AttributeName_t
_ENGINE_CONFIG, _HEURISTICS, _PLAN, _GRAPH, _PACK, _TENSOR = 3, 4, 5, 15, 16, 17
_HANDLE_TYPE, _DATA_TYPE, _BOOLEAN, _INT64, _POINTER, _MODE_TYPE, _DESCRIPTOR = 0, 1, 2, 3, 6, 8, 15
_MODE, _OF_GRAPH, _RESULTS = 200, 201, 202
_PLAN_HANDLE, _PLAN_CONFIG, _PLAN_WORKSPACE = 400, 401, 402
_GRAPH_HANDLE, _GRAPH_OPERATIONS = 800, 801
_ALIGNMENT, _TYPE, _LENGTHS, _STRIDES, _UID, _BY_VALUE = 900, 901, 902, 903, 906, 908
_PACK_UIDS, _PACK_POINTERS, _PACK_WORKSPACE = 1000, 1001, 1003
_MODE_A, _MODE_FALLBACK = 3, 2
_MOST_CONFIGS = 16
_FORMS: dict[int, Any] = {
    _HANDLE_TYPE: ctypes.c_void_p,
    _DATA_TYPE: ctypes.c_int,
    _BOOLEAN: ctypes.c_bool,
    _INT64: ctypes.c_int64,
    _POINTER: ctypes.c_void_p,
    _MODE_TYPE: ctypes.c_int,
    _DESCRIPTOR: ctypes.c_void_p,
}


def _new(library: CuDnn, kind: int) -> Descriptor:
    made = ctypes.c_void_p()
    library.calls.cudnnBackendCreateDescriptor(kind, ctypes.byref(made))
    return Descriptor(made.value or 0, library.calls.cudnnBackendDestroyDescriptor)


def _set(library: CuDnn, made: Descriptor, name: int, kind: int, *values: Any) -> None:
    array = (_FORMS[kind] * len(values))(*(getattr(v, "value", v) for v in values))
    library.calls.cudnnBackendSetAttribute(made, name, kind, len(values), array)


def get(library: CuDnn, made: Descriptor, name: int, kind: int, most: int) -> list[Any]:
    """Return the values of an attribute, at most so many."""
    array, count = (_FORMS[kind] * most)(), ctypes.c_int64()
    call = library.calls.cudnnBackendGetAttribute
    call(made, name, kind, most, ctypes.byref(count), array)
    return list(array)[: count.value]


def new_tensor(
    library: CuDnn,
    uid: int,
    code: int,
    lengths: Sequence[int],
    strides: Sequence[int],
    by_value: bool = False,
) -> Descriptor:
    """Return a finished descriptor of a tensor, aligned to 16 bytes or given by value."""
    made = _new(library, _TENSOR)
    _set(library, made, _TYPE, _DATA_TYPE, code)
    _set(library, made, _LENGTHS, _INT64, *lengths)
    _set(library, made, _STRIDES, _INT64, *strides)
    _set(library, made, _UID, _INT64, uid)
    _set(library, made, _ALIGNMENT, _INT64, 16)
    _set(library, made, _BY_VALUE, _BOOLEAN, by_value)
    library.calls.cudnnBackendFinalize(made)
    return made


def new_operation(library: CuDnn, kind: int, tensors: Mapping[int, Descriptor]) -> Descriptor:
    """Return a finished operation: for each attribute a tensor."""
    made = _new(library, kind)
    for name, tensor in tensors.items():
        _set(library, made, name, _DESCRIPTOR, tensor)
    library.calls.cudnnBackendFinalize(made)
    made.holds = tuple(tensors.values())
    return made


class Plan:
    """How cuDNN runs one operation on this thread's handle.

    Parameters
    ----------
    library : CuDnn
    operation : Descriptor
        Finished.

    Raises
    ------
    CuDnnError
        If no engine of cuDNN takes the operation.

    Attributes
    ----------
    workspace : int
        Bytes of scratch memory that it takes.
    """

    def __init__(self, library: CuDnn, operation: Descriptor) -> None:
        self._library = library
        self._operation = operation
        handle = library.handle()
        self._graph = _new(library, _GRAPH)
        _set(library, self._graph, _GRAPH_HANDLE, _HANDLE_TYPE, handle)
        _set(library, self._graph, _GRAPH_OPERATIONS, _DESCRIPTOR, operation)
        library.calls.cudnnBackendFinalize(self._graph)
        failure: CuDnnError | None = None
        for mode in (_MODE_A, _MODE_FALLBACK):
            for config in self._configs(mode):
                plan = _new(library, _PLAN)
                try:
                    _set(library, plan, _PLAN_HANDLE, _HANDLE_TYPE, handle)
                    _set(library, plan, _PLAN_CONFIG, _DESCRIPTOR, config)
                    library.calls.cudnnBackendFinalize(plan)
                except CuDnnError as error:  # this engine does not take it: the next may
                    failure = error
                    continue
                self._plan, self._config = plan, config
                (self.workspace,) = get(library, plan, _PLAN_WORKSPACE, _INT64, 1)
                return
        raise failure or CuDnnError("cudnnBackendFinalize", 3000, "no engine configurations")

    def _configs(self, mode: int) -> list[Descriptor]:
        library = self._library
        heuristics = _new(library, _HEURISTICS)
        _set(library, heuristics, _OF_GRAPH, _DESCRIPTOR, self._graph)
        _set(library, heuristics, _MODE, _MODE_TYPE, mode)
        library.calls.cudnnBackendFinalize(heuristics)
        made = [_new(library, _ENGINE_CONFIG) for _ in range(_MOST_CONFIGS)]
        array = (ctypes.c_void_p * _MOST_CONFIGS)(*(m.value for m in made))
        count = ctypes.c_int64()
        library.calls.cudnnBackendGetAttribute(
            heuristics, _RESULTS, _DESCRIPTOR, _MOST_CONFIGS, ctypes.byref(count), array
        )
        for config in made:
            config.holds = (heuristics,)
        return made[: count.value]

    def run(self, pointers: Mapping[int, int]) -> None:
        """Run in the current stream.

        Parameters
        ----------
        pointers : mapping of int to int
            For each tensor's unique number the address of its elements.
        """
        library = self._library
        memory = runtime.alloc(self.workspace)
        pack = _new(library, _PACK)
        _set(library, pack, _PACK_UIDS, _INT64, *pointers)
        _set(library, pack, _PACK_POINTERS, _POINTER, *pointers.values())
        _set(library, pack, _PACK_WORKSPACE, _POINTER, memory.ptr)
        library.calls.cudnnBackendFinalize(pack)
        library.calls.cudnnBackendExecute(library.handle(), self._plan, pack)
