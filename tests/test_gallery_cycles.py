"""What the problems with cycles say beyond their own checks: sizes, refusals, data."""

import tracemalloc

import numpy as np
import pytest
from scipy.sparse.csgraph import connected_components

import lagrad as lg
from lagrad.gallery import (
    automaton,
    bratu,
    datasets,
    diode,
    equilibrium_layer,
    grid_world,
    inner_loop,
    kepler,
    leontief,
    logistic,
    markov,
    power_flow,
    ridge,
)
from lagrad.gallery.power_network import network
from lagrad.status import ArgumentError, ConvergenceError, SingularError


def cycles(solution):
    """Names and size of each cyclic block."""
    model = solution.system.model
    names = [[model.names[j] for j in b.variables] for b in model.blocks if b.cyclic]
    return [(sorted(block), sum(np.size(solution[n]) for n in block)) for block in names]


@pytest.mark.parametrize(
    ("system", "expected"),
    [
        (kepler.system, [(["E"], 1)]),
        (markov.system, [(["T"], 101)]),
        (automaton.system, [(["beta"], 19)]),
        (leontief.united_states, [(["x"], 7)]),
        (diode.system, [(["va", "vb", "vp"], 120)]),
        (lambda: power_flow.system(network("case300")), [(["theta", "v"], 530)]),
        (lambda: bratu.system(20), [(["u"], 400)]),
    ],
)
def test_cycles_are_found(system, expected):
    assert cycles(system().solve()) == expected


# ---- what has no meaning is refused ----


def test_kepler_needs_an_ellipse():
    comet = kepler.system().solve(e=0.0)  # a circle: E = M
    assert comet["E"] == pytest.approx(comet["M"], rel=1e-15)
    assert comet["r"] == pytest.approx(comet["a"], rel=1e-14)


def test_a_ladder_that_is_never_taken_does_not_matter():
    game = markov.system()
    plain = game.solve(ride=np.zeros(len(markov.JUMPS)))
    assert plain["J"] == pytest.approx(markov.length(np.full(6, 1 / 6), np.zeros(19)), rel=1e-12)
    assert plain["J"] < 39  # chutes cost more than ladders give


def test_a_die_that_never_shows_one_has_no_finite_game():
    # From 99 only a throw of 1 ends the game, so that I - Q is singular without it.
    with pytest.raises(SingularError, match="T"):
        markov.system().solve(die=np.array([0.0, 0.2, 0.2, 0.2, 0.2, 0.2]))


def test_infinite_total_weight_is_refused_with_a_remedy():
    tennis = automaton.system()
    w = tennis.solve()["w"]
    with pytest.raises(ConvergenceError, match=r"infinite.*lower the weights w on the loops"):
        tennis.solve(w=1.6 * w)
    with pytest.raises(ArgumentError, match="negative"):
        tennis.solve(w=-w)


def test_weights_that_just_converge_are_summed():
    tennis, n = automaton.system(), automaton.machine()[3]
    w = tennis.solve()["w"] * (0.999 / np.sqrt(4 / 9))  # the loop through deuce: 2 p q = 4/9
    final = (np.arange(n) == n - 1) * 1.0
    assert tennis.solve(w=w)["Z"] == pytest.approx(automaton.total_weight(w, final), rel=1e-11)


def test_an_economy_that_eats_more_than_it_makes_has_negative_output():
    # A property of the equations that the model leaves to its reader: x < 0 somewhere.
    A = np.array([[0.9, 0.4], [0.3, 0.2]])
    assert np.max(np.abs(np.linalg.eigvals(A))) > 1
    assert leontief.system(A, np.ones(2)).solve()["x"].min() < 0


@pytest.mark.parametrize("amplitude", [0.1, 1.0, 2.0, 3.0, 20.0, 325.0])
def test_bridge_from_signals_to_mains(amplitude):
    solution = diode.system().solve(amplitude=amplitude)
    assert -1e-9 < solution["vp"].min() and solution["vp"].max() < amplitude
    if amplitude < 50:  # exp in the closed form
        exact = diode.closed_form(amplitude, 1000.0, diode.NOMINAL, 1.0).real
        assert solution["vp"] == pytest.approx(exact, rel=1e-9, abs=1e-15)


def test_beyond_the_turning_point_there_is_no_solution():
    below = bratu.system(15).solve(lam=6.7)
    assert below["u"].max() < bratu.PEAK
    with pytest.raises((ConvergenceError, SingularError), match="u"):
        bratu.system(15).solve(lam=7.0)


def test_the_upper_solution_is_found_from_above():
    heat = bratu.system(15)
    upper = heat.solve(start={"u": 4 * bratu.bump(15)})
    assert upper["u"].max() > bratu.PEAK > heat.solve()["u"].max()
    assert upper.gradient("J")["lam"] < 0 < heat.solve().gradient("J")["lam"]


def test_power_is_conserved():
    net = network("case300")
    solution = power_flow.system(net).solve()
    V = net.voltages(solution["theta"], solution["v"])
    into = np.sum((V * (net.Y @ V).conj()).real) * net.base
    _, bus, _, _ = datasets.power_network("case300")
    shunts = np.sum(bus[:, 4] * np.abs(V) ** 2)
    assert into - shunts == pytest.approx(solution["losses"], rel=1e-9)


