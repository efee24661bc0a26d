"""scikit-learn's estimators and metrics that accept arrays of any library."""

import numpy as np
import pytest

sklearn = pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from sklearn import (  # noqa: E402
    decomposition,
    discriminant_analysis,
    kernel_approximation,
    linear_model,
    metrics,
    mixture,
    model_selection,
    naive_bayes,
    preprocessing,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 5))
LABELS = (X[:, 0] + 0.1 * RNG.normal(size=60) > 0).astype("i8")
OTHERS = np.where(RNG.random(60) < 0.2, 1 - LABELS, LABELS)
TARGET = 2 * X[:, 1] + X[:, 2]

TRANSFORMS = {
    "StandardScaler": preprocessing.StandardScaler,
    "MinMaxScaler": preprocessing.MinMaxScaler,
    "MaxAbsScaler": preprocessing.MaxAbsScaler,
    "Normalizer": preprocessing.Normalizer,
    "Binarizer": preprocessing.Binarizer,
    "PolynomialFeatures": lambda: preprocessing.PolynomialFeatures(2),
    "PCA, full": lambda: decomposition.PCA(2, svd_solver="full"),
    "PCA, covariance": lambda: decomposition.PCA(2, svd_solver="covariance_eigh"),
    "PCA, randomized": lambda: decomposition.PCA(
        2, svd_solver="randomized", power_iteration_normalizer="QR", random_state=0
    ),
    "Nystroem": lambda: kernel_approximation.Nystroem(n_components=5, random_state=0),
}
PREDICTORS = {
    "Ridge": (lambda: linear_model.Ridge(solver="svd"), TARGET),
    "RidgeCV": (linear_model.RidgeCV, TARGET),
    "LogisticRegression": (linear_model.LogisticRegression, LABELS),
    "LinearDiscriminantAnalysis": (
        discriminant_analysis.LinearDiscriminantAnalysis,
        LABELS,
    ),
    "GaussianNB": (naive_bayes.GaussianNB, LABELS),
}
CLASS_METRICS = ("accuracy_score", "f1_score", "precision_score", "recall_score", "jaccard_score")
CLASS_METRICS += ("hamming_loss", "balanced_accuracy_score", "cohen_kappa_score", "zero_one_loss")
CLASS_METRICS += ("confusion_matrix",)
REGRESSION_METRICS = ("mean_squared_error", "mean_absolute_error", "r2_score", "max_error")
REGRESSION_METRICS += ("median_absolute_error", "mean_pinball_loss", "explained_variance_score")
PAIRWISE = ("euclidean_distances", "cosine_similarity", "rbf_kernel", "linear_kernel")
PAIRWISE += ("polynomial_kernel", "laplacian_kernel", "manhattan_distances", "pairwise_distances")


@pytest.fixture(autouse=True)
def dispatch():
    with sklearn.config_context(array_api_dispatch=True):
        yield


@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_transform(name, check):
    # The signs of vectors are the solver's choice.
    signs = abs if name.startswith(("PCA", "Nystroem")) else (lambda a: a)
    check(lambda xp, x: signs(TRANSFORMS[name]().fit_transform(x)), X)


@pytest.mark.parametrize("name", PREDICTORS)
def test_a_predictor(name, check):
    make, y = PREDICTORS[name]
    check(lambda xp, x, y: make().fit(x, y).predict(x), X, y, rtol=1e-4)


def test_a_mixture(check):
    def fitted(xp, x):
        model = mixture.GaussianMixture(2, init_params="random", random_state=0, max_iter=5)
        with pytest.warns(sklearn.exceptions.ConvergenceWarning):
            return model.fit(x).means_

    check(fitted, X, rtol=1e-4)


def test_a_split(check):
    check(lambda xp, x, y: tuple(model_selection.train_test_split(x, y, random_state=0)), X, LABELS)


@pytest.mark.parametrize("name", CLASS_METRICS)
def test_a_metric_of_classes(name, check):
    check(lambda xp, a, b: getattr(metrics, name)(a, b), LABELS, OTHERS)


@pytest.mark.parametrize("name", REGRESSION_METRICS)
def test_a_metric_of_regression(name, check):
    check(lambda xp, a, b: getattr(metrics, name)(a, b), TARGET, TARGET + X[:, 3])


@pytest.mark.parametrize("name", PAIRWISE)
def test_a_pairwise_function(name, check):
    check(lambda xp, x: getattr(metrics.pairwise, name)(x), X, atol=1e-6)


def test_an_encoder(check):
    check(lambda xp, y: preprocessing.LabelEncoder().fit_transform(y), LABELS)
