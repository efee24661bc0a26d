"""Recurrent networks step by step, with products and ufuncs, and their gradients.

The way of `ndgpu.cudnn.rnn` where there is no cuDNN; its docstring has the formulas.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ndgpu.core import casts, reductions, views
from ndgpu.core.codegen import compute_dtype
from ndgpu.core.ndarray import allocate, ndarray
from ndgpu.core.transfer import asarray
from ndgpu.core.ufuncs import TABLE
from ndgpu.linalg.product import matmul

if TYPE_CHECKING:
    from ndgpu.cudnn.recurrent import _Network

__all__ = ["GATES", "Weights", "backward", "forward"]

GATES = {"lstm": 4, "gru": 3, "tanh": 1, "relu": 1}
"""How many gates each kind of network has."""


class Weights(NamedTuple):
    """The weights of one layer in one direction."""

    W: Any
    R: Any
    b: Any
    c: Any


class _Step(NamedTuple):
    """What a step's gradient needs: the states before it, its gates, and more by kind."""

    h: ndarray
    cell: ndarray | None
    gates: tuple[ndarray, ...]
    extra: ndarray | None


def _logistic(x: ndarray) -> ndarray:
    return TABLE["reciprocal"](1 + TABLE["exp"](-x))


def _parts(a: ndarray, count: int) -> list[ndarray]:
    size = a._shape[-1] // count
    return [a[..., k * size : (k + 1) * size] for k in range(count)]


def _step(
    mode: str, given: ndarray, recurrent: ndarray, h: ndarray, cell: ndarray | None
) -> tuple[ndarray, ndarray | None, _Step]:
    """Return the next states, and what the gradient needs."""
    if mode == "lstm" and cell is not None:
        i, f, g, o = _parts(given + recurrent, 4)
        i, f, g, o = _logistic(i), _logistic(f), TABLE["tanh"](g), _logistic(o)
        after = f * cell + i * g
        bent = TABLE["tanh"](after)
        return o * bent, after, _Step(h, cell, (i, f, g, o), bent)
    if mode == "gru":
        (xr, xz, xn), (hr, hz, hn) = _parts(given, 3), _parts(recurrent, 3)
        r, z = _logistic(xr + hr), _logistic(xz + hz)
        n = TABLE["tanh"](xn + r * hn)
        return n + z * (h - n), None, _Step(h, None, (r, z, n), hn)
    total = given + recurrent
    after = TABLE["tanh"](total) if mode == "tanh" else TABLE["maximum"](total, 0)
    return after, None, _Step(h, None, (after,), None)


def _step_back(
    mode: str, step: _Step, gh: ndarray, gcell: ndarray | None
) -> tuple[ndarray, ndarray, ndarray, ndarray | None]:
    """Return gradients by the given and the recurrent sums, the state (its direct part), cell."""
    if mode == "lstm" and step.cell is not None and gcell is not None and step.extra is not None:
        i, f, g, o = step.gates
        bent = step.extra
        inner = gcell + gh * o * (1 - bent * bent)
        slopes = (
            inner * g * i * (1 - i),
            inner * step.cell * f * (1 - f),
            inner * i * (1 - g * g),
            gh * bent * o * (1 - o),
        )
        total = _joined(slopes)
        return total, total, TABLE["multiply"](gh, 0), inner * f
    if mode == "gru" and step.extra is not None:
        r, z, n = step.gates
        gn = gh * (1 - z) * (1 - n * n)
        gz = gh * (step.h - n) * z * (1 - z)
        gr = gn * step.extra * r * (1 - r)
        return _joined((gr, gz, gn)), _joined((gr, gz, gn * r)), gh * z, None
    (after,) = step.gates
    slope = gh * (1 - after * after) if mode == "tanh" else gh * (after > 0)
    return slope, slope, TABLE["multiply"](gh, 0), None


def _joined(parts: tuple[ndarray, ...]) -> ndarray:
    size = parts[0]._shape[-1]
    result = allocate((*parts[0]._shape[:-1], size * len(parts)), parts[0]._dtype)
    for k, part in enumerate(parts):
        casts.copy_into(result[..., k * size : (k + 1) * size], part)
    return result


def _masks(network: _Network, dtype: np.dtype) -> list[ndarray] | None:
    """Return for each time which sequences still run, (count, 1); None if all do."""
    if (network.lengths == network.time).all():
        return None
    running = network.lengths[None, :] > np.arange(network.time)[:, None]
    mask = asarray(running[..., None].astype(dtype))
    return [mask[t] for t in range(network.time)]


def _times(network: _Network, direction: int) -> list[int]:
    return list(range(network.time))[:: -1 if direction else 1]


