"""Every work of benchmarks/ at a tiny size: what it times must be right. Nothing is timed here."""

import importlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import lagrad as lg

ROOT = Path(__file__).parents[1]
TINY = {
    "tracing": 300,
    "assembly": 300,
    "substitution": 300,
    "growth": 300,
    "blocks": 400,
    "bratu": 6,
    "torus": 5,
    "implicit_chain": 40,
    "memory": 6,
}


@pytest.fixture(autouse=True)
def bench(monkeypatch):
    """Return ``bench(name)``, a module of benchmarks/, which is not installed."""
    monkeypatch.syspath_prepend(ROOT)
    return lambda name: importlib.import_module(f"benchmarks.{name}")


def test_every_work_is_run_here_and_told_in_the_readme(bench):
    assert list(bench("__main__").WORKS) == list(TINY)
    readme = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    latest = (ROOT / "benchmarks" / "results" / "latest.md").read_text(encoding="utf-8")
    for name in TINY:
        assert f"`{name}`" in readme
        assert f"| {name} |" in latest


@pytest.mark.parametrize("name", TINY)
def test_a_work_gives_figures_once_its_results_are_right(bench, name):
    figures = list(bench(name).figures(TINY[name], repeats=1))
    assert figures
    for figure in figures:
        assert figure.work == name
        assert figure.measured
        assert (figure.met is None) == (figure.bar == "")


def test_a_wrong_gradient_is_not_timed(bench, monkeypatch):
    right = lg.value_and_grad

    def wrong(f, argnums=0):
        def both(*args):
            value, gradient = right(f, argnums)(*args)
            return value * (1 + 1e-6), gradient

        return both

    monkeypatch.setattr(lg, "value_and_grad", wrong)
    with pytest.raises(ArithmeticError, match="largest difference"):
        list(bench("tracing").figures(TINY["tracing"], repeats=1))


# -- the programs and the adjoints by hand ---------------------------------------------------------


@pytest.mark.parametrize("spelling", ["by_operators", "by_ufuncs"])
def test_rotations_have_two_partials_a_constraint(bench, spelling):
    rotations = bench("rotations")
    program = rotations.rotations(600, width=7, rotate=getattr(rotations, spelling))
    graph = lg.trace(program.f, rotations.THETA, program.x)
    counts = [len(graph.parents(i)) for i in range(len(graph))]
    assert counts.count(2) == 600 + 6  # the rotations, then the sum of seven entries
    assert counts.count(1) == 2  # cos and sin
    assert counts.count(0) == 8  # theta and the entries
    value, (dtheta, dx) = lg.value_and_grad(program.f, (0, 1))(rotations.THETA, program.x)
    rotations.check(program, value, dtheta, dx)
    for broken in ((2 * value, dtheta, dx), (value, 2 * dtheta, dx), (value, dtheta, dx[::-1])):
        with pytest.raises(ArithmeticError):
            rotations.check(program, *broken)


# -- measuring and telling -------------------------------------------------------------------------


def test_agree_refuses_what_differs(bench):
    agree = bench("measure").agree
    agree([1.0, 100.0], [1.0, 100.0 + 1e-9], 1e-10, "x")
    with pytest.raises(ArithmeticError, match="x: the largest difference is 1.0e-06"):
        agree([1.0, 1.0], [1.0, 1.0 + 1e-6], 1e-8, "x")
    with pytest.raises(ArithmeticError, match="nan"):
        agree([1.0, np.nan], [1.0, 1.0], 1e-8, "x")
    with pytest.raises(ArithmeticError, match="shape"):
        agree(1.0, [1.0, 1.0], 1e-8, "x")


def test_medians_give_every_call_its_turn(bench):
    turns = []
    calls = {name: lambda n=name: turns.append(n) for name in "ab"}
    times = bench("measure").medians(calls, 3)
    assert list(times) == ["a", "b"]
    assert all(time > 0 for time in times.values())
    assert set(turns) == {"a", "b"}


def test_peak_memory_is_that_of_a_fresh_process(bench):
    extra, whole = bench("measure").in_a_fresh_process("benchmarks.assembly", "peak", 6000)
    n = 6000
    assert 12 * 3 * n < extra < 1000 * n  # A itself; and no multiple of what it may take
    assert whole > extra


def test_the_table_shows_the_bar_and_whether_it_is_met(bench):
    measure, report = bench("measure"), bench("report")
    figures = [
        measure.at_most("x", "time", 1.0, 2.0),
        measure.at_most("x", "memory", 3.0, 2.0),
        measure.at_least("y", "rate", 300.0, 200.0),
        measure.Figure("y", "told", "7"),
    ]
    assert report.table(figures).splitlines()[2:] == [
        "| x | time | 1.00 | <= 2.00 | yes |",
        "|  | memory | 3.00 | <= 2.00 | **no** |",
        "| y | rate | 300 | >= 200 | yes |",
        "|  | told | 7 |  |  |",
    ]
    assert f"numpy {np.__version__}" in report.page(figures)


def test_only_a_full_run_is_kept(bench, monkeypatch, tmp_path):
    command, work = bench("__main__"), bench("memory")
    latest = tmp_path / "results" / "latest.md"
    monkeypatch.setattr(command, "LATEST", latest)
    figure = bench("measure").Figure("memory", "a", "1")
    monkeypatch.setattr(command, "WORKS", {"memory": work, "more": work})
    monkeypatch.setattr(work, "figures", lambda: [figure])
    monkeypatch.setattr(command.programs, "figures", lambda name: [figure._replace(work=name)])
    assert "| memory | a | 1 |" in command.main(["memory"])
    assert "| programs.post | a | 1 |" in command.main(["programs.post"])
    assert not latest.exists()
    text = command.main([])
    assert "| programs | a | 1 |" in text
    assert latest.read_text(encoding="utf-8") == text


def test_the_command_runs_a_work_by_name():
    run = [sys.executable, "-m", "benchmarks"]
    done = subprocess.run([*run, "programs.post"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "| programs.post |" in done.stdout
    done = subprocess.run([*run, "pots"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert "there is no work 'pots'; there are tracing, assembly" in done.stderr
