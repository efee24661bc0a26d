"""numpy.polynomial's modules and classes compared with NumPy, over all six bases."""

import copy
import inspect
import pickle

import numpy as np
import pytest
from numpy.polynomial import polyutils

import ndgpu
from ndgpu import polynomial
from ndgpu.polynomial.bases import BASES

EVERY_BASIS = pytest.mark.parametrize("basis", BASES.values(), ids=list(BASES))


def both(basis, name):
    """The function of a basis, of ours and of NumPy."""
    modules = getattr(polynomial, basis.module), getattr(np.polynomial, basis.module)
    return tuple(getattr(m, basis.prefix + name) for m in modules)


def assert_same(found, wanted, rtol=1e-12):
    if isinstance(wanted, (tuple, list)):
        assert len(found) == len(wanted)
        for f, w in zip(found, wanted, strict=True):
            assert_same(f, w, rtol)
        return
    if isinstance(found, ndgpu.ndarray):
        wanted = np.asarray(wanted)
        assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
        found = found.get()
    scale = np.nanmax(np.abs(wanted), initial=0, where=np.isfinite(wanted))
    np.testing.assert_allclose(found, wanted, rtol, rtol * scale + 1e-12)


@EVERY_BASIS
def test_every_name_of_numpy_is_there(basis):
    ours = getattr(polynomial, basis.module)
    theirs = getattr(np.polynomial, basis.module)
    for name in theirs.__all__:
        assert hasattr(ours, name)
        if inspect.isfunction(getattr(theirs, name)):
            wanted = inspect.signature(getattr(theirs, name)).parameters
            assert list(inspect.signature(getattr(ours, name)).parameters) == list(wanted)
            assert getattr(ours, name).__doc__
    for name in ("zero", "one", "x", "domain"):
        assert_same(*both(basis, name))
    with pytest.raises(AttributeError, match="nothing"):
        _ = ours.nothing


def test_names_of_the_package_and_of_its_helpers():
    for name in np.polynomial.__all__:
        assert hasattr(polynomial, name)
    for name in polyutils.__all__:
        assert hasattr(polynomial.polyutils, name)


@EVERY_BASIS
@pytest.mark.parametrize("kinds", ["dd", "fd", "ff", "id", "Dd", "dF"])
def test_values(basis, kinds, rng):
    ours, theirs = both(basis, "val")
    c = (rng.integers(-4, 5, 5) / (1 if kinds[0] == "i" else 4)).astype(kinds[0])
    x = (rng.integers(-4, 5, 7) / 4).astype(kinds[1])
    rtol = 1e-4 if kinds == "ff" else 1e-12
    assert_same(ours(ndgpu.asarray(x), ndgpu.asarray(c)), theirs(x, c), rtol)


@EVERY_BASIS
def test_values_of_several_series(basis, rng):
    ours, theirs = both(basis, "val")
    c, x = rng.random((4, 3, 2)), rng.random((3, 2))
    on_device = ndgpu.asarray(c), ndgpu.asarray(x)
    assert_same(ours(on_device[1], on_device[0]), theirs(x, c))
    assert_same(ours(on_device[1].T, on_device[0]), theirs(x.T, c))
    assert_same(ours(on_device[1], on_device[0], tensor=False), theirs(x, c, tensor=False))
    assert_same(ours(2, [1, 2, 3]), theirs(2, [1, 2, 3]))
    assert_same(ours([], [1, 2]), theirs([], [1, 2]))
    with np.errstate(invalid="ignore"):
        wanted = theirs([np.inf, np.nan, 1.0], [2])
    assert_same(ours([np.inf, np.nan, 1.0], [2]), wanted)


@EVERY_BASIS
def test_values_in_two_and_three_dimensions(basis, rng):
    x, y, z = rng.random((3, 5))
    c = rng.random((3, 2, 4))
    for name, args in (("val2d", (x, y, c[0])), ("grid2d", (x, y[:2], c))):
        ours, theirs = both(basis, name)
        assert_same(ours(*map(ndgpu.asarray, args)), theirs(*args))
    for name, args in (("val3d", (x, y, z, c)), ("grid3d", (x, y[:3], z[:2], c))):
        ours, theirs = both(basis, name)
        assert_same(ours(*map(ndgpu.asarray, args)), theirs(*args))
    for name, args in (("vander2d", (x, y, [2, 1])), ("vander3d", (x, y, z, [1, 2, 3]))):
        ours, theirs = both(basis, name)
        assert_same(ours(*[ndgpu.asarray(a) for a in args[:-1]], args[-1]), theirs(*args))
    with pytest.raises(ValueError, match="incompatible"):
        both(basis, "val2d")[0](x[:2], y, c[0])


