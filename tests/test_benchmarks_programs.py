"""The programs of benchmarks/: adjoints by hand, tables and pages. Times are not looked at."""

import dataclasses
import importlib
import os
from pathlib import Path

import numpy as np
import pytest

import lagrad as lg

ROOT = Path(__file__).parents[1]
NAMES = [
    "post",
    "chain",
    "chain_numba",
    "lorenz",
    "lorenz_rolled",
    "lorenz_numba",
    "million",
    "logsumexp",
    "elementwise",
    "least_squares",
    "kmeans",
    "ode",
    "ode_numba",
    "mlp",
    "densenet",
    "convnet",
    "lstm",
    "mixture",
    "bundle",
    "minimize",
]
#: Variants share their adjoint with another work; a minimum is no gradient.
ADJOINTS = [n for n in NAMES if not n.endswith(("_numba", "_rolled")) and n != "minimize"]


@pytest.fixture(autouse=True)
def bench(monkeypatch):
    """Return ``bench(name)``, a module of benchmarks/programs, which is not installed."""
    monkeypatch.syspath_prepend(ROOT)
    return lambda name: importlib.import_module(f"benchmarks.programs.{name}")


@pytest.fixture
def work(bench):
    """Return ``work(name)``."""
    yield lambda name: bench("catalogue").works()[name]
    bench("rounds").prepared.cache_clear()


# -- the works -------------------------------------------------------------------------------------


def test_every_work_is_in_the_catalogue_and_told_in_the_readme(bench):
    assert list(bench("catalogue").works()) == NAMES
    readme = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    for name in NAMES:
        assert f"`programs.{name}`" in readme


@pytest.mark.parametrize("name", ADJOINTS)
def test_an_adjoint_by_hand_is_that_of_the_traced_program(bench, work, name):
    tools, rounds, w = bench("tools"), bench("rounds"), work(name)
    params, constants = w.data(w.tiny)
    found = list(tools.numbers_of(w.by_hand(*params, *constants)))
    f = tools.program(w, constants)
    if name == "kmeans":
        gradient, hessian = lg.grad(f)(*params), lg.hessian(f)(*params)
        size = params[0].size
        diagonal = np.diag(hessian.reshape(size, size)).reshape(params[0].shape)
        expected = [f(*params), gradient, diagonal]
    elif name == "bundle":
        expected = lg.jacobian(f, argnums=(0, 1), sparse=True)(*params)
    else:
        expected = lg.value_and_grad(f, argnums=tools.argnums(params))(*params)
    rounds.compare(found, list(tools.numbers_of(expected)), 1e-11, name)


@pytest.mark.parametrize("name", [n for n in ADJOINTS if n not in ("kmeans", "bundle")])
def test_an_adjoint_by_hand_is_the_slope_of_its_own_value(bench, work, name):
    numbers_of, w = bench("tools").numbers_of, work(name)
    params, constants = w.data(w.tiny)
    rng = np.random.default_rng(1)
    ways = [direction(p, rng) for p in params]
    h = 1e-6
    ahead, behind = (
        w.by_hand(*(moved(p, step, v) for p, v in zip(params, ways, strict=True)), *constants)[0]
        for step in (h, -h)
    )
    _, *slopes = numbers_of(w.by_hand(*params, *constants))
    flat = np.concatenate([np.ravel(s) for s in slopes])
    along = np.concatenate([np.ravel(v) for v in ways])
    # ReLU has kinks, and images are blank in places: none is within h here.
    assert flat @ along == pytest.approx((ahead - behind) / (2 * h), rel=2e-6)


def test_gradient_and_hessian_of_k_means_by_hand(work):
    w = work("kmeans")
    (centres,), (points,) = w.data(w.tiny)
    _, gradient, diagonal = w.by_hand(centres, points)
    h = 1e-5
    way = np.random.default_rng(1).standard_normal(centres.shape)
    ahead, behind = (w.by_hand(centres + s * way, points) for s in (h, -h))
    slope = (ahead[0] - behind[0]) / (2 * h)
    assert np.sum(gradient * way) == pytest.approx(slope, rel=1e-7)
    np.testing.assert_allclose(diagonal * way, (ahead[1] - behind[1]) / (2 * h), rtol=1e-6)


