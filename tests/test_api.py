"""The transforms as users call them: argument numbers, containers, auxiliaries, pickles, SciPy."""

import copy
import pickle
from collections import OrderedDict, namedtuple
from dataclasses import dataclass, field

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import approx_fprime, least_squares, minimize, root, rosen, rosen_der

import lagrad as lg

X = np.array([0.5, -2.0, 3.0])
Y = np.array([[1.0, 2.0, -1.0], [0.5, -0.5, 4.0]])


def loss(w, x):
    """Have two arguments."""
    return np.sum(np.tanh(x @ w) ** 2)


def value_of(x):
    """Return a scalar of one vector."""
    return np.sum(np.sin(x) * x[::-1] ** 2)


# -- grad and value_and_grad ---------------------------------------------------------------------


def test_argnums():
    gw, gx = lg.grad(loss, (0, 1))(X, Y)
    assert_array_equal(lg.grad(loss)(X, Y), gw)
    assert_array_equal(lg.grad(loss, 0)(X, Y), gw)
    assert_array_equal(lg.grad(loss, 1)(X, Y), gx)
    assert_array_equal(lg.grad(loss, -1)(X, Y), gx)
    assert_array_equal(lg.grad(loss, np.int64(1))(X, Y), gx)
    swapped = lg.grad(loss, [1, 0])(X, Y)
    assert isinstance(swapped, tuple)
    assert_array_equal(swapped[0], gx)
    assert_array_equal(swapped[1], gw)
    assert isinstance(lg.grad(loss, (0,))(X, Y), tuple)
    assert_allclose(gw, approx_fprime(X, loss, 1e-7, Y), atol=1e-7)


def test_keyword_arguments_and_defaults_are_constants():
    def f(x, power=2, *, scale=1.0):
        return np.sum(scale * x**power)

    assert_allclose(lg.grad(f)(X), 2 * X)
    assert_allclose(lg.grad(f)(X, 3), 3 * X**2)
    assert_allclose(lg.grad(f)(X, power=3, scale=X), 3 * X**3)


def test_variadic_functions():
    f = lambda *xs: sum(k * x**2 for k, x in enumerate(xs))  # noqa: E731
    assert lg.grad(f, (0, 2))(1.0, 2.0, 3.0) == (0.0, 12.0)


def test_value_and_grad():
    value, gradient = lg.value_and_grad(loss)(X, Y)
    assert value == loss(X, Y)
    assert type(value) is type(loss(X, Y))
    assert_array_equal(gradient, lg.grad(loss)(X, Y))
    value, (gw, gx) = lg.value_and_grad(loss, (0, 1))(X, Y)
    assert (gw.shape, gx.shape) == (X.shape, Y.shape)


def test_has_aux():
    def f(x):
        y = np.exp(x)
        return np.sum(y), {"y": y, "text": "kept", "mask": y > 1, "n": 3}

    gradient, aux = lg.grad(f, has_aux=True)(X)
    assert_allclose(gradient, np.exp(X))
    assert_array_equal(aux["y"], np.exp(X))
    assert type(aux["y"]) is np.ndarray
    assert_array_equal(aux["mask"], np.exp(X) > 1)
    assert (aux["text"], aux["n"]) == ("kept", 3)
    (value, aux), gradient = lg.value_and_grad(f, has_aux=True)(X)
    assert value == np.sum(np.exp(X))
    assert aux["y"].sum() == value


def test_aux_of_an_inner_transform_is_traced_by_the_outer_one():
    def f(x):
        g, y = lg.grad(lambda x: (np.sum(x**2), x**3), has_aux=True)(x)
        return np.sum(g) + np.sum(y)

    assert_allclose(lg.grad(f)(X), 2 + 3 * X**2)


def test_methods_and_callable_objects():
    class Model:
        def __init__(self):
            self.w = X

        def cost(self, x):
            return np.sum(self.w * x**2)

        def __call__(self, x):
            return 2 * self.cost(x)

    model = Model()
    assert_allclose(lg.grad(model.cost)(X), 2 * X**2)
    assert_allclose(lg.grad(model)(X), 4 * X**2)
    assert lg.grad(np.exp)(0.0) == 1.0


# -- containers ----------------------------------------------------------------------------------

Layer = namedtuple("Layer", ["w", "b"])


@dataclass
class Model:
    """A dataclass with a nested one, and a field that it computes itself."""

    layers: list
    scale: float
    size: float = field(init=False, default=0.0)

    def __post_init__(self):
        self.size = float(len(self.layers))


