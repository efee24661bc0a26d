"""PTX modules as the host driver sees them: kernels with native entries, and variables.

A kernel is compiled for a class of block shapes when a launch first needs it; the object code is
kept in the disk cache under a key that holds the PTX, the class, the CPU and this compiler.  So is
what a launch has to know, and then PTX that was loaded before is not even parsed.
"""

from __future__ import annotations

import functools
import hashlib
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

from ndgpu import diskcache

from . import barriers, llvm, ptx, services
from .callgraph import CallGraph
from .cfg import build
from .check import CheckedWriter, area_bytes
from .dataflow import Dataflow, Step
from .errors import PtxError
from .facts import Facts, decode, encode
from .findings import WRITTEN, source_of
from .frames import Layout, layout, rounded
from .inline import flatten
from .lanes import RESERVED, RESERVED_BYTES
from .shapes import WARP_OPCODES, Variant
from .stack import STACK_BYTES, link
from .syntax import Function, Instruction, Module, Param, Symbol, Variable
from .trace import Trace, TracedWriter
from .writer import Writer

__all__ = ["Kernel", "Program", "load"]

_WARP = 32
_FRAME = struct.Struct("<Q")  # what precedes object code: the size of a warp's frame
_SEEN = frozenset(("volatile", "relaxed", "acquire", "release", "mmio"))
_ORDERING = frozenset(("fence", "membar", "vprintf", "malloc", "free", "__assertfail"))
_WARP_REGISTERS = ("%laneid", "%lanemask_", "%warpid", "%nwarpid")


class Program:
    """A loaded PTX module.

    Attributes
    ----------
    kernels : dict
        `Kernel` by name.
    variables : list of Variable
        Module-scope variables of global and constant memory.  The launch's table of addresses
        has them in this order.
    """

    def __init__(
        self,
        text: str,
        checks: frozenset[str] = frozenset(),
        trace: Trace | None = None,
        stack: int = STACK_BYTES,
    ) -> None:
        self.text = text
        self.stack = stack
        self._flows: dict[str, Dataflow] = {}
        self.checks = checks & WRITTEN
        self.trace = trace
        self.source = source_of(text) if checks or trace else {}
        told = text if stack == STACK_BYTES else f"{text}// stack {stack}"
        self.digest = hashlib.blake2b(told.encode(), digest_size=20).hexdigest()
        key = _digest("facts", self.digest, _compiler())
        known = None if checks or trace else diskcache.default().get(key)
        if known is None:
            self.variables = self._variables()
            functions = self.module.functions.values()
            kernels = {f.name: self._facts(f) for f in functions if f.entry and f.defined}
        else:
            self.variables, kernels = decode(known)
        self.kernels = {name: Kernel(self, name, facts) for name, facts in kernels.items()}
        if known is None:
            for kernel in self.kernels.values():
                kernel.check()
            if not (checks or trace):
                origin = {"kind": "facts", "name": ", ".join(kernels), "made by": "host device"}
                diskcache.default().put(key, encode(self.variables, kernels), origin)

    # -- what has to be parsed ---------------------------------------------------------------

    @functools.cached_property
    def module(self) -> Module:
        """The module's syntax."""
        return ptx.parse(self.text)

    @functools.cached_property
    def calls(self) -> CallGraph:
        """Which of its functions call which."""
        return CallGraph(self.module)

    @property
    def files(self) -> dict[int, str]:
        """Names of source files by number, where lines are known."""
        return self.module.files

    def flow(self, name: str) -> Dataflow:
        """A kernel's instructions in basic blocks."""
        found = self._flows.get(name)
        if found is None:
            flat = link(flatten(self.module, self.module.functions[name], self.calls), self.stack)
            graph = build(flat)
            barriers.check(graph.blocks, name)
            found = self._flows[name] = Dataflow(flat, graph)
        return found

    def _resolved(self) -> list[Variable]:
        return [self.calls.resolved(v) for v in self.module.variables.values()]

    def _variables(self) -> list[Variable]:
        variables = [v for v in self._resolved() if v.space in ("global", "const")]
        variables += services.variables(self.module, self.text)
        names = {v.name for v in variables}
        for variable in variables:
            for _, name, _ in variable.relocations:
                if name not in names:
                    raise PtxError(f"{variable.name} holds the address of {name}, unknown here")
        return variables

    def _facts(self, function: Function) -> Facts:
        flow = self.flow(function.name)
        used = _symbols(flow)
        own = [*flow.flat.variables.values()]
        if any(name in RESERVED for steps in flow.steps for s in steps for name in s.uses):
            own.append(Variable("%reserved", "shared", RESERVED_BYTES, 16))
        shared = [v for v in self._resolved() if v.space == "shared"]
        static = [*own, *(v for v in shared if v.size and v.name in used)]
        dynamic = [v for v in shared if not v.size]
        stops = any(block.kind == "barrier" for block in flow.graph.blocks)
        counted = barriers.counted(flow)
        return Facts(
            function.params,
            function.max_threads,
            min(255, max((n.bit_count() for n in flow.live_in), default=0) + 8),
            layout(static, dynamic, stops or counted, counted),
            {v.name: v.size for v in static},
            counted or _tells_warps(flow),
            any(_tells_order(step.ins) for steps in flow.steps for step in steps),
        )


