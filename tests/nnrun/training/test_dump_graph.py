"""The graph of the first loss is written once, and nothing keeps it longer."""

import numpy as np
import pytest

import nnrun
import nnrun.links as L
from nnrun import iterators, optimizers
from nnrun.datasets import TupleDataset
from nnrun.training import StandardUpdater, Trainer, extensions


def make(out, *added, stop=3):
    np.random.seed(0)
    x = np.random.randn(8, 3).astype(np.float32)
    model = L.Classifier(L.Linear(3, 2))
    optimizer = optimizers.SGD(0.1).setup(model)
    iterator = iterators.SerialIterator(TupleDataset(x, (x[:, 0] > 0).astype("i")), 2, seed=0)
    updater = StandardUpdater(iterator, optimizer)
    return Trainer(updater, (stop, "iteration"), out=out, extensions=added)


def test_the_first_graph(tmp_path):
    kept = []

    def note(trainer):
        loss = trainer.observation["main/loss"]
        kept.append((nnrun.config.keep_graph_on_report, loss.creator is not None))

    note.priority = -10
    make(tmp_path, extensions.dump_graph("main/loss"), note).run()
    text = (tmp_path / "cg.dot").read_text()
    assert text.startswith("digraph") and "(2, 3)" in text and "SoftmaxCrossEntropy" in text
    assert kept == [(False, True), (False, False), (False, False)]


def test_a_picture_and_styles(tmp_path):
    graph = extensions.DumpGraph("main/loss", "a.svg")
    styled = extensions.DumpGraph("main/loss", "b.dot", {"shape": "egg"}, {"shape": "star"})
    make(tmp_path, graph, styled).run()
    assert (tmp_path / "a.svg").read_text().startswith("<svg")
    text = (tmp_path / "b.dot").read_text()
    assert 'shape="egg"' in text and 'shape="star"' in text
    assert nnrun.config.keep_graph_on_report is False


def test_not_again_when_resumed(tmp_path, save_and_load):
    first = extensions.dump_graph("main/loss")
    make(tmp_path / "first", first).run()
    second = extensions.dump_graph("main/loss")
    save_and_load(first, second)
    make(tmp_path / "second", second).run()
    assert not (tmp_path / "second" / "cg.dot").exists()


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("main/los", KeyError, "'main/los' was not reported; reported: main/loss"),
        ("number", TypeError, "'number' must be a Variable, not float"),
    ],
)
def test_what_is_no_graph(tmp_path, name, error, message):
    def report(trainer):
        trainer.observation["number"] = 1.0

    report.priority = 500
    trainer = make(tmp_path, report, extensions.dump_graph(name))
    with pytest.raises(error, match=message):
        trainer.run(show_loop_exception_msg=False)
    assert nnrun.config.keep_graph_on_report is False
