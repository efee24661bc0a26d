"""The main job: it learns, says what it does, resumes exactly, and takes bad input well."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import nnrun
from nnrun.cli import main, train
from nnrun.datasets import images as images_module
from nnrun.datasets.idx import write_idx
from nnrun.datasets.images import FILES
from nnrun.serializers import load_npz


@pytest.fixture(autouse=True)
def _alone(tmp_path, monkeypatch):
    """No data set of the machine or the network is found; NumPy's generator is put back."""
    monkeypatch.delenv("NNRUN_DATASETS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("NNRUN_DATASETS_URL", (tmp_path / "server").as_uri())
    monkeypatch.setattr(images_module, "_SYSTEM", tmp_path / "system")
    state = np.random.get_state()
    yield
    np.random.set_state(state)


def arguments(out, *more):
    return ["train", "--dataset", "digits", "--device", "numpy", "--out", str(out), *more]


def log_without_times(out):
    with open(out / "log") as file:
        return [{k: v for k, v in e.items() if k != "elapsed_time"} for e in json.load(file)]


def model_file(out, name="model.npz"):
    with np.load(out / name) as file:
        return {key: file[key] for key in file.files}


def assert_same_training(first, second):
    assert log_without_times(first) == log_without_times(second)
    one, other = model_file(first), model_file(second)
    assert sorted(one) == sorted(other)
    for key in one:
        np.testing.assert_array_equal(one[key], other[key])


def test_learns_and_says_what_it_does(tmp_path, capsys):
    from matplotlib.image import imread

    out = tmp_path / "result"
    assert main(arguments(out, "--epochs", "8")) == 0
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert lines[0].startswith("device: numpy (NumPy ")
    assert lines[1] == (
        "data: Optical Recognition of Handwritten Digits (UCI): 1497 training and 300 test images "
        "of 8x8 pixels, from the package"
    )
    assert lines[2].startswith("model: mlp 64-256-256-10, 85,002 parameters; Adam, 8 epochs")
    assert lines[3].split() == [
        "epoch",
        "main/loss",
        "validation/main/loss",
        "main/accuracy",
        "validation/main/accuracy",
        "elapsed_time",
    ]
    assert [line.split()[0] for line in lines[4:12]] == list("12345678")
    assert "100%  epoch 8.0" in printed.err

    # What is printed last is what the saved model does.
    model = nnrun.links.Classifier(train.MODELS["mlp"].make((64,), 256, 10))
    load_npz(str(out / "model.npz"), model)
    _, test = nnrun.datasets.get_digits()
    x, t = nnrun.dataset.concat_examples(test[:])
    correct = int((model.predictor(x).array.argmax(axis=1) == t).sum())
    assert lines[12].startswith(f"test accuracy: {correct / 300:.4f} ({correct} of 300 images)")
    assert correct / 300 >= 0.95
    log = log_without_times(out)
    assert log[-1]["validation/main/accuracy"] == pytest.approx(correct / 300)
    assert log[-1]["main/loss"] < 0.2 < log[0]["main/loss"]

    assert sorted(path.name for path in out.iterdir()) == [
        "accuracy.png",
        "log",
        "loss.png",
        "model.npz",
        "snapshot_epoch_7.npz",
        "snapshot_epoch_8.npz",
        "training.json",
    ]
    for name in "accuracy.png", "loss.png":
        assert imread(out / name).std() > 0.01


def test_seed_decides_everything(tmp_path):
    for name, seed in ("a", "3"), ("b", "3"), ("c", "4"):
        assert main(arguments(tmp_path / name, "--epochs", "2", "--seed", seed)) == 0
    assert_same_training(tmp_path / "a", tmp_path / "b")
    assert log_without_times(tmp_path / "a") != log_without_times(tmp_path / "c")


def test_resumed_training_equals_the_uninterrupted_one(xp, tmp_path, capsys):
    device = "numpy" if xp is np else nnrun.get_device(0).name
    options = ("--epochs", "4", "--batchsize", "64", "--unit", "32", "--device", device)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert main(arguments(whole, *options)) == 0
    # The same, stopped in the middle of the third epoch.
    interrupt = _interrupted_at(55)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "_extensions", interrupt)
        assert main(arguments(parts, *options)) == 130
    assert "interrupted in epoch 3" in capsys.readouterr().out
    assert [entry["epoch"] for entry in log_without_times(parts)] == [1, 2]
    assert not (parts / "model.npz").exists()
    # The generator stands elsewhere by now; the snapshot knows better.
    np.random.seed(12345)
    snapshot = str(parts / "snapshot_epoch_2.npz")
    assert main(arguments(parts, *options, "--resume", snapshot)) == 0
    assert "resumed from" in capsys.readouterr().out
    assert_same_training(whole, parts)
    # And the snapshots at the end are the same in every state that is not a time.
    one, other = (model_file(out, "snapshot_epoch_4.npz") for out in (whole, parts))
    assert sorted(one) == sorted(other)
    for key in one:
        if "elapsed" not in key and not key.endswith("LogReport/_log"):
            np.testing.assert_array_equal(one[key], other[key], err_msg=key)


