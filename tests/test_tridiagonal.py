"""The factors of a chain: LAPACK's tridiagonal LU against dense algebra."""

import numpy as np
import pytest
import scipy.sparse as sp

import lagrad as lg
from lagrad.solve import factorize
from lagrad.solve.interface import certified
from lagrad.status import SingularError


def chain(n, rng, centre=0.0):
    bands = [rng.normal(size=n - 1), rng.normal(size=n) + centre, rng.normal(size=n - 1)]
    return sp.csc_array(sp.diags_array(bands, offsets=[-1, 0, 1]))


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("columns", [(), (3,)])
@pytest.mark.parametrize("centre", [0.0, 4.0])
def test_solutions_are_those_of_dense_algebra(centre, columns, transposed):
    rng = np.random.default_rng(1)
    m, b = chain(300, rng, centre), rng.normal(size=(300, *columns))
    factor = factorize(m)
    assert factor.method == "tridiagonal LU of 300"
    dense = m.toarray().T if transposed else m.toarray()
    expected = np.linalg.solve(dense, b)
    given = b.copy()
    np.testing.assert_allclose(factor.solve(b, transposed), expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(b, given)
    assert certified(m, factor, b, transposed)[1] < 1e-14


@pytest.mark.parametrize("scale", [1e-150, 1e150])
def test_units_do_not_matter(scale):
    m = chain(200, np.random.default_rng(2), 4.0)
    b = np.ones(200)
    expected = np.linalg.solve(m.toarray(), b) / scale
    np.testing.assert_allclose(factorize(m * scale).solve(b), expected, rtol=1e-9)


def test_a_singular_chain_is_refused():
    n = 200
    m = sp.diags_array([-np.ones(n - 1), 2 * np.ones(n), -np.ones(n - 1)], offsets=[-1, 0, 1])
    m = m.tolil()
    m[0, 0] = m[-1, -1] = 1.0  # no boundary value: constants are in the null space
    with pytest.raises(SingularError, match="singular"):
        factorize(m.tocsc())


def test_one_step_of_a_boundary_value_problem():
    n = 500
    second = (
        sp.diags_array(
            [np.ones(n - 1), -2 * np.ones(n), np.ones(n - 1)], offsets=[-1, 0, 1]
        ).tocsr()
        * (n + 1) ** 2
    )
    x = np.arange(1, n + 1) / (n + 1)

    def middle(k):
        u, certificate = lg.root(lambda u: second @ u + k, np.zeros(n), full_output=True)
        middle.certificate = certificate
        return u[n // 2]

    # -u'' = k has the solution k x (1 - x) / 2, which differences of second order give exactly.
    assert middle(3.0) == pytest.approx(1.5 * x[n // 2] * (1 - x[n // 2]), rel=1e-9)
    assert lg.grad(middle)(3.0) == pytest.approx(0.5 * x[n // 2] * (1 - x[n // 2]), rel=1e-9)
    assert "tridiagonal" in middle.certificate.linear
