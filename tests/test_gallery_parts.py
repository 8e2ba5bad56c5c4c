"""What five problems show at the level of scopes, and that their parts are the whole."""

import numpy as np
import pytest
from test_architectures_layered import drawn

from lagrad import gallery
from lagrad.gallery import bratu, datasets, flowsheet, markov
from lagrad.status import ArgumentError, ConvergenceError, SingularError

# A by scope: rows are variables, columns equations, both in the order of solution.
PATTERNS = {
    "sellar": """
        x   # . . # . #
        z1  . # . # # .
        z2  . . # # # #
        y1  . . . # # #
        y2  . . . # # #
        f   . . . . . #
    """,
    "markov": """
        die    # . # # # # # # # # # # .
        ride   . # # # # # # # # # # # .
        row10  . . # # # . . . . . . . .
        row9   . . . # # . . . . # . . .
        row8   . . # . # # . . . . . . .
        row7   . . . . . # # . . . . . .
        row6   . . . . . # # # . . . . .
        row5   . . . . . . . # # # . . .
        row4   . . . . . . . . # # . # .
        row3   . . . # . . . # . # # . .
        row2   . . . . . # . # . . # # .
        row1   . . . . . . . . . . # # #
        J      . . . . . . . . . . . . #
    """,
    "power-flow": """
        zone1   # # # # #
        zone2   # # . . #
        zone3   # . # . #
        zone9   # . . # #
        losses  . . . . #
    """,
    "bratu": """
        lam     # # # # # # # # .
        strip1  . # # . . . . . #
        strip2  . # # # . . . . #
        strip3  . . # # # . . . #
        strip4  . . . # # # . . #
        strip5  . . . . # # # . #
        strip6  . . . . . # # # #
        strip7  . . . . . . # # #
        J       . . . . . . . . #
    """,
    "flowsheet": """
        feed_a    # . . # . . . . #
        feed_b    . # . # . . . . #
        V         . . # . # . . . #
        mixer     . . . # # . . . .
        reactor   . . . . # # . . #
        decanter  . . . . . # # . #
        column    . . . . . . # # #
        purge     . . . # . . . # #
        roi       . . . . . . . . #
    """,
}
SOLVED = {}


def solved(name):
    """Solve each once, in parts where it has them; the tests only look at it."""
    if name not in SOLVED:
        problem = gallery.load(name)
        SOLVED[name] = (problem.parts() if problem.parts else problem.model).solve()
    return SOLVED[name]


@pytest.mark.parametrize("name", PATTERNS)
def test_a_shows_what_its_sentence_says(name):
    assert gallery.load(name).sentence.endswith(".")
    rows, pattern = drawn(solved(name).system, 1)
    lines = [line.split() for line in PATTERNS[name].strip().splitlines()]
    assert rows == [line[0] for line in lines]
    expected = np.array([[cell == "#" for cell in line[1:]] for line in lines])
    np.testing.assert_array_equal(pattern, expected)


@pytest.mark.parametrize("name", ["markov", "power-flow", "bratu"])
def test_the_parts_are_the_whole(name):
    problem, parts = gallery.load(name), solved(name)
    whole = problem.model.solve()
    assert parts[problem.of] == pytest.approx(whole[problem.of], rel=1e-11)
    found, expected = parts.gradient(problem.of), whole.gradient(problem.of)
    for wrt in problem.wrt:
        pieces = [g for key, g in found.items() if key.split(".")[-1] == wrt]
        if name == "power-flow":
            zones = datasets.power_network("case300")[1][:, 10]
            given = np.concatenate([expected[wrt][zones == k] for k in np.unique(zones)])
        else:
            given = expected[wrt]
        scale = np.max(np.abs(given))
        np.testing.assert_allclose(np.hstack(pieces), given, rtol=1e-8, atol=1e-10 * scale)


def test_cells_below_the_diagonal_of_the_board_are_the_chutes_to_another_row():
    rows, pattern = drawn(solved("markov").system, 1)
    below = {(rows[i], rows[j]) for i, j in np.argwhere(np.tril(pattern, -1))}
    ends = {(f"row{(b + 9) // 10}", f"row{(a + 9) // 10}") for a, b in markov.CHUTES.items()}
    assert below == {(end, begin) for end, begin in ends if end != begin}


@pytest.mark.parametrize(("n", "strips"), [(12, 2), (12, 4), (15, 3)])
def test_strips_of_any_number_are_the_grid(n, strips):
    given, whole = bratu.in_strips(n, strips).solve(), bratu.system(n).solve()
    u = np.concatenate([given[f"strip{i + 1}.u"] for i in range(strips)])
    np.testing.assert_allclose(u, whole["u"], rtol=1e-10)


@pytest.mark.parametrize(("n", "strips"), [(12, 5), (12, 12), (12, 0)])
def test_strips_that_do_not_divide_the_grid_are_refused(n, strips):
    with pytest.raises(ArgumentError, match=f"{strips} strips of {n} rows"):
        bratu.in_strips(n, strips)


# ---- the flowsheet ----


def test_the_recycle_makes_one_cycle_of_five_units():
    system = solved("flowsheet").system
    (cycle,) = [b for b, cyclic in zip(system.blocks, system.cyclic, strict=True) if cyclic]
    units = {system.scopes[k][0] for k in cycle}
    assert units == {"mixer", "reactor", "decanter", "column", "purge"}


def test_a_plant_that_purges_nothing_has_no_steady_state():
    with pytest.raises((ConvergenceError, SingularError), match=r"mixer\.stream"):
        flowsheet.system().solve(eta=0.0)


def test_a_plant_that_purges_all_has_no_recycle():
    plant = flowsheet.system().solve(eta=1.0)
    np.testing.assert_array_equal(plant["purge.recycle"], 0.0)
    assert plant["mixer.stream"].tolist() == [13.0, 30.0, 0.0, 0.0, 0.0, 0.0]
    leaving = plant["purge.fuel"].sum() + plant["column.product"] + plant["decanter.tar"]
    assert leaving == pytest.approx(43.0, rel=1e-12)