def test_load_beyond_what_the_network_can_carry_is_refused():
    net = network("case30")
    with pytest.raises((ConvergenceError, SingularError), match="theta, v"):
        power_flow.system(net).solve(P=30 * net.loads[0], Q=30 * net.loads[1])


# ---- cycles inside of a constraint ----


def test_each_image_has_a_cycle_of_its_own():
    solution = equilibrium_layer.system(images=5).solve()
    names = solution.system.variables
    begin = sum(np.size(solution[n]) for n in names[: names.index("z")])
    block = slice(begin, begin + solution["z"].size)
    R_zz = solution.system.A.tocsr()[block, block]
    count, _ = connected_components(R_zz, directed=True, connection="strong")
    assert (count, R_zz.shape[0]) == (5, 5 * equilibrium_layer.HIDDEN)


def test_the_layer_is_the_same_as_a_named_cycle_and_as_a_fixed_point():
    X, y, _, _ = equilibrium_layer.split()
    weights = equilibrium_layer.initial()
    solution = equilibrium_layer.system(images=12).solve()
    loss, slope = lg.value_and_grad(equilibrium_layer.batch_loss)(weights, X[:12], y[:12])
    assert loss == pytest.approx(solution["J"], rel=1e-13)
    for name, gradient in solution.gradient("J").items():
        assert slope[name] == pytest.approx(gradient, rel=1e-11, abs=1e-14)


def test_an_expanding_layer_is_scaled_down():
    weights = equilibrium_layer.initial() | {"W": 5 * np.eye(3)}
    scaled = equilibrium_layer.contracting(weights)["W"]
    assert np.linalg.norm(scaled, 2) == pytest.approx(equilibrium_layer.NORM, rel=1e-15)


def test_ridge_between_least_squares_and_nothing():
    X, y, _, _ = ridge.split()
    regression = ridge.system()
    free = regression.solve(theta=np.full(12, -30.0))["w"]
    assert free == pytest.approx(np.linalg.lstsq(X, y, rcond=None)[0], rel=1e-9)
    assert np.max(np.abs(regression.solve(theta=np.full(12, 20.0))["w"])) < 1e-8


def test_a_penalty_that_forbids_a_pixel_leaves_the_others():
    theta = np.full(64, -3.0)
    theta[20] = 25.0
    w = logistic.system().solve(theta=theta)["w"]
    assert abs(w[20]) < 1e-10 and np.max(np.abs(w)) > 0.1
    assert w == pytest.approx(logistic.textbook(theta)[0], rel=1e-8, abs=1e-10)


def test_fewer_steps_of_descent_give_another_gradient(monkeypatch):
    theta = inner_loop.THETA
    exact = lg.grad(inner_loop.implicit)(theta)
    monkeypatch.setattr(inner_loop, "STEPS", 300)
    assert abs(lg.grad(inner_loop.unrolled)(theta) / exact - 1) > 0.01


def test_memory_is_measured_and_the_measurement_ends():
    _, megabytes = inner_loop.measured(np.zeros, 1_000_000)
    assert megabytes == pytest.approx(8, rel=0.01)
    with pytest.raises(ZeroDivisionError):
        inner_loop.measured(lambda: 1 / 0)
    assert not tracemalloc.is_tracing()


# ---- the data ----


def test_wines_are_all_there():
    measurements, classes = datasets.wine()
    assert measurements.shape == (178, 13) and np.bincount(classes).tolist() == [59, 71, 48]
    assert measurements[0, 0] == 14.23 and np.all(measurements > 0)


@pytest.mark.parametrize(
    ("case", "buses", "load"), [("case30", 30, 189.2), ("case300", 300, 23525.85)]
)
def test_power_networks_are_all_there(case, buses, load):
    base, bus, gen, branch = datasets.power_network(case)
    assert base == 100 and bus.shape == (buses, 13)
    assert gen.shape[1] == 21 and branch.shape[1] == 13
    assert np.sum(bus[:, 2]) == pytest.approx(load, abs=0.01)


# ---- large ----


@pytest.mark.slow  # about a minute and 4 GB
def test_a_policy_on_a_million_squares():
    n, gamma = 1000, 0.98
    solution = grid_world.system(n, gamma).solve()
    V, pi, r = solution["V"], solution["pi"], solution["r"]
    to, going = grid_world.leads(n), grid_world.corners(n)
    worth = gamma * V[to] * going
    # What is left of V = r + gamma P V is at least (1 - gamma) times the error of V.
    assert np.max(np.abs(r + np.sum(pi * worth, axis=0) - V)) / (1 - gamma) < 1e-9
    gradient = solution.gradient("J")
    visits = gradient["r"]
    arriving = sum(np.bincount(to[a], pi[a] * visits * going, n * n) for a in range(4))
    assert np.sum(np.abs(1 / n**2 + gamma * arriving - visits)) < 1e-9
    by_gamma = np.sum(visits * np.sum(pi * worth, axis=0)) / gamma
    assert gradient["gamma"] == pytest.approx(by_gamma, rel=1e-9)
    theorem = visits * pi * (worth - np.sum(pi * worth, axis=0))
    assert gradient["logits"] == pytest.approx(theorem, rel=1e-6, abs=1e-16)