class Kernel:
    """A kernel of a program.

    Attributes
    ----------
    name : str
    params : list of Param
        Name, offset, size and alignment in bytes, in order.
    shared_bytes : int
        Static shared memory of a block.
    local_bytes : int
        Local memory of a thread.
    max_threads : int
        Most threads in a block (``.maxntid``), at most 1024.
    sizes : dict
        Bytes of each static variable in shared and local memory.
    checks : frozenset of str
        What its code checks; with ``trace`` among them, it tells what a thread does.
    registers : int
        Registers of 32 bits that a thread needs at most at once, as far as PTX tells.
    ordered : bool
        Whether it can tell in which order blocks run.
    """

    def __init__(self, program: Program, name: str, facts: Facts) -> None:
        self.program = program
        self.name = name
        trace = program.trace
        self.trace = trace if trace is not None and trace.wants(self.name) else None
        self.checks = program.checks | {"trace"} if self.trace else program.checks
        self.params: list[Param] = facts.params
        self.max_threads = facts.max_threads
        self.sizes = facts.sizes
        self.layout: Layout = facts.layout
        self.shared_bytes = self.layout.shared_bytes
        self.local_bytes = self.layout.local_bytes
        self.registers = facts.registers
        self.ordered = facts.ordered
        self._warp = facts.warp
        self._lock = threading.Lock()
        self._entries: dict[Variant, int] = {}
        self._frames: dict[Variant, int] = {}

    @property
    def flow(self) -> Dataflow:
        """Its instructions, in basic blocks."""
        return self.program.flow(self.name)

    @property
    def width(self) -> int:
        """Lanes run together: a whole warp if it can tell, else what suits the CPU."""
        return _WARP if self._warp else _natural_width()

    def check(self) -> None:
        """Write the code once, which finds whatever it cannot be written for."""
        self._writer(Variant("rows", True, False, self.width)).text("checked")

    def variant(self, block: tuple[int, int, int]) -> Variant:
        """The class of block shapes that a block belongs to."""
        x, y, z = block
        width, threads = self.width, x * y * z
        if x % width == 0:
            shape = "rows"
        else:
            shape = "line" if y == z == 1 else "general"
        return Variant(shape, threads >= width, threads % width != 0, width)

    def entry(self, block: tuple[int, int, int]) -> int:
        """Address of the native code for a block shape, compiled at first use.

        The function is ``int32_t f(void** args, const Launch* launch, int64_t first_block,
        int64_t end_block, void* scratch)`` and returns 0 or a ``CUresult``.  It may be called by
        several threads at once, each with a scratch buffer of its own.
        """
        variant = self.variant(block)
        address = self._entries.get(variant)
        if address is None:
            with self._lock:
                address = self._entries.get(variant)
                if address is None:
                    address = self._entries[variant] = self._compiled(variant)
        return address

    def scratch_bytes(self, block: tuple[int, int, int], dynamic_shared: int) -> int:
        """Bytes of scratch, aligned to 64, that the native code needs for a block shape."""
        if self.checks:
            return sum(self.records(block, dynamic_shared))
        return self._working_bytes(block, dynamic_shared)

    def records(self, block: tuple[int, int, int], dynamic_shared: int) -> tuple[int, int]:
        """Where in the scratch buffer the records of checked code begin, and their size."""
        x, y, z = block
        size = area_bytes(self.layout, x * y * z, dynamic_shared, self.width)
        return rounded(self._working_bytes(block, dynamic_shared)), size

    def _working_bytes(self, block: tuple[int, int, int], dynamic_shared: int) -> int:
        variant = self.variant(block)
        self.entry(block)
        frame = self._frames[variant]
        x, y, z = block
        return self.layout.scratch_bytes(x * y * z, dynamic_shared, variant.width, frame)

    def ir(self, block: tuple[int, int, int]) -> str:
        """The LLVM IR for a block shape, before optimisation."""
        return self._writer(self.variant(block)).text("kernel")

    def instruction(self, line: int) -> Instruction | None:
        """The instruction at a line of the PTX, if it is one of this kernel's."""
        step = self.step(line)
        if step is not None:
            return step.ins
        ends = (block.end for block in self.flow.graph.blocks)
        return next((end for end in ends if end is not None and end.line == line), None)

    def step(self, line: int) -> Step | None:
        """The instruction at a line, unless it ends a basic block, with its registers."""
        return next((s for steps in self.flow.steps for s in steps if s.ins.line == line), None)

    def _writer(self, variant: Variant) -> Writer:
        if self.trace:
            return TracedWriter(
                self.flow, variant, self.layout, self.program.variables, self.checks, self.trace
            )
        if self.checks:
            return CheckedWriter(
                self.flow, variant, self.layout, self.program.variables, self.checks
            )
        return Writer(self.flow, variant, self.layout, self.program.variables)

    def _compiled(self, variant: Variant) -> int:
        key = _digest(
            self.program.digest, self.name, repr(variant), llvm.target().identity,
            " ".join(sorted(self.checks)), repr(self.trace), _compiler(),
        )  # fmt: skip
        symbol = f"k{key}"
        cache = diskcache.default()
        kept = cache.get(key)
        if kept is None:
            writer = self._writer(variant)
            frame = writer.frame_bytes if self.layout.barriers else 0
            code = llvm.object_code(writer.text(symbol))
            origin = {
                "kind": "object code",
                "name": self.name,
                "target": llvm.target().cpu,
                "made by": "host device",
            }
            cache.put(key, _FRAME.pack(frame) + code, origin)
        else:
            (frame,), code = _FRAME.unpack_from(kept), kept[_FRAME.size :]
        self._frames[variant] = frame
        return llvm.load_object(code, symbol)


