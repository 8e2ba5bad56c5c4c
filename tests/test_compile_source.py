"""The source of a program: flat, in the user's names, and a module that needs no lagrad."""

import ast
import subprocess
import sys
from typing import Any, NamedTuple

import numpy as np
import pytest
import scipy.sparse as sp
import scipy.special as special
from refusals import refused
from uncompiled import assert_same

import lagrad as lg
from lagrad.containers import leaves
from lagrad.status import ArgumentError

V, W = np.array([0.3, -0.7, 1.1]), np.array([1.5, 0.2, -0.4])
M = np.array([[0.5, 0.1, 0.2], [-0.3, 0.8, 0.4], [0.2, -0.1, 0.9]])
LARGE = np.linspace(0.1, 1.0, 400).reshape(20, 20)
RUN = """
import pickle, sys

class Forbidden:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "lagrad":
            raise ImportError("a saved program imports lagrad")

sys.meta_path.insert(0, Forbidden())
sys.path.insert(0, {folder!r})
import saved

with open({calls!r}, "rb") as file:
    calls = pickle.load(file)
function = next(f for f in vars(saved).values() if getattr(f, "__module__", "") == "saved"
                and f.__code__.co_name == {name!r})
results = [function(*args) for args in calls]
assert "lagrad" not in sys.modules
with open({results!r}, "wb") as file:
    pickle.dump(results, file)
"""


def functions(source):
    return [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]


def run_saved(g, calls, folder):
    """Run a saved program in another process, where lagrad cannot be imported."""
    import pickle

    g.save(folder / "saved.py")
    paths = {"calls": str(folder / "calls"), "results": str(folder / "results")}
    (folder / "calls").write_bytes(pickle.dumps(calls))
    name = functions(g.source)[-1].name
    text = RUN.format(folder=str(folder), name=name, **paths)
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return pickle.loads((folder / "results").read_bytes())


# -- what it looks like --------------------------------------------------------------------------


def network(W1, b1, w2, x):
    hidden = np.tanh(W1 @ x + b1)
    output = np.sum(w2 * hidden)
    return output**2


def test_source_reads_like_the_function_and_its_backprop():
    g = lg.compile(lg.value_and_grad(network, argnums=(0, 1, 2)))
    g(M, V, W, V)
    lines = g.source.splitlines()
    assert "def value_and_grad_network(W1, b1, w2, x):" in lines
    text = [line.strip() for line in lines]
    reverse = text.index("# the reverse sweep")
    forward, backward = text[:reverse], text[reverse:]
    for name in ("hidden", "output"):
        assert any(line.startswith(f"{name} = ") for line in forward)
    assert any(line.startswith("lam_hidden = ") for line in backward)
    assert not any(line.startswith("lam_") for line in forward)
    assert any(line.startswith("return (") for line in backward)


def test_source_is_flat():
    g = lg.compile(lg.grad(network))
    g(M, V, W, V)
    (function,) = functions(g.source)
    kinds = {type(node) for node in function.body}
    assert kinds <= {ast.Assign, ast.Return, ast.Expr, ast.If}
    assert len(function.body) <= 16


def test_a_function_without_derivative_has_no_reverse_sweep():
    g = lg.compile(network)
    g(M, V, W, V)
    assert "reverse" not in g.source


def test_scalars_go_through_math():
    g = lg.compile(lg.grad(lambda x: np.exp(x) ** 3.7 * np.log(x)))
    g(2.0)
    assert "math.exp(x)" in g.source
    assert "math.pow(" in g.source
    assert "np." not in g.source


def test_nothing_is_computed_twice_and_nothing_in_vain():
    def f(x):
        unused = np.cosh(x) @ x  # noqa: F841
        return np.sum(np.tanh(x) * np.tanh(x))

    g = lg.compile(lg.grad(f))
    g(V)
    assert g.source.count("np.tanh(") == 1
    assert "cosh" not in g.source


def test_names_that_meet_twice_are_told_apart():
    def f(x):
        y = np.sin(x)
        for _ in range(3):
            y = np.cos(y) * x
        return np.sum(y)

    g = lg.compile(f)
    g(V)
    names = [node.targets[0].id for node in functions(g.source)[0].body[:-1]]
    assert len(names) == len(set(names))
    assert "y" in names


