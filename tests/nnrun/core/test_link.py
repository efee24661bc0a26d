"""Links and chains: registration, walking, copying, moving, printing."""

import copy
import pickle

import numpy as np
import pytest

import nnrun
import nnrun.functions as F
import nnrun.links as L
from nnrun.testing import assert_allclose


class MLP(nnrun.Chain):
    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.l1 = L.Linear(4, 3)
            self.l2 = L.Linear(None, 2)

    def forward(self, x):
        return self.l2(F.relu(self.l1(x)))


class Affine(nnrun.Link):
    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.W = nnrun.Parameter(1.0, (2, 2))
        self.add_persistent("mean", np.zeros(2, np.float32))
        self.count = 3
        self.register_persistent("count")
        self.other = nnrun.Parameter(0.0, (1,))  # outside init_scope: not registered


def test_registration():
    link = Affine()
    assert [name for name, _ in link.namedparams()] == ["/W"]
    assert link.W.name == "W"
    assert link.count_params() == 4
    with pytest.raises(AttributeError, match="already has an attribute 'W'"):
        link.add_param("W", (1,))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        link.register_persistent("nothing")
    del link.W
    assert list(link.params()) == []


def test_forgotten_super_init_is_explained():
    class Bad(nnrun.Link):
        def __init__(self):
            with self.init_scope():
                self.W = nnrun.Parameter(0, (1,))

    with pytest.raises(RuntimeError, match=r"Bad: call super\(\).__init__\(\)"):
        Bad()


def test_the_first_versions_style():
    class FullyConnected(nnrun.Link):
        def __init__(self, n_in, n_out):
            super().__init__(W=(n_out, n_in), b=((n_out,), np.float64))
            self.add_param("c", (n_out,), initializer=0)

        def __call__(self, x):
            return F.linear(x, self.W, self.c)

    link = FullyConnected(3, 2)
    assert np.isnan(link.W.array).all()  # to be filled by the user
    assert link.b.dtype == np.float64
    link.W.array[...] = 1
    assert link(np.ones((1, 3), np.float32)).array.tolist() == [[3, 3]]


def test_walking_a_tree():
    model = L.Classifier(MLP())
    assert [n for n, _ in model.namedlinks()] == [
        "/",
        "/predictor",
        "/predictor/l1",
        "/predictor/l2",
    ]
    assert [n for n, _ in model.namedparams()] == [
        "/predictor/l1/W",
        "/predictor/l1/b",
        "/predictor/l2/W",
        "/predictor/l2/b",
    ]
    assert len(list(model.params(include_uninit=False))) == 3
    assert list(model.children()) == [model.predictor]
    assert model["predictor"] is model.predictor
    assert model.predictor.name == "predictor"
    with pytest.raises(KeyError, match="no child 'nothing'"):
        model["nothing"]


def test_chain_list_and_sequential():
    layers = nnrun.ChainList(L.Linear(4, 3), L.Linear(3, 2))
    assert [n for n, _ in layers.namedparams()] == ["/0/W", "/0/b", "/1/W", "/1/b"]
    assert list(layers)[1] is layers[1]
    with pytest.raises(TypeError, match="no children as attributes"), layers.init_scope():
        layers.extra = L.Linear(2, 2)
    net = nnrun.Sequential(layers[0], F.relu, nnrun.Sequential(layers[1], F.sigmoid))
    assert len(net.flatten()) == 4
    assert net(np.zeros((1, 4), np.float32)).array.tolist() == [[0.5, 0.5]]
    assert len(list(net.params())) == 4
    with pytest.raises(TypeError, match="must be callable"):
        net.append(3)


def test_parameters_get_their_shape_from_the_first_input():
    model = MLP()
    assert not model.l2.W.is_initialized
    model.cleargrads()
    y = model(np.ones((5, 4), np.float32))
    assert y.shape == (5, 2)
    assert model.l2.W.shape == (2, 3)
    assert model.l2.in_size == 3


def test_gradients_of_a_whole_link():
    model = MLP()
    model(np.ones((5, 4), np.float32))
    F.sum(model(np.ones((5, 4), np.float32))).backward()
    assert all(p.grad is not None for p in model.params())
    twin = model.copy("copy")
    twin.addgrads(model)
    assert_allclose(twin.l1.b.grad, 2 * model.l1.b.grad)
    model.cleargrads()
    assert all(p.grad is None for p in model.params())


def test_copies():
    model = MLP()
    model(np.zeros((1, 4), np.float32))
    shared, copied, new = model.copy(), model.copy("copy"), model.copy("init")
    assert shared.l1.W is not model.l1.W
    assert shared.l1.W.array is model.l1.W.array
    assert copied.l1.W.array is not model.l1.W.array
    assert_allclose(copied.l1.W, model.l1.W)
    assert not np.array_equal(new.l1.W.array, model.l1.W.array)
    F.sum(shared(np.ones((1, 4), np.float32))).backward()
    assert model.l2.b.grad is None
    new.copyparams(model)
    assert_allclose(new.l1.W, model.l1.W)
    with pytest.raises(ValueError, match="must be 'share', 'copy' or 'init'"):
        model.copy("deep")
    copied.l3 = 1
    assert not hasattr(model, "l3")


def test_repeat_makes_independent_layers():
    net = L.Linear(3, 3).repeat(2)
    assert len(net) == 2
    assert not np.array_equal(net[0].W.array, net[1].W.array)