def _interrupted_at(iteration):
    original = train._extensions

    def extensions(*args):
        def interrupt(trainer):
            if trainer.updater.iteration == iteration:
                raise KeyboardInterrupt

        interrupt.name = "interrupt"
        return [interrupt, *original(*args)]

    return extensions


def losses(device, tmp_path, iterations):
    """The loss of every iteration of the main job's training."""
    parser_args = ["--epochs", "99", "--no-progress"]
    recorded = []
    args = _parse(arguments(tmp_path / device.replace(":", "_"), *parser_args, "--device", device))
    job = train.make_job(args, nnrun.get_device(device), images_module.load("digits"))
    job.trainer.extend(
        lambda trainer: recorded.append(float(trainer.observation["main/loss"].array)), "record"
    )
    job.trainer.stop_trigger = nnrun.training.get_trigger((iterations, "iteration"))
    job.trainer.run()
    return np.array(recorded)


def _parse(argv):
    import argparse

    parser = argparse.ArgumentParser()
    train.add_parser(parser.add_subparsers())
    return parser.parse_args(argv)


def test_numpy_and_the_device_learn_the_same(tmp_path):
    pytest.importorskip("ndgpu")
    kind = nnrun.get_device(0).name
    on_numpy, on_device = (losses(device, tmp_path, 100) for device in ("numpy", kind))
    assert len(on_numpy) == len(on_device) == 100
    assert on_numpy[-1] < 0.2 * on_numpy[0]
    np.testing.assert_allclose(on_device, on_numpy, rtol=1e-4)


# -- data sets ----------------------------------------------------------------------------


def fill(folder):
    rng = np.random.RandomState(0)
    folder.mkdir(parents=True)
    for name, n in zip(FILES[::2], (30, 10), strict=True):
        write_idx(folder / name, rng.randint(0, 256, (n, 28, 28)).astype(np.uint8))
        write_idx(
            folder / name.replace("images-idx3", "labels-idx1"), np.arange(n, dtype="u1") % 10
        )


def test_auto_takes_fashion_mnist_where_it_is(tmp_path, capsys, monkeypatch):
    fill(tmp_path / "mine" / "fashion-mnist")
    monkeypatch.setenv("NNRUN_DATASETS", str(tmp_path / "mine"))
    argv = ["train", "--device", "numpy", "--out", str(tmp_path / "out"), "--epochs", "1"]
    assert main(argv) == 0
    printed = capsys.readouterr().out
    assert (
        f"data: Fashion-MNIST: 30 training and 10 test images of 28x28 pixels, from {tmp_path}"
        in printed
    )
    assert "model: mlp 784-256-256-10" in printed


def test_auto_takes_the_digits_otherwise_and_says_why(tmp_path, capsys):
    argv = ["train", "--device", "numpy", "--out", str(tmp_path / "out"), "--epochs", "1"]
    assert main(argv) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("data: Fashion-MNIST is in none of ")
    assert "could not be downloaded: " in lines[1]
    assert lines[2].startswith("data: Optical Recognition of Handwritten Digits (UCI): ")


# -- bad input ----------------------------------------------------------------------------


def fails(capsys, argv):
    assert main(argv) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("error: ") and printed.err.count("\n") == 1
    return printed.err


def test_data_set_that_is_nowhere(tmp_path, capsys):
    error = fails(capsys, arguments(tmp_path, "--dataset", "mnist"))
    assert "MNIST is in none of" in error and f"Put {FILES[0]}" in error