def forward(
    network: _Network, training: bool
) -> tuple[ndarray, ndarray, ndarray | None, list[Any]]:
    """Run a network; see `ndgpu.cudnn.rnn`.

    Returns
    -------
    y, hy, cy : ndarray
    trace : list
        For `backward`: of each layer and direction its input and its steps.
    """
    dtype = compute_dtype(network.dtype)
    hidden, mode = network.hidden, network.mode
    masks = _masks(network, dtype)
    x = casts.astype(network.x, dtype, copy=False)
    hy = allocate(network.hx._shape, network.dtype)
    cy = None if network.cx is None else allocate(network.hx._shape, network.dtype)
    trace: list[Any] = []
    for layer in range(network.layers):
        y = allocate((network.time, network.count, hidden * network.directions), dtype)
        for direction in range(network.directions):
            k = layer * network.directions + direction
            w = Weights(*(casts.astype(a, dtype, copy=False) for a in network.weights[k]))
            given = matmul(x, w.W.T) + w.b
            h = casts.astype(network.hx[k], dtype, copy=False)
            cell = None if network.cx is None else casts.astype(network.cx[k], dtype, copy=False)
            kept: dict[int, _Step] = {}
            for t in _times(network, direction):
                after, cell_after, kept_step = _step(
                    mode, given[t], matmul(h, w.R.T) + w.c, h, cell
                )
                if training:
                    kept[t] = kept_step
                out = after
                if masks is not None:
                    out = after * masks[t]
                    after = h + (after - h) * masks[t]
                    if cell is not None and cell_after is not None:
                        cell_after = cell + (cell_after - cell) * masks[t]
                h, cell = after, cell_after
                columns = slice(direction * hidden, (direction + 1) * hidden)
                casts.copy_into(y[t, :, columns], out)
            casts.copy_into(hy[k], h)
            if cy is not None and cell is not None:
                casts.copy_into(cy[k], cell)
            trace.append((x, w, kept))
        x = y
    return casts.astype(x, network.dtype, copy=False), hy, cy, trace


def backward(
    network: _Network, trace: list[Any], gy: ndarray, ghy: ndarray, gcy: ndarray
) -> tuple[ndarray, ndarray, ndarray | None, list[tuple[ndarray, ...]]]:
    """Return the gradients by input, first states and weights."""
    dtype = compute_dtype(network.dtype)
    hidden, mode = network.hidden, network.mode
    masks = _masks(network, dtype)
    gy, ghy, gcy = (casts.astype(a, dtype, copy=False) for a in (gy, ghy, gcy))
    ghx = allocate(network.hx._shape, network.dtype)
    gcx = None if network.cx is None else allocate(network.hx._shape, network.dtype)
    gweights: list[Any] = [()] * len(network.weights)
    for layer in reversed(range(network.layers)):
        below: ndarray | None = None
        for direction in range(network.directions):
            k = layer * network.directions + direction
            x, w, kept = trace[k]
            rows = w.W._shape[0]
            gsums = allocate((network.time, network.count, rows), dtype)
            grecurrent = allocate((network.time, network.count, rows), dtype)
            before = allocate((network.time, network.count, hidden), dtype)
            gh, gcell = ghy[k], gcy[k] if gcx is not None else None
            columns = slice(direction * hidden, (direction + 1) * hidden)
            for t in reversed(_times(network, direction)):
                step = kept[t]
                slope = gh + gy[t, :, columns]
                cell_slope = gcell
                if masks is not None:
                    slope = slope * masks[t]
                    cell_slope = None if gcell is None else gcell * masks[t]
                sums, recurrent, direct, cell_before = _step_back(mode, step, slope, cell_slope)
                carried = direct + matmul(recurrent, w.R)
                if masks is not None:
                    carried = carried + gh * (1 - masks[t])
                    if cell_before is not None:
                        cell_before = cell_before + gcell * (1 - masks[t])
                gh, gcell = carried, cell_before
                for target, source in ((gsums, sums), (grecurrent, recurrent), (before, step.h)):
                    casts.copy_into(target[t], source)
            casts.copy_into(ghx[k], gh)
            if gcx is not None and gcell is not None:
                casts.copy_into(gcx[k], gcell)
            gweights[k] = _weight_slopes(network, x, before, gsums, grecurrent)
            part = matmul(gsums, w.W)
            below = part if below is None else below + part
        if below is not None:
            gy = below
    return casts.astype(gy, network.dtype, copy=False), ghx, gcx, gweights


def _weight_slopes(
    network: _Network, x: ndarray, before: ndarray, gsums: ndarray, grecurrent: ndarray
) -> tuple[ndarray, ...]:
    lines = network.time * network.count
    flat = [views.reshape(a, (lines, a._shape[2])) for a in (x, before, gsums, grecurrent)]
    found = (
        matmul(flat[2].T, flat[0]),
        matmul(flat[3].T, flat[1]),
        reductions.sum(flat[2], 0),
        reductions.sum(flat[3], 0),
    )
    return tuple(casts.astype(a, network.dtype, copy=False) for a in found)
