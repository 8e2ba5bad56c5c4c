"""Functions of the user's own, with every kind of partial."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse.linalg import LinearOperator

import lagrad as lg
from lagrad.status import ArgumentError

X = np.array([0.5, -2.0, 3.0])
WEIGHTS = np.arange(6.0).reshape(2, 3)


def cube(x):
    """Refuse to be traced through."""
    assert type(x) is np.ndarray
    return x**3


def product(x):
    """Multiply by a constant matrix."""
    return WEIGHTS @ x


PARTIALS = {
    "diagonal": (cube, lambda z, x: 3 * x**2),
    "2-D": (product, lambda z, x: WEIGHTS),
    "sparse": (product, lambda z, x: sp.csr_array(WEIGHTS)),
    "sparse matrix": (product, lambda z, x: sp.csc_matrix(WEIGHTS)),
    "shape of z + shape of x": (
        lambda x: np.outer(x, x),
        lambda z, x: np.einsum("ik,j->ijk", np.eye(3), x) + np.einsum("jk,i->ijk", np.eye(3), x),
    ),
    "gradient of a scalar": (lambda x: np.sum(x**2), lambda z, x: 2 * x),
    "LinearOperator": (
        product,
        lambda z, x: LinearOperator(
            (2, 3), matvec=lambda v: WEIGHTS @ v, rmatvec=lambda w: WEIGHTS.T @ w, dtype=float
        ),
    ),
    "partials.Scale": (cube, lambda z, x: lg.partials.Scale(3 * x**2, (3,))),
    "partials.Sum": (np.sum, lambda z, x: lg.partials.Sum((0,), (3,), keepdims=False)),
    "partials.Matrix": (product, lambda z, x: lg.partials.Matrix(WEIGHTS, (3,), (2,))),
    "partials.SparseProduct": (
        product,
        lambda z, x: lg.partials.SparseProduct(sp.csr_array(WEIGHTS), (3,)),
    ),
    "partials.Function": (
        np.cumsum,
        lambda z, x: lg.partials.Function(
            np.cumsum, lambda w: np.cumsum(w[::-1])[::-1], (3,), (3,)
        ),
    ),
    "partials.then": (
        lambda x: np.sum(x**2),
        lambda z, x: lg.partials.then(
            lg.partials.Sum((0,), (3,), False), lg.partials.Scale(2 * x, (3,))
        ),
    ),
    "partials.Move": (
        lambda x: x[::-1].copy(),
        lambda z, x: lg.partials.Move(lambda v: v[::-1], lambda w: w[::-1], (3,), (3,)),
    ),
}


@pytest.mark.parametrize("kind", PARTIALS)
def test_primitive_with_every_kind_of_partial(kind):
    f, partial = PARTIALS[kind]
    made = lg.primitive(f, partials=(partial,), name=kind)
    assert_array_equal(made(X), f(X))
    assert type(made(X)) is type(f(X))
    assert lg.check_grad(made, X).ok
    graph = lg.trace(lambda x: np.sum(np.sin(made(2 * x))), X)
    assert kind in [c.function for c in graph.constraints]
    system = graph.linearize()
    assert_allclose(system.solve(method="explicit")["x"], system.solve()["x"], rtol=1e-12)
    jacobian = lg.jacobian(made)(X)
    assert_allclose(lg.jacobian(made, sparse=True)(X).toarray(), jacobian.reshape(-1, 3))


@pytest.mark.parametrize("kind", [k for k in PARTIALS if k != "LinearOperator"])
def test_primitive_at_second_order(kind):
    f, partial = PARTIALS[kind]
    made = lg.primitive(f, partials=(partial,), name=kind)
    try:
        assert lg.check_grad(lg.grad(lambda x: np.sum(np.sin(made(x)))), X).ok
    except NotImplementedError as error:
        # cumsum, which this partial applies, has no rule itself, and says so.
        assert kind == "partials.Function"
        assert "numpy.cumsum has no rule" in str(error)


def test_primitive_with_a_linear_operator_at_second_order_is_right_or_refused():
    made = lg.primitive(product, partials=(PARTIALS["LinearOperator"][1],))
    try:
        check = lg.check_grad(lg.grad(lambda x: np.sum(np.sin(made(x)))), X)
    except (TypeError, ValueError) as error:
        assert str(error)
    else:
        assert check.ok


def test_primitive_is_never_traced_through():
    kinds = set()

    @lg.primitive(partials=(lambda z, x, n: 7.0 * z, None), name="odd")
    def odd(x, n):
        kinds.add(type(x))
        return float(np.exp(float(x)) * n)

    assert_allclose(lg.grad(odd)(0.5, 2), 14 * np.exp(0.5))
    assert_allclose(lg.grad(lg.grad(odd))(0.5, 2), 49 * 2 * np.exp(0.5))
    assert kinds <= {float, np.float64}


def test_primitive_has_the_name_that_it_is_given():
    made = lg.primitive(lambda x: x**2, partials=(lambda z, x: 2.0 * x,), name="square")
    assert str(list(lg.trace(made, 2.0).constraints)[-1]) == "z2 = square(x)"
    wrong = lg.primitive(lambda x: x**2, partials=(lambda z, x: 3.0 * x,), name="square")
    with pytest.raises(AssertionError, match="the derivative of square"):
        lg.check_grad(wrong, 2.0)


def test_primitive_without_the_partial_that_is_asked_for():
    for partials in ((lambda z, x, y: y,), (lambda z, x, y: y, None)):
        made = lg.primitive(lambda x, y: x * y, partials=partials, name="half")
        assert lg.grad(made)(2.0, 3.0) == 3.0
        with pytest.raises(ArgumentError, match="half has no partial for its argument 1"):
            lg.grad(made, 1)(2.0, 3.0)
        assert lg.grad(lambda x, f=made: f(x, lg.stop_gradient(x)))(3.0) == 3.0


def test_primitive_with_a_partial_of_another_shape():
    made = lg.primitive(lambda x: x**2, partials=(lambda z, x: np.ones(2),), name="square")
    with pytest.raises(ArgumentError, match=r"partial 0 of square has shape \(2,\).*\(3, 3\)"):
        lg.grad(lambda x: np.sum(made(x)))(X)
    made = lg.primitive(
        lambda x: x**2, partials=(lambda z, x: lg.partials.Scale(2.0, (2,)),), name="square"
    )
    with pytest.raises(ArgumentError, match="partial 0 of square"):
        lg.grad(lambda x: np.sum(made(x)))(X)


def test_primitive_of_several_arguments_and_keywords():
    def by_a(z, a, b, power=1):
        return b**power * np.ones_like(a)

    def by_b(z, a, b, power=1):
        return power * a * b ** (power - 1)

    @lg.primitive(partials=(by_a, by_b))
    def scaled(a, b, power=1):
        """Scale by a power."""
        return a * b**power

    assert (scaled.__name__, scaled.__doc__) == ("scaled", "Scale by a power.")
    assert lg.check_grad(scaled, X, 2.0).ok
    assert_allclose(lg.grad(lambda b: np.sum(scaled(X, b, power=3)))(2.0), 12 * X.sum())
    assert lg.check_grad(lg.grad(lambda b: np.sum(scaled(X, b, power=3))), 2.0).ok


def test_primitive_in_float32_and_complex():
    made = lg.primitive(lambda x: x**2, partials=(lambda z, x: 2 * x,))
    assert lg.grad(lambda x: np.sum(made(x)))(X.astype(np.float32)).dtype == np.float32
    z = X + 1j
    assert_allclose(lg.grad(lambda z: np.sum(np.real(made(z))))(z), 2 * z)
