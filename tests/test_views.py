"""The smaller pictures: convergence, sensitivities, several systems beside each other."""

import os
import subprocess
import sys

import numpy as np
import pytest
import scipy.sparse as sp

import lagrad as lg
from lagrad import gallery
from lagrad.status import ArgumentError


def labels(axis):
    return [text.get_text() for text in axis.get_ticklabels()]


# -- convergence -----------------------------------------------------------------------------------


def test_convergence_draws_the_residuals_before_each_step():
    solution = gallery.load("sellar").model.solve()
    (cycle,) = solution.cycles.values()
    ax = lg.convergence(solution)
    line = ax.lines[0]
    assert line.get_xdata().tolist() == list(range(len(cycle.history)))
    assert line.get_ydata().tolist() == cycle.history and ax.get_yscale() == "log"
    assert line.get_label() == "y1, y2: SOLVED" and ax.get_title() == "1 cycle"


def test_a_residual_of_zero_is_at_the_foot_and_a_failure_is_crossed_out():
    _, good = lg.root(lambda z: z - 2.0, 1.0, full_output=True)
    _, bad = lg.root(lambda z: z**2 + 1.0, 1.0, full_output=True, throw=False, max_steps=4)
    assert not bad.status.success
    ax = lg.convergence({"good": good, "bad": bad})
    dashed = [line for line in ax.lines if line.get_linestyle() == "--"]
    (crossed,) = [line for line in ax.lines if line.get_marker() == "x"]
    assert [line.get_label() for line in dashed] == [f"bad: {bad.status.name}"]
    assert "good: SOLVED" in [line.get_label() for line in ax.lines]
    assert crossed.get_xydata()[0].tolist() == [len(bad.history) - 1, bad.history[-1]]
    (foot,) = [m for m in ax.lines if m.get_marker() == "v" and len(m.get_xdata())]
    positive = [r for r in (*good.history, *bad.history) if r > 0]
    assert foot.get_ydata().tolist() == [pytest.approx(min(positive) / 10)]


def test_a_search_that_begins_nowhere_is_crossed_out_at_the_foot():
    _, bad = lg.root(np.log, -1.0, full_output=True, throw=False)
    ax = lg.convergence(bad)
    (crossed,) = [line for line in ax.lines if line.get_marker() == "x"]
    assert not np.isfinite(bad.history).any() and np.isfinite(crossed.get_ydata()).all()


def test_convergence_without_cycles_and_of_something_else():
    assert lg.convergence(gallery.load("two-layer").model.solve()).get_title() == "acyclic"
    with pytest.raises(ArgumentError, match="full_output=True"):
        lg.convergence(np.ones(3))
    with pytest.raises(ArgumentError, match="not Graph"):
        lg.convergence(lg.trace(lambda x: x, 1.0))


def test_only_the_worst_of_many_cycles_are_drawn():
    system = lg.System(x=1.0)
    for k in range(15):
        system.constrain(f"y{k}", lambda x, y: np.cos(x * y), ["x", f"y{k}"], start=0.5)
    ax = lg.convergence(system.solve())
    assert ax.get_title() == "15 cycles" and ax.get_xlabel() == "step; 12 of 15 cycles"


# -- sensitivity -----------------------------------------------------------------------------------


def widths(ax):
    return dict(zip(labels(ax.yaxis), [bar.get_width() for bar in ax.patches], strict=True))


def test_a_gradient_is_drawn_as_bars_with_names_the_largest_first():
    solution = gallery.load("sellar").model.solve()
    ax = lg.sensitivity(solution, of="f")
    gradient = solution.gradient("f")
    assert widths(ax) == pytest.approx(gradient)
    assert labels(ax.yaxis) == sorted(gradient, key=lambda name: -abs(gradient[name]))
    assert ax.get_xlabel() == "d f / d input" and ax.get_title() == "3 derivatives"


def test_entries_of_containers_have_names():
    gradient = {"w": np.array([[1.0, -5.0], [2.0, 0.5]]), "b": [3.0, {"c": -4.0}]}
    ax = lg.sensitivity(gradient, top=4)
    assert labels(ax.yaxis) == ["w[0, 1]", "b[1]['c']", "b[0]", "w[1, 0]"]
    assert ax.get_title() == "4 of 6 derivatives"
    signs = {bar.get_width() > 0: bar.get_facecolor() for bar in ax.patches}
    assert signs[True] != signs[False]


def test_what_is_not_finite_comes_first_and_is_crossed_out():
    ax = lg.sensitivity({"a": 1.0, "b": np.array([np.nan, -np.inf])})
    assert set(labels(ax.yaxis)[:2]) == {"b[0]", "b[1]"}
    (cross, _) = ax.lines
    assert cross.get_ydata().tolist() == [0, 1]
    assert ax.get_title() == "3 derivatives, 2 NaN or infinite"


def test_a_jacobian_is_a_heat_map_with_names():
    system = lg.System(x=np.array([1.0, 2.0]), a=3.0)
    system.constrain("y", lambda x, a: a * x[::-1], ["x", "a"])
    system.constrain("f", lambda y: np.sum(y**2), ["y"])
    solution = system.solve()
    ax = lg.sensitivity(solution, of=["y", "f"])
    assert labels(ax.yaxis) == ["y[0]", "y[1]", "f"]
    assert labels(ax.xaxis) == ["x[0]", "x[1]", "a"]
    expected = [[0, 3, 2], [3, 0, 1], [2 * 9 * 1, 2 * 9 * 2, 2 * 3 * (4 + 1)]]
    assert np.asarray(ax.images[0].get_array()) == pytest.approx(np.array(expected))
    assert [text.get_text() for text in ax.texts[:3]] == ["0", "3", "2"]
    assert len(labels(lg.sensitivity(solution, of="y", wrt="a").xaxis)) == 1