def test_the_jacobian_of_the_bundle_by_hand(work):
    w = work("bundle")
    (cameras, points), constants = w.data(w.tiny)
    by_camera, by_point = w.by_hand(cameras, points, *constants)
    rng, h = np.random.default_rng(1), 1e-6
    u, v = rng.standard_normal(cameras.shape), rng.standard_normal(points.shape)
    ahead, behind = (w.f(np, cameras + s * u, points + s * v, *constants) for s in (h, -h))
    change = by_camera @ u.ravel() + by_point @ v.ravel()
    np.testing.assert_allclose(change, np.ravel(ahead - behind) / (2 * h), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("size", [2, 5])
def test_the_runs_find_the_minimum(bench, work, size):
    tools, w = bench("tools"), work("minimize")
    for tool in ("by hand", "lagrad", tools.DIFFERENCES):
        call, args = tools.built(w, tool, size)
        np.testing.assert_allclose(call(*args), np.ones(size), rtol=1e-4)


def direction(p, rng):
    """Return a random direction like p."""
    if isinstance(p, list):
        return [rng.standard_normal() for _ in p]
    return rng.standard_normal(np.shape(p))


def moved(p, step, way):
    """Return p + step way, as plain numbers where p is one."""
    if isinstance(p, list):
        return [a + step * b for a, b in zip(p, way, strict=True)]
    return p + step * (float(way) if isinstance(p, float) else way)


# -- checking and measuring ------------------------------------------------------------------------


@pytest.mark.parametrize("name", [n for n in NAMES if not n.endswith("_numba")])
def test_results_are_checked(bench, work, name, monkeypatch):
    rounds, w = bench("rounds"), work(name)
    # What compiles for seconds is left to the benchmark itself.
    monkeypatch.setattr(rounds, "available", lambda w, n: few(bench, w, n))
    first = rounds.checked(w, w.tiny, rounds.here)
    assert {"by hand", "lagrad"} <= set(first)


def few(bench, w, size):
    """Return those tools that start quickly."""
    return [t for t in bench("tools").available(w, size) if t not in ("JAX", "PyTorch")]


@pytest.mark.parametrize("name", ["post", "mlp", "bundle"])
def test_a_wrong_gradient_is_not_timed(bench, work, name, monkeypatch):
    rounds, tools, w = bench("rounds"), bench("tools"), work(name)
    right = w.tools["lagrad"]

    def build(*given):
        call, args = right(*given)
        return lambda *args: [x * (1 + 1e-6) for x in tools.numbers_of(call(*args))], args

    wrong = dataclasses.replace(w, tools={"lagrad": build})
    monkeypatch.setattr(bench("catalogue"), "works", lambda: {name: wrong})
    with pytest.raises(ArithmeticError, match="largest difference"):
        rounds.measured(wrong, w.tiny, rounds.here, rounds=1)


def test_a_result_of_another_shape_is_refused(bench):
    compare = bench("rounds").compare
    compare([np.zeros((2, 1))], [np.zeros(2)], 1e-10, "x")  # a matrix of CasADi
    with pytest.raises(ArithmeticError, match="2 results, not 1"):
        compare([np.zeros(2), np.zeros(2)], [np.zeros(2)], 1e-10, "x")
    with pytest.raises(ArithmeticError, match="shape"):
        compare([np.zeros(3)], [np.zeros(2)], 1e-10, "x")


@pytest.mark.parametrize("name", ["post", "logsumexp", "minimize"])
def test_what_is_measured_of_a_work(bench, work, name, monkeypatch):
    rounds, w = bench("rounds"), work(name)
    monkeypatch.setattr(rounds, "available", lambda w, n: few(bench, w, n))
    monkeypatch.setattr(rounds, "SAMPLE", 1e-5)
    monkeypatch.setattr(rounds, "REST", 0.0)
    found = rounds.measured(w, w.tiny, rounds.here, rounds=2)
    params, constants = w.data(w.tiny)
    assert found.constraints == len(lg.trace(bench("tools").program(w, constants), *params))
    assert set(found.times) == set(few(bench, w, w.tiny))
    assert min(found.times.values()) > 0
    assert (set(found.peaks) == {"by hand", "lagrad"}) == (w.kind == "array")


def test_peak_memory_counts_what_a_call_allocates(bench):
    n = 100_000
    most = bench("rounds").peak("logsumexp", n, "by hand")
    assert 8 * n <= most < 1.1 * 8 * n


def test_processes_use_all_cores_and_leave_the_environment_alone(bench, monkeypatch):
    rounds = bench("rounds")
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "7")
    monkeypatch.delenv("OPENBLAS_THREAD_TIMEOUT", raising=False)
    with rounds.processes({"NumPy"}) as run:
        assert run("lagrad", os.getenv, "OPENBLAS_NUM_THREADS") == str(os.cpu_count())
        assert run("by hand", os.getpid) == run("CasADi", os.getpid) != os.getpid()
    assert os.environ["OPENBLAS_NUM_THREADS"] == "7"
    assert "OPENBLAS_THREAD_TIMEOUT" not in os.environ


# -- telling ---------------------------------------------------------------------------------------


def result_of(bench, name, size=100, peaks=(2**21, 2**21), constraints=10, **times):
    """Return a made-up result; lagrad takes a millisecond, as the adjoint by hand."""
    return bench("rounds").Result(
        name=name,
        size=size,
        times={"by hand": 1e-3, "lagrad": 1e-3, **times},
        first={"JAX": 0.5},
        constraints=constraints,
        instructions=20,
        compile=1e-2,
        peaks=dict(zip(("by hand", "lagrad"), peaks, strict=True)),
    )


