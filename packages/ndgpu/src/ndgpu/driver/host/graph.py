"""Graphs: captured work, made ready once and launched as one piece of a stream's work.

`cuGraphInstantiate` makes a `Program` of a graph: its nodes in an order in which they can run,
runs of short kernels, copies and fills joined to lists that native code works through without
coming back.  Nodes run one after the other, so branches cost no more than a line would; a kernel
that takes long is spread over threads as ever.

An instance is launched by one thread after another, and never runs twice at the same time: a
launch waits for the one before, as on a GPU.
"""

from __future__ import annotations

import ctypes
import functools
import os
import threading
import time
from typing import Any

from cuda.bindings.driver import (
    CUgraphExecUpdateResult,
    CUgraphExecUpdateResultInfo,
    CUresult,
)

from ndgpu.driver.host import launch, policies, workers
from ndgpu.driver.host.capture import Graph, Node, capture_of, graphs
from ndgpu.driver.host.context import Context, new_handle, thread
from ndgpu.driver.host.policies import UNKNOWN
from ndgpu.driver.host.queues import Queue, Work
from ndgpu.driver.host.results import OK, SUCCESS, fail
from ndgpu.driver.host.stream import bad_stream, find_stream

__all__: list[str] = []

_INVALID = CUresult.CUDA_ERROR_INVALID_VALUE
# Nanoseconds of a kernel up to which it is not worth coming back from native code for it.
_SHORT = 100_000
# Bytes of a copy or fill up to which the same holds.
_SMALL = 1 << 20

# Works through a list of pieces; returns 0, or the error and the number (from 1) of the piece.
_RUN = """
define i64 @ndgpu_graph_run(ptr %items, i64 %count, ptr %scratch) {
entry:
  br label %next
next:
  %i = phi i64 [ 0, %entry ], [ %after, %done ]
  %more = icmp ult i64 %i, %count
  br i1 %more, label %body, label %end
body:
  %item = getelementptr [4 x i64], ptr %items, i64 %i
  %code = load ptr, ptr %item
  %at1 = getelementptr i64, ptr %item, i64 1
  %params = load ptr, ptr %at1
  %at2 = getelementptr i64, ptr %item, i64 2
  %launch = load ptr, ptr %at2
  %at3 = getelementptr i64, ptr %item, i64 3
  %blocks = load i64, ptr %at3
  %error = call i32 %code(ptr %params, ptr %launch, i64 0, i64 %blocks, ptr %scratch)
  %failed = icmp ne i32 %error, 0
  %after = add i64 %i, 1
  br i1 %failed, label %fail, label %done
done:
  br label %next
fail:
  %number = shl i64 %after, 32
  %wide = zext i32 %error to i64
  %both = or i64 %number, %wide
  ret i64 %both
end:
  ret i64 0
}
"""
# A function of the C library with three arguments, in the guise of a kernel.
_CALL = """
define i32 @ndgpu_graph_call(ptr %params, ptr %launch, i64 %first, i64 %end, ptr %scratch) {
  %function = load ptr, ptr %params
  %at1 = getelementptr i64, ptr %params, i64 1
  %a = load i64, ptr %at1
  %at2 = getelementptr i64, ptr %params, i64 2
  %b = load i64, ptr %at2
  %at3 = getelementptr i64, ptr %params, i64 3
  %c = load i64, ptr %at3
  call void %function(i64 %a, i64 %b, i64 %c)
  ret i32 0
}
"""


@functools.cache
def _native() -> tuple[Any, int]:
    """The function that works through a list, and the address of the one that calls C."""
    from ndgpu.driver.host.compiler import llvm

    with launch.compiling():
        run = llvm.load_object(llvm.object_code(_RUN), "ndgpu_graph_run")
        call = llvm.load_object(llvm.object_code(_CALL), "ndgpu_graph_call")
    prototype = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p)
    return prototype(run), call


