"""Every problem of the gallery passes its own checks, and the checks can fail."""

import dataclasses

import numpy as np
import pytest

from lagrad import gallery
from lagrad.gallery import Check, datasets
from lagrad.gallery.problem import central_difference, direction_at, slope_check
from lagrad.status import ArgumentError

SOLVED = {}


def solved(name):
    """Solve each problem once; the tests only look at it."""
    if name not in SOLVED:
        problem = gallery.load(name)
        SOLVED[name] = problem, problem.model.solve()
    return SOLVED[name]


@pytest.mark.parametrize("name", gallery.names())
def test_problem_passes_its_checks(name):
    problem, solution = solved(name)
    checks = list(problem.checks(solution))
    assert len(checks) >= 5
    failed = [f"{c.name}: {c.error:.1e} > {c.tolerance:.0e}" for c in checks if not c.ok]
    assert failed == []


@pytest.mark.parametrize("name", gallery.names())
def test_problem_says_what_it_is(name):
    problem, solution = solved(name)
    assert problem.name == name
    assert problem.summary and problem.source
    assert set(problem.wrt) <= set(solution.gradient(problem.of))
    assert np.ndim(solution[problem.of]) == 0


class Tampered:
    """A solution with one gradient slightly wrong; the rest is passed on."""

    def __init__(self, solution, of, wrt):
        self._solution, self._of, self._wrt = solution, of, wrt

    def __getattr__(self, name):
        return getattr(self._solution, name)

    def __getitem__(self, name):
        return self._solution[name]

    def gradient(self, of):
        found = dict(self._solution.gradient(of))
        if of == self._of:
            found[self._wrt] = found[self._wrt] * 1.0005
        return found

    def jacobian(self, of, wrt):
        found = {o: dict(self._solution.jacobian(of, wrt)[o]) for o in of}
        if self._of in found and self._wrt in wrt:
            found[self._of][self._wrt] = found[self._of][self._wrt] * 1.0005
        return found


@pytest.mark.parametrize(
    ("name", "wrt"), [(name, wrt) for name in gallery.names() for wrt in gallery.load(name).wrt]
)
def test_a_gradient_wrong_by_a_twentieth_of_a_percent_fails(name, wrt):
    problem, solution = solved(name)
    checks = problem.checks(Tampered(solution, problem.of, wrt))
    assert not all(check.ok for check in checks)


def test_unknown_problem_is_named_with_what_there_is():
    with pytest.raises(ArgumentError, match=r"'digit'.*two-layer, digits"):
        gallery.load("digit")


def test_load_builds_anew():
    first, second = gallery.load("post"), gallery.load("post")
    assert first.model is not second.model
    with pytest.raises(dataclasses.FrozenInstanceError):
        first.name = "other"


# ---- what the pictures of the articles show ----


def test_two_layer_has_the_printed_matrix():
    _, solution = solved("two-layer")
    assert solution.system.variables == tuple(f"z{i}" for i in range(1, 10))
    assert solution.system.block_pattern.shape == (9, 9)
    assert solution.system.block_pattern.nnz == 17


def test_les_miserables_has_one_cycle_of_77():
    _, solution = solved("les-miserables")
    system = solution.system
    (cycle,) = [b for b, cyclic in zip(system.blocks, system.cyclic, strict=True) if cyclic]
    assert [system.variables[k] for k in cycle] == ["V"]
    assert solution["V"].shape == (77,)
    assert system.A.nnz < 5000  # of 995 x 995: nothing on the way is dense


def test_sellar_finds_its_cycle():
    _, solution = solved("sellar")
    system = solution.system
    cycles = [b for b, cyclic in zip(system.blocks, system.cyclic, strict=True) if cyclic]
    assert [sorted(system.variables[k] for k in b) for b in cycles] == [["y1", "y2"]]


# ---- the data ----


def test_digits_are_all_there():
    images, labels = datasets.digits()
    assert images.shape == (1797, 8, 8) and labels.shape == (1797,)
    assert images.min() == 0 and images.max() == 1
    assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_les_miserables_is_all_there():
    names, edges, weights = datasets.les_miserables()
    assert len(names) == len(set(names)) == 77 and edges.shape == (254, 2)
    assert np.all(edges[:, 0] != edges[:, 1]) and weights.min() >= 1
    assert len({frozenset(edge) for edge in edges.tolist()}) == 254


# ---- the checker ----


def test_error_is_relative_to_the_reference():
    assert Check("small", 1.01e-6, 1e-6, 1e-3).error == pytest.approx(0.01)
    assert Check("zero", 1e-6, 0.0, 1e-3).error == pytest.approx(1e-6)
    assert Check("floor", 2e-9, 1e-9, 1e-3, floor=1.0).error == pytest.approx(1e-9)


def test_outcomes_are_plain_python():
    check = Check("numpy all through", np.float64(1), np.float64(1), np.float64(0), np.float64(2))
    assert type(check.error) is float and type(check.ok) is bool


def test_another_shape_or_nan_is_never_right():
    assert not Check("shape", np.ones((3, 1)), np.ones(3), 1e9).ok
    assert not Check("nan", np.nan, 1.0, 1e9).ok
    assert not Check("nan in both", np.nan, np.nan, 1e9).ok


def test_central_difference_is_second_order():
    errors = [abs(central_difference(lambda x: x**3, 2.0, 1.0, h) - 12) for h in (2e-2, 1e-2)]
    assert errors[0] / errors[1] == pytest.approx(4, rel=1e-6)


@pytest.mark.parametrize(("gradient", "ok"), [(12.0, True), (12.006, False), (0.0, False)])
def test_slope_check_tells_right_from_wrong(gradient, ok):
    assert slope_check("cube", lambda x: x**3, {"x": 2.0}, "x", gradient, 1.0).ok is ok


def test_slope_of_a_number_is_its_gradient_and_a_random_direction_is_said():
    rng = np.random.default_rng(0)
    number, vector = np.float64(2.0), np.array([1.0, 2.0])
    check = slope_check(
        "df/dx", lambda x: x * x, {"x": number}, "x", 4.0, direction_at(number, rng)
    )
    assert check.name == "df/dx, central difference" and check.value == 4.0
    check = slope_check(
        "df/dx", lambda x: x @ x, {"x": vector}, "x", 2 * vector, direction_at(vector, rng)
    )
    assert check.ok and check.name == "df/dx, central difference in a random direction"


def test_slope_check_of_a_constant_is_not_drowned_by_rounding():
    check = slope_check("constant", lambda x: 1e3 + 0.1 * (x - x), {"x": 0.3}, "x", 0.0, 1.0)
    assert check.ok