def load(
    text: str,
    checks: frozenset[str] = frozenset(),
    trace: Trace | None = None,
    stack: int = STACK_BYTES,
) -> Program:
    """Load PTX.

    Parameters
    ----------
    text : str
        A PTX module.
    checks : frozenset of str, optional
        What the code is to check while it runs: of `findings.CHECKS`.
    trace : Trace, optional
        The thread that is to tell each instruction that it runs.
    stack : int, optional
        Bytes of the stack of a thread, for kernels that recurse.

    Returns
    -------
    Program
        Its kernels, none compiled yet, and variables.

    Raises
    ------
    PtxError
        If the text cannot be read, or has an instruction that the host device does not know.

    Examples
    --------
    >>> program = load('''.version 8.0
    ... .target sm_80
    ... .address_size 64
    ... .visible .entry nothing() { ret; }''')
    >>> list(program.kernels)
    ['nothing']
    """
    return Program(text, checks, trace, stack)


def _symbols(flow: Dataflow) -> set[str]:
    found: set[str] = set()
    for steps in flow.steps:
        for step in steps:
            for operand in step.sources:
                base = getattr(operand, "base", operand)
                if isinstance(base, Symbol):
                    found.add(base.name)
    return found


def _tells_warps(flow: Dataflow) -> bool:
    for steps in flow.steps:
        for step in steps:
            opcode = step.ins.opcode
            if opcode in WARP_OPCODES or opcode in ("bar", "barrier"):
                return True
            # Programs from before `__syncwarp` kept a warp in step by volatile accesses.
            if opcode in ("ld", "st") and "volatile" in step.ins.modifiers:
                return True
            if any(name.startswith(_WARP_REGISTERS) for name in step.uses):
                return True
    return False


def _tells_order(ins: Instruction) -> bool:
    if ins.opcode in ("ld", "st"):
        return not _SEEN.isdisjoint(ins.modifiers)
    if ins.opcode in ("atom", "red"):
        return "shared" not in ins.modifiers
    return ins.opcode in _ORDERING


def _digest(*parts: str) -> str:
    digest = hashlib.blake2b(digest_size=20)
    for part in parts:
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()


@functools.cache
def _natural_width() -> int:
    # Two to four registers a value: independent work for the processor to overlap.
    features = llvm.target().features
    return 32 if "avx512f" in features else 16 if "avx2" in features else 8


@functools.cache
def _compiler() -> str:
    """A digest of this compiler's own sources: object code is good for one compiler only."""
    digest = hashlib.blake2b(digest_size=20)
    for path in _sources():
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _sources() -> Iterator[Path]:
    here = Path(__file__).parent
    yield from sorted(here.glob("*.py"))
    yield from sorted(here.glob("*.ll"))
    yield from sorted((here / "isa").glob("*.py"))
