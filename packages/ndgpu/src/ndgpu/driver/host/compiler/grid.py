"""What kernels of a cooperative launch are given: the grid's workspace, and pauses while they wait.

CUDA's `cooperative_groups` finds the workspace by the registers `%envreg1` and `%envreg2`, halves
of its address, and waits there for the other blocks by loads that acquire.  In a kernel that reads
these registers, every volatile or acquiring load first lets other threads of the process run, and
ends the kernel if another block has failed: a block that has failed would be waited for for ever.

The workspace has words of 32 bits: its size, the count of arrivals, and whether a block failed.
"""

from __future__ import annotations

from .atomics import Atomics
from .builder import Value
from .dataflow import Dataflow, Step
from .emit import Held
from .shapes import UNIFORM

__all__ = ["FAILED", "WORKSPACE_OFFSET", "YIELD", "Grid", "waits"]

WORKSPACE_OFFSET = 48  # of the workspace's address in the launch's description
FAILED = 2  # the word that tells of a block that failed
YIELD = "@sched_yield"  # the variable with that function's address
_LAUNCH_FAILED = 719  # CUDA_ERROR_LAUNCH_FAILED
_REGISTERS = {"%envreg1": 32, "%envreg2": 0}
_WAITING = frozenset(("volatile", "acquire", "relaxed"))


def waits(flow: Dataflow) -> bool:
    """Whether a kernel asks for the grid's workspace."""
    return any(name in _REGISTERS for steps in flow.steps for step in steps for name in step.uses)


class Grid(Atomics):
    """Emits what the blocks of a cooperative launch need."""

    def _workspace(self) -> Value:
        """The address of the workspace; 0 in a launch that is not cooperative."""
        lines = [
            f"  %workspace.p = getelementptr i8, ptr %launch, i64 {WORKSPACE_OFFSET}",
            "  %workspace = load i64, ptr %workspace.p",
        ]
        if lines[0] not in self.prologue:
            self.prologue += lines
        return Value("%workspace", "i64", False)

    def environment(self, name: str) -> Held | None:
        """What a register of the environment holds; None if there is no such one."""
        if name not in _REGISTERS:
            return None
        b = self.b
        half = b.binary("lshr", self._workspace(), b.const("i64", _REGISTERS[name]))
        return Held(UNIFORM, b.cast("trunc", half, "i32"))

    def waiting_load(self, step: Step) -> None:
        """``ld``, by which a block may wait for another."""
        if not _WAITING.isdisjoint(step.ins.modifiers) and waits(self.flow):
            self._pause(step)
        self.load(step)

    def _pause(self, step: Step) -> None:
        b = self.b
        slot = self.variable_address(YIELD)
        if slot is None:
            raise self.error("a grid's workspace in a module that has none", step)
        workspace = self._workspace()
        label = b.fresh()[1:]
        together = b.compare("icmp ne", workspace, b.const("i64", 0))
        b.line(f"br i1 {together.text}, label %{label}.pause, label %{label}.on")
        b.label(f"{label}.pause")
        at = b.emit(f"inttoptr i64 {slot.text} to ptr", "ptr", False)
        function = b.emit(f"load ptr, ptr {at.text}", "ptr", False)
        b.emit(f"call i32 {function.text}()", "i32", False)
        place = b.binary("add", workspace, b.const("i64", 4 * FAILED))
        failed = b.emit(f"inttoptr i64 {place.text} to ptr", "ptr", False)
        word = b.emit(f"load volatile i32, ptr {failed.text}", "i32", False)
        well = b.compare("icmp eq", word, b.const("i32", 0))
        b.line(f"br i1 {well.text}, label %{label}.on, label %{label}.failed")
        b.label(f"{label}.failed")
        b.line(f"ret i32 {_LAUNCH_FAILED}")
        b.label(f"{label}.on")