class _List:
    """Short nodes that native code runs in one go."""

    __slots__ = ("_context", "_items", "_keep", "_run", "nodes", "scratch")

    def __init__(self, context: Context, nodes: list[Node]) -> None:
        self._run, call = _native()
        self._context = context
        self.nodes = nodes
        self.scratch = 64
        self._items = (ctypes.c_uint64 * 4 * len(nodes))()
        self._keep = []
        for item, node in zip(self._items, nodes, strict=True):
            plan = node.plan
            if plan is not None:
                code = ctypes.cast(plan.native, ctypes.c_void_p).value
                item[:] = (code, node.params, plan.address, plan.blocks)
                self.scratch = max(self.scratch, plan.scratch)
            else:
                arguments = (ctypes.c_uint64 * 4)(*(node.plain or ()))
                self._keep.append(arguments)
                item[:] = (call, ctypes.addressof(arguments), 0, 0)

    def run(self) -> None:
        """Run them; a failure poisons the context."""
        scratch = workers.scratch(self.scratch)
        if not scratch:
            detail = "there is no memory for the shared memory of a graph's kernels"
            self._context.poison(CUresult.CUDA_ERROR_OUT_OF_MEMORY, detail)
            return
        failed = self._run(self._items, len(self.nodes), scratch)
        if failed:
            launch.failed(self.nodes[(failed >> 32) - 1].plan, failed & 0xFFFF_FFFF)


class _Progress:
    """How far a launch of a graph got, so that it can go on if it was interrupted."""

    __slots__ = ("inner", "next")

    def __init__(self) -> None:
        self.next = 0
        self.inner: launch.Progress | None = None  # of the kernel that is under way


class Program:
    """The nodes of a graph as they are run."""

    __slots__ = ("_parts", "_policy", "_settled", "context", "cost", "host", "nodes")

    def __init__(self, graph: Graph) -> None:
        self.context = graph.context
        # Allocations are there already, and are no work.
        self.nodes = list(graph.nodes)
        self.cost = UNKNOWN
        self.host = any(node.kind == "host" for node in self.nodes)
        self._parts: list[_List | Node] = []
        self._settled = False
        self._policy: policies.Policy | None = None

    def prepare(self) -> None:
        """Compile what is not compiled."""
        for node in self.nodes:
            if node.plan is not None and node.plan.native is None:
                node.plan.compile()

    def _join(self) -> None:
        """Join what is known to be short."""
        self._parts, self._settled, self._policy = [], True, policies.current
        run: list[Node] = []

        def close() -> None:
            if run:
                self._parts.append(_List(self.context, list(run)))
                run.clear()

        for node in self.nodes:
            plan = node.plan
            if plan is not None and plan.cost == UNKNOWN:
                self._settled = False
            if _joins(node):
                run.append(node)
            elif plan is not None or node.call is not None:
                close()
                self._parts.append(node)
        close()

    def run(self, progress: _Progress) -> None:
        """Run what is left of a launch; a failure poisons the context."""
        first = progress.next == 0 and progress.inner is None
        if first and (not self._settled or self._policy is not policies.current):
            self._join()
        start = time.perf_counter_ns()
        parts, context = self._parts, self.context
        while progress.next < len(parts) and context.error is None:
            part = parts[progress.next]
            if isinstance(part, Node) and part.plan is not None:
                if progress.inner is None:
                    progress.inner = launch.Progress()
                launch.run(part.plan, part.params, progress.inner)
                progress.inner = None
                progress.next += 1
                continue
            # Counted before it is called: a call in C that is interrupted has been done.
            progress.next += 1
            if isinstance(part, Node):
                part.call(*part.args)  # type: ignore[misc]
            else:
                part.run()
        if first:
            self.cost = max(time.perf_counter_ns() - start, 1) if self._settled else UNKNOWN


def _joins(node: Node) -> bool:
    """Whether native code may run a node in a list."""
    plan = node.plan
    if plan is None:
        return node.plain is not None and node.plain[3] <= _SMALL
    return (
        plan.native is not None
        and plan.checks is None
        and plan.cost <= _SHORT
        and policies.current.random is None
    )