@dataclass(frozen=True, slots=True)
class Frozen:
    """A dataclass that cannot be written."""

    x: np.ndarray
    rest: dict


def predict(model, x):
    """Use every leaf of a nested model."""
    for layer in model.layers:
        x = np.tanh(layer.w @ x + layer.b["shift"][0])
    return np.sum(x) * model.scale + 0.0 * model.size


def test_gradient_comes_in_the_container_of_the_argument():
    w = Y[:, :2]
    model = Model([Layer(w, {"shift": (X[:2],)}), Layer(w.T, {"shift": (X[1:],)})], 2.0)
    gradient = lg.grad(predict)(model, X[:2])
    assert type(gradient) is Model
    assert [type(layer) for layer in gradient.layers] == [Layer, Layer]
    assert gradient.layers[1].b["shift"][0].shape == (2,)
    assert gradient.size == 0.0
    assert_allclose(gradient.scale, predict(model, X[:2]) / 2)
    vector, unravel = lg.ravel(model)
    assert_allclose(
        lg.ravel(gradient)[0], approx_fprime(vector, lambda v: predict(unravel(v), X[:2]), 1e-7),
        rtol=1e-5, atol=1e-6,
    )  # fmt: skip
    assert lg.check_grad(predict, model, X[:2]).ok


@pytest.mark.parametrize(
    "tree",
    [
        [1.0, 2.0], (1.0,), {"a": 1.0, "b": [X, {"c": Y}]}, OrderedDict(z=1.0, a=X), Layer(X, 2.0),
        Frozen(X, {"k": 2.0}), [], {}, [[], [X], ()], {1: X, (2, 3): 1.0},
    ],
)  # fmt: skip
def test_containers(tree):
    def f(tree):
        vector, _ = lg.ravel(tree)
        return np.sum(vector**2)

    gradient = lg.grad(f)(tree)
    assert type(gradient) is type(tree)
    vector, unravel = lg.ravel(tree)
    assert_allclose(lg.ravel(gradient)[0], 2 * vector)
    back = unravel(vector)
    assert type(back) is type(tree)
    assert_array_equal(lg.ravel(back)[0], vector)
    assert lg.jvp(f, (tree,), (tree,))[1] == 2 * vector @ vector
    assert_allclose(lg.ravel(lg.hvp(f, (tree,), (tree,)))[0], 2 * vector)


def test_dict_keeps_the_order_of_its_keys():
    gradient = lg.grad(lambda p: p["b"] * 2 + p["a"] * 3)({"b": 1.0, "a": 1.0})
    assert list(gradient.items()) == [("b", 2.0), ("a", 3.0)]


def test_deep_nesting_does_not_recurse():
    tree = X
    for _ in range(5000):
        tree = [tree]
    gradient = lg.grad(lambda t: np.sum(lg.ravel(t)[0] ** 2))(tree)
    for _ in range(5000):
        (gradient,) = gradient
    assert_allclose(gradient, 2 * X)


def test_ravel_is_differentiable_both_ways():
    vector, unravel = lg.ravel({"a": X, "b": (1.0, Y)})
    assert vector.shape == (10,)
    assert lg.check_grad(lambda v: lg.ravel(unravel(v))[0] ** 2, vector).ok
    assert unravel(vector)["b"][1].shape == Y.shape
    empty, back = lg.ravel([])
    assert (empty.shape, back(empty)) == ((0,), [])


# -- jvp, vjp and matrices -----------------------------------------------------------------------


def test_jvp():
    value, tangent = lg.jvp(loss, (X, Y), (X, 2 * Y))
    gw, gx = lg.grad(loss, (0, 1))(X, Y)
    assert value == loss(X, Y)
    assert_allclose(tangent, gw @ X + 2 * np.sum(gx * Y))
    value, tangent = lg.jvp(lambda p: {"s": p[0] * p[1], "n": 3}, ([2.0, 3.0],), ([1.0, 0.0],))
    assert (value["s"], tangent["s"], value["n"], tangent["n"]) == (6.0, 3.0, 3, 0)


def test_vjp():
    value, pullback = lg.vjp(lambda w, x: {"y": x @ w, "s": np.sum(w)}, X, Y)
    assert_array_equal(value["y"], Y @ X)
    gw, gx = pullback({"y": np.array([1.0, -1.0]), "s": 2.0})
    assert_allclose(gw, Y.T @ [1.0, -1.0] + 2.0)
    assert_allclose(gx, np.outer([1.0, -1.0], X))
    again, _ = pullback({"y": np.zeros(2), "s": 1.0})
    assert_array_equal(again, np.ones(3))


