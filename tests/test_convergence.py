"""Taylor rates: the remainder after the derivative falls with the square of the step.

|f(x + h v) - f(x) - h Df(x) v| = O(h^2) says that the derivative is right, and needs no tolerance:
a wrong one gives the rate 1. With the second derivative the rate is 3.
"""

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.special import expit

import lagrad as lg

RNG = np.random.default_rng(5)
W1, W2 = RNG.standard_normal((4, 6)), RNG.standard_normal((6, 3))
X, LABELS = RNG.standard_normal((5, 4)), np.array([0, 2, 1, 1, 0])
NETWORK = sp.csr_array(np.array([[0.0, 0.5, 0.5], [0.3, 0.0, 0.7], [1.0, 0.0, 0.0]]))


def post(x):
    return np.exp(np.exp(x) + np.exp(x) ** 2) + np.sin(np.exp(x) + np.exp(x) ** 2)


def two_layers(w):
    hidden = np.tanh(X @ w["first"])
    return np.mean(lg.cross_entropy(hidden @ w["second"], LABELS)) + 0.1 * np.sum(w["first"] ** 2)


def gates(x, y, z):
    return np.maximum((x + y) * z, 1.0 / z) + np.log(np.sum(np.stack([x * x, z * z, 1.0 + y * y])))


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def unrolled(x):
    for _ in range(20):
        x = x + 0.05 * np.stack([x[1] - x[0], x[0] * (1.0 - x[2]) - x[1], x[0] * x[1] - x[2]])
    return x @ x


def solved(a):
    return np.sum(np.linalg.solve(a @ a.T + 3.0 * np.eye(3), a[0]) ** 2)


def attention(q):
    mask = np.where(np.tri(3) > 0, 0.0, -np.inf)
    return np.sum((lg.softmax(q @ q.T + mask) @ q) ** 2)


def walk(reward, discount):
    v = reward
    for _ in range(10):
        v = reward + expit(discount) * (NETWORK @ v)
    return v @ v


CASES = {
    "post": (post, (0.2,)),
    "two layers": (two_layers, ({"first": W1, "second": W2},)),
    "gates": (gates, (-2.0, 5.0, -4.0)),
    "rosenbrock": (rosenbrock, (RNG.standard_normal(6),)),
    "unrolled": (unrolled, (np.array([1.0, 2.0, 0.5]),)),
    "solved": (solved, (RNG.standard_normal((3, 3)),)),
    "attention": (attention, (RNG.standard_normal((3, 2)),)),
    "walk": (walk, (np.array([1.0, -1.0, 0.5]), 0.3)),
}


def taylor_rate(f, f0, derivatives, steps=(2.0**-4, 2.0**-9)):
    """Return by which power of h the remainder of a Taylor sum falls.

    ``derivatives`` are Df v, D2f v v, ... The rate is taken over five halvings, between steps that
    are small enough for the next term to lead and large enough for rounding to stay below it.
    """
    h = np.geomspace(*steps, 6)
    remainders = []
    for step in h:
        known, power = f0, 1.0
        for k, d in enumerate(derivatives, start=1):
            power *= step / k
            known = known + power * d
        remainders.append(abs(float(f(step) - known)))
    assert min(remainders) > 1e-13 * (1.0 + abs(f0)), "the steps are lost in rounding"
    return np.polyfit(np.log(h), np.log(remainders), 1)[0]


def along(f, x, v):
    """Return f on the line x + h v, as a function of h, for vectors from `lg.ravel`."""
    flat, unravel = lg.ravel(x)
    return lambda h: f(*unravel(flat + h * v))


def direction(x, scale):
    flat, _ = lg.ravel(x)
    return scale * np.random.default_rng(11).standard_normal(flat.size)


@pytest.mark.parametrize(("f", "x"), CASES.values(), ids=CASES)
def test_first_order_remainder_falls_with_the_square(f, x):
    v = direction(x, 0.3)
    line = along(f, x, v)
    gradient = lg.grad(f, argnums=tuple(range(len(x))))(*x)
    slope = float(lg.ravel(gradient)[0] @ v)
    assert taylor_rate(line, f(*x), [slope]) == pytest.approx(2.0, abs=0.1)
    tangent = lg.jvp(f, x, lg.ravel(x)[1](v))[1]
    assert tangent == pytest.approx(slope, rel=1e-12)
    # The rate tells a wrong derivative: 1% off, it is 1 for small steps.
    assert taylor_rate(line, f(*x), [1.01 * slope], (2.0**-9, 2.0**-14)) < 1.5


