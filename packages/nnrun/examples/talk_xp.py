"""One piece of code for both kinds of array: ask for the module, then use NumPy's names.

Run with ``python talk_xp.py [device ...]``.
"""

import sys

import numpy as np

import nnrun
from nnrun import cuda


def exp_sum(x, y):
    xp = cuda.get_array_module(x, y)
    return xp.exp(x) + xp.exp(y)


def main(*devices):
    x = np.linspace(-1, 1, 5, dtype=np.float32)
    y = x[::-1].copy()
    for name in devices or ("numpy",):
        device = nnrun.get_device(name)
        with device:
            z = exp_sum(device.send(x), device.send(y))
        print(f"{name}: {type(z).__module__}.{type(z).__name__}", cuda.to_cpu(z))


if __name__ == "__main__":
    main(*sys.argv[1:])
