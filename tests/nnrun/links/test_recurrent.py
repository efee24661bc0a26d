"""Recurrent links: against their functions and formulas, their state, and derivatives."""

import numpy as np
import pytest

import nnrun
import nnrun.functions as F
import nnrun.links as L
from nnrun.gradient_check import check_backward
from nnrun.testing import assert_allclose

rng = np.random.default_rng(5)


def normal(*shape: int) -> np.ndarray:
    return rng.standard_normal(shape).astype(np.float32)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.fixture(autouse=True)
def seeded():
    """NumPy's global generator, which initial values and masks come from."""
    state = np.random.get_state()
    np.random.seed(0)
    yield
    np.random.set_state(state)


class TestLSTM:
    def test_two_steps_are_the_function_twice(self):
        rnn = L.LSTM(3, 2)
        xs = [normal(4, 3), normal(4, 3)]
        c, h = np.zeros((4, 2), "f"), np.zeros((4, 2), "f")
        for x in xs:
            y = rnn(x)
            c, h = F.lstm(c, rnn.upward(x) + rnn.lateral(h))
        assert_allclose(y, h)
        assert_allclose(rnn.c, c)

    def test_biases_of_the_forget_gate(self):
        b = L.LSTM(3, 2, bias_init=0.5).upward.b.array
        assert b.tolist() == [0.5, 0.5, 1, 0.5] * 2

    def test_batches_may_shrink_but_not_grow(self):
        rnn = L.LSTM(3, 2)
        rnn(normal(4, 3))
        before = rnn.h.array.copy(), rnn.c.array.copy()
        assert rnn(normal(2, 3)).shape == (2, 2)
        assert_allclose(rnn.h.array[2:], before[0][2:])
        assert_allclose(rnn.c.array[2:], before[1][2:])
        assert abs(rnn.h.array[:2] - before[0][:2]).max() > 0
        with pytest.raises(ValueError, match="LSTM: the batch must not grow"):
            rnn(normal(5, 3))

    def test_state_is_set_reset_and_not_saved(self):
        rnn = L.LSTM(None, 2)
        x = normal(4, 3)
        first = rnn(x)
        rnn.reset_state()
        assert rnn.c is None and rnn.h is None
        assert_allclose(rnn(x), first)
        rnn.set_state(np.ones((4, 2), "f"), np.ones((4, 2), "f"))
        assert abs(rnn(x).array - first.array).max() > 0.01
        assert {path for path, _ in rnn.namedparams()} == {"/upward/W", "/upward/b", "/lateral/W"}

    def test_state_moves_with_the_link(self):
        rnn = L.LSTM(3, 2)
        x = normal(4, 3)
        rnn(x)
        expected = L.LSTM.copy(rnn)(x)
        rnn.to_gpu()
        y = rnn(nnrun.cuda.to_gpu(x))
        assert_allclose(y, expected)

    def test_gradients(self):
        rnn = L.StatelessLSTM(3, 2)
        inputs = tuple(rng.standard_normal(s) for s in ((4, 2), (4, 2), (4, 3)))
        gys = tuple(rng.standard_normal((4, 2)) for _ in range(2))
        check_backward(rnn, inputs, gys, params=tuple(rnn.params()), dtype=np.float64)


def test_peephole_lstm():
    rnn = L.StatefulPeepholeLSTM(3, 2)
    x, c, h = normal(4, 3), normal(4, 2), normal(4, 2)
    rnn.set_state(c, h)
    y = rnn(x)
    W = {name: link.W.array.T for name, link in rnn.namedlinks(True)}
    a, i, f, o = np.split(x @ W["/upward"] + h @ W["/lateral"], 4, 1)
    new = np.tanh(a) * sigmoid(i + c @ W["/peep_i"]) + c * sigmoid(f + c @ W["/peep_f"])
    assert_allclose(y, sigmoid(o + new @ W["/peep_o"]) * np.tanh(new))
    assert_allclose(rnn.c, new)
    rnn.reset_state()
    assert rnn(x).shape == (4, 2)