def test_damaged_data_set(tmp_path, capsys, monkeypatch):
    fill(tmp_path / "mine")
    path = tmp_path / "mine" / FILES[0]
    path.write_bytes(path.read_bytes()[:-5])
    monkeypatch.setenv("NNRUN_DATASETS", str(tmp_path / "mine"))
    # A damaged file is an error even if another data set would do.
    error = fails(capsys, arguments(tmp_path, "--dataset", "auto"))
    assert f"{path}: the header promises" in error and "truncated" in error


@pytest.mark.parametrize("device", ["tpu", "numpy:1", "host:99"])
def test_unknown_device(tmp_path, capsys, device):
    if device == "host:99":
        pytest.importorskip("ndgpu")
    error = fails(capsys, arguments(tmp_path, "--device", device))
    assert error.startswith(f"error: --device {device}: ")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gan", "there are mlp, cnn; a model of your own is named FILE.py:NAME"),
        ("nowhere.py:Net", "nowhere.py"),
        ("no_such_module:Net", "No module named 'no_such_module'"),
        ("nnrun.links:NoSuchLink", "nnrun.links has no class or function NoSuchLink"),
    ],
)
def test_unknown_model(tmp_path, capsys, name, message):
    assert message in fails(capsys, arguments(tmp_path, "--model", name))


def test_unusable_folder_of_results(tmp_path, capsys):
    (tmp_path / "file").touch()
    error = fails(capsys, arguments(tmp_path / "file" / "out"))
    assert "--out " in error and "Not a directory" in error


def test_wrong_snapshots(tmp_path, capsys):
    out = tmp_path / "out"
    assert main(arguments(out, "--epochs", "1", "--unit", "16")) == 0
    capsys.readouterr()
    snapshot = out / "snapshot_epoch_1.npz"
    garbage, half = tmp_path / "garbage", tmp_path / "half"
    garbage.write_bytes(b"not a snapshot")
    half.write_bytes(snapshot.read_bytes()[:-100])
    for path, more, message in [
        (tmp_path / "nowhere", (), "there is no file"),
        (garbage, (), "no snapshot of such a training"),
        (half, (), "no snapshot of such a training"),
        (out / "model.npz", (), "no snapshot of such a training"),
        (snapshot, ("--unit", "17"), "shape"),
        (snapshot, ("--unit", "16", "--epochs", "1"), "1 epochs are done already"),
    ]:
        argv = arguments(tmp_path / "new", "--resume", str(path), *more)
        assert message in fails(capsys, argv)
        assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--epochs", "0"),
        ("--batchsize", "-1"),
        ("--unit", "x"),
        ("--seed", "-1"),
        ("--dataset", "cifar"),
        ("--ndim", "4"),
    ],
)
def test_wrong_options(tmp_path, capsys, option, value):
    with pytest.raises(SystemExit, match="2"):
        main(arguments(tmp_path, option, value))
    assert f"argument {option}: " in capsys.readouterr().err


# -- as a program -------------------------------------------------------------------------


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_stopped_program_leaves_whole_files(tmp_path, how):
    out = tmp_path / "out"
    options = ("--epochs", "100000", "--unit", "16")
    # One thread, so that the tests running beside it do not slow it down.
    environment = dict(os.environ, OPENBLAS_NUM_THREADS="1")
    program = subprocess.Popen(
        [sys.executable, "-m", "nnrun", *arguments(out, *options)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    while not list(out.glob("snapshot_epoch_[3-9].npz")):
        assert program.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    program.send_signal(how)
    printed, errors = program.communicate(timeout=60)
    if how is signal.SIGINT:
        assert (program.returncode, "interrupted in epoch" in printed) == (130, True), errors
        assert "Traceback" not in errors
    log = log_without_times(out)
    assert [entry["epoch"] for entry in log] == list(range(1, len(log) + 1))
    snapshots = sorted(out.glob("snapshot_epoch_*.npz"), key=lambda p: int(p.stem.split("_")[-1]))
    epochs = int(snapshots[-1].stem.split("_")[-1])
    more = ("--epochs", str(epochs + 1), "--unit", "16", "--resume", str(snapshots[-1]))
    assert main(arguments(out, *more)) == 0
    assert [entry["epoch"] for entry in log_without_times(out)] == list(range(1, epochs + 2))


def test_program_without_a_command_says_how():
    done = subprocess.run(
        [sys.executable, "-m", "nnrun"], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 2
    assert "usage: python -m nnrun" in done.stderr and "train" in done.stderr
