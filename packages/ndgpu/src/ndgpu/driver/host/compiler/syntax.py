"""What PTX text is made of: functions, variables, instructions and their operands."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

__all__ = [
    "NO_RESULT",
    "SIZES",
    "STORAGE",
    "Address",
    "Function",
    "Immediate",
    "Instruction",
    "Module",
    "Operand",
    "Param",
    "Register",
    "Symbol",
    "Variable",
    "Vector",
    "rename",
]

# Bytes of each PTX type, and the LLVM element type in which a register of it is kept.
SIZES = {
    "pred": 1,
    **{f"{kind}{bits}": bits // 8 for kind in "bus" for bits in (8, 16, 32, 64, 128)},
    "f16": 2,
    "bf16": 2,
    "f16x2": 4,
    "bf16x2": 4,
    "tf32": 4,
    "f32": 4,
    "f64": 8,
}
STORAGE = {
    **{name: f"i{8 * size}" for name, size in SIZES.items()},
    "pred": "i1",
    "f32": "float",
    "f64": "double",
}

# Opcodes whose first operand is a source.
NO_RESULT = frozenset(
    ("st", "red", "membar", "fence", "bar", "barrier", "prefetch", "prefetchu", "nanosleep",
     "applypriority", "discard", "pmevent", "cp", "wmma.store", "mbarrier.init",
     "mbarrier.inval")
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Register:
    """A register, or ``_`` for a result that is not wanted."""

    name: str
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Immediate:
    """A number: its bits, and the width of the float that they spell (0 for an integer)."""

    bits: int
    real: int = 0


@dataclass(frozen=True, slots=True)
class Symbol:
    """The address of a variable, or a label, or a function."""

    name: str
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Address:
    """``[base+offset]``."""

    base: Register | Symbol | None
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Vector:
    """Operands in braces, in parentheses, or either side of a bar (``%r1|%p1``)."""

    elements: tuple[Operand, ...]


Operand = Register | Immediate | Symbol | Address | Vector


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction.

    Attributes
    ----------
    opcode : str
        The root, as ``fma`` of ``fma.rn.f32``.
    modifiers : tuple of str
        What follows the root, as ``("rn", "f32")``.
    operands : tuple of Operand
        In the order of the text, results first.
    guard : Register or None
        The predicate of ``@%p`` or ``@!%p``.
    line : int
        Line in the PTX text, from 1.
    text : str
        The statement as it was written, guard included.
    source : tuple of int or None
        File number and line of the CUDA source, where the PTX tells.
    """

    opcode: str
    modifiers: tuple[str, ...]
    operands: tuple[Operand, ...]
    guard: Register | None
    line: int
    text: str
    source: tuple[int, int] | None = None

    @property
    def name(self) -> str:
        """Opcode with its modifiers, as it is spelled."""
        return ".".join((self.opcode, *self.modifiers))


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter of a kernel or device function; `offset` counts from the first one's start."""

    name: str
    offset: int
    size: int
    align: int


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of a module (``global``, ``const``, ``shared``) or of a function.

    `relocations` are triples (offset, variable's name, addend): eight bytes at that offset
    take the variable's address plus the addend.  `size` is 0 for ``extern .shared x[]``.
    """

    name: str
    space: str
    size: int
    align: int
    data: bytes = b""
    relocations: tuple[tuple[int, str, int], ...] = ()
    external: bool = False


@dataclass(slots=True)
class Function:
    """A kernel (``entry``) or a device function, as written."""

    name: str
    entry: bool
    line: int
    params: list[Param] = field(default_factory=list)
    results: list[Param] = field(default_factory=list)
    registers: dict[str, str] = field(default_factory=dict)
    variables: dict[str, Variable] = field(default_factory=dict)
    instructions: list[Instruction] = field(default_factory=list)
    labels: dict[str, int] = field(default_factory=dict)
    tables: dict[str, tuple[str, ...]] = field(default_factory=dict)
    max_threads: int = 1024
    defined: bool = True


@dataclass(slots=True)
class Module:
    """A whole PTX text."""

    functions: dict[str, Function] = field(default_factory=dict)
    variables: dict[str, Variable] = field(default_factory=dict)
    files: dict[int, str] = field(default_factory=dict)


def rename(ins: Instruction, names: dict[str, str]) -> Instruction:
    """The instruction with registers, variables and labels renamed where `names` says."""
    guard = ins.guard
    if guard is not None and guard.name in names:
        guard = Register(names[guard.name], guard.negated)
    return replace(ins, operands=tuple(_renamed(o, names) for o in ins.operands), guard=guard)


def _renamed(operand: Operand, names: dict[str, str]) -> Operand:
    if isinstance(operand, Register):
        return replace(operand, name=names.get(operand.name, operand.name))
    if isinstance(operand, Symbol):
        return replace(operand, name=names.get(operand.name, operand.name))
    if isinstance(operand, Address) and operand.base is not None:
        base = _renamed(operand.base, names)
        return Address(base, operand.offset)  # type: ignore[arg-type]
    if isinstance(operand, Vector):
        return Vector(tuple(_renamed(o, names) for o in operand.elements))
    return operand