@EVERY_BASIS
def test_polynomials_at_points(basis, rng):
    ours, theirs = both(basis, "vander")
    for x in (rng.random((2, 3)), rng.random(4).astype("f4"), np.arange(3), 2.0):
        rtol = 1e-5 if getattr(x, "dtype", None) == np.float32 else 1e-12
        assert_same(ours(ndgpu.asarray(x), 4), theirs(x, 4), rtol)
    with pytest.raises(ValueError, match="non-negative"):
        ours([1.0], -1)


@EVERY_BASIS
def test_coefficients(basis):
    a, b = [1.0, 2.0, 3.0], [2.0, 1.0]
    calls = [("add", a, b), ("sub", a, b), ("mul", a, b), ("div", a, b), ("pow", b, 2), ("mulx", a)]
    calls += [("der", a), ("int", a), ("fromroots", b), ("roots", a), ("companion", a), ("trim", a)]
    for name, *args in calls:
        ours, theirs = both(basis, name)
        on_device = [ndgpu.asarray(v) if isinstance(v, list) else v for v in args]
        assert_same(ours(*on_device), theirs(*args), 1e-9)
    assert_same(*[f(1, 2) for f in both(basis, "line")])


@EVERY_BASIS
def test_fits(basis, rng):
    ours, theirs = both(basis, "fit")
    x, y, w = rng.random((3, 9))
    on_device = ndgpu.asarray(x), ndgpu.asarray(y)
    assert_same(ours(*on_device, 2), theirs(x, y, 2), 1e-9)
    found = ours(*on_device, 2, full=True, w=ndgpu.asarray(w))
    wanted = theirs(x, y, 2, full=True, w=w)
    assert_same(found[0], wanted[0], 1e-9)
    assert_same(found[1][2], wanted[1][2], 1e-9)


@EVERY_BASIS
def test_quadrature_and_conversions(basis, rng):
    if basis.prefix == "poly":
        x, r = rng.random(3), rng.random((4, 5))
        found = polynomial.polynomial.polyvalfromroots(ndgpu.asarray(x), ndgpu.asarray(r))
        assert_same(found, np.polynomial.polynomial.polyvalfromroots(x, r))
        with pytest.raises(ValueError, match="ndim"):
            polynomial.polynomial.polyvalfromroots(x, [1.0], tensor=False)
        return
    x = rng.random(5) * 0.9
    assert_same(*[f(v) for f, v in zip(both(basis, "weight"), (ndgpu.asarray(x), x), strict=True)])
    assert_same(*[f(3) for f in both(basis, "gauss")])
    assert_same(*[f([1.0, 2.0, 3.0]) for f in both(basis, "2poly")])
    names = [f"poly2{basis.prefix}"] * 2
    modules = getattr(polynomial, basis.module), getattr(np.polynomial, basis.module)
    assert_same(*[getattr(m, n)([1.0, 2.0, 3.0]) for m, n in zip(modules, names, strict=True)])


def test_chebyshev_points_and_interpolation():
    ours, theirs = polynomial.chebyshev, np.polynomial.chebyshev
    assert_same(ours.chebpts1(4), theirs.chebpts1(4))
    assert_same(ours.chebpts2(4), theirs.chebpts2(4))
    wanted = theirs.chebinterpolate(lambda x, k: np.exp(k * x), 5, (2,))
    assert_same(ours.chebinterpolate(lambda x, k: ndgpu.exp(k * x), 5, (2,)), wanted)
    found = polynomial.Chebyshev.interpolate(ndgpu.exp, 5, [0, 2])
    assert_same(found.coef, np.polynomial.Chebyshev.interpolate(np.exp, 5, [0, 2]).coef)


