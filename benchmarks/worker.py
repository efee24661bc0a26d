"""One framework's side of the comparison in `frameworks`: a process that works when told to.

Run by the interpreter that has the framework: ``python worker.py nnrun|chainer|torch``.  It
answers each line ``{"work": name, "count": n}`` with the seconds that n runs took, and the line
``{"work": name}`` with the loss after some runs, by which one sees that the frameworks compute
the same.  Chainer and nnrun run the very same lines, by another import.
"""

import importlib
import json
import sys
import time

import numpy as np

CHAIN_LENGTH = 100
WORDS, UNITS, BATCH, STEPS = 10000, 200, 20, 35
CHECKED_RUNS = 5


def _weights(rng, *shape):
    """First values of a weight, the same for all frameworks."""
    fan_in = int(np.prod(shape[1:]))
    return (rng.standard_normal(shape) / np.sqrt(fan_in)).astype(np.float32)


class Chains:
    """The work, in Chainer's names."""

    def __init__(self, name):
        self.c = importlib.import_module(name)
        self.F = importlib.import_module(name + ".functions")
        self.L = importlib.import_module(name + ".links")
        self.optimizers = importlib.import_module(name + ".optimizers")
        self.version = self.c.__version__

    def _chain(self):
        x = self.c.Variable(np.full(10, 1.0, np.float32))
        y = x
        for _ in range(CHAIN_LENGTH // 2):
            y = y * x
            y = y + x
        return x, y

    def chain_forward(self):
        """100 additions and multiplications of ten elements."""

        def run():
            _, y = self._chain()
            return y.array[0]

        return run

    def chain(self):
        """The same, and back."""
        ones = np.ones(10, np.float32)

        def run():
            x, y = self._chain()
            y.grad = ones
            y.backward()
            return x.grad[0]

        return run

    def _classifier(self, predictor, shape):
        rng = np.random.default_rng(0)
        x = rng.random(shape, dtype=np.float32)
        t = rng.integers(0, 10, shape[0]).astype(np.int32)
        model = self.L.Classifier(predictor)
        optimizer = self.optimizers.Adam()
        optimizer.setup(model)

        def run():
            optimizer.update(model, x, t)
            return model.loss.array

        return run, model, optimizer, (x, t)

    def _mlp(self):
        rng = np.random.default_rng(1)
        layers = []
        for a, b in ((784, 1000), (1000, 1000), (1000, 10)):
            layers += [self.L.Linear(a, b, initialW=_weights(rng, b, a)), self.F.relu]
        return self.c.Sequential(*layers[:-1])

    def mlp(self):
        """A multilayer perceptron 784-1000-1000-10, a batch of 100, Adam."""
        return self._classifier(self._mlp(), (100, 784))[0]

    def mlp_trainer(self):
        """The same through the trainer, with the usual extensions; a run is an iteration."""
        training = importlib.import_module(self.c.__name__ + ".training")
        extensions = importlib.import_module(self.c.__name__ + ".training.extensions")
        iterators = importlib.import_module(self.c.__name__ + ".iterators")
        _, _, optimizer, (x, t) = self._classifier(self._mlp(), (100, 784))
        rows = [(x[i], t[i]) for i in range(len(x))]
        iterator = iterators.SerialIterator(rows, 100, shuffle=False)
        updater = training.updaters.StandardUpdater(iterator, optimizer)

        def run(count):
            stop = (updater.iteration + count, "iteration")
            trainer = training.Trainer(updater, stop, out="/tmp/nnrun-benchmark")
            trainer.extend(extensions.LogReport(trigger=(100, "iteration"), filename=None))
            start = time.perf_counter()
            trainer.run()
            return time.perf_counter() - start

        run.times_itself = True
        return run

    def cnn(self):
        """Convolutions of 32 and 64 channels, pooling, 128 units; a batch of 64; Adam."""
        F, L = self.F, self.L
        rng = np.random.default_rng(1)
        layers = [
            L.Convolution2D(1, 32, 3, initialW=_weights(rng, 32, 1, 3, 3)),
            F.relu,
            L.Convolution2D(32, 64, 3, initialW=_weights(rng, 64, 32, 3, 3)),
            F.relu,
            lambda x: F.max_pooling_2d(x, 2),
            L.Linear(64 * 12 * 12, 128, initialW=_weights(rng, 128, 64 * 12 * 12)),
            F.relu,
            L.Linear(128, 10, initialW=_weights(rng, 10, 128)),
        ]
        return self._classifier(self.c.Sequential(*layers), (64, 1, 28, 28))[0]

    def lstm(self):
        """A language model: 10,000 words, two LSTMs of 200, a batch of 20, 35 steps, SGD."""
        c, F, L = self.c, self.F, self.L
        rng = np.random.default_rng(1)

        class Model(c.Chain):
            def __init__(self):
                super().__init__()
                with self.init_scope():
                    self.embed = L.EmbedID(WORDS, UNITS, initialW=_weights(rng, WORDS, UNITS))
                    self.l1 = L.LSTM(UNITS, UNITS)
                    self.l2 = L.LSTM(UNITS, UNITS)
                    self.out = L.Linear(UNITS, WORDS, initialW=_weights(rng, WORDS, UNITS))
                for lstm in (self.l1, self.l2):
                    # Frameworks order the gates differently: all gates get the same.
                    lstm.upward.W.array[...] = 0.05
                    lstm.lateral.W.array[...] = 0.01
                    lstm.upward.b.array[...] = 0

            def forward(self, x):
                return self.out(self.l2(self.l1(self.embed(x))))

        model = Model()
        optimizer = self.optimizers.SGD(0.1)
        optimizer.setup(model)
        words = rng.integers(0, WORDS, (STEPS + 1, BATCH)).astype(np.int32)

        def run():
            model.l1.reset_state()
            model.l2.reset_state()
            loss = 0
            for i in range(STEPS):
                loss += F.softmax_cross_entropy(model(words[i]), words[i + 1])
            model.cleargrads()
            loss.backward()
            optimizer.update()
            return loss.array / STEPS

        return run


class Torch:
    """The work, in PyTorch's names, on the CPU."""

    def __init__(self):
        import os

        self.torch = importlib.import_module("torch")
        self.torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
        self.version = self.torch.__version__

    def _chain(self):
        x = self.torch.full((10,), 1.0, requires_grad=True)
        y = x
        for _ in range(CHAIN_LENGTH // 2):
            y = y * x
            y = y + x
        return x, y

    def chain_forward(self):
        def run():
            return self._chain()[1][0].item()

        return run

    def chain(self):
        ones = self.torch.ones(10)

        def run():
            x, y = self._chain()
            y.backward(ones)
            return x.grad[0].item()

        return run

    def _weight(self, layer, values):
        with self.torch.no_grad():
            layer.weight.copy_(self.torch.from_numpy(values))
            layer.bias.zero_()
        return layer

    def _classifier(self, model, shape):
        torch = self.torch
        rng = np.random.default_rng(0)
        x = torch.from_numpy(rng.random(shape, dtype=np.float32))
        t = torch.from_numpy(rng.integers(0, 10, shape[0]))
        optimizer = torch.optim.Adam(model.parameters())

        def run():
            y = model(x)
            loss = torch.nn.functional.cross_entropy(y, t)
            (y.detach().argmax(1) == t).float().mean()  # as the other frameworks' classifiers do
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss.item()

        return run

    def mlp(self):
        nn, rng = self.torch.nn, np.random.default_rng(1)
        layers = []
        for a, b in ((784, 1000), (1000, 1000), (1000, 10)):
            layers += [self._weight(nn.Linear(a, b), _weights(rng, b, a)), nn.ReLU()]
        return self._classifier(nn.Sequential(*layers[:-1]), (100, 784))

    def cnn(self):
        nn, rng = self.torch.nn, np.random.default_rng(1)
        model = nn.Sequential(
            self._weight(nn.Conv2d(1, 32, 3), _weights(rng, 32, 1, 3, 3)),
            nn.ReLU(),
            self._weight(nn.Conv2d(32, 64, 3), _weights(rng, 64, 32, 3, 3)),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            self._weight(nn.Linear(64 * 12 * 12, 128), _weights(rng, 128, 64 * 12 * 12)),
            nn.ReLU(),
            self._weight(nn.Linear(128, 10), _weights(rng, 10, 128)),
        )
        return self._classifier(model, (64, 1, 28, 28))

    def lstm(self):
        torch, nn = self.torch, self.torch.nn
        rng = np.random.default_rng(1)
        embed, out = nn.Embedding(WORDS, UNITS), nn.Linear(UNITS, WORDS)
        lstm = nn.LSTM(UNITS, UNITS, 2)
        with torch.no_grad():
            embed.weight.copy_(torch.from_numpy(_weights(rng, WORDS, UNITS)))
        self._weight(out, _weights(rng, WORDS, UNITS))
        with torch.no_grad():
            for name, param in lstm.named_parameters():
                param.fill_(0.05 if "weight_ih" in name else 0.01 if "weight_hh" in name else 0)
        params = [*embed.parameters(), *lstm.parameters(), *out.parameters()]
        optimizer = torch.optim.SGD(params, 0.1)
        words = torch.from_numpy(rng.integers(0, WORDS, (STEPS + 1, BATCH)))

        def run():
            y = out(lstm(embed(words[:-1]))[0])
            loss = STEPS * nn.functional.cross_entropy(y.reshape(-1, WORDS), words[1:].reshape(-1))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss.item() / STEPS

        return run


def main():
    name = sys.argv[1]
    framework = Torch() if name == "torch" else Chains(name)
    made = {}
    print(json.dumps({"version": framework.version}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        work, count = request["work"], request.get("count")
        if not hasattr(framework, work):
            print(json.dumps({"missing": True}), flush=True)
            continue
        if work not in made:
            made[work] = getattr(framework, work)()
        run = made[work]
        times_itself = getattr(run, "times_itself", False)
        if count is None:
            value = None if times_itself else [run() for _ in range(CHECKED_RUNS)][-1]
            print(json.dumps({"value": None if value is None else float(value)}), flush=True)
            continue
        if times_itself:
            seconds = run(count)
        else:
            start = time.perf_counter()
            for _ in range(count):
                run()
            seconds = time.perf_counter() - start
        print(json.dumps({"seconds": seconds}), flush=True)


if __name__ == "__main__":
    main()
