"""Statistics of parameters, micro averages, further shifts, writers of snapshots, Ctrl-C."""

import gc
import math
import os
import signal
import threading
import weakref
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import nnrun
import nnrun.links as L
from nnrun import iterators, optimizers
from nnrun.datasets import TupleDataset
from nnrun.reporter import Reporter
from nnrun.serializers import load_npz
from nnrun.training import StandardUpdater, Trainer, extensions
from nnrun.training.extensions import snapshot_writers


def make(tmp_path, *added, stop=(8, "iteration"), device=None):
    np.random.seed(0)
    x = np.random.randn(8, 3).astype(np.float32)
    model = L.Classifier(L.Linear(3, 2))
    optimizer = optimizers.MomentumSGD(0.5).setup(model)
    iterator = iterators.SerialIterator(TupleDataset(x, (x[:, 0] > 0).astype("i")), 2, seed=0)
    updater = StandardUpdater(iterator, optimizer, device=device)
    return Trainer(updater, stop, out=tmp_path, extensions=added)


# -- figures ------------------------------------------------------------------------------


def test_micro_average_is_the_quotient_of_the_sums(save_and_load):
    right, counted = [1, 2, 0, 4, 5, 6], [2, 8, 1, 4, 5, 7]

    def run(average, start, stop):
        results = []
        for i in range(start, stop):
            observation = {"right": np.float32(right[i]), "all": counted[i]}
            updater = SimpleNamespace(iteration=i + 1, epoch_detail=0)
            average(SimpleNamespace(observation=observation, updater=updater))
            results.append(round(observation.get("accuracy", -1), 12))
        return results

    def new():
        return extensions.MicroAverage("right", "all", "accuracy", trigger=(3, "iteration"))

    expected = [-1, -1, round(3 / 11, 12), -1, -1, 15 / 16]
    assert run(new(), 0, 6) == expected
    first, second = new(), new()
    begun = run(first, 0, 4)
    save_and_load(first, second)
    assert begun + run(second, 4, 6) == expected
    with pytest.raises(KeyError, match="'right' was not reported; reported: "):
        new()(SimpleNamespace(observation={"all": 1}))


def test_parameter_statistics(xp):
    link = L.Linear(2, 2, initialW=np.array([[0, 1], [2, 5]], np.float32))
    if xp is not np:
        link.to_device(0)
    link.W.grad = xp.asarray(np.array([[1, 1], [1, -1]], np.float32))
    link.name = "first"
    statistics = extensions.ParameterStatistics([link], prefix="model")
    statistics.register_statistics("all", lambda x: x.ravel())
    with Reporter() as reporter:
        statistics(None)
    figures = reporter.observation
    assert figures["model/first/W/data/mean"] == 2
    assert figures["model/first/W/data/std"] == pytest.approx(math.sqrt(3.5))
    assert (figures["model/first/W/data/min"], figures["model/first/W/data/max"]) == (0, 5)
    assert figures["model/first/W/data/zeros"] == 1
    assert figures["model/first/W/data/percentile/3"] == 1.5
    assert [figures[f"model/first/W/data/all/{i}"] for i in range(4)] == [0, 1, 2, 5]
    assert figures["model/first/W/grad/mean"] == 0.5
    assert "model/first/b/grad/mean" not in figures
    assert "model/first/b/data/mean" in figures
    with pytest.raises(ValueError, match="'default' or a dictionary, not 'all'"):
        extensions.ParameterStatistics(link, "all")


def test_parameter_statistics_leave_out_nan():
    link = L.Linear(1, 1, initialW=np.nan)
    with Reporter() as reporter:
        extensions.ParameterStatistics(link, skip_nan_params=True)(None)
    assert {name.split("/")[0] for name in reporter.observation} == {"b"}


@pytest.mark.parametrize("device", ["numpy", 0])
def test_picture_of_distributions(tmp_path, device, save_and_load):
    def plot(trainer, **options):
        params = list(trainer.updater.get_optimizer("main").target.params())
        return extensions.VariableStatisticsPlot(params, trigger=(2, "iteration"), **options)

    trainer = make(tmp_path, device=device)
    extension = plot(trainer, max_sample_size=4)
    trainer.extend(extension)
    trainer.run()
    assert (tmp_path / "statistics.png").read_bytes()[1:4] == b"PNG"
    points = extension._points
    assert [point[0] for point in points["data"]] == [2, 4, 6, 8]
    assert [len(point) for point in points["grad"]] == [12] * 4
    # Each interval has two samples, of at most 4 values, of two parameters.
    assert all(np.isfinite(points["grad"]).ravel())
    other = plot(trainer)
    save_and_load(extension, other)
    assert other._points == points
    with pytest.raises(ValueError, match="nothing to draw"):
        plot(trainer, report_data=False, report_grad=False)
    with pytest.raises(ValueError, match="max_sample_size is positive, not 0"):
        plot(trainer, max_sample_size=0)


