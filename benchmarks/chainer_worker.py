"""The work that nnrun and Chainer are compared on, for either: ``chainer_worker.py PACKAGE``.

It runs with whatever interpreter has the package, and takes turns with the other: a line on
standard input names a piece of work and how often to do it, a line on standard output answers
with the seconds it took.  `nnrun.benchmarks` does not import this file; `chainer_peer` runs it.
"""

import importlib
import json
import os
import sys
import time
import warnings

warnings.simplefilter("ignore")
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "2")

import numpy as np  # noqa: E402  (after the number of threads is said)


def adds_and_multiplies(package, backward):
    """A chain of 100 additions and multiplications of 10 elements."""
    chainer = importlib.import_module(package)
    x = chainer.Variable(np.full(10, 1.0, np.float32))
    y = chainer.Variable(np.full(10, 1.0, np.float32))
    ones = np.ones(10, np.float32)

    def run():
        z = x
        for _ in range(50):
            z = z + y
            z = z * y
        if backward:
            x.cleargrad()
            y.cleargrad()
            z.grad = ones
            z.backward()

    return run


def cnn(package):
    """A training step of two convolutions, a pooling and two affine maps, by Adam."""
    chainer = importlib.import_module(package)
    F = importlib.import_module(f"{package}.functions")
    L = importlib.import_module(f"{package}.links")

    class Net(chainer.Chain):
        def __init__(self):
            super().__init__()
            with self.init_scope():
                self.conv1 = L.Convolution2D(1, 32, 3)
                self.conv2 = L.Convolution2D(32, 64, 3)
                self.fc1 = L.Linear(None, 128)
                self.fc2 = L.Linear(128, 10)

        def forward(self, x):
            h = F.relu(self.conv1(x))
            h = F.max_pooling_2d(F.relu(self.conv2(h)), 2)
            return self.fc2(F.relu(self.fc1(h)))

    np.random.seed(0)
    model = L.Classifier(Net())
    optimizer = importlib.import_module(f"{package}.optimizers").Adam().setup(model)
    x = np.random.rand(64, 1, 28, 28).astype(np.float32)
    t = np.random.randint(0, 10, 64).astype(np.int32)
    return lambda: optimizer.update(model, x, t)


def language_model(package):
    """A training step of two LSTMs of 200 over 35 words of 20 texts, of 10,000 words."""
    chainer = importlib.import_module(package)
    F = importlib.import_module(f"{package}.functions")
    L = importlib.import_module(f"{package}.links")

    class Net(chainer.Chain):
        def __init__(self):
            super().__init__()
            with self.init_scope():
                self.embed = L.EmbedID(10_000, 200)
                self.l1 = L.LSTM(200, 200)
                self.l2 = L.LSTM(200, 200)
                self.l3 = L.Linear(200, 10_000)

        def forward(self, x):
            return self.l3(F.dropout(self.l2(F.dropout(self.l1(F.dropout(self.embed(x)))))))

    np.random.seed(0)
    model = L.Classifier(Net(), accfun=None)
    model.compute_accuracy = False
    optimizers = importlib.import_module(f"{package}.optimizers")
    optimizer = optimizers.SGD(0.1).setup(model)
    hooks = getattr(chainer, "optimizer_hooks", None)
    optimizer.add_hook(hooks.GradientClipping(5))
    words = np.random.randint(0, 10_000, (36, 20)).astype(np.int32)

    def run():
        model.predictor.l1.reset_state()
        model.predictor.l2.reset_state()
        loss = 0
        for i in range(35):
            loss += model(words[i], words[i + 1])
        model.cleargrads()
        loss.backward()
        loss.unchain_backward()
        optimizer.update()

    return run


WORK = {
    "chain of 100, forward and backward": lambda p: adds_and_multiplies(p, True),
    "chain of 100, forward": lambda p: adds_and_multiplies(p, False),
    "CNN, a batch of 64": cnn,
    "LSTM language model, 35 steps of 20": language_model,
}


def main():
    package = sys.argv[1]
    made = {}
    print(json.dumps({"works": list(WORK)}), flush=True)
    for line in sys.stdin:
        name, count = json.loads(line)
        if name not in made:
            made[name] = WORK[name](package)
            made[name]()
        run = made[name]
        start = time.perf_counter()
        for _ in range(count):
            run()
        print(json.dumps((time.perf_counter() - start) / count), flush=True)


if __name__ == "__main__":
    main()
