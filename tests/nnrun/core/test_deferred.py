"""Gradients that are computed together are the same as those computed one by one."""

import numpy as np
import pytest

import nnrun
import nnrun.functions as F
from nnrun import Parameter, Variable
from nnrun.core import deferred, walk


def steps(xp, n_steps, rows, ignore=None):
    """A weight, a bias and vectors used at every step, the weight also as it is."""
    rng = np.random.default_rng(0)
    W, b, V = (
        Parameter(xp.asarray(rng.standard_normal(shape))) for shape in ((4, 3), (4,), (6, 3))
    )
    loss = 0
    for _ in range(n_steps):
        ids = xp.asarray(rng.integers(0, 6, rows))
        loss += F.sum(F.tanh(F.linear(F.embed_id(ids, V, ignore), W, b)))
    return loss + F.sum(W * W), (W, b, V)


@pytest.mark.parametrize("ignore", [None, 2])
@pytest.mark.parametrize(("n_steps", "rows"), [(1, 5), (7, 5), (30, 40), (3, 100)])
def test_the_same_gradients(xp, n_steps, rows, ignore, monkeypatch):
    gradients = []
    for enough in (deferred.ENOUGH, 1):
        monkeypatch.setattr(walk, "ENOUGH", enough)
        for many in (deferred._MANY, 0):
            monkeypatch.setattr(deferred, "_MANY", many)
            loss, params = steps(xp, n_steps, rows, ignore)
            loss.backward()
            gradients.append([nnrun.cuda.to_cpu(p.grad) for p in params])
            monkeypatch.undo()
            monkeypatch.setattr(walk, "ENOUGH", enough)
    for others in gradients[1:]:
        for one, other in zip(gradients[0], others, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-10)


def test_uses_of_a_weight_are_one_product(monkeypatch):
    calls = []
    original = deferred.Deferred.array
    monkeypatch.setattr(
        deferred.Deferred, "array", lambda self, xp: calls.append(self.rows) or original(self, xp)
    )
    loss, _ = steps(np, 20, 32)
    loss.backward()
    # 640 rows: twice enough of them, and the rest, for the weight and for the vectors.
    assert sorted(calls) == [128, 128, 256, 256, 256, 256]


@pytest.mark.parametrize("how", ["double", "debug", "not a leaf"])
def test_the_plain_way_where_it_is_needed(how, monkeypatch):
    monkeypatch.setattr(
        deferred.Deferred, "array", lambda self, xp: pytest.fail("something was deferred")
    )
    x, W = Variable(np.ones((2, 3))), Parameter(np.ones((4, 3)))
    if how == "double":
        y = F.linear(x, W)
        (gW,) = nnrun.grad([F.sum(y * y)], [W], enable_double_backprop=True)
        monkeypatch.undo()
        F.sum(gW * gW).backward()
    elif how == "debug":
        with nnrun.using_config("debug", True):
            F.sum(F.linear(x, W)).backward()
    else:
        F.sum(F.linear(x, W * 2)).backward()
    assert (W.grad != 0).all()


def test_grad_of_a_leaf():
    x, W = Variable(np.ones((2, 3))), Parameter(np.ones((4, 3)))
    y = F.linear(x, W) + F.linear(2 * x, W)
    (gW,) = nnrun.grad([F.sum(y)], [W])
    np.testing.assert_array_equal(gW.array, np.full((4, 3), 6.0))
    assert W.grad is None


def test_gradients_of_other_types_are_added_too():
    W = Parameter(np.ones((2, 3), np.float32))
    loss = sum(F.sum(F.cast(F.linear(np.ones((2, 3), np.float32), W), kind)) for kind in ("d", "f"))
    loss.backward()
    assert W.grad.dtype == np.float32
    np.testing.assert_array_equal(W.grad, np.full((2, 3), 4, np.float32))