def test_graphs_behind_figures_are_cut(tmp_path):
    graphs = []

    def look(trainer):
        graphs.append(weakref.ref(trainer.observation["main/loss"].creator))

    trainer = make(tmp_path, extensions.unchain_variables())
    trainer.extend(look, "look", priority=extensions.unchain_variables.priority + 1)
    with nnrun.using_config("keep_graph_on_report", True):
        trainer.run()
    gc.collect()
    assert len(graphs) == 8
    assert trainer.observation["main/loss"].creator is None


# -- schedules ----------------------------------------------------------------------------

CURVES = {
    "inverse": (
        lambda: extensions.InverseShift("lr", 0.5, 2),
        [0.5 / (1 + 0.5 * t) ** 2 for t in range(9)],
    ),
    "polynomial": (
        lambda: extensions.PolynomialShift("lr", 2, 4),
        [0.5 * max(1 - t / 4, 0) ** 2 for t in range(9)],
    ),
    "polynomial with a floor": (
        lambda: extensions.PolynomialShift("lr", 1, 4, init=1.0, target=0.3),
        [1, 0.75, 0.5] + [0.3] * 6,
    ),
    "step": (
        lambda: extensions.StepShift("lr", 0.1, 3, init=1.0),
        [0.1 ** (t // 3) for t in range(9)],
    ),
    "multistep": (
        lambda: extensions.MultistepShift("lr", 0.5, [2, 3, 7]),
        [0.5, 0.5, 0.25, 0.125, 0.125, 0.125, 0.125, 0.0625, 0.0625],
    ),
    "warmup": (
        lambda: extensions.WarmupShift("lr", 0.1, 4),
        [0.1, 0.2, 0.3, 0.4, 0.5, 0.5, 0.5, 0.5, 0.5],
    ),
    "cosine": (
        lambda: extensions.CosineShift("lr", 6, target=0.1),
        [0.1 + 0.2 * (1 + math.cos(math.pi * min(t, 6) / 6)) for t in range(9)],
    ),
    "cosine after a warm-up": (
        lambda: extensions.CosineShift("lr", 6, warmup=2),
        [0, 0.25] + [0.25 * (1 + math.cos(math.pi * min(t, 4) / 4)) for t in range(7)],
    ),
}


@pytest.mark.parametrize("name", CURVES)
def test_shifts_and_their_resuming(tmp_path, name, save_and_load):
    maker, expected = CURVES[name]

    def trainer(stop):
        seen = []
        trainer = make(tmp_path, maker(), stop=stop)
        trainer.extend(
            lambda trainer: seen.append(trainer.updater.get_optimizer("main").lr),
            "look",
            priority=1,
        )
        return trainer, seen

    whole, seen = trainer((8, "iteration"))
    whole.run()
    assert seen == pytest.approx(expected[1:])
    first, seen = trainer((3, "iteration"))
    first.run()
    second, more = trainer((8, "iteration"))
    second.updater.get_optimizer("main").lr = 0.123  # not what it was at first
    save_and_load(first, second)
    second.run()
    assert seen + more == pytest.approx(expected[1:])


@pytest.mark.parametrize(
    ("make_one", "message"),
    [
        (lambda: extensions.InverseShift("lr", -1, 1), "gamma is not negative"),
        (lambda: extensions.PolynomialShift("lr", 1, 0), "max_count is positive, not 0"),
        (lambda: extensions.StepShift("lr", 1, 0), "step is positive, not 0"),
        (lambda: extensions.MultistepShift("lr", 1, [3, 2]), r"does not rise: \[3, 2\]"),
        (lambda: extensions.WarmupShift("lr", 1, 0), "warmup_iter is positive, not 0"),
        (lambda: extensions.CosineShift("lr", 2, warmup=2), r"0 <= 2 \(warmup\) < 2"),
    ],
)
def test_wrong_shifts(make_one, message):
    with pytest.raises(ValueError, match=message):
        make_one()


# -- snapshots ----------------------------------------------------------------------------

WRITERS = {
    "simple": snapshot_writers.SimpleWriter,
    "thread": snapshot_writers.ThreadWriter,
    "queue": snapshot_writers.ThreadQueueWriter,
    "process": snapshot_writers.ProcessWriter,
    "process queue": snapshot_writers.ProcessQueueWriter,
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_snapshot_is_of_its_moment_whoever_writes(tmp_path, name):
    states = {}

    def remember(trainer):
        model = trainer.updater.get_optimizer("main").target
        states[trainer.updater.iteration] = model.predictor.W.array.copy()

    snapshot = extensions.snapshot(writer=WRITERS[name](), n_retains=3)
    snapshot.trigger = (1, "iteration")
    threads = threading.active_count()
    make(tmp_path, remember, snapshot).run()
    assert threading.active_count() == threads
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"snapshot_iter_{i}" for i in (6, 7, 8)]
    for i in (6, 7, 8):
        trainer = make(tmp_path)
        load_npz(str(tmp_path / f"snapshot_iter_{i}"), trainer)
        model = trainer.updater.get_optimizer("main").target
        assert np.array_equal(model.predictor.W.array, states[i])


@pytest.mark.parametrize("name", WRITERS)
def test_an_error_of_writing_is_raised_in_the_training(tmp_path, name):
    def save(path, target):
        Path(path).write_text("half")
        raise OSError("disk full")

    snapshot = extensions.snapshot(save, writer=WRITERS[name]())
    with pytest.raises(OSError, match="disk full"):
        make(tmp_path, snapshot, stop=(1, "epoch")).run(show_loop_exception_msg=False)
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_dies_while_it_writes_is_an_error(tmp_path):
    def save(path, target):
        Path(path).write_text("half")
        os.kill(os.getpid(), signal.SIGKILL)

    snapshot = extensions.snapshot(save, "one", writer=snapshot_writers.ProcessWriter())
    with pytest.raises(RuntimeError, match=r"was writing .*one died \(exit code -9\)"):
        make(tmp_path, snapshot, stop=(1, "epoch")).run(show_loop_exception_msg=False)
    assert not (tmp_path / "one").exists()


def test_an_error_that_cannot_be_sent_is_told(tmp_path):
    class Unusual(OSError):
        def __reduce__(self):
            raise TypeError("not to be sent")

    def save(path, target):
        raise Unusual("disk on fire")

    snapshot = extensions.snapshot(save, "one", writer=snapshot_writers.ProcessWriter())
    with pytest.raises(RuntimeError, match="disk on fire"):
        make(tmp_path, snapshot, stop=(1, "epoch")).run(show_loop_exception_msg=False)


def test_the_training_goes_on_while_a_snapshot_is_written(tmp_path):
    reached = threading.Event()

    def save(path, target):
        assert reached.wait(60)
        Path(path).write_text("whole")

    def go_on(trainer):
        if trainer.updater.iteration == 6:
            reached.set()

    snapshot = extensions.snapshot(save, "one", writer=snapshot_writers.ThreadWriter())
    make(tmp_path, snapshot, go_on, stop=(7, "iteration")).run()
    assert (tmp_path / "one").read_text() == "whole"


def test_bad_queue():
    with pytest.raises(ValueError, match="at least 1 may wait, not 0"):
        snapshot_writers.ThreadQueueWriter(most=0)


def test_an_interrupted_training_is_saved_whole_and_goes_on_exactly(tmp_path):
    """Ctrl-C in the middle of an update: a snapshot of the iteration's end, from which to go on."""
    whole = make(tmp_path / "a")
    whole.run()

    class Interrupted(StandardUpdater):
        def update_core(self):
            if self.iteration == 4:
                os.kill(os.getpid(), signal.SIGINT)
            super().update_core()

    trainer = make(tmp_path / "b", extensions.snapshot(snapshot_on_error=True))
    trainer.updater.__class__ = Interrupted
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        trainer.run()
    assert signal.getsignal(signal.SIGINT) is before
    assert trainer.updater.iteration == 5
    resumed = make(tmp_path / "b", extensions.snapshot(autoload=True))
    np.random.seed(5)
    resumed.run()
    for p, q in zip(
        whole.updater.get_optimizer("main").target.params(),
        resumed.updater.get_optimizer("main").target.params(),
        strict=True,
    ):
        assert np.array_equal(p.array, q.array)


def test_a_second_interrupt_is_raised_at_once(tmp_path):
    def impatient(trainer):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("not reached")

    trainer = make(tmp_path, impatient)
    with pytest.raises(KeyboardInterrupt):
        trainer.run()
