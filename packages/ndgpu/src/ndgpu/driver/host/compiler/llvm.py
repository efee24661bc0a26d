"""LLVM: IR text to object code, object code to addresses.

Object code is position-independent and refers to no symbol of this process but the C library's,
so it may be kept on disk and loaded by another process on a CPU of the same kind.

Guarantees: whatever one object refers to, others are as they were.  LLVM's loader gives an object
that names a symbol from elsewhere a table of addresses, and takes the first such table of an engine
for that of all later objects, whose constants it then looks for in a wrong place.  So an object
that names such a symbol gets an engine of its own; the others, which are nearly all, share one, for
to make an engine takes longer than to load a kernel.
"""

from __future__ import annotations

import struct
import threading
from typing import Any

from ndgpu.driver.host.once import once

__all__ = ["Target", "load_object", "object_code", "target"]

# The code is vectors already and its loops are as NVRTC left them.  Measured on ten kernels, LLVM's
# whole -O2 gives code no faster than these four passes, and takes four times as long.
_PASSES = ("sroa", "simplify_cfg", "instruction_combine", "simplify_cfg")


class Target:
    """This machine as LLVM sees it.

    Attributes
    ----------
    identity : str
        All that decides whether object code made here runs here: LLVM's version, triple, CPU and
        features.
    features : frozenset of str
        The CPU's features that are there.
    """

    def __init__(self) -> None:
        import llvmlite.binding as binding

        self.binding = binding
        binding.initialize_native_target()
        binding.initialize_native_asmprinter()
        self.triple = binding.get_process_triple()
        self.cpu = binding.get_host_cpu_name()
        features = binding.get_host_cpu_features()
        self.features = frozenset(name for name, there in features.items() if there)
        self.flat = flat = features.flatten(sort=True)
        self.machine = self._machine()
        version = ".".join(map(str, binding.llvm_version_info))
        self.identity = f"{version} {self.triple} {self.cpu} {flat}"
        self.lock = threading.Lock()
        self.engine = self.new_engine()
        self.objects: list[Any] = []

    def _machine(self) -> Any:
        return self.binding.Target.from_triple(self.triple).create_target_machine(
            cpu=self.cpu, features=self.flat, opt=2, reloc="pic", codemodel="jitdefault", jit=True
        )

    def new_engine(self) -> Any:
        """What holds loaded objects; it takes a target machine for itself."""
        empty = self.binding.parse_assembly("")
        empty.triple = self.triple
        return self.binding.create_mcjit_compiler(empty, self._machine())


@once
def target() -> Target:
    """The one `Target` of the process: what it loaded is there for good."""
    return Target()


def object_code(text: str) -> bytes:
    """Optimise and compile IR.

    Raises
    ------
    RuntimeError
        If LLVM cannot read the text: an error of the compiler, not of the kernel.
    """
    host = target()
    binding = host.binding
    with host.lock:
        module = binding.parse_assembly(text)
        module.triple = host.triple
        module.data_layout = str(host.machine.target_data)
        passes = binding.create_pass_builder(
            host.machine, binding.create_pipeline_tuning_options(speed_level=2)
        )
        manager = binding.create_new_module_pass_manager()
        for name in _PASSES:
            getattr(manager, f"add_{name}_pass")()
        manager.run(module, passes)
        return host.machine.emit_object(module)


def load_object(code: bytes, symbol: str) -> int:
    """Put object code into memory, for good, and return the address of its function `symbol`."""
    host = target()
    with host.lock:
        loaded = host.binding.ObjectFileRef.from_data(code)
        engine = host.new_engine() if _names_others(code) else host.engine
        engine.add_object_file(loaded)
        host.objects.append((loaded, engine))
        engine.finalize_object()
        address = engine.get_function_address(symbol)
    if not address:
        raise RuntimeError(f"the object code has no function {symbol}")
    return address


# Of an ELF file: where its section headers are and how many; one of them (type, offset, size,
# link); and a symbol (name, section).
_SECTIONS = struct.Struct("<40xQ10xHH")
_SECTION = struct.Struct("<4xI16xQQI20x")
_SYMBOL = struct.Struct("<I2xH16x")
_SYMBOLS = 2  # the type of a symbol table
_TABLE = b"_GLOBAL_OFFSET_TABLE_"  # the engine's own, from which constants are found


def _names_others(code: bytes) -> bool:
    """Whether an object names symbols that are not in it."""
    start, size, count = _SECTIONS.unpack_from(code)
    sections = [_SECTION.unpack_from(code, start + i * size) for i in range(count)]
    for kind, offset, length, link in sections:
        if kind != _SYMBOLS:
            continue
        names = sections[link][1]
        for name, section in _SYMBOL.iter_unpack(code[offset : offset + length]):
            if name and not section and not code.startswith(_TABLE + b"\0", names + name):
                return True
    return False
