"""Hooks around functions: registration, order, times, memory, printing, NVTX ranges."""

import io
import sys
import threading
import types

import numpy as np
import pytest

import nnrun
import nnrun.functions as F
from nnrun import Function, FunctionHook, Variable, function_hooks


class Log(FunctionHook):
    name = "Log"

    def __init__(self):
        self.lines = []

    def _note(self, what, function, data, grads=()):
        shapes = [None if x is None else x.shape for x in (*data, *grads)]
        self.lines.append((what, function.label, shapes))

    def added(self, function):
        self.lines.append(("added", function))

    def deleted(self, function):
        self.lines.append(("deleted", function))

    def forward_preprocess(self, function, in_data):
        self._note("before forward", function, in_data)

    def forward_postprocess(self, function, in_data):
        self._note("after forward", function, in_data)

    def backward_preprocess(self, function, in_data, out_grad):
        self._note("before backward", function, in_data, out_grad)

    def backward_postprocess(self, function, in_data, out_grad):
        self._note("after backward", function, in_data, out_grad)


def test_a_hook_of_a_block_sees_every_function_in_it():
    x = Variable(np.ones((2, 3), np.float32))
    hook = Log()
    F.exp(x)
    with hook:
        y = F.log(x)
    F.exp(x)
    y.grad = np.ones((2, 3), np.float32)
    with hook:
        y.backward()
    assert hook.lines == [
        ("added", None),
        ("before forward", "log", [(2, 3)]),
        ("after forward", "log", [(2, 3)]),
        ("deleted", None),
        ("added", None),
        ("before backward", "log", [(2, 3), (2, 3)]),
        # What the backward computes with, it computes by functions.
        ("before forward", "Divide", [(2, 3), (2, 3)]),
        ("after forward", "Divide", [(2, 3), (2, 3)]),
        ("after backward", "log", [(2, 3), (2, 3)]),
        ("deleted", None),
    ]


def test_a_hook_of_one_function():
    class Twice(Function):
        def forward(self, inputs):
            return (inputs[0] * 2,)

        def backward(self, inputs, grad_outputs):
            return (grad_outputs[0] * 2,)

    hook, other = Log(), Log()
    twice = Twice()
    twice.add_hook(hook)
    twice.add_hook(other, "Other")
    assert list(twice.local_function_hooks) == ["Log", "Other"]
    with pytest.raises(KeyError, match="there is a hook 'Log' already"):
        twice.add_hook(hook)
    with pytest.raises(TypeError, match="a hook is wanted, not int"):
        twice.add_hook(3)
    y = F.exp(twice(Variable(np.zeros(1, np.float32))))
    twice.delete_hook("Other")
    with pytest.raises(KeyError, match="no hook 'Other'"):
        twice.delete_hook("Other")
    y.backward()
    assert [line[0] for line in hook.lines] == [
        "added", "before forward", "after forward", "before backward", "after backward"
    ]  # fmt: skip
    assert all(line[1] == "Twice" for line in hook.lines[1:])


def test_a_node_has_hooks_of_its_own_too():
    hook = Log()
    y = F.exp(Variable(np.zeros(1)))
    y.creator.add_hook(hook)
    y.backward()
    assert [line[:1] for line in hook.lines] == [
        ("added",), ("before backward",), ("after backward",)
    ]  # fmt: skip
    # exp keeps its output, so its input is not known any more.
    assert hook.lines[1] == ("before backward", "exp", [None, (1,)])
    y.creator.delete_hook("Log")
    assert y.creator.local_function_hooks == {}


def test_one_hook_of_a_name_at_a_time():
    with Log(), pytest.raises(KeyError, match="a hook 'Log' watches"), Log():
        pass
    assert nnrun.get_function_hooks() == {}


def test_hooks_belong_to_their_thread():
    hook = Log()

    def elsewhere():
        F.exp(np.zeros(1))

    with hook:
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    assert hook.lines == [("added", None), ("deleted", None)]


def test_timer(xp):
    hook = function_hooks.TimerHook()
    x = Variable(xp.ones((4, 4), np.float32))
    with hook:
        F.sum(F.exp(x) + F.exp(x)).backward()
    summary = hook.summary()
    assert summary["exp"]["occurrence"] == 4
    assert 0 < summary["exp"]["elapsed_time"] <= hook.total_time()
    assert hook.total_time() == pytest.approx(sum(row["elapsed_time"] for row in summary.values()))
    out = io.StringIO()
    hook.print_report(unit="us", file=out)
    head, *rows = out.getvalue().splitlines()
    assert head.split() == ["FunctionName", "ElapsedTime", "Occurrence"]
    assert len(rows) == len(summary)
    assert rows[0].split()[0] == "exp" and rows[0].split()[1].endswith("us")
    with pytest.raises(ValueError, match="`unit` must be 'auto' or one of"):
        hook.print_report(unit="hours")


def test_memory():
    import ndgpu

    hook = function_hooks.CupyMemoryProfileHook()
    x = Variable(ndgpu.ones((64, 64), np.float32))
    with hook:
        y = F.exp(x)
        z = F.sum(y)
    summary = hook.summary()
    assert summary["exp"]["used_bytes"] == 64 * 64 * 4
    assert summary["exp"]["occurrence"] == 1
    assert hook.total_used_bytes() >= 64 * 64 * 4
    assert hook.total_acquired_bytes() >= 0
    out = io.StringIO()
    hook.print_report(file=out)
    assert "16.00KB" in out.getvalue()
    assert z.item() == pytest.approx(64 * 64 * np.e, rel=1e-5)


def test_printing():
    out = io.StringIO()
    with function_hooks.PrintHook(file=out):
        F.exp(Variable(np.zeros(1))).backward()
    text = out.getvalue()
    assert text.startswith("function  exp\ninput data\n<variable: shape=(1,), dtype=float64")
    assert "(not retained)\noutput gradient\n" in text


def test_ranges_for_profilers(monkeypatch):
    calls = []
    nvtx = types.SimpleNamespace(push_range=calls.append, pop_range=lambda: calls.append("pop"))
    monkeypatch.setitem(sys.modules, "nvtx", nvtx)
    with function_hooks.CUDAProfileHook():
        F.exp(Variable(np.zeros(1))).backward()
    assert calls == [
        "exp.forward", "pop", "exp.backward", "Multiply.forward", "pop", "pop"
    ]  # fmt: skip
    monkeypatch.setitem(sys.modules, "nvtx", None)
    with pytest.raises(ImportError, match="`nvtx` is not installed"):
        function_hooks.CUDAProfileHook()