def test_pickling_a_tree():
    model = MLP()
    again = pickle.loads(pickle.dumps(model))
    assert_allclose(again.l1.W, model.l1.W)
    assert not again.l2.W.is_initialized
    again(np.zeros((1, 4), np.float32))
    assert copy.deepcopy(again).l2.W.shape == (2, 3)


def test_repr_is_a_tree():
    assert repr(L.Classifier(nnrun.Sequential(L.Linear(2, 3)))) == (
        "Classifier(\n"
        "  (predictor): Sequential(\n"
        "    (0): Linear(in_size=2, out_size=3, nobias=False),\n"
        "  ),\n"
        ")"
    )


def test_updates_can_be_switched_off():
    model = MLP()
    nnrun.optimizers.SGD(1.0).setup(model)
    model.l1.disable_update()
    assert model.update_enabled
    assert not model.l1.update_enabled
    x = np.ones((1, 4), np.float32)
    before = model.l1.W.array.copy()
    F.sum(model(x)).backward()
    for p in model.params():
        p.update()
    assert_allclose(model.l1.W, before)


def test_moving_a_tree(xp):
    model = nnrun.Chain(a=Affine(), b=L.Linear(None, 2))
    if xp is not np:
        assert model.to_gpu() is model
        assert isinstance(model.a.W.array, xp.ndarray)
        assert isinstance(model.a.mean, xp.ndarray)
        assert model.xp is xp
    y = model.b(xp.ones((1, 3), dtype=np.float32))
    assert isinstance(y.array, xp.ndarray)
    model.to_cpu()
    assert type(model.a.mean) is type(model.b.W.array) is np.ndarray
    assert model.device.name == "numpy"


class TestLists:
    def chain(self):
        return nnrun.ChainList(L.Linear(2, 3), L.Linear(3, 4), L.Linear(4, 5))

    def sizes(self, layers):
        return [layer.out_size for layer in layers]

    def test_a_chain_list_is_a_list(self):
        layers = self.chain()
        first, second, third = layers
        layers.insert(0, third)
        assert self.sizes(layers) == [5, 3, 4, 5]
        assert layers.index(second) == 2 and layers.count(third) == 2
        assert layers.pop() is third
        layers.reverse()
        assert self.sizes(layers) == [4, 3, 5]
        assert [layer.name for layer in layers] == ["0", "1", "2"]
        layers.remove(first)
        layers.extend([first])
        layers[0] = L.Linear(1, 9)
        layers[1:2] = [second, L.Linear(1, 8)]
        assert self.sizes(layers) == [9, 4, 8, 3]
        del layers[0]
        assert [path for path, _ in layers.namedlinks(skipself=True)] == ["/0", "/1", "/2"]
        layers.clear()
        assert len(layers) == 0
        with pytest.raises(TypeError, match="a child must be a Link, not int"):
            layers.insert(0, 3)
        assert len({layers, self.chain()}) == 2  # hashable, as all links are

    def test_a_sequential_is_one_too(self):
        net = nnrun.Sequential(L.Linear(2, 3), F.relu, L.Linear(3, 4), F.relu)
        assert net.count_by_layer_type("Linear") == net.count_by_layer_type(L.Linear) == 2
        assert net.count_by_layer_type("relu") == 2
        assert [path for path, _ in net.namedlinks(skipself=True)] == ["/0", "/1"]
        net.insert(1, L.BatchNormalization(3))
        assert [layer.name for layer in net if isinstance(layer, nnrun.Link)] == ["0", "1", "2"]
        both = net + nnrun.Sequential(F.tanh)
        assert len(both) == 6 and len(net) == 5
        net.remove_by_layer_type("relu")
        assert len(net) == 3
        assert [type(layer).__name__ for layer in net[1:]] == ["BatchNormalization", "Linear"]
        with pytest.raises(TypeError):
            net + [F.relu]
        assert repr(both).splitlines()[3] == "  (2): relu,"

    @pytest.mark.parametrize("mode", ["share", "copy", "init"])
    def test_copies_have_children_of_their_own(self, mode):
        net = nnrun.Sequential(L.Linear(2, 3), F.relu, nnrun.Sequential(L.Linear(3, 3)))
        copied = net.copy(mode)
        assert copied[0] is not net[0] and copied[1] is net[1]
        assert (copied[0].W.array is net[0].W.array) == (mode == "share")
        assert (copied[0].W.array == net[0].W.array).all() == (mode != "init")
        copied.append(F.relu)
        assert len(net) == 3
        assert len(net.repeat(2).flatten()) == 6


def test_a_visitor_sees_every_array():
    class Double(nnrun.core.DeviceResidentsVisitor):
        def __init__(self):
            self.residents = []

        def visit_device_resident(self, device_resident):
            self.residents.append(type(device_resident).__name__)

        def visit_array(self, arr):
            return arr * 2

        def visit_variable(self, param):
            if param.is_initialized:
                param.array = param.array * 2

    chain = nnrun.Chain(one=L.BatchNormalization(3), two=L.Linear(None, 2))
    visitor = Double()
    chain.device_resident_accept(visitor)
    assert visitor.residents == ["Chain", "BatchNormalization", "Linear"]
    assert chain.one.gamma.array.tolist() == [2, 2, 2]
    assert chain.one.avg_var.tolist() == [2, 2, 2]
    assert isinstance(chain, nnrun.DeviceResident)
