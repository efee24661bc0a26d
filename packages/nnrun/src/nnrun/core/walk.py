"""The backward walk: from results to leaves, each function once, in order of rank.

`run` is the one engine behind `Variable.backward` and `nnrun.grad`.  It keeps a
heap of functions, the highest rank first; since a function's rank exceeds the
ranks of all functions that made its inputs, it comes to the top only after every
gradient of its outputs is known.  No recursion: a graph may be as deep as memory
allows.  A gradient is dropped as soon as the function it belongs to has used it.

Who may write to a gradient
---------------------------
A backward may hand the same array on to several inputs, or the one it was given
(``x + y`` does both), so an array that came from outside is never written to.
When two gradients meet, their sum is a new array that belongs to the walk; a
third one is added to that in place.  Once a gradient is handed to a leaf the
walk does not write to it any more.  Parts of a leaf's gradient may wait to be
computed together: see `nnrun.core.deferred`.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush
from typing import Any

import numpy as np

from nnrun.backend import get_array_module, get_device_from_array, is_current
from nnrun.config import config, using_config
from nnrun.core import debug
from nnrun.core.deferred import ENOUGH, Deferred
from nnrun.core.function_hook import hooks_of
from nnrun.core.function_hook import thread as watched
from nnrun.core.function_node import FunctionNode
from nnrun.core.node import VariableNode
from nnrun.core.variable import Variable, wrap

__all__ = ["backward", "grad"]

Array = Any


class _Slot:
    """The gradients on their way to one function's outputs."""

    __slots__ = ("grads", "nodes", "owned")

    def __init__(self, count: int) -> None:
        self.grads: list[Variable | None] = [None] * count
        self.owned = [False] * count  # grads[i] is a sum that the walk made and may write to
        self.nodes: list[VariableNode | None] = [None] * count

    def add(self, i: int, g: Variable, double: bool) -> None:
        """Add `g` to the gradient of output `i`."""
        old = self.grads[i]
        if old is None:
            self.grads[i] = g
        elif double:
            self.grads[i] = old + g
        elif not is_current(old._array):
            with get_device_from_array(old._array):
                self.add(i, g, double)
        elif self.owned[i]:
            total = old._array
            total += g._array
        else:
            total = old._array + g._array
            if isinstance(total, np.generic):  # NumPy's sum of two 0-d arrays
                total = np.asarray(total)
            self.grads[i] = wrap(total, None, True)
            self.owned[i] = True


class _Leaf(_Slot):
    """The gradient of one leaf, and what waits to be computed together with more of its kind."""

    __slots__ = ("waiting",)

    def __init__(self) -> None:
        super().__init__(1)
        self.waiting: Deferred | None = None

    def defer(self, g: Deferred) -> None:
        """Let a part of the gradient wait, until there is enough of it."""
        if self.waiting is None:
            self.waiting = g
        elif not self.waiting.take(g):
            self.settle()
            self.waiting = g
        if self.waiting.rows >= ENOUGH:
            self.settle()

    def settle(self) -> None:
        """Compute what waits, and add it to the gradient."""
        waiting, self.waiting = self.waiting, None
        if waiting is not None:
            with get_device_from_array(waiting.first()):
                g = waiting.variable(get_array_module(waiting.first()))
            self.add(0, g, False)
            if self.grads[0] is g:
                self.owned[0] = True


def _check(node: FunctionNode, i: int, x: VariableNode, g: Any) -> None:
    """Raise unless `g` is a gradient that suits input `i` of `node`."""
    if not isinstance(g, Variable):
        raise TypeError(
            f"{node.label}.backward: the gradient of input {i} must be a Variable or None, "
            f"not {type(g).__name__}"
        )
    if x.shape is not None and g._array.shape != x.shape:
        raise ValueError(
            f"{node.label}.backward: the gradient of input {i} has shape {g._array.shape} "
            f"but the input has {x.shape}"
        )