def test_vjp_where_a_value_comes_out_twice():
    value, pullback = lg.vjp(lambda x: [x, x * 2, x], X)
    assert len(value) == 3
    assert_array_equal(pullback([X, X, X])[0], 4 * X)


def test_jacobian():
    def f(x):
        return np.stack([np.sum(x**2), np.prod(x)])

    expected = np.stack([2 * X, np.prod(X) / X])
    assert_allclose(lg.jacobian(f)(X), expected)
    j = lg.jacobian(lambda x: np.outer(x, x))(X)
    assert j.shape == (3, 3, 3)
    assert_allclose(j, np.einsum("ik,j->ijk", np.eye(3), X) + np.einsum("jk,i->ijk", np.eye(3), X))
    assert_allclose(lg.jacobian(np.sum)(Y), np.ones((2, 3)))
    assert_allclose(lg.jacobian(lambda t: t * X)(2.0), X)
    assert lg.jacobian(lambda t: t**2)(3.0) == 6.0


def test_jacobian_from_the_smaller_side_is_the_same():
    wide, tall = (lambda x: x[:1] * x[1]), (lambda x: np.concatenate([x, x**2, np.sin(x)]))
    for f in (wide, tall):
        _, pullback = lg.vjp(f, X)
        m = f(X).size
        rows = np.stack([pullback(e)[0] for e in np.eye(m)])
        columns = np.stack([lg.jvp(f, (X,), (e,))[1] for e in np.eye(3)], axis=1)
        assert_allclose(lg.jacobian(f)(X), rows)
        assert_allclose(rows, columns)


def test_jacobian_of_containers_and_several_arguments():
    def f(p, x):
        return {"a": p["w"] * x, "b": np.sum(p["w"])}

    j = lg.jacobian(f, (0, 1))({"w": X}, 2.0)
    assert_allclose(j["a"][0]["w"], 2 * np.eye(3))
    assert_allclose(j["a"][1], X)
    assert_allclose(j["b"][0]["w"], np.ones(3))
    assert j["b"][1] == 0.0
    dense, sparse = lg.jacobian(f)({"w": X}, 2.0), lg.jacobian(f, sparse=True)({"w": X}, 2.0)
    assert_allclose(sparse["a"]["w"].toarray(), dense["a"]["w"])
    assert sparse["b"]["w"].shape == (1, 3)


def test_sparse_jacobian_stores_structural_entries_only():
    n = 50

    def laplace(u):
        v = np.concatenate([[0.0], u, [0.0]])
        return v[2:] - 2 * v[1:-1] + v[:-2] + u**3

    for u in (np.zeros(n), np.linspace(0, 1, n)):
        j = lg.jacobian(laplace, sparse=True)(u)
        assert sp.issparse(j)
        assert j.nnz == 3 * n - 2
        assert_allclose(j.toarray(), lg.jacobian(laplace)(u), rtol=1e-14)


def test_hessian_and_hvp():
    h = lg.hessian(value_of)(X)
    assert_allclose(h, h.T, rtol=1e-13)
    assert_allclose(h, approx_fprime(X, lg.grad(value_of), 1e-7), rtol=1e-4, atol=1e-5)
    assert_allclose(lg.hvp(value_of, (X,), (X,)), h @ X)
    hw, hx = lg.hvp(loss, (X, Y), (X, Y))
    assert (hw.shape, hx.shape) == (X.shape, Y.shape)
    blocks = lg.hessian(loss, (0, 1))(X, Y)
    assert blocks[0][1].shape == (3, 2, 3)
    assert_allclose(blocks[0][1], np.moveaxis(blocks[1][0], -1, 0), rtol=1e-12)
    assert_allclose(hw, blocks[0][0] @ X + np.tensordot(blocks[0][1], Y), rtol=1e-12)


def test_hessian_of_a_container():
    h = lg.hessian(lambda p: p["a"] ** 2 * p["b"])({"a": 3.0, "b": 2.0})
    assert (h["a"]["a"], h["a"]["b"], h["b"]["a"], h["b"]["b"]) == (4.0, 6.0, 6.0, 0.0)


# -- SciPy ---------------------------------------------------------------------------------------