def test_save_before_the_first_call_is_refused(tmp_path):
    with refused(ArgumentError, "call it once"):
        lg.compile(network).save(tmp_path / "saved.py")


def test_large_constants_stand_beside_the_source(tmp_path):
    g = lg.compile(lambda x: np.sum(LARGE * x))
    g(1.5)
    g.save(tmp_path / "saved.py")
    assert (tmp_path / "saved.npz").exists()
    assert len(g.source) < 1000


def test_small_constants_stand_in_the_source(tmp_path):
    g = lg.compile(lambda x: np.sum(V * x))
    g(1.5)
    g.save(tmp_path / "saved.py")
    assert [path.name for path in tmp_path.iterdir()] == ["saved.py"]
    assert "np.array([0.3, -0.7, 1.1])" in g.source


# -- a module of its own -------------------------------------------------------------------------


class Pair(NamedTuple):
    a: Any
    b: Any


def with_sparse():
    L = sp.diags_array([np.ones(2), -2 * np.ones(3), np.ones(2)], offsets=[-1, 0, 1]).tocsr()
    return lg.value_and_grad(lambda x: np.sum((L @ x) ** 2))


def with_large_sparse():
    n = 100
    parts = [np.linspace(1, 2, n - 1), np.linspace(-1, 3, n)]
    L = sp.diags_array(parts, offsets=[-1, 0]).tocsc()
    return lg.grad(
        lambda x: np.sum(np.sin(L @ np.full(n, 0.1)) * x[0] + np.sum(L @ (x[0] * np.ones(n))))
    )


def with_names_of_modules():
    scope = dict(np=np, total=V, np_=W, os=V + 1, Thread=V + 2, Path=V + 3, stored=LARGE)
    exec(
        "def f(x):\n"
        "    big = np.sum(stored * x[0])\n"
        "    return np.sum((total + np_ + os + Thread * Path) * x) * big",
        scope,
    )
    return scope["f"]


def with_its_own_name():
    f = W

    def inner(x):
        return np.sum(f * x)

    inner.__name__ = "f"
    return inner


def with_loop(x):
    def step(z, t):
        return np.sin(z) * x[0] + t, z * x

    last, path = lg.scan(step, x[1], np.linspace(0, 1, 4))
    return last + np.sum(path**2)


def with_blocks(x):
    big = np.sin(np.linspace(0, 1, 150000) * x[0])
    return np.sum(np.exp(big) * 2 + big * x[1])


def with_branch(x):
    return np.sum(x**2) if x[0] > 0 else np.sum(x)


def with_masks(x):
    y = lg.zeros(4)
    y[1:] = np.where(x > 0, np.log(np.abs(x)), x**3)
    y[0] = x[np.array([0, 0, 2])].sum()
    return np.sum(y**2) + np.max(x) + lg.logsumexp(x)


def with_special(x):
    return np.sum(special.erf(x) + special.gammaln(x + 3) * special.expit(x))


def with_linear_algebra(x):
    A = M * x[:, None] + 3 * np.eye(3)
    return np.linalg.slogdet(A)[1] + x @ np.linalg.solve(A, x) + np.sum(np.linalg.inv(A))


def with_ours(x):
    return np.sum(lg.expm(M * x)) + np.sum(special.digamma(x + 3)) + np.sum(lg.softmax(x) * V)


def with_constants_of_all_kinds(x):
    kinds = [np.array([1, 2, 3], np.int8), np.array([True, False, True]), np.float32(0.1)]
    kinds += [np.array([0.1, 0.2, np.inf], np.float32), np.array([1 + 2j, -1j, 0]), np.int64(7)]
    return [k * np.minimum(x, 9.0) for k in kinds] + [-0.0 * x, np.array([]), "word", None, 1e-320]