def run(
    roots: Sequence[tuple[VariableNode, Variable]],
    *,
    double: bool,
    retain_grad: bool = False,
    only: set[FunctionNode] | None = None,
    wanted: dict[Any, int] | None = None,
) -> dict[Any, Variable]:
    """Walk from `roots` and return the gradients found.

    Parameters
    ----------
    roots : sequence of (VariableNode, Variable)
        Where to start, with the gradient there.
    double : bool
        Record the gradients' own graph.
    retain_grad : bool
        Set the gradients of intermediate nodes.
    only : set of FunctionNode, optional
        The functions to visit; all by default.
    wanted : dict, optional
        The places ``(creator, index)`` or leaf nodes whose gradients are to be
        returned; all leaves by default.

    Returns
    -------
    dict
        Gradients by leaf `VariableNode`, and by ``(creator, index)`` where wanted.
    """
    pending: dict[FunctionNode, _Slot] = {}
    heap: list[tuple[int, int, FunctionNode]] = []
    order = 0
    leaves: dict[VariableNode, _Leaf] = {}
    found: dict[Any, Variable] = {}
    g: Any

    def give(x: VariableNode, g: Any) -> None:
        nonlocal order
        creator = x.creator
        if creator is None:
            leaf = leaves.get(x)
            if leaf is None:
                leaf = leaves[x] = _Leaf()
            if type(g) is Deferred:
                leaf.defer(g)
            else:
                leaf.add(0, g, double)
            return
        slot = pending.get(creator)
        if slot is None:
            place = (creator, x.index)
            if only is not None and creator not in only and place not in (wanted or ()):
                return
            slot = pending[creator] = _Slot(creator.output_count)
            order += 1
            heappush(heap, (-creator.rank, order, creator))
        slot.add(x.index, g, double)
        if retain_grad:
            slot.nodes[x.index] = x

    with using_config("enable_backprop", double):
        for node, g in roots:
            give(node, g)
        while heap:
            function = heappop(heap)[2]
            slot = pending.pop(function)
            if retain_grad:
                for x, g in zip(slot.nodes, slot.grads, strict=True):
                    if x is not None and g is not None:
                        x.grad_var = g
            if wanted is not None:
                for i, g in enumerate(slot.grads):
                    if g is not None and (function, i) in wanted:
                        found[function, i] = g
                if only is not None and function not in only:
                    continue
            nodes = function.inputs
            if nodes is None:
                continue  # cut by unchain_backward
            targets = function._targets
            grads = _backward_of(function, targets, tuple(slot.grads))
            del slot
            for i, g in zip(targets, grads, strict=True):
                if g is not None:
                    x = nodes[i]
                    shape = x.shape
                    if type(g) is Deferred:
                        give(x, g)
                        continue
                    if type(g) is not Variable or g._array.shape != shape:
                        _check(function, i, x, g)
                    if not shape and isinstance(g._array, np.generic):
                        # NumPy's 0-d products are scalars, which nothing can be written into.
                        g._array = np.asarray(g._array)
                    give(x, g)
            del grads
    for leaf, slot in leaves.items():
        slot.settle()
        found[leaf] = slot.grads[0]  # type: ignore[assignment]  # a leaf's slot is never empty
    return found


def _backward_of(
    function: FunctionNode, targets: tuple[int, ...], gys: tuple[Variable | None, ...]
) -> Sequence[Variable | None]:
    """The gradients of a function's inputs; its errors say which function it was."""
    try:
        first = next(g for g in gys if g is not None)._array
        hooks = hooks_of(function) if watched.hooks or function._hooks else ()
        if hooks:
            in_data = function.data_of_inputs()
            out_grad = tuple([None if g is None else g._array for g in gys])
            for hook in hooks:
                hook.backward_preprocess(function, in_data, out_grad)
        if is_current(first):
            grads = function.backward(targets, gys)
        else:
            with get_device_from_array(first):
                grads = function.backward(targets, gys)
        for hook in hooks:
            hook.backward_postprocess(function, in_data, out_grad)
        if type(grads) is not tuple:
            grads = tuple(grads)
        if len(grads) != len(targets):
            # A gradient for every input will do as well: what nobody needs is dropped.
            if len(grads) != len(function.inputs):
                raise ValueError(
                    f"{function.label}.backward must return {len(targets)} gradients "
                    f"(inputs {targets}), or one for each of {len(function.inputs)} inputs, "
                    f"not {len(grads)}"
                )
            grads = tuple([grads[i] for i in targets])
        if config.debug:
            debug.check_finite(
                function, "backward", [None if g is None else g._array for g in grads]
            )
    except Exception as error:
        debug.explain(function, error)
        raise
    return grads


def _ones_like(y: Variable, scale: float | None) -> Variable:
    array = y._array
    with get_device_from_array(array):
        xp = get_array_module(array)
        return wrap(xp.full(array.shape, 1 if scale is None else scale, array.dtype), None, True)


