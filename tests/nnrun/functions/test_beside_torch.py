"""Optional: values and gradients beside PyTorch's on the CPU, where both have a function.

Not a dependency of the tests (a download of some hundred megabytes); with it installed in the
environment each row compares a function and its gradients in float64.
"""

import numpy as np
import pytest

import nnrun
import nnrun.functions as F
from nnrun import Variable
from nnrun.testing import assert_allclose

torch = pytest.importorskip("torch", reason="PyTorch is compared with only where it is installed")
T = torch.nn.functional

# PyTorch looks into mpmath in a way that mpmath warns of.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

rng = np.random.default_rng(12)


def normal(*shape):
    return rng.standard_normal(shape)


def positive(*shape):
    return rng.uniform(0.3, 2.0, shape)


def unit(*shape):
    return rng.uniform(0.05, 0.95, shape)


x23, y23, image, sequence = normal(2, 3), normal(2, 3), normal(2, 4, 7, 6), normal(2, 4, 9)
labels = np.array([0, 2, 1, -1, 2])
target = torch.tensor(labels)
square3 = normal(3, 3) + 3 * np.eye(3)

#: Name: (ours, theirs, inputs).
ROWS = {
    # activations
    "relu": (F.relu, T.relu, (x23,)),
    "relu6": (F.relu6, T.relu6, (x23 * 5,)),
    "leaky_relu": (lambda x: F.leaky_relu(x, 0.1), lambda x: T.leaky_relu(x, 0.1), (x23,)),
    "elu": (lambda x: F.elu(x, 1.3), lambda x: T.elu(x, 1.3), (x23,)),
    "selu": (F.selu, T.selu, (x23,)),
    "gelu": (F.gelu, T.gelu, (x23,)),
    "silu": (F.silu, T.silu, (x23,)),
    "mish": (F.mish, T.mish, (x23,)),
    "softplus": (lambda x: F.softplus(x, 2.0), lambda x: T.softplus(x, 2.0), (x23,)),
    "softsign": (F.softsign, T.softsign, (x23,)),
    "sigmoid": (F.sigmoid, torch.sigmoid, (x23,)),
    "softmax": (F.softmax, lambda x: T.softmax(x, 1), (x23,)),
    "log_softmax": (F.log_softmax, lambda x: T.log_softmax(x, 1), (x23,)),
    "glu": (F.glu, lambda x: T.glu(x, 1), (normal(2, 6),)),
    "prelu": (F.prelu, T.prelu, (normal(2, 3), np.full(3, 0.2))),
    # mathematics
    "erf": (F.erf, torch.erf, (x23,)),
    "erfinv": (F.erfinv, torch.erfinv, (unit(2, 3),)),
    "erfcx": (F.erfcx, torch.special.erfcx, (x23,)),
    "lgamma": (F.lgamma, torch.lgamma, (positive(2, 3),)),
    "digamma": (F.digamma, torch.digamma, (positive(2, 3),)),
    "ndtri": (F.ndtri, torch.special.ndtri, (unit(2, 3),)),
    "log_ndtr": (F.log_ndtr, torch.special.log_ndtr, (x23,)),
    "logsumexp": (lambda x: F.logsumexp(x, 1), lambda x: torch.logsumexp(x, 1), (x23,)),
    "cumsum": (lambda x: F.cumsum(x, 1), lambda x: torch.cumsum(x, 1), (x23,)),
    "cumprod": (lambda x: F.cumprod(x, 1), lambda x: torch.cumprod(x, 1), (x23,)),
    "prod": (lambda x: F.prod(x, 1), lambda x: torch.prod(x, 1), (x23,)),
    "arctan2": (F.arctan2, torch.atan2, (x23, y23)),
    "inv": (F.inv, torch.linalg.inv, (square3,)),
    "det": (F.det, torch.linalg.det, (square3,)),
    "batch_inv": (F.batch_inv, torch.linalg.inv, (np.stack([square3, square3.T]),)),
    "einsum": (
        lambda a, b: F.einsum("ij,kj->ik", a, b),
        lambda a, b: torch.einsum("ij,kj->ik", a, b),
        (x23, y23),
    ),
    # connections
    "linear": (F.linear, T.linear, (x23, normal(4, 3), normal(4))),
    "bilinear": (
        F.bilinear,
        lambda a, b, W: torch.einsum("bi,bj,ijk->bk", a, b, W),
        (normal(5, 2), normal(5, 3), normal(2, 3, 4)),
    ),
    "convolution_2d": (
        lambda x, W, b: F.convolution_2d(x, W, b, (2, 1), (1, 2), dilate=(1, 2), groups=2),
        lambda x, W, b: T.conv2d(x, W, b, (2, 1), (1, 2), (1, 2), 2),
        (image, normal(6, 2, 3, 2), normal(6)),
    ),
    "deconvolution_2d": (
        lambda x, W, b: F.deconvolution_2d(x, W, b, 2, 1, groups=2),
        lambda x, W, b: T.conv_transpose2d(x, W, b, 2, 1, groups=2),
        (image, normal(4, 3, 3, 3), normal(6)),
    ),
    "convolution_1d": (
        lambda x, W: F.convolution_1d(x, W, stride=2, pad=1),
        lambda x, W: T.conv1d(x, W, None, 2, 1),
        (sequence, normal(5, 4, 3)),
    ),
    "convolution_3d": (
        F.convolution_3d, T.conv3d, (normal(2, 2, 4, 3, 3), normal(3, 2, 2, 2, 2), normal(3)),
    ),
    "scaled_dot_product_attention": (
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, causal=True),
        lambda q, k, v: T.scaled_dot_product_attention(q, k, v, is_causal=True),
        (normal(2, 5, 4), normal(2, 5, 4), normal(2, 5, 3)),
    ),
    # pooling and images
    "max_pooling_2d": (
        lambda x: F.max_pooling_2d(x, 3, 2, 1, cover_all=False),
        lambda x: T.max_pool2d(x, 3, 2, 1),
        (image,),
    ),
    "average_pooling_2d": (
        lambda x: F.average_pooling_2d(x, 3, 2, 1), lambda x: T.avg_pool2d(x, 3, 2, 1), (image,),
    ),
    "average_pooling_1d": (
        lambda x: F.average_pooling_1d(x, 2, pad=1, pad_value=None),
        lambda x: T.avg_pool1d(x, 2, padding=1, count_include_pad=False),
        (normal(2, 4, 8),),
    ),
    "resize_images": (
        lambda x: F.resize_images(x, (5, 9)),
        lambda x: T.interpolate(x, (5, 9), mode="bilinear", align_corners=True),
        (image,),
    ),
    "spatial_transformer_sampler": (
        F.spatial_transformer_sampler,
        lambda x, g: T.grid_sample(
            x, g.permute(0, 2, 3, 1), padding_mode="zeros", align_corners=True
        ),
        (image, rng.uniform(-0.9, 0.9, (2, 2, 3, 4))),
    ),
    # normalisation
    "batch_normalization": (
        F.batch_normalization,
        lambda x, g, b: T.batch_norm(x, None, None, g, b, True, eps=2e-5),
        (image, positive(4), normal(4)),
    ),
    "layer_normalization": (
        lambda x, g, b: F.layer_normalization(x, g, b, eps=1e-5),
        lambda x, g, b: T.layer_norm(x, (3,), g, b, 1e-5),
        (normal(4, 3), positive(3), normal(3)),
    ),
    "group_normalization": (
        lambda x, g, b: F.group_normalization(x, 2, g, b, eps=1e-5),
        lambda x, g, b: T.group_norm(x, 2, g, b, 1e-5),
        (image, positive(4), normal(4)),
    ),
    "rms_normalization": (
        lambda x, g: F.rms_normalization(x, g, 1e-6),
        lambda x, g: T.rms_norm(x, (3,), g, 1e-6),
        (normal(4, 3), positive(3)),
    ),
    "local_response_normalization": (
        lambda x: F.local_response_normalization(x, 3, 2.0, 1e-2 / 3, 0.75),
        lambda x: T.local_response_norm(x, 3, 1e-2, 0.75, 2.0),
        (image,),
    ),
    "normalize": (lambda x: F.normalize(x, 0.0), T.normalize, (x23,)),
    # losses
    "softmax_cross_entropy": (
        lambda x: F.softmax_cross_entropy(x, labels),
        lambda x: T.cross_entropy(x, target, ignore_index=-1),
        (normal(5, 3),),
    ),
    "softmax_cross_entropy of weights": (
        lambda x: F.softmax_cross_entropy(
            x, labels, class_weight=np.array([1.0, 2.0, 0.5]), reduce="no"
        ),
        lambda x: T.cross_entropy(
            x, target, torch.tensor([1.0, 2.0, 0.5]).double(), ignore_index=-1, reduction="none"
        ),
        (normal(5, 3),),
    ),
    "huber_loss": (
        lambda x, t: F.huber_loss(x, t, 0.7, reduce="no"),
        lambda x, t: T.huber_loss(x, t, reduction="none", delta=0.7),
        (x23, y23),
    ),
    "mean_squared_error": (F.mean_squared_error, T.mse_loss, (x23, y23)),
    "mean_absolute_error": (F.mean_absolute_error, T.l1_loss, (x23, y23)),
    "triplet": (
        lambda a, p, n: F.triplet(a, p, n, 0.4),
        lambda a, p, n: torch.relu(((a - p) ** 2).sum(1) - ((a - n) ** 2).sum(1) + 0.4).mean(),
        (normal(4, 3), normal(4, 3), normal(4, 3)),
    ),
    "connectionist_temporal_classification": (
        lambda x: F.connectionist_temporal_classification(
            [x[i] for i in range(6)], np.array([[1, 2], [2, 2]]), 0, reduce="no"
        ),
        lambda x: T.ctc_loss(
            T.log_softmax(x, 2), torch.tensor([[1, 2], [2, 2]]), torch.tensor([6, 6]),
            torch.tensor([2, 2]), reduction="none",
        ),
        (normal(6, 2, 4),),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_values_and_gradients(name):
    ours, theirs, inputs = ROWS[name]
    xs = [Variable(x.copy()) for x in inputs]
    ts = [torch.tensor(x, requires_grad=True) for x in inputs]
    y, t = ours(*xs), theirs(*ts)
    assert_allclose(y, t.detach().numpy(), 1e-8, 1e-8)
    wave = np.asarray(np.cos(np.arange(y.size)).reshape(y.shape))
    t.backward(torch.tensor(wave))
    gradients = nnrun.grad([y], xs, [Variable(wave)])
    for g, other in zip(gradients, ts, strict=True):
        assert_allclose(g, other.grad.numpy(), 1e-7, 1e-7)