class Instance:
    """A graph made ready: what CUDA calls an executable graph.

    Attributes
    ----------
    program : Program
        What the next launch runs; those under way keep theirs.
    last : tuple or None
        The queue and number of the latest launch that was enqueued.
    """

    __slots__ = ("context", "handle", "last", "lock", "program")

    def __init__(self, graph: Graph) -> None:
        self.context = graph.context
        self.handle = new_handle()
        self.program = Program(graph)
        self.last: tuple[Queue, int] | None = None
        self.lock = threading.RLock()

    def release(self) -> None:
        """Forget the instance; part of destroying it or its context.  Launches still run."""
        _instances.pop(self.handle, None)


_instances: dict[int, Instance] = {}


def _bad_graph(call: str, handle: int, values: int = 0) -> tuple:
    return fail(_INVALID, f"{call}: {handle:#x} is not a graph (any more)", values)


def _bad_instance(call: str, handle: int, values: int = 0) -> tuple:
    return fail(_INVALID, f"{call}: {handle:#x} is not an executable graph (any more)", values)


def cuGraphInstantiate(hGraph: int, flags: int) -> tuple:
    """Return ``(CUresult, instance)`` that can be launched; the graph may be destroyed then."""
    graph = graphs.get(hGraph)
    if graph is None:
        return _bad_graph("cuGraphInstantiate", hGraph, 1)
    if flags & ~1:  # CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH
        return fail(_INVALID, f"cuGraphInstantiate: flags {flags:#x} are not supported", 1)
    instance = Instance(graph)
    _instances[instance.handle] = instance.context.owned[instance.handle] = instance
    return SUCCESS, instance.handle


def cuGraphUpload(hGraphExec: int, hStream: int) -> tuple:
    """Do before the first launch what that would have to wait for: compile the kernels."""
    instance = _instances.get(hGraphExec)
    if instance is None:
        return _bad_instance("cuGraphUpload", hGraphExec)
    if find_stream(hStream, thread.context) is None:
        return bad_stream("cuGraphUpload", hStream)
    instance.program.prepare()
    return OK if instance.context.error is None else instance.context.refuse()


def cuGraphLaunch(hGraphExec: int, hStream: int) -> tuple:
    """Have the stream run the graph, after the launch of it before."""
    context = thread.context
    if context.error is not None:
        return context.refuse()
    instance = _instances.get(hGraphExec)
    if instance is None:
        return _bad_instance("cuGraphLaunch", hGraphExec)
    stream = find_stream(hStream, context)
    if stream is None:
        return bad_stream("cuGraphLaunch", hStream)
    if stream.context is not instance.context:
        return fail(_INVALID, "cuGraphLaunch: the graph and the stream are of two devices")
    if stream.context.captures:
        capture = capture_of("cuGraphLaunch", stream)
        if isinstance(capture, tuple):
            return capture
        if capture is not None:
            child = instance.program
            node = Node("graph", f"graph of {len(child.nodes)} nodes", _run_child, (child,))
            return capture.add(stream, node)
    with instance.lock:
        program, last = instance.program, instance.last
        if last is not None and last[0].completed >= last[1]:
            last = instance.last = None
        if program.cost <= policies.current.short and last is None and not program.host:
            context = stream.context
            with context.turn:
                if not context.active or stream.settle():
                    program.run(_Progress())
                    return OK
        work = Work(
            program.run, (_Progress(),), program.cost, program.host,
            after=() if last is None else (last,),
        )  # fmt: skip
        instance.last = (stream, stream.defer(work))
    return OK


def _run_child(program: Program) -> None:
    program.run(_Progress())


