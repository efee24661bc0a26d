"""Work in parts is done once for each element, on as many threads as there may be."""

import threading

import numpy as np
import pytest

from nnrun import optimizers
from nnrun.core import Link, Parameter
from nnrun.utils import in_parts as module
from nnrun.utils.in_parts import in_parts, thread_count


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("size", [0, 5, 99, 100, 101, 1000])
def test_each_element_once(threads, size, monkeypatch):
    monkeypatch.setattr(module, "_PART", 20)
    monkeypatch.setattr(module, "_WORTHWHILE", 100)
    monkeypatch.setattr(module, "thread_count", lambda: threads)
    x, y = np.arange(size, dtype=float).reshape(-1, 1), np.zeros((size, 1))
    used = set()

    def add(x, y):
        used.add(threading.get_ident())
        y += x

    in_parts(add, x, y)
    np.testing.assert_array_equal(x, y)
    assert len(used) <= threads


def test_strided_arrays_are_not_cut(monkeypatch):
    monkeypatch.setattr(module, "_WORTHWHILE", 1)
    shapes = []
    x = np.zeros((4, 6))[:, ::2]
    in_parts(lambda x: shapes.append(x.shape), x)
    assert shapes == [(4, 3)]


def test_an_error_in_a_part_is_raised(monkeypatch):
    monkeypatch.setattr(module, "_PART", 2)
    monkeypatch.setattr(module, "_WORTHWHILE", 1)
    monkeypatch.setattr(module, "thread_count", lambda: 3)

    def fail(x):
        if x[0] == 4:
            raise RuntimeError("part 2")

    with pytest.raises(RuntimeError, match="part 2"):
        in_parts(fail, np.arange(6))


@pytest.mark.parametrize(("value", "count"), [("3", 3), ("0", None), ("many", None), (None, None)])
def test_the_number_of_threads(value, count, monkeypatch):
    if value is None:
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    else:
        monkeypatch.setenv("OMP_NUM_THREADS", value)
    found = thread_count.__wrapped__()
    assert found == count if count else found >= 1


@pytest.mark.parametrize("make", [optimizers.Adam, optimizers.AMSGrad, optimizers.AdamW])
def test_adam_is_the_same_in_parts(make, monkeypatch):
    finals = []
    for worthwhile in (1, 1 << 30):
        monkeypatch.setattr(module, "_PART", 7)
        monkeypatch.setattr(module, "_WORTHWHILE", worthwhile)
        monkeypatch.setattr(module, "thread_count", lambda: 2)
        rng = np.random.default_rng(0)
        link = Link()
        with link.init_scope():
            link.W = Parameter(rng.standard_normal((5, 9)).astype(np.float32))
        optimizer = make().setup(link)
        for _ in range(3):
            link.W.grad = rng.standard_normal((5, 9)).astype(np.float32)
            optimizer.update()
        finals.append(link.W.array)
    np.testing.assert_array_equal(*finals)
