"""The loop runs what it should in the right order, and cleans up whatever happens."""

import json
import subprocess
import sys
import traceback
from types import SimpleNamespace

import pytest

from nnrun.reporter import report
from nnrun.training import (
    PRIORITY_EDITOR,
    PRIORITY_READER,
    PRIORITY_WRITER,
    Extension,
    Trainer,
    make_extension,
)
from nnrun.training.extensions import LogReport


class FakeUpdater:
    """Counts, reports its count, and fails when told to."""

    def __init__(self, per_epoch=4, fails_at=None, error=None):
        self.iteration, self.per_epoch = 0, per_epoch
        self.fails_at, self.error = fails_at, error
        self.finalized = 0
        self.target = SimpleNamespace(namedlinks=lambda skipself: [])

    epoch = property(lambda self: self.iteration // self.per_epoch)
    epoch_detail = property(lambda self: self.iteration / self.per_epoch)

    def connect_trainer(self, trainer):
        self.trainer = trainer

    def get_all_optimizers(self):
        return {"main": SimpleNamespace(target=self.target)}

    def update(self):
        if self.iteration + 1 == self.fails_at:
            raise self.error
        self.iteration += 1
        report({"count": self.iteration}, self.target)

    def finalize(self):
        self.finalized += 1

    def serialize(self, serializer):
        self.iteration = serializer("iteration", self.iteration)


@pytest.fixture
def make(tmp_path):
    def make(stop=(3, "iteration"), **options):
        return Trainer(FakeUpdater(**options), stop, out=tmp_path / "out")

    return make


def test_updates_until_the_stop_trigger_fires(make):
    trainer = make((2, "epoch"))
    assert trainer.is_before_training
    trainer.run()
    assert trainer.updater.iteration == 8
    assert trainer.updater.finalized == 1
    assert trainer.updater.trainer is trainer
    assert not trainer.is_before_training
    assert trainer.observation == {"main/count": 8}


def test_extensions_run_by_priority_then_by_age(make):
    trainer, ran = make((1, "iteration")), []
    for name, priority in [
        ("reader", PRIORITY_READER),
        ("last", -100),
        ("writer", PRIORITY_WRITER),
        ("editor", PRIORITY_EDITOR),
        ("reader again", PRIORITY_READER),
    ]:
        trainer.extend(lambda trainer, name=name: ran.append(name), name, priority=priority)
    trainer.run()
    assert ran == ["writer", "editor", "reader", "reader again", "last"]


def test_extensions_see_what_was_reported_and_add_to_it(make):
    trainer, seen = make((2, "iteration")), []
    trainer.extend(lambda trainer: report({"more": 1}), "w", priority=PRIORITY_WRITER)
    trainer.extend(lambda trainer: seen.append(dict(trainer.observation)), "r")
    trainer.run()
    assert seen == [{"main/count": 1, "more": 1}, {"main/count": 2, "more": 1}]


def test_defaults_come_from_the_extension_unless_given(make):
    trainer, ran = make((8, "iteration")), []

    @make_extension(trigger=(2, "iteration"), default_name="even", priority=7)
    def first(trainer):
        ran.append(("even", trainer.updater.iteration))

    class Second(Extension):
        trigger = (1, "epoch")

        def __call__(self, trainer):
            ran.append((self.name, trainer.updater.iteration))

    trainer.extend(first)
    trainer.extend(Second())
    trainer.extend(Second(), trigger=(3, "iteration"))
    trainer.run()
    assert ran == [
        ("even", 2),
        ("Second_1", 3),
        ("Second", 4),
        ("even", 4),
        ("Second_1", 6),
        ("even", 6),
        ("Second", 8),
        ("even", 8),
    ]
    assert trainer.get_extension("even") is first
    assert trainer.get_extension("Second_1").name == "Second_1"


def test_unknown_extension_is_named_with_those_there_are(make):
    trainer = make()
    trainer.extend(lambda trainer: None, "a")
    with pytest.raises(ValueError, match="no extension 'b'; it has a"):
        trainer.get_extension("b")


@pytest.mark.parametrize(
    ("extension", "name", "error", "message"),
    [
        (3, "x", TypeError, "3 cannot be called"),
        (print, "training", ValueError, "the trainer's own"),
        (SimpleNamespace, "", ValueError, "has no name"),
    ],
)
def test_what_cannot_extend(make, extension, name, error, message):
    with pytest.raises(error, match=message):
        make().extend(extension, name)


def test_before_training_calls(make):
    trainer, ran = make((2, "iteration")), []
    trainer.extend(
        lambda trainer: ran.append((trainer.updater.iteration, trainer.is_before_training)),
        "x",
        trigger=(2, "iteration"),
        call_before_training=True,
    )
    trainer.run()
    assert ran == [(0, True), (2, False)]


def test_extensions_given_at_once(tmp_path):
    log = LogReport(trigger=(1, "iteration"))
    trainer = Trainer(FakeUpdater(), (2, "iteration"), tmp_path, extensions=[log])
    trainer.run()
    assert [entry["main/count"] for entry in log.log] == [1.0, 2.0]


def test_runs_once(make):
    trainer = make()
    trainer.run()
    with pytest.raises(RuntimeError, match="has already run"):
        trainer.run()


def test_elapsed_time_needs_a_start(make):
    trainer = make()
    with pytest.raises(RuntimeError, match="has not started"):
        _ = trainer.elapsed_time
    trainer.run()
    # It stands still once the training is over.
    assert trainer.elapsed_time == trainer.elapsed_time > 0


class Recorder(Extension):
    """Writes down which of its methods are called."""

    def __init__(self, fails=()):
        self.calls, self.fails = [], fails

    def _note(self, what):
        self.calls.append(what)
        if what in self.fails:
            raise LookupError(what)

    def initialize(self, trainer):
        self._note("initialize")

    def __call__(self, trainer):
        self._note("call")

    def on_error(self, trainer, exc, tb):
        self._note(f"on_error {type(exc).__name__} {tb is not None}")

    def finalize(self):
        self._note("finalize")


@pytest.mark.parametrize("error", [ValueError("boom"), KeyboardInterrupt(), SystemExit(3)])
def test_error_in_the_updater_is_raised_after_cleaning_up(make, error, capsys):
    trainer, recorder = make((9, "iteration"), fails_at=2, error=error), Recorder()
    trainer.extend(recorder)
    with pytest.raises(type(error)) as caught:
        trainer.run()
    assert caught.value is error
    names = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert names[-1] == "update"
    kind = type(error).__name__
    assert recorder.calls == ["initialize", "call", f"on_error {kind} True", "finalize"]
    assert trainer.updater.finalized == 1
    # Ctrl-C is no failure to be shown.
    assert ("ValueError: boom" in capsys.readouterr().err) == (kind == "ValueError")


def test_error_message_can_be_left_to_the_caller(make, capsys):
    trainer = make(fails_at=1, error=ValueError("boom"))
    with pytest.raises(ValueError, match="boom"):
        trainer.run(show_loop_exception_msg=False)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("where", ["initialize", "call"])
def test_error_in_an_extension_is_raised_after_cleaning_up(make, where):
    trainer, bad, good = make(), Recorder({where}), Recorder()
    trainer.extend(bad)
    trainer.extend(good)
    with pytest.raises(LookupError, match=where) as caught:
        trainer.run(show_loop_exception_msg=False)
    assert traceback.extract_tb(caught.value.__traceback__)[-1].name == "_note"
    assert bad.calls[-1] == good.calls[-1] == "finalize"
    assert trainer.updater.finalized == 1


def test_error_while_cleaning_up_hides_nothing(make, capsys):
    trainer = make(fails_at=1, error=ValueError("the first"))
    bad = Recorder({"finalize", "on_error ValueError True"})
    good = Recorder()
    trainer.extend(bad)
    trainer.extend(good)
    with pytest.raises(ValueError, match="the first") as caught:
        trainer.run(show_loop_exception_msg=False)
    assert "on_error" in caught.value.__notes__[0]
    assert good.calls[-1] == "finalize"
    assert "LookupError: finalize" in capsys.readouterr().err


def test_error_while_cleaning_up_after_success_is_raised(make):
    trainer, good = make(), Recorder()
    trainer.extend(Recorder({"finalize"}))
    trainer.extend(good)
    with pytest.raises(LookupError, match="finalize"):
        trainer.run()
    assert good.calls[-1] == "finalize"
    assert trainer.updater.finalized == 1


def test_reporter_is_gone_after_an_error(make):
    trainer = make(fails_at=1, error=ValueError("boom"))
    with pytest.raises(ValueError, match="boom"):
        trainer.run(show_loop_exception_msg=False)
    report({"x": 1})
    assert trainer.observation == {}


def test_ctrl_c_leaves_the_log_whole(make):
    trainer = make((100, "epoch"), fails_at=11, error=KeyboardInterrupt())
    trainer.extend(LogReport())
    with pytest.raises(KeyboardInterrupt):
        trainer.run()
    with open(f"{trainer.out}/log") as file:
        log = json.load(file)
    assert [(entry["epoch"], entry["main/count"]) for entry in log] == [(1, 2.5), (2, 6.5)]


def test_resumed_training_goes_on(make, save_and_load):
    def extended(stop):
        trainer = make(stop)
        ran = []
        trainer.extend(lambda trainer: ran.append(trainer.updater.iteration), "x", (3, "iteration"))
        trainer.extend(LogReport(trigger=(2, "iteration")))
        return trainer, ran

    first, ran = extended((5, "iteration"))
    first.run()
    assert ran == [3]
    second, ran = extended((10, "iteration"))
    save_and_load(first, second)
    second.run()
    assert second.updater.iteration == 10
    assert ran == [6, 9]
    log = second.get_extension("LogReport").log
    # The mean over iterations 5 and 6 knows what the first run had seen.
    assert [entry["main/count"] for entry in log] == [1.5, 3.5, 5.5, 7.5, 9.5]
    assert second.elapsed_time > first.elapsed_time


def test_resuming_a_finished_training_does_nothing_more(make, save_and_load):
    first, second = make((5, "iteration")), make((5, "iteration"))
    first.extend(lambda trainer: save_and_load(trainer, second), "save", (5, "iteration"))
    first.run()
    second.run()
    assert second.updater.iteration == 5


def test_extension_added_since_the_snapshot_keeps_its_state(make, save_and_load):
    first, second = make(), make((6, "iteration"))
    first.run()
    log = LogReport(trigger=(1, "iteration"))
    second.extend(log)
    save_and_load(first, second)
    second.run()
    assert [entry["main/count"] for entry in log.log] == [4.0, 5.0, 6.0]


def test_training_is_there_when_only_the_package_is_imported():
    names = "dataset.concat_examples datasets.TupleDataset iterators.SerialIterator"
    names += " training.extensions.LogReport training.triggers.TimeTrigger"
    code = "import nnrun; assert 'training' in dir(nnrun)\n"
    code += "".join(f"nnrun.{name}\n" for name in names.split())
    code += "assert not hasattr(nnrun, 'trainings')"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_no_module_of_the_trainer_loads_tqdm_or_matplotlib_before_it_is_needed():
    code = (
        "import sys, nnrun.training.extensions, nnrun.datasets\n"
        "print([m for m in ('tqdm', 'matplotlib', 'h5py', 'urllib.request') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
