"""Event files hold the means of each interval, also those of a resumed training."""

import struct
import sys
from types import SimpleNamespace

import numpy as np
import pytest

import nnrun
from nnrun.training import extensions


def records(path):
    """The records of a file: length, checksum of it, content, checksum of that."""
    data = path.read_bytes()
    while data:
        (size,) = struct.unpack("<Q", data[:8])
        yield data[12 : 12 + size]
        data = data[16 + size :]


def points(folder):
    """(tag, step, value) of each scalar, and (tag, step) of each histogram, file after file."""
    from tensorboardX.proto.event_pb2 import Event

    scalars, histograms, starts = [], [], []
    for path in sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime_ns):
        for record in records(path):
            event = Event.FromString(record)
            if event.HasField("session_log"):
                starts.append(event.step)
            for value in event.summary.value:
                if value.HasField("histo"):
                    histograms.append((value.tag, event.step, value.histo.num))
                else:
                    scalars.append((value.tag, event.step, value.simple_value))
    return scalars, histograms, starts


class FakeTrainer(SimpleNamespace):
    def __init__(self, out, iteration=0):
        model = nnrun.links.Linear(2, 3)
        model.W.grad = np.ones((3, 2), np.float32)
        optimizer = SimpleNamespace(target=model)
        updater = SimpleNamespace(
            iteration=iteration, get_all_optimizers=lambda: {"main": optimizer}
        )
        super().__init__(out=str(out), updater=updater, observation={})


def run(report, trainer, values):
    report.initialize(trainer)
    for value in values:
        trainer.updater.iteration += 1
        trainer.observation = {"main/loss": np.float32(value), "other": 1.0}
        report(trainer)


def every_second(trainer):
    return trainer.updater.iteration % 2 == 0


def test_means_of_intervals(tmp_path):
    report = extensions.TensorBoardReport(["main/loss"], every_second, folder="events")
    run(report, FakeTrainer(tmp_path), [1, 3, 5, 8, 9])
    report.finalize()
    scalars, histograms, starts = points(tmp_path / "events")
    assert scalars == [("main/loss", 2, 2.0), ("main/loss", 4, 6.5)]
    assert histograms == starts == []


def test_all_figures_and_histograms(tmp_path):
    report = extensions.TensorBoardReport(trigger=every_second, histograms=True)
    run(report, FakeTrainer(tmp_path), [1, 3])
    report.finalize()
    scalars, histograms, _ = points(tmp_path / "tensorboard")
    assert sorted(scalars) == [("main/loss", 2, 2.0), ("other", 2, 1.0)]
    assert sorted(histograms) == [("main/W", 2, 6.0), ("main/W/grad", 2, 6.0), ("main/b", 2, 3.0)]


def test_a_resumed_training_goes_on_from_its_snapshot(tmp_path, save_and_load):
    first = extensions.TensorBoardReport(["main/loss"], every_second)
    trainer = FakeTrainer(tmp_path)
    run(first, trainer, [1, 3, 5])
    second = extensions.TensorBoardReport(["main/loss"], every_second)
    save_and_load(first, second)  # a snapshot after the third iteration
    run_on = FakeTrainer(tmp_path, iteration=3)
    first.finalize()
    run(second, run_on, [8])
    second.finalize()
    scalars, _, starts = points(tmp_path / "tensorboard")
    assert scalars == [("main/loss", 2, 2.0), ("main/loss", 4, 6.5)]
    assert starts == [4]  # what the first file says of step 4 and later would not count


def test_without_the_library_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'nnrun\[tensorboard\]'"):
        extensions.TensorBoardReport().initialize(FakeTrainer(tmp_path))
