"""Record what the device computes: ``python -m tests.ndgpu.replay.record``.

Writes ``recorded.npz`` beside this file: inputs, special and random ones, and for each group the
bits of its outputs.  Recorded on the host device, whose every instruction other tests compare with
exact references; replayed on whatever device there is by `test_replay`.
"""

from __future__ import annotations

from pathlib import Path

import ml_dtypes
import numpy as np

from .kernels import GROUPS, Group

__all__ = ["FILE", "inputs", "replay"]

FILE = Path(__file__).with_name("recorded.npz")
_POINTS = 384
_BLOCK = 128
_FLOATS = {
    "float": np.float32,
    "double": np.float64,
    "__half": np.float16,
    "__nv_bfloat16": ml_dtypes.bfloat16,
}
_BITS = {"unsigned short": np.uint16, "unsigned": np.uint32, "unsigned long long": np.uint64}


def inputs(type: str) -> dict[str, np.ndarray]:
    """The bits of ``a``, ``b``, ``c`` and ``u`` for a group of this type."""
    rng = np.random.default_rng(2026)
    found = {"u": rng.integers(0, 1 << 32, (_POINTS, 3), np.uint32)}
    found["u"][::7] >>= rng.integers(0, 32, found["u"][::7].shape, np.uint32)
    if type == "unsigned long long":
        for name in "abc":
            found[name] = rng.integers(0, 1 << 64, _POINTS, np.uint64)
            found[name][::5] >>= rng.integers(0, 64, len(found[name][::5]), np.uint64)
        return found
    dtype = np.dtype(_FLOATS[type])
    limits = ml_dtypes.finfo(dtype)
    special = [0, limits.smallest_subnormal, limits.tiny, limits.max, np.inf, np.nan, 0.5, 1, 1.5,
               2.5, 3, 7, 1 / float(limits.eps), 2147483648.0]  # fmt: skip
    with np.errstate(over="ignore"):
        specials = np.array([*special, *(-float(s) for s in special)]).astype(dtype)
    unsigned = np.dtype(f"u{dtype.itemsize}")
    for name in "abc":
        any_bits = rng.integers(0, np.iinfo(unsigned).max, _POINTS, unsigned).view(dtype)
        near = (rng.normal(size=_POINTS) * 10.0 ** rng.integers(-3, 4, _POINTS)).astype(dtype)
        kind = rng.integers(0, 10, _POINTS)
        values = np.where(kind < 3, any_bits, near)
        values = np.where(kind == 9, rng.choice(specials, _POINTS), values).astype(dtype)
        found[name] = values.view(unsigned)
    # All pairs of the smaller special values come first.
    few = specials[[0, 1, 3, 4, 5, 7, 14, 18]]
    first, second = np.meshgrid(few, few)
    found["a"][: first.size] = first.ravel().view(unsigned)
    found["b"][: first.size] = second.ravel().view(unsigned)
    return found


def replay(name: str, group: Group, given: dict[str, np.ndarray]) -> np.ndarray:
    """Run a group on the current device; the bits of its outputs, a row for each expression."""
    import ndgpu

    # Sums and products that the source keeps apart stay apart.
    module = ndgpu.RawModule(code=group.source(name), options=("--fmad=false",))
    count = len(given["u"])
    arrays = [ndgpu.asarray(given[key]) for key in ("a", "b", "c", "u")]
    out = ndgpu.zeros((len(group.expressions), count), _BITS[group.bits])
    blocks = -(-count // _BLOCK)
    module.get_function(name)((blocks,), (_BLOCK,), (*arrays, out, np.uint32(count)))
    return ndgpu.asnumpy(out)


def main() -> None:
    stored: dict[str, np.ndarray] = {}
    for name, group in GROUPS.items():
        given = inputs(group.type)
        stored |= {f"{name}.{key}": value for key, value in given.items()}
        stored[f"{name}.names"] = np.array(list(group.expressions))
        stored[f"{name}.out"] = replay(name, group, given)
    np.savez_compressed(FILE, **stored)
    print(f"{FILE.name}: {FILE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
