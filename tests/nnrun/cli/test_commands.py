"""What a training leaves can be evaluated, asked, and described, for shipped models and others."""

import json
import re

import numpy as np
import pytest

import nnrun
from nnrun.cli import main
from nnrun.cli.evaluate import confusion_of

OWN = """
import nnrun.functions as F
import nnrun.links as L
from nnrun import Sequential


def make(n_out):
    return Sequential(L.Linear(None, 12), F.relu, L.Linear(12, n_out))
"""


@pytest.fixture(autouse=True)
def _generator_is_put_back():
    state = np.random.get_state()
    yield
    np.random.set_state(state)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A short training on the digits."""
    folder = tmp_path_factory.mktemp("trained")
    state = np.random.get_state()
    options = ["--dataset", "digits", "--device", "numpy", "--epochs", "6", "--no-progress"]
    assert main(["train", *options, "--unit", "32", "--out", str(folder)]) == 0
    np.random.set_state(state)
    return folder


def test_eval_says_what_the_training_said(trained, capsys):
    from matplotlib.image import imread

    assert main(["eval", str(trained), "--device", "numpy"]) == 0
    printed = capsys.readouterr().out
    with open(trained / "log") as file:
        last = json.load(file)[-1]
    loss, accuracy = (
        float(re.search(rf"test {what}: ([\d.]+)", printed)[1]) for what in ("loss", "accuracy")
    )
    assert loss == pytest.approx(last["validation/main/loss"], abs=1e-4)
    assert accuracy == pytest.approx(last["validation/main/accuracy"], abs=1e-4)
    table = [line.split() for line in printed.splitlines() if re.match(r"\d +\d", line)]
    assert [row[0] for row in table] == [str(i) for i in range(10)]
    assert sum(int(row[1]) for row in table) == 300
    recalled = sum(int(row[1]) * float(row[3]) for row in table)
    assert recalled / 300 == pytest.approx(accuracy, abs=1e-3)
    assert imread(trained / "confusion.png").std() > 0.01


def test_confusion_counts_pairs():
    found, labels = np.array([2, 0, 0, 1, 2]), np.array([2, 0, 1, 1, 0])
    expected = np.zeros((3, 3), int)
    np.add.at(expected, (labels, found), 1)
    np.testing.assert_array_equal(confusion_of(found, labels, 3), expected)


def test_predict_files_and_test_images_alike(trained, tmp_path, capsys):
    from PIL import Image

    _, test = nnrun.datasets.get_digits(ndim=2)
    levels = np.round(test[5][0] * 255).astype(np.uint8)
    Image.fromarray(levels).save(tmp_path / "five.png")
    Image.fromarray(255 - levels).save(tmp_path / "inverted.png")
    options = ["--folder", str(trained), "--device", "numpy"]
    assert main(["predict", str(tmp_path / "five.png"), "--test", "5", "6", *options]) == 0
    file, five, six = capsys.readouterr().out.splitlines()[-3:]
    label = test[5][1]
    assert file.startswith(f"{tmp_path / 'five.png'}: {label} ")
    assert five.startswith(f"test image 5 ({label}): {label} ")
    assert six.startswith("test image 6 (")
    # Eight bits are enough for the same answer to a per cent.
    shares = [re.findall(r"([\d.]+)%", line) for line in (file, five)]
    np.testing.assert_allclose(*np.array(shares, float), atol=1)
    assert main(["predict", str(tmp_path / "inverted.png"), "--invert", *options]) == 0
    assert capsys.readouterr().out.partition(": ")[2] == file.partition(": ")[2] + "\n"


def test_info_of_a_model_and_of_the_system(trained, capsys):
    assert main(["info", str(trained)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "model: mlp, 32 units, for images (64,)"
    sizes = {row[0]: row[-5] for row in map(str.split, lines) if row and row[0].startswith("/")}
    assert sizes["/l1/W"] == f"{32 * 64:,}"
    assert lines[-1].split() == ["all", f"{32 * 64 + 32 + 32 * 32 + 32 + 320 + 10:,}"]
    assert main(["info"]) == 0
    printed = capsys.readouterr().out
    assert f"numpy {np.__version__}" in printed
    assert re.search(r"^devices: numpy, ", printed, re.M)
    assert re.search(r"^data set digits: /", printed, re.M)


@pytest.mark.parametrize("named", ["{}/own.py:make", "own_module_of_test:make"])
def test_a_model_of_ones_own(named, tmp_path, capsys, monkeypatch):
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "own_module_of_test.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    out = str(tmp_path / "out")
    options = ["--dataset", "digits", "--device", "numpy", "--epochs", "3", "--no-progress"]
    named = named.format(tmp_path)
    assert main(["train", *options, "--model", named, "--ndim", "1", "--out", out]) == 0
    printed = capsys.readouterr().out
    said = re.search(r"^test accuracy: ([\d.]+)", printed, re.M)[1]
    assert main(["eval", out, "--device", "numpy"]) == 0
    assert f"test accuracy: {said}" in capsys.readouterr().out
    assert main(["predict", "--test", "0", "--folder", out, "--device", "numpy"]) == 0


def test_the_convolutional_network(tmp_path, capsys, xp):
    device = "numpy" if xp is np else "0"
    options = ["--dataset", "digits", "--model", "cnn", "--unit", "32", "--epochs", "4"]
    options += ["--batchsize", "25", "--no-progress", "--device", device]
    out = str(tmp_path)
    assert main(["train", *options, "--out", out]) == 0
    said = re.search(r"^test accuracy: ([\d.]+)", capsys.readouterr().out, re.M)[1]
    assert float(said) > 0.7
    # What was trained on one device is evaluated on another.
    assert main(["eval", out, "--device", "numpy"]) == 0
    found = re.search(r"^test accuracy: ([\d.]+)", capsys.readouterr().out, re.M)[1]
    assert float(found) == pytest.approx(float(said), abs=0.01)


def test_graph(trained, tmp_path, capsys):
    dot, svg = tmp_path / "graph.dot", tmp_path / "graph.svg"
    assert main(["graph", str(trained), "--out", str(dot), "--loss", "--batchsize", "7"]) == 0
    text = dot.read_text()
    assert text.startswith("digraph") and "image: (7, 64), float32" in text
    assert "(32, 64)" in text and "SoftmaxCrossEntropy" in text
    assert main(["graph", "cnn", "--out", str(svg)]) == 0
    assert svg.read_text().startswith("<svg") and "(1, 1, 8, 8)" in svg.read_text()
    assert f"wrote {svg}" in capsys.readouterr().out
    for arguments, message in [
        (["cnn", "--out", "graph.txt"], "the ending is one of .dot"),
        (["gan", "--out", str(svg)], "there are mlp, cnn"),
        (["cnn", "--out", str(tmp_path / "nowhere" / "graph.svg")], "No such file"),
    ]:
        assert main(["graph", *arguments]) == 2
        assert message in capsys.readouterr().err


def test_wrong_folders_and_pictures(trained, tmp_path, capsys):
    def fails(argv):
        assert main(argv) == 2
        error = capsys.readouterr().err
        assert error.startswith("error: ") and error.count("\n") == 1
        return error

    assert "has no training.json: train first" in fails(["eval", str(tmp_path)])
    (tmp_path / "training.json").write_text("{}")
    assert "does not describe a training" in fails(["eval", str(tmp_path)])
    (tmp_path / "training.json").write_text((trained / "training.json").read_text())
    assert "has no model.npz: the training did not end" in fails(["info", str(tmp_path)])
    (tmp_path / "model.npz").write_bytes(b"no parameters")
    assert "has no parameters of this model" in fails(["info", str(tmp_path)])
    options = ["--folder", str(trained), "--device", "numpy"]
    assert "give pictures" in fails(["predict", *options])
    assert "there are 300 test images" in fails(["predict", "--test", "300", *options])
    assert "nowhere.png" in fails(["predict", str(tmp_path / "nowhere.png"), *options])
    (tmp_path / "text.png").write_text("no picture")
    assert "text.png" in fails(["predict", str(tmp_path / "text.png"), *options])
