"""Regions of images by whole pixels, sparse products, whitening, recomputation."""

import itertools

import numpy as np
import pytest

import nnrun
import nnrun.functions as F
import nnrun.links as L
from nnrun import Variable, utils
from nnrun.testing import FunctionCase as Case
from nnrun.testing import assert_allclose

rng = np.random.default_rng(23)


def normal(*shape):
    return rng.standard_normal(shape)


def apart(*shape):
    """Distinct values, so that no small step makes another one the largest."""
    n = int(np.prod(shape))
    return (rng.permutation(n) / 4).reshape(shape)


# y_min, x_min, y_max, x_max: inside, reaching outside, empty in part, of one pixel.
ROIS = np.array([[1, 0, 5, 4], [-2, 1, 3, 9], [4, 4, 11, 5], [3, 3, 3, 3], [0.4, 1.6, 4.5, 3.5]])
IMAGES = np.array([0, 1, 1, 0, 1])


def pooled(x, rois, images, outsize, scale, pool, empty):
    """Region by region and bin by bin, as the definition reads."""
    out_h, out_w = outsize
    y = np.full((len(rois), x.shape[1], out_h, out_w), empty, x.dtype)
    for r, (roi, n) in enumerate(zip(np.rint(rois * scale).astype(int), images, strict=True)):
        h, w = max(roi[2] - roi[0], 1), max(roi[3] - roi[1], 1)
        for i, j in itertools.product(range(out_h), range(out_w)):
            v0, v1 = roi[0] + np.floor(i * h / out_h), roi[0] + np.ceil((i + 1) * h / out_h)
            u0, u1 = roi[1] + np.floor(j * w / out_w), roi[1] + np.ceil((j + 1) * w / out_w)
            window = x[n, :, int(max(v0, 0)) : int(max(v1, 0)), int(max(u0, 0)) : int(max(u1, 0))]
            if window.size:
                y[r, :, i, j] = pool(window, axis=(1, 2))
    return y


def as_first_written(x):
    """Two regions in the layout of `roi_pooling_2d`."""
    table = np.array([[0, 0, 1, 3, 4], [1, 2, 0, 4, 5]], float)
    return F.roi_pooling_2d(x, table, 2, 3, 1.0)


coo = utils.to_coo(np.where(normal(3, 4) > 0.3, normal(3, 4), 0))
stack = utils.to_coo(np.where(normal(2, 3, 4) > 0.3, normal(2, 3, 4), 0), ldnz=10)


def with_values(a, data):
    return utils.CooMatrix(data, a.row, a.col, a.shape, a.order)


def dense(a, data):
    return with_values(a, data).to_dense()


def sparse_times(a, **options):
    def function(data, b):
        send = nnrun.backend.get_device_from_array(b).send
        return F.sparse_matmul(
            utils.CooMatrix(data, send(a.row), send(a.col), a.shape), b, **options
        )

    return function


def times_sparse(a, **options):
    def function(b, data):
        send = nnrun.backend.get_device_from_array(b).send
        return F.sparse_matmul(
            b, utils.CooMatrix(data, send(a.row), send(a.col), a.shape), **options
        )

    return function


