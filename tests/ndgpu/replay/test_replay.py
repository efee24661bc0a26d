"""The recorded kernels again, on the device of this run: `make gpu-check` brings them to a GPU."""

from __future__ import annotations

import numpy as np
import pytest

import ndgpu

from .kernels import APPROXIMATE, GROUPS
from .record import FILE, replay


@pytest.fixture(scope="module")
def recorded():
    with np.load(FILE) as stored:
        return {key: stored[key] for key in stored.files}


@pytest.mark.parametrize("name", GROUPS)
def test_recorded_results_come_again_bit_for_bit(recorded, name):
    group = GROUPS[name]
    assert list(recorded[f"{name}.names"]) == list(group.expressions), "record anew: see record.py"
    given = {key: recorded[f"{name}.{key}"] for key in ("a", "b", "c", "u")}
    want, got = recorded[f"{name}.out"], replay(name, group, given)
    different = got != want
    if name == "doubles":
        # PTX leaves open which NaN a double is.
        different &= ~(np.isnan(got.view(np.float64)) & np.isnan(want.view(np.float64)))
    rows = {
        text: f"point {int(np.flatnonzero(row)[0])}: {got[k][row][0]:#x}, not {want[k][row][0]:#x}"
        for k, (text, row) in enumerate(zip(group.expressions, different, strict=True))
        if row.any()
    }
    assert not rows


@pytest.mark.parametrize(("name", "dtype"), [("singles", np.float32), ("doubles", np.float64)])
def test_the_record_is_what_numpy_computes(recorded, name, dtype):
    """Rounded to nearest; the record itself is held to something that did not make it."""
    a, b = (recorded[f"{name}.{key}"].view(dtype) for key in "ab")
    rows = dict(zip(recorded[f"{name}.names"].tolist(), recorded[f"{name}.out"], strict=True))
    with np.errstate(all="ignore"):
        wanted = {"add.rn": a + b, "sub.rn": a - b, "mul.rn": a * b, "div.rn": a / b,
                  "sqrt.rn": np.sqrt(a), "rcp.rn": 1 / a, "fmod": np.fmod(a, b),
                  "floor": np.floor(a), "rint": np.rint(a), "trunc": np.trunc(a)}  # fmt: skip
    for text, want in wanted.items():
        np.testing.assert_array_equal(rows[text].view(dtype), want, err_msg=text)


@pytest.mark.parametrize("name", APPROXIMATE)
def test_approximate_instructions_are_within_the_bounds_of_the_manual(recorded, name):
    instruction, function, relative, absolute = APPROXIMATE[name]
    x = recorded["singles.a"].view(np.float32)
    low, high = {"sin": (-2 * np.pi, 2 * np.pi), "cos": (-2 * np.pi, 2 * np.pi),
                 "ex2": (-126, 127)}.get(name, (-np.inf, np.inf))  # fmt: skip
    x = x[np.isfinite(x) & (x >= low) & (x <= high)]
    x = np.abs(x) if name in ("lg2", "sqrt", "rsqrt") else x
    source = f"""
    extern "C" __global__ void approximate(const float* x, float* y, unsigned n) {{
        unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
        if (i < n) asm("{instruction} %0, %1;" : "=f"(y[i]) : "f"(x[i]));
    }}"""
    kernel = ndgpu.RawKernel(source, "approximate")
    y = ndgpu.empty(x.shape, np.float32)
    kernel((-(-len(x) // 128),), (128,), (ndgpu.asarray(x), y, np.uint32(len(x))))
    got = ndgpu.asnumpy(y)
    with np.errstate(all="ignore"):
        wide = x.astype(np.float64)
        exact = 1 / np.sqrt(wide) if function == "rsqrt" else getattr(np, function)(wide)
        beyond = np.isinf(exact.astype(np.float32))
        allowed = np.maximum(relative * np.abs(exact), absolute) + 2.0**-149
        wrong = np.where(beyond, got != exact.astype(np.float32), ~(np.abs(got - exact) <= allowed))
    assert not wrong.any(), (x[wrong][:3], got[wrong][:3], exact[wrong][:3])
