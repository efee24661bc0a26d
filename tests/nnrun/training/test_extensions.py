"""Each extension writes, prints, draws, saves and sets what it says."""

import io
import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from nnrun.training import Trainer, extensions
from nnrun.training.extensions.terminal import write_line


class FakeUpdater:
    """Counts iterations of an epoch of four, with an optimizer that has a learning rate."""

    def __init__(self):
        self.iteration = 0
        self.optimizer = SimpleNamespace(
            lr=0.5, target=SimpleNamespace(namedlinks=lambda skipself: [], namedparams=list)
        )

    epoch = property(lambda self: self.iteration // 4)
    epoch_detail = property(lambda self: self.iteration / 4)

    def connect_trainer(self, trainer):
        pass

    def get_all_optimizers(self):
        return {"main": self.optimizer}

    def get_optimizer(self, name):
        return self.get_all_optimizers()[name]

    def update(self):
        self.iteration += 1

    def finalize(self):
        pass

    def serialize(self, serializer):
        self.iteration = serializer("iteration", self.iteration)


@pytest.fixture
def make(tmp_path):
    def make(*added, stop=(2, "epoch"), figures=None):
        trainer = Trainer(FakeUpdater(), stop, out=tmp_path)
        figures = {"x": float} if figures is None else figures

        def observe(trainer):
            i = trainer.updater.iteration
            trainer.observation.update({name: f(i) for name, f in figures.items()})

        trainer.extend(observe, "observe", priority=1000)
        for extension in added:
            trainer.extend(extension)
        return trainer

    return make


# -- the log ------------------------------------------------------------------------------


def test_log_has_the_means_of_each_interval(make, tmp_path):
    make(extensions.LogReport(trigger=(4, "iteration"))).run()
    log = json.loads((tmp_path / "log").read_text())
    assert [(e["x"], e["epoch"], e["iteration"]) for e in log] == [(2.5, 1, 4), (6.5, 2, 8)]
    assert 0 <= log[0]["elapsed_time"] <= log[1]["elapsed_time"]


def test_log_of_chosen_figures_changed_before_they_are_logged(make, tmp_path):
    def postprocess(entry):
        entry["twice"] = entry["x"] * 2

    log = extensions.LogReport(["x", "missing"], postprocess=postprocess, filename="sub/{epoch}")
    figures = {"x": float, "y": float}
    make(log, figures=figures).run()
    assert log.log[-1]["twice"] == 13.0 and "y" not in log.log[-1]
    assert sorted(path.name for path in (tmp_path / "sub").iterdir()) == ["1", "2"]
    assert json.loads((tmp_path / "sub/2").read_text()) == log.log


def test_log_can_stay_in_memory(make, tmp_path):
    log = extensions.LogReport(filename=None)
    make(log).run()
    assert len(log.log) == 2 and list(tmp_path.iterdir()) == []


def test_log_of_what_is_no_number_can_be_read(make, tmp_path):
    make(extensions.LogReport(), figures={"x": lambda i: float("nan")}).run()
    assert np.isnan(json.loads((tmp_path / "log").read_text())[0]["x"])


# -- the table ----------------------------------------------------------------------------


def test_table_is_aligned(make):
    out = io.StringIO()
    figures = {"x": lambda i: i / 3, "a/rather/long/name": lambda i: 1e-9}
    make(
        extensions.LogReport(),
        extensions.PrintReport(["epoch", "x", "a/rather/long/name", "none", "iteration"], out=out),
        figures=figures,
    ).run()
    assert out.getvalue().splitlines() == [
        "epoch       x           a/rather/long/name  none        iteration",
        "1           0.833333    1e-09                           4",
        "2           2.16667     1e-09                           8",
    ]


def test_table_with_a_log_of_its_own(make, capsys, save_and_load):
    def table():
        return extensions.PrintReport(["x"], extensions.LogReport(filename=None))

    first = make(table(), stop=(6, "iteration"))
    for name in ("PrintReport",):
        first.get_extension(name).trigger = (1, "iteration")
    first.run()
    assert capsys.readouterr().out.split() == ["x", "2.5"]
    second = make(table())
    save_and_load(first, second)
    second.run()
    # What the loaded log holds is shown again, then what is new.
    assert capsys.readouterr().out.split() == ["x", "2.5", "6.5"]


def test_table_needs_a_log(make):
    with pytest.raises(TypeError, match="a name or a LogReport, not int"):
        extensions.PrintReport(["x"], 3)
    with pytest.raises(ValueError, match="no extension 'LogReport'"):
        make(extensions.PrintReport(["x"])).run(show_loop_exception_msg=False)


# -- the progress bar ---------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_bar_on_a_terminal(make):
    out = Terminal()
    make(extensions.ProgressBar(update_interval=1, out=out)).run()
    text = out.getvalue()
    assert "  0% |" in text and " 50% |" in text and "100% |" in text
    assert "epoch 1.00/2, iteration 4" in text
    assert "iters/s" in text and "0:00:00 left" in text
    assert text.endswith("\n")


def test_bar_of_iterations_and_without_an_end(make):
    out = Terminal()
    make(extensions.ProgressBar(update_interval=1, out=out), stop=(5, "iteration")).run()
    assert "iteration 4/5" in out.getvalue() and " 80% |" in out.getvalue()
    out = Terminal()
    stop = lambda trainer: trainer.updater.iteration == 3  # noqa: E731
    make(extensions.ProgressBar(update_interval=1, out=out), stop=stop).run()
    assert "iteration 3" in out.getvalue() and "%" not in out.getvalue()


def test_bar_redraws_only_after_the_interval(make):
    def drawings(interval):
        out = Terminal()
        make(
            extensions.ProgressBar(update_interval=interval, out=out), stop=(40, "iteration")
        ).run()
        return out.getvalue().count("iteration ")

    assert drawings(1) > 3 * drawings(20)


def test_table_and_bar_do_not_mix(make):
    # A bar stands at the end of its line; the table's lines start at the beginning of theirs.
    out = Terminal()
    make(
        extensions.LogReport(),
        extensions.PrintReport(["epoch", "x"], out=out),
        extensions.ProgressBar(update_interval=1, out=out),
    ).run()
    lines = [line.split("\r")[-1].strip() for line in out.getvalue().splitlines()]
    assert "1           2.5" in lines and "2           6.5" in lines


def test_lines_where_there_is_no_terminal(make, monkeypatch):
    out = io.StringIO()
    make(extensions.ProgressBar(out=out)).run()
    assert out.getvalue().count("\n") == 1
    assert out.getvalue().startswith("100%  epoch 2.00/2, iteration 8, ")
    module = sys.modules["nnrun.training.extensions.progress_bar"]
    monkeypatch.setattr(module, "_SECONDS_BETWEEN_LINES", 0.0)
    out = io.StringIO()
    make(extensions.ProgressBar(out=out)).run()
    assert out.getvalue().count("\n") == 8
    assert "\r" not in out.getvalue() and " 50%  epoch 1.00/2, iteration 4, " in out.getvalue()


def test_bar_is_left_whole_after_an_error(make):
    out = Terminal()

    def fail(trainer):
        if trainer.updater.iteration == 3:
            raise ValueError("boom")

    with pytest.raises(ValueError, match="boom"):
        make(fail, extensions.ProgressBar(out=out)).run(show_loop_exception_msg=False)
    assert "iteration 3" in out.getvalue() and out.getvalue().endswith("\n")


def test_bar_goes_to_the_standard_error_of_the_moment(make, capsys):
    make(extensions.ProgressBar()).run()
    assert "100%" in capsys.readouterr().err
    with pytest.raises(ValueError, match="update_interval is positive, not 0"):
        extensions.ProgressBar(update_interval=0)


def test_lines_are_written_without_a_bar(capsys):
    write_line("text", sys.stdout)
    assert capsys.readouterr().out == "text\n"


# -- the picture --------------------------------------------------------------------------


def test_picture_of_the_curves(make, tmp_path):
    from matplotlib.image import imread

    drawn = []

    def look(figure, axes, summary):
        drawn.append({line.get_label(): line.get_xydata().tolist() for line in axes.lines})

    plot = extensions.PlotReport(["x", "never"], x_key="epoch", postprocess=look, filename="p.png")
    make(plot).run()
    assert drawn[-1] == {"x": [[1, 2.5], [2, 6.5]]}
    image = imread(tmp_path / "p.png")
    assert image.ndim == 3 and image.std() > 0.01
    assert [path.name for path in tmp_path.iterdir()] == ["p.png"]


def test_picture_does_not_take_the_time_of_the_training(make):
    drawn = []
    plot = extensions.PlotReport(
        "x", trigger=(1, "iteration"), postprocess=lambda *args: drawn.append(1)
    )
    make(plot, stop=(100, "iteration")).run()
    # At the beginning and at the end: the iterations between take less than a drawing.
    assert len(drawn) == 2


def test_picture_goes_on_from_a_snapshot(make, save_and_load):
    first, second = (extensions.PlotReport("x") for _ in range(2))
    trainer = make(first, stop=(6, "iteration"))
    trainer.run()
    other = make(second)
    save_and_load(trainer, other)
    other.run()
    assert second._points == {"x": [(4, 2.5), (8, 6.5)]}


def test_no_picture_without_matplotlib(make, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(extensions.PlotReport, "available", staticmethod(lambda: False))
    make(extensions.PlotReport("x", filename="curves.png")).run()
    assert "curves.png is not drawn: matplotlib is not installed" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_picture_over_a_figure_that_is_not_reported(make):
    plot = extensions.PlotReport("x", x_key="nothing")
    with pytest.raises(KeyError, match="x_key 'nothing' was not reported; reported: "):
        make(plot).run(show_loop_exception_msg=False)


# -- snapshots ----------------------------------------------------------------------------


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_snapshots_hold_the_trainer(make, tmp_path):
    from nnrun.serializers import load_npz

    make(extensions.snapshot()).run()
    assert names(tmp_path) == ["snapshot_iter_4", "snapshot_iter_8"]
    trainer = make(stop=(3, "epoch"))
    load_npz(str(tmp_path / "snapshot_iter_4"), trainer)
    assert trainer.updater.iteration == 4
    trainer.run()
    assert trainer.updater.iteration == 12


def test_old_snapshots_are_removed(make, tmp_path):
    (tmp_path / "snapshot_other").touch()
    name = "s_{.updater.iteration}.npz"
    snapshot = extensions.snapshot(filename=name, n_retains=2)
    make(snapshot, stop=(5, "epoch")).run()
    assert names(tmp_path) == ["s_16.npz", "s_20.npz", "snapshot_other"]


def test_newest_snapshot_is_loaded(make, tmp_path):
    make(extensions.snapshot(autoload=True)).run()
    trainer = make(extensions.snapshot(autoload=True), stop=(3, "epoch"))
    started_at = []
    trainer.extend(lambda trainer: started_at.append(trainer.updater.iteration), "first")
    trainer.run()
    assert started_at[0] == 9 and trainer.updater.iteration == 12


def test_snapshot_of_one_object_with_another_function(make, tmp_path):
    saved = []

    def save(path, target):
        saved.append(target)
        with open(path, "w") as file:
            file.write("whole")

    make(extensions.snapshot_object("the model", lambda trainer: "model", save)).run()
    assert saved == ["the model"] * 2
    assert (tmp_path / "model").read_text() == "whole"


def test_snapshot_that_fails_leaves_the_old_one(make, tmp_path):
    (tmp_path / "model").write_text("old")

    def save(path, target):
        with open(path, "w") as file:
            file.write("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        make(extensions.snapshot_object(None, "model", save)).run(show_loop_exception_msg=False)
    assert names(tmp_path) == ["model"]
    assert (tmp_path / "model").read_text() == "old"


def test_snapshot_on_condition_and_on_error(make, tmp_path):
    make(extensions.snapshot(condition=lambda: False)).run()
    assert names(tmp_path) == []

    def fail(trainer):
        if trainer.updater.iteration == 6:
            raise ValueError("boom")

    with pytest.raises(ValueError, match="boom"):
        make(extensions.snapshot(snapshot_on_error=True), fail).run(show_loop_exception_msg=False)
    assert names(tmp_path) == ["snapshot_iter_4", "snapshot_iter_6"]


def test_wrong_snapshots(make):
    with pytest.raises(ValueError, match=r"n_retains is -1 .* or positive, not 0"):
        extensions.snapshot(n_retains=0)
    snapshot = extensions.snapshot(filename=lambda trainer: "x", n_retains=1)
    with pytest.raises(ValueError, match="need to know snapshots by name"):
        make(snapshot).run(show_loop_exception_msg=False)


# -- hyperparameters and parameters -------------------------------------------------------


def test_observations(make):
    trainer = make(
        extensions.observe_lr(),
        extensions.observe_value("i", lambda trainer: trainer.updater.iteration),
        extensions.LogReport(),
        figures={},
    )
    trainer.run()
    log = trainer.get_extension("LogReport").log
    assert [(entry["lr"], entry["i"]) for entry in log] == [(0.5, 4.0), (0.5, 8.0)]


SHIFTS = {
    "exponential": (
        lambda: extensions.ExponentialShift("lr", 0.5),
        [0.5 * 0.5**t for t in range(9)],
    ),
    "clamped": (
        lambda: extensions.ExponentialShift("lr", 0.5, init=1.0, target=0.1),
        [1, 0.5, 0.25, 0.125, 0.1, 0.1, 0.1, 0.1, 0.1],
    ),
    "growing": (
        lambda: extensions.ExponentialShift("lr", 2, init=-1.0, target=-10),
        [-1, -2, -4, -8, -10, -10, -10, -10, -10],
    ),
    "linear": (
        lambda: extensions.LinearShift("lr", (1, 0), (2, 6)),
        [1, 1, 1, 0.75, 0.5, 0.25, 0, 0, 0],
    ),
}


@pytest.mark.parametrize("name", SHIFTS)
def test_shifts(make, name, save_and_load):
    maker, expected = SHIFTS[name]

    def trainer(stop):
        seen = []
        trainer = make(maker(), stop=stop, figures={})
        trainer.extend(lambda trainer: seen.append(trainer.updater.optimizer.lr), "look")
        return trainer, seen

    whole, seen = trainer((8, "iteration"))
    whole.run()
    assert seen == expected[1:]
    first, seen = trainer((3, "iteration"))
    first.run()
    second, more = trainer((8, "iteration"))
    second.updater.optimizer.lr = first.updater.optimizer.lr  # as a loaded optimizer has it
    save_and_load(first, second)
    second.run()
    assert seen + more == expected[1:]


def test_wrong_shifts():
    with pytest.raises(ValueError, match="the rate is not negative, as -1 is"):
        extensions.ExponentialShift("lr", -1)
    with pytest.raises(ValueError, match=r"ends before it begins: \(3, 3\)"):
        extensions.LinearShift("lr", (0, 1), (3, 3))
    with pytest.raises(RuntimeError, match="first value is not known yet"):
        extensions.ExponentialShift("lr", 0.5).value(1)


def test_what_is_no_number_stops_the_training(make, xp):
    trainer = make(extensions.FailOnNonNumber())
    arrays = {"/W": xp.ones(3), "/b": None}
    trainer.updater.optimizer.target.namedparams = lambda: [
        (name, SimpleNamespace(array=array)) for name, array in arrays.items()
    ]

    def spoil(trainer):
        if trainer.updater.iteration == 3:
            arrays["/W"][1] = float("inf")

    trainer.extend(spoil, "spoil", priority=2000)
    with pytest.raises(RuntimeError, match=r"after iteration 3 .* 'main' have NaN or infinity: /W"):
        trainer.run(show_loop_exception_msg=False)