@pytest.mark.parametrize("make", [np.asarray, sp.csr_array])
def test_a_matrix_is_a_heat_map_of_its_largest_rows_and_columns(make):
    J = np.diag([1.0, 5.0, 3.0])
    ax = lg.sensitivity(make(J), top=2)
    assert labels(ax.xaxis) == labels(ax.yaxis) == ["1", "2"]
    assert np.asarray(ax.images[0].get_array()).tolist() == [[5.0, 0.0], [0.0, 3.0]]
    assert ax.get_title() == "4 of 9 derivatives"


@pytest.mark.parametrize(
    ("obj", "sentence"),
    [
        ({}, "no number"),
        ({"z": 1j}, "z is complex128"),
        (np.zeros((0, 3)), "no number"),
    ],
)
def test_what_is_no_sensitivity(obj, sentence):
    with pytest.raises(ArgumentError, match=sentence):
        lg.sensitivity(obj)


def test_a_system_says_what_to_draw():
    with pytest.raises(ArgumentError, match=r"system.solve\(of\)"):
        lg.sensitivity(gallery.load("sellar").model.solve().system, of="f")


def test_of_a_solution_it_is_said_what_of():
    with pytest.raises(ArgumentError, match="of='f'"):
        lg.sensitivity(gallery.load("sellar").model.solve())


# -- compare ---------------------------------------------------------------------------------------


def test_several_systems_stand_side_by_side():
    systems = {name: gallery.load(name).model for name in ("sellar", "two-layer", "kepler", "post")}
    axes = lg.compare(systems, columns=3)
    assert [ax.get_title().split("\n")[0] for ax in axes] == list(systems)
    assert axes[0].get_title().endswith("6 x 6 blocks, 17 filled, 1 cycle")
    assert axes[0].get_subplotspec().get_gridspec().get_geometry() == (2, 3)
    alone = lg.spy(systems["sellar"])
    drawn = [len(c.get_paths()) for c in axes[0].collections]
    assert drawn == [len(c.get_paths()) for c in alone.collections]


def test_nothing_to_compare():
    with pytest.raises(ArgumentError, match="at least one"):
        lg.compare({})
    with pytest.raises(ArgumentError, match="'solve' and 'declared'"):
        lg.compare({"a": gallery.load("post").model}, order="both")


# -- bad input -------------------------------------------------------------------------------------


def test_a_tuple_of_gradients_is_a_gradient():
    gradient = lg.grad(lambda x, w: np.sum(x) * np.sum(w), argnums=(0, 1))(np.ones(2), np.ones(2))
    drawn = lg.sensitivity(gradient)
    assert sorted(labels(drawn.yaxis)) == [
        "[0][0]",
        "[0][1]",
        "[1][0]",
        "[1][1]",
    ]
    assert labels(lg.sensitivity({1: 2.0}).yaxis) == ["1"]
    assert widths(lg.sensitivity(gallery.load("sellar").model.solve(), of={"f": 10.0}))[
        "x"
    ] == pytest.approx(10 * 2.980613913, rel=1e-8)


@pytest.mark.parametrize("top", ["x", 0, 2.5])
def test_top_is_a_number(top):
    with pytest.raises(ArgumentError, match="top="):
        lg.sensitivity({"a": 1.0}, top=top)


def test_dollars_in_names_are_dollars():
    system = lg.System(**{"$\\frac{$": 1.0, "$a$": 2.0})
    system.constrain("b", lambda x, y: x + y, ["$\\frac{$", "$a$"])
    for ax in (lg.spy(system), lg.sensitivity(system.solve(), of="b")):
        ax.figure.canvas.draw()
        assert any(r"\$a\$" in text for text in labels(ax.yaxis))


@pytest.mark.parametrize(
    "draw", [lg.spy, lg.diagram, lg.views.solution, lambda s: lg.explore(s, "never.html")]
)
def test_what_has_no_value_is_named(draw):
    system = lg.System(p=1.0)
    system.constrain("u", lambda u, p: np.log(u - 5) + p, ["u", "p"], start=1.0)
    system.constrain("w", lambda u: u * 2, ["u"])
    with np.errstate(all="ignore"):
        solution = system.solve(throw=False)
    with pytest.raises(ArgumentError, match="w has no value, since a cycle before it failed"):
        draw(solution)


def test_no_certificates_are_none():
    with pytest.raises(ArgumentError, match="certificates"):
        lg.convergence([])


def test_no_display_is_needed(tmp_path):
    script = (
        "import lagrad as lg\n"
        "from lagrad import gallery\n"
        "lg.spy(gallery.load('sellar').model).figure.savefig('a.png')\n"
        "lg.diagram(gallery.load('sellar').model).save('a.svg')\n"
        "lg.explore(gallery.load('sellar').model, 'a.html')\n"
    )
    hidden = {"DISPLAY", "WAYLAND_DISPLAY", "MPLBACKEND"}
    around = {k: v for k, v in os.environ.items() if k not in hidden}
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=around, check=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html", "a.png", "a.svg"]