@EVERY_BASIS
def test_series(basis, rng):
    ours, theirs = (getattr(m, basis.series) for m in (polynomial, np.polynomial))
    p, q = [ours(ndgpu.asarray(c)) for c in ([1.0, 2.0, 3.0], [2.0, 1.0])]
    s, t = theirs([1.0, 2.0, 3.0]), theirs([2.0, 1.0])
    assert_same([p.coef, p.domain, p.window], [s.coef, s.domain, s.window])
    for name in ("add", "sub", "mul", "floordiv", "mod", "divmod"):
        found = getattr(p, f"__{name}__")(q)
        wanted = getattr(s, f"__{name}__")(t)
        pairs = zip(found, wanted, strict=True) if name == "divmod" else [(found, wanted)]
        for f, w in pairs:
            assert type(f) is ours
            assert_same(f.coef, w.coef, 1e-9)
    for f, w in ((p**2, s**2), (-p, -s), (+p, +s), (p / 2, s / 2), (1 - p, 1 - s)):
        assert_same(f.coef, w.coef)
    assert_same((p + ndgpu.asarray([1.0, 1.0])).coef, (s + [1.0, 1.0]).coef)
    x = rng.random((2, 3))
    assert_same(p(ndgpu.asarray(x)), s(x))
    assert_same(p(2), np.asarray(s(2)))
    assert_same(p.linspace(5), s.linspace(5))
    for name, args in (("deriv", ()), ("integ", (2,)), ("trim", ()), ("truncate", (2,))):
        assert_same(getattr(p, name)(*args).coef, getattr(s, name)(*args).coef)
    assert_same(p.cutdeg(1).coef, s.cutdeg(1).coef)
    assert_same(p.roots(), s.roots())
    assert (p.degree(), len(p), list(p)) == (s.degree(), len(s), list(s))
    assert (str(p), repr(p), f"{p:ascii}") == (str(s), repr(s), f"{s:ascii}")
    assert p._repr_latex_() == s._repr_latex_()
    assert p.mapparms() == s.mapparms()
    assert p == copy.copy(p) == pickle.loads(pickle.dumps(p))
    assert p != q
    assert p.has_samecoef(p.copy()) and p.has_samedomain(q) and p.has_samewindow(q)
    assert p.has_sametype(q) and not p.has_sametype(1)
    assert (p.symbol, p.basis_name, p.maxpower) == (s.symbol, s.basis_name, s.maxpower)
    with pytest.raises(TypeError):
        hash(p)


@EVERY_BASIS
def test_series_made_otherwise(basis, rng):
    ours, theirs = (getattr(m, basis.series) for m in (polynomial, np.polynomial))
    x, y = rng.random((2, 9))
    found = ours.fit(ndgpu.asarray(x), ndgpu.asarray(y), 2)
    wanted = theirs.fit(x, y, 2)
    assert_same([found.coef, found.domain], [wanted.coef, wanted.domain], 1e-9)
    assert ours.fit(ndgpu.asarray(x), ndgpu.asarray(y), 2, full=True)[0] == found
    assert_same(ours.fromroots([1, 2]).coef, theirs.fromroots([1, 2]).coef)
    assert_same(ours.identity().coef, theirs.identity().coef)
    assert_same(ours.basis(3).coef, theirs.basis(3).coef)
    changed = ours([1, 2, 3]).convert(kind=polynomial.Polynomial)
    assert type(changed) is polynomial.Polynomial
    assert_same(changed.coef, theirs([1, 2, 3]).convert(kind=np.polynomial.Polynomial).coef)
    assert_same(ours.cast(changed).coef, theirs([1.0, 2, 3]).coef)
    changed.coef, changed.domain, changed.window = ndgpu.asarray([1.0, 2.0]), [0, 2], [0, 1]
    assert_same(changed(ndgpu.asarray([2.0])), np.array([3.0]))


def test_a_series_is_evaluated_in_one_launch(monkeypatch):
    from ndgpu.kernels.elementwise import Elementwise

    x, c = ndgpu.ones(1000), ndgpu.ones(50)
    counted = []
    launch = Elementwise.launch
    monkeypatch.setattr(
        Elementwise, "launch", lambda *a, **k: (counted.append(a[0].name), launch(*a, **k))[1]
    )
    polynomial.chebyshev.chebval(x, c)
    assert counted == ["ndgpu_chebval"]


def test_helpers():
    ours = polynomial.polyutils
    assert_same(ours.mapdomain(ndgpu.asarray([1.0, 2.0]), [0, 2], [0, 1]), np.array([0.5, 1.0]))
    assert_same(ours.getdomain(ndgpu.asarray([1.0, 3.0, 2.0])), np.array([1.0, 3.0]))
    assert_same(ours.trimcoef(ndgpu.asarray([1.0, 0.0])), np.array([1.0]))
    assert_same(ours.as_series([[1, 2]]), polyutils.as_series([[1, 2]]))
