"""LLVM: IR text to object code, object code to addresses.

Object code is position-independent and refers to no symbol of this process but the C library's,
so it may be kept on disk and loaded by another process on a CPU of the same kind.
"""

from __future__ import annotations

import functools
import threading
from typing import Any

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
        flat = features.flatten(sort=True)
        self.machine = binding.Target.from_triple(self.triple).create_target_machine(
            cpu=self.cpu, features=flat, opt=2, reloc="pic", codemodel="jitdefault", jit=True
        )
        version = ".".join(map(str, binding.llvm_version_info))
        self.identity = f"{version} {self.triple} {self.cpu} {flat}"
        self.lock = threading.Lock()
        empty = binding.parse_assembly("")
        empty.triple = self.triple
        self.engine = binding.create_mcjit_compiler(empty, self.machine)
        self.objects: list[Any] = []


@functools.cache
def target() -> Target:
    """The one `Target` of the process."""
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
        host.engine.add_object_file(loaded)
        host.objects.append(loaded)
        host.engine.finalize_object()
        address = host.engine.get_function_address(symbol)
    if not address:
        raise RuntimeError(f"the object code has no function {symbol}")
    return address
