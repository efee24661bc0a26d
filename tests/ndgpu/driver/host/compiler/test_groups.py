"""Warp operations of several groups of lanes at once, each with the mask of its own lanes."""

import numpy as np
import pytest

_REDUCTIONS = {
    "add": (np.add, "unsigned"),
    "min": (np.minimum, "int"),
    "max": (np.maximum, "unsigned"),
    "and": (np.bitwise_and, "unsigned"),
    "or": (np.bitwise_or, "unsigned"),
    "xor": (np.bitwise_xor, "unsigned"),
}


@pytest.fixture(scope="module")
def reductions(cuda):
    return cuda(
        "".join(
            f'extern "C" __global__ void of_{name}('
            f"const {type}* x, const unsigned* key, {type}* y) {{"
            "  unsigned i = blockIdx.x * blockDim.x + threadIdx.x;"
            "  unsigned all = __ballot_sync(__activemask(), 1);"
            "  unsigned members = __match_any_sync(all, key[i]);"
            f"  y[i] = __reduce_{name}_sync(members, x[i]); }}"
            for name, (_, type) in _REDUCTIONS.items()
        )
    )


@pytest.mark.parametrize("block", [32, 64, 40, 7])
@pytest.mark.parametrize("name", _REDUCTIONS)
def test_lanes_with_one_key_reduce_among_themselves(reductions, rng, name, block):
    function, type = _REDUCTIONS[name]
    x = rng.integers(0, 1 << 32, 2 * block, np.uint32)
    x = x.view(np.int32) if type == "int" else x
    key = rng.integers(0, 5, 2 * block, np.uint32)
    y = np.zeros_like(x)
    assert reductions.launch(f"of_{name}", (2,), (block,), x, key, y) == 0
    lane = np.arange(2 * block)
    warp = lane // block * 100 + lane % block // 32
    for one in np.unique(warp):
        for number in range(5):
            group = (warp == one) & (key == number)
            if group.any():
                assert (y[group] == function.reduce(x[group], dtype=x.dtype)).all()
