"""On a device all parameters are updated by one launch, and as one by one."""

import numpy as np
import pytest

import nnrun
from nnrun import optimizers
from nnrun.testing import assert_allclose
from nnrun.update_kernel import UpdateKernel

SHAPES = [(3, 4), (1,), (1024,), (1025,), (0,), (40, 53)]


def link_of(dtypes=("f",)):
    rng = np.random.default_rng(0)
    link = nnrun.Link()
    with link.init_scope():
        for i, shape in enumerate(SHAPES):
            dtype = dtypes[i % len(dtypes)]
            setattr(link, f"p{i}", nnrun.Parameter(rng.standard_normal(shape).astype(dtype)))
    for p in link.params():
        p.grad = rng.standard_normal(p.shape).astype(p.dtype)
    return link


@pytest.fixture
def launches(monkeypatch):
    """How many parameters each launch updated; negative for one of its own."""
    counts = []
    many, one = UpdateKernel.many, UpdateKernel.one

    def counted_many(self, updates, *rest):
        counts.append(len(updates))
        many(self, updates, *rest)

    def counted_one(self, *args):
        counts.append(-1)
        one(self, *args)

    monkeypatch.setattr(UpdateKernel, "many", counted_many)
    monkeypatch.setattr(UpdateKernel, "one", counted_one)
    return counts


def both(make, dtypes=("f",), steps=3, change=lambda link: None):
    links = [link_of(dtypes), link_of(dtypes)]
    links[1].to_device(0)
    for link in links:
        optimizer = make().setup(link)
        change(link)
        for _ in range(steps):
            optimizer.update()
    for p, q in zip(links[0].params(), links[1].params(), strict=True):
        assert q.xp is not np
        assert_allclose(p.array, q.array, atol=5e-3 if p.dtype == np.float16 else 1e-6)


def test_one_launch_for_a_dtype(launches):
    both(lambda: optimizers.Adam(0.1), steps=2)
    assert launches == [5, 5]
    launches.clear()
    both(lambda: optimizers.Adam(0.1), ("f", "d"), steps=1)
    assert sorted(launches) == [2, 3]


def test_parameters_with_numbers_of_their_own(launches):
    def change(link):
        link.p1.update_rule.hyperparam.lr = 0.5
        link.p2.update_rule.enabled = False

    both(lambda: optimizers.MomentumSGD(0.1), steps=1, change=change)
    assert sorted(launches) == [1, 3]


def test_half_precision_is_updated_one_by_one(launches):
    both(lambda: optimizers.SGD(0.1), ("e",), steps=1)
    assert launches == [-1] * 5


def test_a_gradient_of_another_layout(launches):
    def change(link):
        link.p5.grad = link.p5.xp.asarray(np.ones((53, 40), np.float32)).T

    both(lambda: optimizers.RMSprop(0.1), steps=1, change=change)
    assert sorted(launches) == [-1, 4]


def test_a_rule_with_a_kernel_of_its_own_is_asked_itself(launches):
    class Rule(optimizers.SGDRule):
        def update_core(self, param):
            param.array += 1

    class Method(optimizers.SGD):
        def create_update_rule(self):
            return Rule(self.hyperparam)

    both(Method, steps=1)
    assert launches == []


def test_parameters_on_two_devices(launches):
    links = [link_of(), link_of()]
    for p, device in zip(links[1].params(), [0, 1] * 3, strict=True):
        p.to_device(device)
    for link in links:
        optimizers.Adam(0.1).setup(link).update()
    for p, q in zip(links[0].params(), links[1].params(), strict=True):
        assert_allclose(p.array, q.array)
    assert sorted(launches) == [2, 3]