def test_zoneout_lstm():
    rnn, plain = L.StatefulZoneoutLSTM(3, 200, 0.25, 0.75), L.StatelessLSTM(3, 200)
    plain.copyparams(rnn)
    x, c, h = normal(4, 3), normal(4, 200), normal(4, 200)
    _, new_h = plain(c, h, x)
    rnn.set_state(c, h)
    y = rnn(x)
    kept = y.array == h
    assert ((y.array == new_h.array) | kept).all()
    assert abs(kept.mean() - 0.75) < 0.08
    assert abs((rnn.c.array == c).mean() - 0.25) < 0.08
    rnn.set_state(c, h)
    with nnrun.using_config("train", False):
        assert_allclose(rnn(x), 0.75 * h + 0.25 * new_h.array)
    rnn.reset_state()
    assert rnn(x).shape == (4, 200)


class TestGRU:
    def test_formula(self):
        rnn = L.StatelessGRU(3, 2)
        x, h = normal(4, 3), normal(4, 2)

        def f(name, v):
            link = rnn[name]
            return v @ link.W.array.T + link.b.array

        r, z = (sigmoid(f(f"W_{k}", x) + f(f"U_{k}", h)) for k in "rz")
        new = np.tanh(f("W", x) + f("U", r * h))
        assert_allclose(rnn(h, x), (1 - z) * h + z * new)
        assert_allclose(rnn(None, x), rnn(np.zeros_like(h), x))

    @pytest.mark.parametrize(
        "pair", [(L.StatefulGRU, L.StatelessGRU), (L.StatefulMGU, L.StatelessMGU)]
    )
    def test_a_stateful_link_is_the_stateless_one_in_a_loop(self, pair):
        stateful, stateless = (cls(3, 2) for cls in pair)
        stateless.copyparams(stateful)
        h = None
        for _ in range(3):
            x = normal(4, 3)
            y, h = stateful(x), stateless(h, x)
        assert_allclose(y, h)
        stateful.set_state(np.zeros((4, 2), "f"))
        assert_allclose(stateful(x), stateless(None, x))

    def test_mgu_formula(self):
        rnn = L.StatelessMGU(3, 2)
        x, h = normal(4, 3), normal(4, 2)

        def f(link, *parts):
            return np.concatenate(parts, 1) @ link.W.array.T + link.b.array

        g = sigmoid(f(rnn.W_f, h, x))
        assert_allclose(rnn(h, x), (1 - g) * h + g * np.tanh(f(rnn.W_h, g * h, x)))


N_STEP = [
    (L.NStepLSTM, 2), (L.NStepBiLSTM, 2), (L.NStepGRU, 1), (L.NStepBiGRU, 1),
    (L.NStepRNNTanh, 1), (L.NStepBiRNNTanh, 1), (L.NStepRNNReLU, 1), (L.NStepBiRNNReLU, 1),
]  # fmt: skip