PROGRAMS = {
    "network": lg.value_and_grad(lambda x: network(M, V, W, x)),
    "lambda": lambda x: x * 2 + V,
    "captured arrays": lg.grad(lambda x: np.sum(np.sin(M @ x) * W)),
    "large captured array": lg.grad(lambda x: np.sum(LARGE) * x @ x + np.sum(LARGE * x[0])),
    "hessian": lg.hessian(lambda x: np.sum(np.exp(M @ x))),
    "sparse": with_sparse(),
    "large sparse": with_large_sparse(),
    "names of modules": lg.value_and_grad(with_names_of_modules()),
    "its own name": with_its_own_name(),
    "loop": lg.value_and_grad(with_loop),
    "blocks": lg.value_and_grad(with_blocks),
    "branch": lg.value_and_grad(with_branch),
    "masks": lg.value_and_grad(with_masks),
    "special": lg.value_and_grad(with_special),
    "linear algebra": lg.value_and_grad(with_linear_algebra),
    "kernels of ours": lg.value_and_grad(with_ours),
    "constants": with_constants_of_all_kinds,
    "scalars": lg.value_and_grad(
        lambda x: np.sum(np.hypot(x[0], x[1]) ** x[2] / np.log(3.0 + x[0]))
    ),
    "any arguments": lambda *args: args[0] * 2,
    "dict": lambda x: {"a": x, 1: (x * 2, [x[0]])},
    "no imports": lambda x: x * 2.0,
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", PROGRAMS)
def test_saved_program_runs_without_lagrad(name, tmp_path):
    g, calls = lg.compile(PROGRAMS[name]), [(V + 1.0,), (W + 1.0,)]
    want = [g(*args) for args in calls]
    assert_same(run_saved(g, calls, tmp_path), want, rtol=1e-15)


@pytest.mark.parametrize(
    "function",
    [lambda x: Pair(x, x * 2), lambda x: {1.5: x, (1, 2): x * 2}],
    ids=["named tuple", "other keys"],
)
def test_saved_program_with_containers_of_its_own(function, tmp_path):
    g = lg.compile(function)
    want = g(V)
    (found,) = run_saved(g, [(V,)], tmp_path)
    assert_same([x for _, x in leaves(found)], [x for _, x in leaves(want)])


def test_saved_program_with_containers_as_arguments(tmp_path):
    g = lg.compile(lg.grad(lambda p: np.sum(p["w"] * p["b"][0]) * p["b"][1]))
    calls = [({"w": V, "b": (W, 2.0)},), ({"w": W, "b": (V, 3.0)},)]
    want = [g(*args) for args in calls]
    assert_same(run_saved(g, calls, tmp_path), want)


def test_saved_program_refuses_another_way_through_the_function(tmp_path):
    g = lg.compile(with_branch)
    g(V)
    g.save(tmp_path / "saved.py")
    scope = {"__file__": str(tmp_path / "saved.py")}
    exec((tmp_path / "saved.py").read_text(), scope)
    assert scope["with_branch"](W) == np.sum(W**2)
    with pytest.raises(ValueError, match="another way"):
        scope["with_branch"](-W)


def test_saved_gradient_refuses_what_is_not_finite(tmp_path):
    g = lg.compile(lg.grad(lambda x: np.sum(np.log(x))))
    g(V**2)
    scope = {}
    exec(g.source, scope)
    function = scope[functions(g.source)[-1].name]
    np.testing.assert_allclose(function(V**2), 1 / V**2)
    with pytest.warns(RuntimeWarning), pytest.raises(FloatingPointError, match="NaN or inf"):
        function(np.zeros(3))


def test_saved_program_of_a_cycle_says_what_is_missing(tmp_path):
    g = lg.compile(lg.grad(lambda p: lg.root(lambda z, p: z**3 + z - p, 1.0, p)))
    g(2.0)
    assert "put it in" in g.source
    assert ".multipliers(" in g.source
    ast.parse(g.source)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", PROGRAMS)
def test_multipliers_stand_behind_the_line_of_the_reverse_sweep(name):
    g = lg.compile(PROGRAMS[name])
    g(V + 1.0)
    before, line, _ = g.source.partition("# the reverse sweep")
    if line:
        assert "lam_" not in before
    else:
        assert "lam_" not in g.source