def whitened(x, groups, eps=2e-5):
    rows = np.moveaxis(x, 1, 0).reshape(groups, x.shape[1] // groups, -1)
    rows = rows - rows.mean(2, keepdims=True)
    y = np.empty_like(rows)
    for g, row in enumerate(rows.astype(np.float64)):
        w, u = np.linalg.eigh(row @ row.T / row.shape[1] + eps * np.eye(len(row)))
        y[g] = u @ np.diag(w**-0.5) @ u.T @ row
    return np.moveaxis(y.reshape(x.shape[1], x.shape[0], *x.shape[2:]), 0, 1)


mean, projection = normal(2, 2), normal(2, 2, 2)

CASES: dict[str, list[Case]] = {
    "roi_max_pooling_2d": [
        Case(
            lambda x: F.roi_max_pooling_2d(x, ROIS[[0, 3, 4]], IMAGES[[0, 3, 4]], (2, 3), 1.0),
            (apart(2, 3, 6, 5),),
            lambda x: pooled(x, ROIS[[0, 3, 4]], IMAGES[[0, 3, 4]], (2, 3), 1.0, np.max, -np.inf),
        ),
    ],
    "roi_average_pooling_2d": [
        Case(
            lambda x: F.roi_average_pooling_2d(x, ROIS, IMAGES, (3, 2), 1.0),
            (normal(2, 3, 6, 5),),
            lambda x: pooled(x, ROIS, IMAGES, (3, 2), 1.0, np.mean, 0),
        ),
        Case(
            lambda x: F.roi_average_pooling_2d(x, ROIS * 2, IMAGES, 2, 0.5),
            (normal(2, 1, 6, 5),),
            lambda x: pooled(x, ROIS, IMAGES, (2, 2), 1.0, np.mean, 0),
        ),
    ],
    "roi_pooling_2d": [
        Case(
            as_first_written,
            (apart(2, 2, 6, 6),),
            lambda x: pooled(
                x, np.array([[1, 0, 5, 4], [0, 2, 6, 5]]), [0, 1], (2, 3), 1.0, np.max, 0
            ),
        )
    ],
    "sparse_matmul": [
        Case(
            sparse_times(coo),
            (coo.data.array.copy(), normal(4, 2)),
            lambda data, b: dense(coo, data) @ b,
        ),
        Case(
            sparse_times(coo, transa=True, transb=True),
            (coo.data.array.copy(), normal(2, 3)),
            lambda data, b: dense(coo, data).T @ b.T,
        ),
        Case(
            times_sparse(stack),
            (normal(2, 5, 3), stack.data.array.copy()),
            lambda b, data: b @ dense(stack, data),
        ),
        Case(
            times_sparse(stack, transb=True),
            (normal(2, 5, 4), stack.data.array.copy()),
            lambda b, data: b @ dense(stack, data).swapaxes(1, 2),
        ),
    ],
    "decorrelated_batch_normalization": [
        Case(
            lambda x: F.decorrelated_batch_normalization(x, groups=2),
            (normal(8, 4),),
            lambda x: whitened(x, 2),
            double=False,
            options={"eps": 1e-4, "rtol": 1e-3},
        ),
        Case(
            lambda x: F.decorrelated_batch_normalization(x, groups=1, eps=1e-2),
            (normal(3, 3, 2, 2),),
            lambda x: whitened(x, 1, 1e-2),
            double=False,
            options={"eps": 1e-4, "rtol": 1e-3},
        ),
    ],
    "fixed_decorrelated_batch_normalization": [
        Case(
            lambda x, m, p: F.fixed_decorrelated_batch_normalization(x, m, p, groups=2),
            (normal(3, 4, 2), mean, projection),
            lambda x, m, p: np.concatenate(
                [
                    np.einsum("ij,njk->nik", p[g], x[:, 2 * g : 2 * g + 2] - m[g][:, None])
                    for g in (0, 1)
                ],
                1,
            ),
        )
    ],
    "forget": [
        Case(
            lambda x, y: F.forget(lambda a, b: F.exp(a) * b, x, y),
            (normal(2, 3), normal(3)),
            lambda x, y: np.exp(x) * y,
            double=False,
        ),
        Case(
            lambda x, y: F.forget(lambda a, b: (a + b, a * b), x, y),
            (normal(2, 3), normal(2, 3)),
            lambda x, y: (x + y, x * y),
            double=False,
        ),
    ],
}
ALL = {f"{name}-{i}": case for name, cases in CASES.items() for i, case in enumerate(cases)}


@pytest.mark.parametrize("case", ALL.values(), ids=ALL)
def test_derivatives(case):
    case.check_derivatives()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", ALL.values(), ids=ALL)
def test_value(case, dtype):
    case.check_value(dtype, 1e-4, 1e-4)


@pytest.mark.parametrize("case", ALL.values(), ids=ALL)
def test_on_a_device(case):
    case.check_device(0, atol=1e-3)


class TestRegions:
    def test_bins_without_a_pixel(self, xp):
        x = xp.ones((1, 2, 4, 4), np.float32)
        rois = np.array([[2, 2, 9, 9]], np.float32)
        largest = F.roi_max_pooling_2d(x, rois, np.array([0]), 2, 1.0)
        assert nnrun.cuda.to_cpu(largest.array)[0, 0].tolist() == [[1, -np.inf], [-np.inf] * 2]
        first = F.roi_pooling_2d(x, np.array([[0, 2, 2, 9, 9]], np.float32), 2, 2, 1.0)
        assert nnrun.cuda.to_cpu(first.array)[0, 1].tolist() == [[1, 0], [0, 0]]

    def test_no_regions(self, xp):
        x = xp.ones((1, 2, 4, 4), np.float32)
        none, index = np.zeros((0, 4), np.float32), np.zeros(0, np.int32)
        for pool in (F.roi_max_pooling_2d, F.roi_average_pooling_2d):
            assert pool(x, none, index, (3, 2), 1.0).shape == (0, 2, 3, 2)
        assert F.roi_pooling_2d(x, np.zeros((0, 5), np.float32), 3, 2, 1.0).shape == (0, 2, 3, 2)

    def test_coordinates_on_the_device(self, xp):
        x = xp.asarray(apart(2, 3, 6, 5).astype(np.float32))
        rois, index = xp.asarray(ROIS.astype(np.float32)), xp.asarray(IMAGES)
        y = F.roi_average_pooling_2d(x, rois, index, 2, 1.0)
        assert_allclose(y, F.roi_average_pooling_2d(x, ROIS, IMAGES, 2, 1.0))


class TestSparse:
    def test_places_there_and_back(self, xp):
        x = np.where(normal(2, 3, 4) > 0, normal(2, 3, 4), 0)
        a = utils.to_coo(xp.asarray(x), requires_grad=True)
        assert a.data.requires_grad and a.order == "C" and a.shape == (3, 4)
        assert (nnrun.cuda.to_cpu(a.to_dense()) == x).all()
        assert utils.to_coo(xp.asarray(x[0]), ldnz=11).data.shape == (11,)
        assert utils.to_coo(np.zeros((2, 3))).data.shape == (0,)

    def test_orders(self):
        row, col = np.nonzero(np.ones((2, 3)))
        assert utils.get_order(row, col) == "C"
        assert utils.get_order(col, row) == "F"
        assert utils.get_order(row[::-1], col) == "other"
        assert utils.get_order(np.array([[0, 1, -1]]), np.array([[1, 0, -1]])) == "C"


class TestForget:
    def test_parameters_get_their_gradients_and_statistics_move_once(self):
        net = nnrun.Sequential(L.Linear(3, 4), L.BatchNormalization(4), F.relu)
        twin = net.copy("copy")
        x = normal(5, 3).astype(np.float32)
        for layers, apply in ((net, net), (twin, lambda x: F.forget(twin, x))):
            layers.cleargrads()
            F.sum(F.square(apply(Variable(x)))).backward()
        for (_, p), (_, q) in zip(net.namedparams(), twin.namedparams(), strict=True):
            assert_allclose(p.grad, q.grad)
        assert_allclose(net[1].avg_mean, twin[1].avg_mean)

    def test_what_is_drawn_is_drawn_again(self):
        x = Variable(np.ones(1000, np.float32))
        y = F.forget(F.dropout, x)
        np.random.random_sample(3)
        F.sum(y).backward()
        assert (x.grad == y.array).all()

    def test_no_second_derivatives(self):
        x = Variable(np.ones(2))
        y = F.sum(F.forget(F.exp, x))
        with pytest.raises(RuntimeError, match="cannot be differentiated again"):
            y.backward(enable_double_backprop=True)
        with pytest.raises(TypeError, match="output 0 is a float"):
            F.forget(lambda x: 3.0, x)


def test_whitening_moves_what_it_is_given():
    x = normal(6, 4)
    running_mean, running_projection = np.zeros((2, 2)), np.stack([np.eye(2)] * 2)
    F.decorrelated_batch_normalization(
        x, groups=2, running_mean=running_mean, running_projection=running_projection, decay=0.0
    )
    y = F.fixed_decorrelated_batch_normalization(x, running_mean, running_projection, groups=2)
    assert_allclose(y, whitened(x, 2))
    v = Variable(x)
    (gx,) = nnrun.grad(
        [F.sum(F.exp(F.decorrelated_batch_normalization(v, groups=2)))],
        [v],
        enable_double_backprop=True,
    )
    with pytest.raises(RuntimeError, match="cannot be differentiated again"):
        F.sum(gx * gx).backward()


x4, rois1, one = np.zeros((1, 2, 4, 4)), np.zeros((1, 4)), np.zeros(1, int)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: F.roi_max_pooling_2d(x4[0], rois1, one, 2, 1), ValueError, "don't fit"),
        (lambda: F.roi_max_pooling_2d(x4, rois1, one + 1, 2, 1), ValueError, "must be below 1"),
        (lambda: F.roi_average_pooling_2d(x4, rois1, one + 0.5, 2, 1), TypeError, "integers"),
        (lambda: F.roi_average_pooling_2d(x4, rois1, one, 0, 1), ValueError, "must be positive"),
        (lambda: F.roi_pooling_2d(x4, rois1, 2, 2, 1), ValueError, r"\(regions, 5\), not"),
        (lambda: F.sparse_matmul(x4, x4), TypeError, "one of `a` and `b`"),
        (lambda: F.sparse_matmul(coo, np.zeros((3, 2))), ValueError, "does not fit"),
        (lambda: F.sparse_matmul(coo, np.zeros((2, 4, 2))), ValueError, "two stacks of as many"),
        (lambda: utils.to_coo(np.zeros(3)), ValueError, "a matrix or a stack"),
        (
            lambda: utils.CooMatrix(np.zeros(3), np.zeros(2), np.zeros(3), (2, 2)),
            ValueError,
            "the same one or two axes",
        ),
        (
            lambda: utils.CooMatrix(np.zeros(3), np.zeros(3), np.zeros(3), (2,)),
            ValueError,
            "must be that of a matrix",
        ),
        (
            lambda: F.decorrelated_batch_normalization(np.zeros((2, 3)), groups=2),
            ValueError,
            "must come in 2 groups",
        ),
        (
            lambda: F.fixed_decorrelated_batch_normalization(np.zeros((2, 2)), one, one, groups=1),
            ValueError,
            r"`mean` must have shape \(1, 2\)",
        ),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