@pytest.mark.parametrize(("cls", "n_states"), N_STEP)
class TestNStep:
    def test_each_sequence_as_if_alone(self, cls, n_states):
        rnn = cls(2, 3, 4, 0.5)
        sides = rnn.directions
        xs = [normal(n, 3) for n in (2, 4, 1)]
        states = [normal(2 * sides, 3, 4) for _ in range(n_states)]
        with nnrun.using_config("train", False):
            *last, ys = rnn(*states, xs)
            assert [y.shape for y in ys] == [(len(x), 4 * sides) for x in xs]
            for k, x in enumerate(xs):
                *alone, (y,) = rnn(*[s[:, k : k + 1] for s in states], [x])
                assert_allclose(ys[k], y)
                for all_last, one in zip(last, alone, strict=True):
                    assert_allclose(all_last.array[:, k : k + 1], one)

    def test_gradients_reach_all_parameters(self, cls, n_states):
        rnn = cls(2, 3, 4, 0.0, initialW=0.2, initial_bias=0.1)  # no relu is off
        *_, ys = rnn(*[None] * n_states, [abs(normal(1, 3)), abs(normal(3, 3))])
        F.sum(F.concat([F.square(y) for y in ys], 0)).backward()
        assert all(p.grad is not None and abs(p.grad).max() > 0 for p in rnn.params())

    def test_empty_sequences_and_bad_input(self, cls, n_states):
        rnn = cls(1, 3, 4, 0.0)
        none = [None] * n_states
        *_, ys = rnn(*none, [normal(0, 3), normal(2, 3)])
        assert [len(y) for y in ys] == [0, 2]
        with pytest.raises(ValueError, match="all sequences are empty"):
            rnn(*none, [normal(0, 3)])
        with pytest.raises(TypeError, match="`xs` must be a list"):
            rnn(*none, normal(2, 2, 3))
        with pytest.raises(
            ValueError, match=r"sequence 1 must have shape \(length, 3\), not \(2, 4\)"
        ):
            rnn(*none, [normal(2, 3), normal(2, 4)])
        with pytest.raises(ValueError, match=r"the state must have shape"):
            rnn(*[normal(1, 7, 4)] * n_states, [normal(2, 3)])


class TestTreeLSTM:
    def test_child_sum(self):
        cell = L.ChildSumTreeLSTM(3, 2)
        c1, c2, h1, h2, x = normal(4, 2), normal(4, 2), normal(4, 2), normal(4, 2), normal(4, 3)
        c, h = cell(c1, c2, h1, h2, x)
        a, i, o, f = np.split(x @ cell.W_x.W.array.T, 4, 1)
        s = np.split((h1 + h2) @ cell.W_h_aio.W.array.T, 3, 1)
        U = cell.W_h_f.W.array.T
        expected = np.tanh(a + s[0]) * sigmoid(i + s[1])
        expected = expected + sigmoid(f + h1 @ U) * c1 + sigmoid(f + h2 @ U) * c2
        assert_allclose(c, expected)
        assert_allclose(h, sigmoid(o + s[2]) * np.tanh(expected))

    def test_missing_children_count_as_zeros(self):
        x, c, h = normal(4, 3), normal(4, 2), normal(4, 2)
        z = np.zeros_like(c)
        for cell in (L.ChildSumTreeLSTM(3, 2), L.NaryTreeLSTM(3, 2)):
            for found, wanted in zip(cell(c, None, h, None, x), cell(c, z, h, z, x), strict=True):
                assert_allclose(found, wanted)
            cell(c, None, None, h, None)
        leaf, zeros = L.ChildSumTreeLSTM(3, 2)(x), L.NaryTreeLSTM(3, 2)(*[None] * 4, x)
        assert leaf[0].shape == zeros[0].shape == (4, 2)

    def test_n_ary(self):
        cell = L.NaryTreeLSTM(3, 2, 2)
        c1, c2, h1, h2, x = normal(4, 2), normal(4, 2), normal(4, 2), normal(4, 2), normal(4, 3)
        gates = x @ cell.W_x.W.array.T + h1 @ cell.W_h1.W.array.T + h2 @ cell.W_h2.W.array.T
        for found, wanted in zip(cell(c1, c2, h1, h2, x), F.tree_lstm(c1, c2, gates), strict=True):
            assert_allclose(found, wanted)

    def test_bad_input(self):
        with pytest.raises(ValueError, match="as many cells as outputs are wanted"):
            L.ChildSumTreeLSTM(3, 2)(normal(4, 2), normal(4, 3))
        with pytest.raises(ValueError, match="neither a child nor an input"):
            L.ChildSumTreeLSTM(3, 2)(None, None, None)
        with pytest.raises(ValueError, match="2 cells, 2 outputs and an input"):
            L.NaryTreeLSTM(3, 2)(normal(4, 3))
        with pytest.raises(ValueError, match="neither a child nor an input"):
            L.NaryTreeLSTM(3, 2)(*[None] * 5)
        with pytest.raises(ValueError, match="`n_ary` must be at least 1"):
            L.NaryTreeLSTM(3, 2, 0)