def met(bench, name, *results):
    """Return by its text whether each figure meets its bar."""
    return {f.what.split(": ")[-1]: f.met for f in bench("verdicts").figures(results) if f.bar}


def test_the_bars_of_arrays(bench):
    good = result_of(bench, "mlp", function=4e-4, autograd=1.6e-3, JAX=1e-3, PyTorch=1.1e-3)
    assert set(met(bench, "mlp", good).values()) == {True}
    bad = result_of(
        bench,
        "mlp",
        peaks=(2**21, 2**22),
        constraints=1000,
        lagrad=1.2e-3,
        function=3e-4,
        autograd=1.6e-3,
        JAX=1.1e-3,
        PyTorch=1.1e-3,
    )
    assert met(bench, "mlp", bad) == {
        "lagrad / by hand": False,
        "autograd / lagrad": False,
        "PyTorch / lagrad": False,
        "JAX / lagrad": False,
        "value and gradient / the function": False,
        "us a constraint to compile": True,
        "memory, lagrad / by hand": False,
    }


def test_the_bars_of_scalars_and_of_what_xla_fuses(bench):
    assert met(bench, "lorenz", result_of(bench, "lorenz", lagrad=1.6e-3, JAX=1e-6)) == {
        "lagrad / by hand": True,
        "memory, lagrad / by hand": True,
    }
    mixture = met(bench, "mixture", result_of(bench, "mixture", JAX=0.7e-3))
    assert mixture["JAX / lagrad"] is True
    runs = met(bench, "minimize", result_of(bench, "minimize", differences=0.9e-3))
    assert runs["differences / lagrad"] is False


def test_compiling_is_linear_in_the_constraints(bench):
    small, large = (result_of(bench, "chain", n, constraints=n) for n in (1000, 10_000))
    what = "compiling, a constraint of 10,000 / of 1,000"
    assert met(bench, "chain", small, large)[what] is True
    slower = dataclasses.replace(large, compile=1.0)
    assert met(bench, "chain", small, slower)[what] is False


def test_what_compiles_for_long_is_left_out(bench, work, monkeypatch):
    command, w = bench("command"), dataclasses.replace(work("chain"), sizes=(10, 100, 1000))
    monkeypatch.setattr(command, "available", lambda w, n: ["by hand"])

    def slow(w, n, run):
        return dataclasses.replace(result_of(bench, "chain", n), compile=0.1 * n)

    monkeypatch.setattr(command, "measured", slow)
    found = list(command.sizes_of(w))
    assert [result.size for result in found] == [10, 100]
    (figure,) = bench("verdicts").too_long(w, found)
    assert figure.what == "scalar chain, 1,000 steps: left out"
    assert figure.measured == "compiles in 100 s"


def test_the_page_has_a_row_for_each_result(bench, tmp_path):
    page = bench("page")
    results = [
        result_of(bench, "post", 1, JAX=2e-3),
        result_of(bench, "logsumexp", 1000, lagrad=2e-3, function=1e-3),
        result_of(bench, "minimize", 2, differences=3e-3),
    ]
    page.write(results, tmp_path)
    text = (tmp_path / "programs.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + len(results)
    assert {row.count("|") for row in rows} == {len(page.COLUMNS) + 1}
    assert "| f of the post | 1.00 ms | 1.00 ms (1.00) |" in text
    assert "lagrad / by hand: 2.00, not <= 1.15" in text
    assert "with finite differences 3.00 ms, 3.00 times lagrad" in text
    assert (tmp_path / "programs.png").read_bytes().startswith(b"\x89PNG")


def test_only_a_run_of_all_programs_is_kept(bench, work, monkeypatch, tmp_path):
    command, catalogue = bench("command"), bench("catalogue")
    works = {"post": work("post"), "absent": dataclasses.replace(work("mlp"), needs="no_such")}
    monkeypatch.setattr(catalogue, "works", lambda: works)
    monkeypatch.setattr(command, "RESULTS", tmp_path)
    monkeypatch.setattr(command, "sizes_of", lambda w: iter([result_of(bench, "post", 1)]))
    assert command.names() == ["programs", "programs.post", "programs.absent"]
    assert {f.work for f in command.figures("programs.post")} == {"programs.post"}
    assert not list(tmp_path.iterdir())
    assert "no_such: left out" in [f.what for f in command.figures("programs")]
    assert {path.name for path in tmp_path.iterdir()} == {"programs.md", "programs.png"}


def test_the_kept_page_has_all_programs(bench):
    text = (ROOT / "benchmarks" / "results" / "programs.md").read_text(encoding="utf-8")
    for w in bench("catalogue").works().values():
        assert f"| {w.at(w.sizes[0])} |" in text