@pytest.mark.parametrize(("f", "x"), CASES.values(), ids=CASES)
def test_second_order_remainder_falls_with_the_cube(f, x):
    v = direction(x, 0.3)
    line = along(f, x, v)
    primals, tangents = x, lg.ravel(x)[1](v)
    slope = float(lg.jvp(f, primals, tangents)[1])
    curved = lg.hvp(f, primals, tangents)
    curvature = float(lg.ravel(curved)[0] @ v)
    assert taylor_rate(line, f(*x), [slope, curvature]) == pytest.approx(3.0, abs=0.15)


# -- solutions of cyclic systems -------------------------------------------------------------------


def sellar():
    system = lg.System(x=1.0, z1=5.0, z2=2.0)
    system.constraint(lambda x, z1, z2, y2: z1**2 + z2 + x - 0.2 * y2, name="y1", start=1.0)
    system.constraint(lambda z1, z2, y1: np.sqrt(y1) + z1 + z2, name="y2", start=1.0)
    system.constraint(lambda x, z2, y1, y2: x**2 + z2 + y1 + np.exp(-y2), name="f")
    return system


def equilibrium():
    system = lg.System(w=0.2 * W1[:, :4], b=W1[:, 4])
    system.constraint(lambda w, b, z: np.tanh(w @ z + b), name="z", start=np.zeros(4))
    system.constraint(lambda z: np.sum(z**2) + z[0] * z[1], name="f")
    return system


def decision():
    system = lg.System(reward=np.array([1.0, -1.0, 0.5]), discount=0.9, network=NETWORK)
    system.constraint(
        lambda v, reward, discount, network: reward + discount * (network @ v),
        name="v", start=np.zeros(3),
    )  # fmt: skip
    system.constraint(lambda v: v @ v, name="f")
    return system


def pipes():
    """Heads at two nodes between two reservoirs; the flows follow, the balances determine heads."""
    system = lg.System(supply=10.0, drain=1.0, k=np.array([1.0, 2.0, 0.5]), taken=0.4)
    system.unknown("h1", start=7.0)
    system.unknown("h2", start=4.0)

    @system.constraint
    def q(supply, h1, h2, drain, k):
        drop = np.stack([supply - h1, h1 - h2, h2 - drain])
        return np.sign(drop) * np.sqrt(np.abs(drop) / k)

    @system.residual
    def first_node(q, taken):
        return q[0] - q[1] - taken

    @system.residual
    def second_node(q):
        return q[1] - q[2]

    system.constraint(lambda q, h1: q @ q * h1, name="f")
    return system


def two_cycles():
    system = lg.System(x=0.4)
    system.constraint(lambda x, b: np.cos(b) * x, name="a", start=0.0)
    system.constraint(lambda a: np.sin(a) + 0.1, name="b", start=0.0)
    system.constraint(lambda b, d: 0.5 * np.tanh(d) + b, name="c", start=0.0)
    system.constraint(lambda c, x: c * x, name="d", start=0.0)
    system.constraint(lambda a, c, d: a * c + d * d, name="f")
    return system


SYSTEMS = [sellar, equilibrium, decision, pipes, two_cycles]


@pytest.mark.parametrize("make", SYSTEMS, ids=lambda make: make.__name__)
def test_gradients_of_solutions_have_the_rate_two(make):
    system = make()
    solution = system.solve(tol=1e-13)
    x = {name: solution[name] for name in solution.inputs}
    v = direction(x, 0.1)
    flat, unravel = lg.ravel(x)
    slope = float(lg.ravel({n: solution.gradient("f")[n] for n in x})[0] @ v)

    def line(h):
        return system.solve(start=solution, tol=1e-13, **unravel(flat + h * v))["f"]

    steps = (2.0**-2, 2.0**-7)
    assert taylor_rate(line, solution["f"], [slope], steps) == pytest.approx(2.0, abs=0.1)
    assert taylor_rate(line, solution["f"], [1.01 * slope], (2.0**-9, 2.0**-14)) < 1.5


@pytest.mark.parametrize("make", SYSTEMS, ids=lambda make: make.__name__)
def test_tangents_of_solutions_have_the_rate_two(make):
    system = make()
    solution = system.solve(tol=1e-13)
    x = solution.inputs[0]
    names = [n for n in solution if n not in solution.inputs]
    tall = solution.jacobian(of=[*names, *names], wrt=[x])
    v = direction(solution[x], 0.1).reshape(np.shape(solution[x]))[()]
    change = sum(np.sum(np.sum(tall[n][x] * v) if np.ndim(v) == 0 else
                        np.tensordot(tall[n][x], v, np.ndim(v))) for n in names)  # fmt: skip

    def line(h):
        moved = system.solve(start=solution, tol=1e-13, **{x: solution[x] + h * v})
        return sum(np.sum(moved[n]) for n in names)

    steps = (2.0**-1, 2.0**-6)
    assert taylor_rate(line, line(0.0), [float(change)], steps) == pytest.approx(2.0, abs=0.15)
