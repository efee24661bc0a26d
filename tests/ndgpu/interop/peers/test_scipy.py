"""SciPy's functions for arrays of any library: results stay on the device and equal the host's."""

import numpy as np
import pytest

pytest.importorskip("scipy", reason="SciPy is not installed")

from scipy import cluster, differentiate, fft, integrate, optimize, signal, spatial, special, stats

X = np.random.default_rng(0).normal(size=(20, 4))
Y = X[:, 0].copy()
CALLS = {
    "cluster.vq.whiten": lambda xp, x: cluster.vq.whiten(x),
    "stats.zscore": lambda xp, x: stats.zscore(x),
    "stats.skew": lambda xp, x: stats.skew(x),
    "stats.kurtosis": lambda xp, x: stats.kurtosis(x),
    "stats.describe": lambda xp, x: stats.describe(x).variance,
    "stats.moment": lambda xp, x: stats.moment(x, 3),
    "stats.gmean": lambda xp, x: stats.gmean(abs(x)),
    "stats.hmean": lambda xp, x: stats.hmean(abs(x)),
    "stats.sem": lambda xp, x: stats.sem(x),
    "stats.variation": lambda xp, x: stats.variation(x),
    "special.logsumexp": lambda xp, x: special.logsumexp(x, axis=0),
    "special.softmax": lambda xp, x: special.softmax(x, axis=1),
    "special.log_softmax": lambda xp, x: special.log_softmax(x, axis=1),
    "special.xlogy": lambda xp, x: special.xlogy(x, abs(x)),
    "fft.fft": lambda xp, x: fft.fft(x),
    "fft.irfft": lambda xp, x: fft.irfft(fft.rfft(x, axis=0), axis=0),
    "fft.fftn": lambda xp, x: fft.fftn(x, norm="ortho"),
    "fft.fftshift": lambda xp, x: fft.fftshift(x),
    "fft.fftfreq": lambda xp, x: fft.fftfreq(5, 0.1, xp=xp) + x[0, 0],
    "integrate.trapezoid": lambda xp, x: integrate.trapezoid(x, axis=0),
    "integrate.cumulative_trapezoid": lambda xp, x: integrate.cumulative_trapezoid(x),
    "integrate.tanhsinh": lambda xp, x: integrate.tanhsinh(xp.exp, x[0, :], x[0, :] + 1).integral,
    "signal.fftconvolve": lambda xp, x: signal.fftconvolve(x[:, 0], x[:3, 1]),
    "signal.hilbert": lambda xp, x: signal.hilbert(x[:, 0]),
    "optimize.rosen": lambda xp, x: optimize.rosen(x[:, 0]),
    "optimize.elementwise.find_root": lambda xp, x: (
        optimize.elementwise.find_root(
            lambda v, c: v**2 - c, (xp.asarray(0.0), xp.asarray(3.0)), args=(abs(x[0, :]),)
        ).x
    ),
    "differentiate.derivative": lambda xp, x: differentiate.derivative(xp.exp, x[0, :]).df,
    "spatial.transform.Rotation": lambda xp, x: spatial.transform.Rotation.from_rotvec(
        x[:, :3]
    ).as_matrix(),
}


@pytest.mark.parametrize("name", CALLS)
def test_results_stay_on_the_device(name, check):
    import scipy.optimize.elementwise
    import scipy.spatial.transform  # noqa: F401

    check(CALLS[name], X, rtol=1e-9, atol=1e-10)
