"""The same training with no trainer: a loop that one writes, and can step through.

python mnist_custom_loop.py                 # Fashion-MNIST
python mnist_custom_loop.py --smoke         # seconds, on the digits that ship
"""

import argparse

import numpy as np

import nnrun
import nnrun.functions as F
import nnrun.links as L
from nnrun import datasets, iterators, optimizers, serializers
from nnrun.dataset import concat_examples


def evaluate(model, dataset, device):
    """Return the mean loss and the accuracy over a dataset."""
    loss, correct = 0.0, 0
    with nnrun.using_config("train", False), nnrun.no_backprop_mode():
        for batch in iterators.SerialIterator(dataset, 500, repeat=False, shuffle=False):
            x, t = concat_examples(batch, device)
            y = model(x)
            loss += float(F.softmax_cross_entropy(y, t).array) * len(t)
            correct += int((y.array.argmax(axis=1) == t).sum())
    return loss / len(dataset), correct / len(dataset)


def main(argv=None):
    """Train, and return the accuracy on the test images after each epoch."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--batchsize", "-b", type=int, default=100)
    parser.add_argument("--epoch", "-e", type=int, default=10)
    parser.add_argument("--unit", "-u", type=int, default=256)
    parser.add_argument("--device", "-d", default="auto")
    parser.add_argument("--out", "-o", default="model.npz")
    parser.add_argument("--smoke", action="store_true", help="a few seconds on the small digits")
    args = parser.parse_args(argv)
    if args.smoke:
        args.epoch, args.unit = 10, 64

    np.random.seed(0)
    device = nnrun.get_device(args.device)
    device.use()
    train, test = datasets.get_digits() if args.smoke else datasets.get_fashion_mnist()
    model = nnrun.Sequential(
        L.Linear(None, args.unit), F.relu, L.Linear(None, args.unit), F.relu, L.Linear(None, 10)
    )
    model.to_device(device)
    optimizer = optimizers.Adam()
    optimizer.setup(model)

    accuracies = []
    for epoch in range(args.epoch):
        total = 0.0
        for batch in iterators.SerialIterator(train, args.batchsize, repeat=False, seed=epoch):
            x, t = concat_examples(batch, device)
            loss = F.softmax_cross_entropy(model(x), t)
            model.cleargrads()
            loss.backward()
            optimizer.update()
            total += float(loss.array) * len(t)
        test_loss, accuracy = evaluate(model, test, device)
        accuracies.append(accuracy)
        print(
            f"epoch {epoch + 1:2}: loss {total / len(train):.4f}, "
            f"test loss {test_loss:.4f}, test accuracy {accuracy:.4f}"
        )
    serializers.save_npz(args.out, model)
    return accuracies


if __name__ == "__main__":
    main()