def cuGraphExecUpdate(hGraphExec: int, hGraph: int) -> tuple:
    """Return ``(CUresult, info)``; give an instance the arguments of a graph of the same shape."""
    call = "cuGraphExecUpdate"
    instance, graph = _instances.get(hGraphExec), graphs.get(hGraph)
    if instance is None:
        return _bad_instance(call, hGraphExec, 1)
    if graph is None:
        return _bad_graph(call, hGraph, 1)
    info = CUgraphExecUpdateResultInfo()
    difference = _difference(instance.program, graph)
    if difference:
        kind, words = difference
        info.result = kind
        return *fail(CUresult.CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE, f"{call}: {words}"), info
    info.result = CUgraphExecUpdateResult.CU_GRAPH_EXEC_UPDATE_SUCCESS
    with instance.lock:
        cost = instance.program.cost
        instance.program = Program(graph)
        instance.program.cost = cost
    return SUCCESS, info


def _difference(program: Program, graph: Graph) -> tuple[CUgraphExecUpdateResult, str] | None:
    """How a graph differs from the one that a program was made of, in what cannot be updated."""
    kinds = CUgraphExecUpdateResult
    if graph.context is not program.context:
        return kinds.CU_GRAPH_EXEC_UPDATE_ERROR, "the graph is of another device"
    if len(graph.nodes) != len(program.nodes):
        words = f"the graph has {len(graph.nodes)} nodes, and the instance {len(program.nodes)}"
        return kinds.CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED, words
    places = [{id(n): i for i, n in enumerate(nodes)} for nodes in (program.nodes, graph.nodes)]
    for number, pair in enumerate(zip(program.nodes, graph.nodes, strict=True)):
        old, new = pair
        if old.kind != new.kind:
            words = f"node {number} was a {old.kind}, and is a {new.kind} now"
            return kinds.CU_GRAPH_EXEC_UPDATE_ERROR_NODE_TYPE_CHANGED, words
        before = [
            {place[id(n)] for n in node.before} for place, node in zip(places, pair, strict=True)
        ]
        if before[0] != before[1]:
            words = f"node {number} ({new.label}) waits for other nodes than before"
            return kinds.CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED, words
    return None


def cuGraphExecDestroy(hGraphExec: int) -> tuple:
    """Destroy an instance; its launches still run."""
    instance = _instances.get(hGraphExec)
    if instance is None:
        return _bad_instance("cuGraphExecDestroy", hGraphExec)
    instance.release()
    instance.context.owned.pop(hGraphExec, None)
    return OK


def cuGraphDestroy(hGraph: int) -> tuple:
    """Destroy a graph; instances of it stay."""
    graph = graphs.get(hGraph)
    if graph is None:
        return _bad_graph("cuGraphDestroy", hGraph)
    graph.release()
    graph.context.owned.pop(hGraph, None)
    return OK


def cuGraphGetNodes(hGraph: int, numNodes: int = 0) -> tuple:
    """Return ``(CUresult, nodes, count)``: at most `numNodes` handles, and how many there are."""
    graph = graphs.get(hGraph)
    if graph is None:
        return _bad_graph("cuGraphGetNodes", hGraph, 2)
    handles = [node.handle for node in graph.nodes]
    return SUCCESS, handles[:numNodes], len(handles)


def cuGraphDebugDotPrint(hGraph: int, path: bytes, flags: int) -> tuple:
    """Write the graph as text for Graphviz."""
    graph = graphs.get(hGraph)
    if graph is None:
        return _bad_graph("cuGraphDebugDotPrint", hGraph)
    lines = ["digraph ndgpu {"]
    for node in graph.nodes:
        label = node.label.replace("\\", "\\\\").replace('"', '\\"')
        lines.append(f'  n{node.handle:x} [shape=box, label="{node.kind}\\n{label}"];')
        lines.extend(f"  n{before.handle:x} -> n{node.handle:x};" for before in node.before)
    lines.append("}\n")
    try:
        with open(os.fsdecode(path), "w", encoding="utf-8") as file:
            file.write("\n".join(lines))
    except OSError as error:
        detail = f"cuGraphDebugDotPrint: {error}"
        return fail(CUresult.CUDA_ERROR_OPERATING_SYSTEM, detail)
    return OK