def backward(
    outputs: Sequence[Variable],
    grad_outputs: Sequence[Variable | Array | None] | None = None,
    retain_grad: bool = False,
    enable_double_backprop: bool = False,
    loss_scale: float | None = None,
) -> None:
    """Compute the gradients of everything that `outputs` were computed from, in one walk.

    Parameters
    ----------
    outputs : sequence of Variable
        Where to start.
    grad_outputs : sequence of Variable, array or None, optional
        Their gradients; where not given, those that they have, else ones for a
        Variable of one element.
    retain_grad, enable_double_backprop, loss_scale
        As for `Variable.backward`.

    Raises
    ------
    ValueError
        If an output of several elements has no gradient.
    RuntimeError
        If an output has no graph.

    Examples
    --------
    >>> import numpy as np, nnrun
    >>> x = nnrun.Variable(np.array([3.0]))
    >>> nnrun.backward([x * 2, x * x])
    >>> x.grad
    array([8.])
    """
    roots = []
    for i, y in enumerate(outputs):
        given = None if grad_outputs is None else grad_outputs[i]
        if given is not None:
            y.grad_var = given if isinstance(given, Variable) else Variable(given)
        node = y.node
        if node.creator is None:
            if not y.requires_grad:
                raise RuntimeError(
                    "backward: the variable requires no gradient, so no graph was recorded "
                    f"(shape {y.shape})"
                )
            continue
        if node.grad_var is None:
            if y.size != 1:
                raise ValueError(
                    f"backward: the variable has shape {y.shape}; set its `grad` first, or reduce "
                    "it to one element (F.sum, F.mean)"
                )
            node.grad_var = _ones_like(y, loss_scale)
        roots.append((node, node.grad_var))
    found = run(roots, double=enable_double_backprop, retain_grad=retain_grad)
    with using_config("enable_backprop", enable_double_backprop):
        for leaf, g in found.items():
            if g._array.dtype != leaf.dtype:  # where arrays of several dtypes met
                g = g.astype(leaf.dtype)
            old = leaf.grad_var
            # The sum is a new array: the user may hold the old one.
            leaf.grad_var = g if old is None else old + g


def grad(
    outputs: Sequence[Variable],
    inputs: Sequence[Variable],
    grad_outputs: Sequence[Variable | None] | None = None,
    grad_inputs: Sequence[Variable | None] | None = None,
    set_grad: bool = False,
    retain_grad: bool = False,
    enable_double_backprop: bool = False,
    loss_scale: float | None = None,
) -> list[Variable | None]:
    """Return the gradients of `outputs` with respect to `inputs`.

    Only the functions between the two are visited, and no other variable's
    gradient changes.

    Parameters
    ----------
    outputs : sequence of Variable
        What is differentiated.
    inputs : sequence of Variable
        With respect to what.
    grad_outputs : sequence of Variable or None, optional
        Gradients of the outputs; ones where not given.
    grad_inputs : sequence of Variable or None, optional
        Gradients of the inputs to add to.
    set_grad : bool
        Set ``grad_var`` of the inputs.
    retain_grad : bool
        Set the gradients of the variables in between.
    enable_double_backprop : bool
        Record the gradients' own graph.
    loss_scale : float, optional
        Multiplies the gradients of ones.

    Returns
    -------
    list of Variable or None
        None for an input that no output depends on.

    Raises
    ------
    TypeError
        If `outputs` or `inputs` is not a sequence of Variables.

    Examples
    --------
    >>> import numpy as np, nnrun
    >>> x = nnrun.Variable(np.array([3.0]))
    >>> y = x * x * x
    >>> (gx,) = nnrun.grad([y], [x], enable_double_backprop=True)
    >>> (ggx,) = nnrun.grad([gx], [x])
    >>> gx.array, ggx.array
    (array([27.]), array([18.]))
    """
    for name, given in (("outputs", outputs), ("inputs", inputs)):
        if isinstance(given, Variable) or not all(isinstance(x, Variable) for x in given):
            raise TypeError(f"grad: `{name}` must be a sequence of Variables")
    places = [x.node if x.node.creator is None else (x.node.creator, x.node.index) for x in inputs]
    wanted = {place: i for i, place in enumerate(places)}
    only = _between([y.node for y in outputs], wanted)

    roots = []
    for i, y in enumerate(outputs):
        gy = None if grad_outputs is None else grad_outputs[i]
        roots.append((y.node, _ones_like(y, loss_scale) if gy is None else gy))
    found = run(
        roots, double=enable_double_backprop, retain_grad=retain_grad, only=only, wanted=wanted
    )
    result: list[Variable | None] = []
    with using_config("enable_backprop", enable_double_backprop):
        for i, place in enumerate(places):
            g = found.get(place)
            start = None if grad_inputs is None else grad_inputs[i]
            if start is not None:
                g = start if g is None else start + g
            result.append(g)
    if set_grad:
        for x, g in zip(inputs, result, strict=True):
            x.grad_var = g
    return result


def _between(roots: Sequence[VariableNode], wanted: dict[Any, int]) -> set[FunctionNode]:
    """The functions on some path from `roots` to a wanted place."""
    # First everything behind the roots, then, lowest rank first, what reaches an input.
    seen: set[FunctionNode] = set()
    todo = [node.creator for node in roots if node.creator is not None]
    while todo:
        function = todo.pop()
        if function in seen:
            continue
        seen.add(function)
        todo.extend(x.creator for x in function.inputs or () if x.creator is not None)
    reaching: set[FunctionNode] = set()
    for function in sorted(seen, key=lambda f: f.rank):
        for x in function.inputs or ():
            creator = x.creator
            if creator is None:
                hit = x in wanted
            else:
                hit = creator in reaching or (creator, x.index) in wanted
            if hit:
                reaching.add(function)
                break
    return reaching