def test_value_and_grad_serves_minimize_as_it_is():
    def rosenbrock(x, a):
        return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (a - x[:-1]) ** 2)

    start = np.array([-1.2, 1.0, 0.5])
    assert_allclose(lg.grad(rosenbrock)(start, 1.0), rosen_der(start), rtol=1e-12)
    assert lg.value_and_grad(rosenbrock)(start, 1.0)[0] == rosen(start)
    for method in ("BFGS", "L-BFGS-B", "CG", "SLSQP"):
        result = minimize(
            lg.value_and_grad(rosenbrock), start, args=(1.0,), jac=True, method=method
        )
        assert result.success
        assert_allclose(result.x, np.ones(3), atol=2e-3)
    result = minimize(
        lg.value_and_grad(rosenbrock), start, args=(1.0,), jac=True, method="trust-exact",
        hess=lg.hessian(rosenbrock),
    )  # fmt: skip
    assert_allclose(result.x, np.ones(3), atol=1e-6)


def test_jacobians_serve_root_and_least_squares():
    f = lambda x: np.stack([x[0] ** 2 + x[1] - 3.0, x[0] - x[1]])  # noqa: E731
    start = np.array([1.0, 1.0])
    assert_allclose(f(root(f, start, jac=lg.jacobian(f)).x), 0.0, atol=1e-9)
    solved = least_squares(f, start, jac=lg.jacobian(f, sparse=True), tr_solver="lsmr")
    assert_allclose(f(solved.x), 0.0, atol=1e-9)


# -- pickling and copying ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "made",
    [
        lg.grad(value_of), lg.value_and_grad(value_of), lg.grad(value_of, nonfinite="allow"),
        lg.jacobian(value_of), lg.jacobian(value_of, sparse=True), lg.hessian(value_of),
        lg.jacobian(lg.grad(value_of)),
    ],
)  # fmt: skip
def test_transforms_of_module_level_functions_pickle(made):
    expected = made(X)
    for again in (pickle.loads(pickle.dumps(made)), copy.deepcopy(made)):
        found = again(X)
        if isinstance(expected, tuple):
            assert found[0] == expected[0]
            assert_array_equal(found[1], expected[1])
        elif sp.issparse(expected):
            assert_array_equal(found.toarray(), expected.toarray())
        else:
            assert_array_equal(found, expected)


# -- softmax and cross-entropy -------------------------------------------------------------------


def test_softmax():
    q = lg.softmax(Y)
    assert_allclose(q.sum(axis=-1), np.ones(2), rtol=1e-15)
    assert_allclose(q, np.exp(Y) / np.exp(Y).sum(axis=-1, keepdims=True), rtol=1e-14)
    assert_allclose(lg.softmax(Y, axis=0).sum(axis=0), np.ones(3))
    assert_allclose(lg.softmax(Y, axis=(0, 1)).sum(), 1.0)
    assert_allclose(lg.softmax(np.array([1000.0, 1000.0])), [0.5, 0.5])
    q = q[0]
    assert_allclose(lg.jacobian(lg.softmax)(Y[0]), np.diag(q) - np.outer(q, q), rtol=1e-13)


def test_cross_entropy_of_classes_and_of_probabilities():
    labels = np.array([2, 0])
    onehot = np.eye(3)[labels]
    value = lg.cross_entropy(Y, labels)
    assert_allclose(value, -np.log(lg.softmax(Y))[[0, 1], labels], rtol=1e-13)
    assert_allclose(lg.cross_entropy(Y, onehot), value, rtol=1e-15)
    assert_allclose(lg.cross_entropy(Y.T, labels, axis=0), value, rtol=1e-15)
    for target in (labels, onehot):
        gradient = lg.grad(lambda z, t=target: np.sum(lg.cross_entropy(z, t)))(Y)
        assert_allclose(gradient, lg.softmax(Y) - onehot, rtol=1e-12, atol=1e-15)


def test_cross_entropy_of_probabilities_that_do_not_sum_to_one():
    p = np.array([[0.2, 0.5, 0.6], [0.0, 0.0, 2.0]])
    gradient = lg.grad(lambda z: np.sum(lg.cross_entropy(z, p)))(Y)
    assert_allclose(gradient, lg.softmax(Y) * p.sum(-1, keepdims=True) - p, rtol=1e-12)
    assert lg.check_grad(lambda z, p: lg.cross_entropy(z, p), Y, p).ok


def test_cross_entropy_far_out_is_finite():
    z = np.array([[1e4, -1e4], [-1e4, 1e4]])
    assert_allclose(lg.cross_entropy(z, np.array([0, 0])), [0.0, 2e4])
    gradient = lg.grad(lambda z: np.sum(lg.cross_entropy(z, np.array([0, 0]))))(z)
    assert_allclose(gradient, [[0.0, 0.0], [-1.0, 1.0]], atol=1e-15)
