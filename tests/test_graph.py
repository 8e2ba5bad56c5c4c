"""The graph as data: frozen, validated, readable, and each row knows the user's line."""

import dataclasses
import functools
import linecache
from array import array
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest

import lagrad as lg
import lagrad.assemble
from lagrad.status import SizeError, StructureError


def example():
    """Return a fresh graph of five rows: x, y, sin(x), product, sum with a constant."""
    return lg.trace(lambda x, y: np.sin(x) * y + 3.0, 0.5, 2.0)


# -- frozen ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["columns", "inputs", "outputs"])
def test_a_graph_is_frozen(field):
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(example(), field, None)


def test_rows_are_read_only():
    row = next(iter(example().constraints))
    with pytest.raises(AttributeError):
        row.name = "other"


def test_arrays_of_the_caller_may_change_after_the_trace():
    x, weights = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    graph = lg.trace(lambda x: np.sum(weights * x * x), x)
    x[:], weights[:] = -7.0, -7.0
    system = graph.linearize()
    np.testing.assert_array_equal(system.solve()["x"], [6.0, 16.0])
    np.testing.assert_array_equal(system.solve(method="explicit")["x"], [6.0, 16.0])


# -- validate --------------------------------------------------------------------------------------


def test_a_traced_graph_is_valid():
    graph = example()
    graph.validate()
    assert len(graph) == 5
    assert graph.inputs == (0, 1)
    assert graph.outputs == (4,)


DAMAGE = {
    "a value is missing": lambda c: c.values.pop(),
    "a source position is missing": lambda c: c.at.pop(),
    "a code object is missing": lambda c: c.code.pop(),
    "a primitive number is missing": lambda c: c.op.pop(),
    "a row has no end": lambda c: c.start.pop(),
    "a row uses itself": lambda c: c.refs.__setitem__(0, 2),
    "a row uses a later one": lambda c: c.refs.__setitem__(0, 4),
    "a row uses none that exists": lambda c: c.refs.__setitem__(0, 99),
    "a constant does not exist": lambda c: c.refs.__setitem__(4, -2),
    "a primitive does not exist": lambda c: c.op.__setitem__(3, 99),
    "a primitive is negative": lambda c: c.op.__setitem__(3, -1),
    "the rows overlap": lambda c: c.start.__setitem__(3, 4),
    "the references are cut": lambda c: c.refs.pop(),
    "there are too many references": lambda c: c.refs.append(0),
    "a value is no array": lambda c: c.values.__setitem__(2, None),
    "a value is no float": lambda c: c.values.__setitem__(2, np.int64(1)),
    "two rows have one name": lambda c: c.names.update({3: "x"}),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_validate_finds_damage(damage):
    graph = example()
    damage(graph.columns)
    with pytest.raises(StructureError):
        graph.validate()


@pytest.mark.parametrize(
    "rows", [{"inputs": (0, 7)}, {"outputs": (5,)}, {"outputs": (-1,)}, {"inputs": (0, 2)}]
)
def test_validate_finds_wrong_inputs_and_outputs(rows):
    graph = dataclasses.replace(example(), **rows)
    with pytest.raises(StructureError):
        graph.validate()


def test_validate_names_the_row():
    graph = example()
    graph.columns.refs[0] = 4
    with pytest.raises(StructureError, match=r"z3 = sin\(z5\).*uses z5, which comes after it"):
        graph.validate()


# -- what a person reads ---------------------------------------------------------------------------


def test_repr_has_a_line_for_each_row_with_formula_value_and_source():
    lines = repr(example()).splitlines()
    assert lines[0] == "Graph: 5 constraints, 2 inputs"
    assert lines[-1] == "outputs: z5"
    formulas = ["x = input", "y = input", "z3 = sin(x)", "z4 = multiply(z3, y)", "z5 = add(z4, 3)"]
    values = ["0.5", "2", "0.479426", "0.958851", "3.95885"]
    assert len(lines) == len(formulas) + 2
    for line, formula, value in zip(lines[1:-1], formulas, values, strict=True):
        assert line.strip().startswith(formula)
        rest = line.strip().removeprefix(formula).split()
        assert rest[0] == value
        assert "input" in formula or rest[1].startswith("test_graph.py:")


def test_repr_of_a_long_graph_is_cut_and_says_so():
    def f(x):
        for _ in range(100):
            x = np.sin(x)
        return x

    lines = repr(lg.trace(f, 1.0)).splitlines()
    assert len(lines) == 43
    assert lines[-2].strip() == "... and 61 more"


def test_repr_shows_shapes_of_arrays_and_options_of_functions():
    text = repr(lg.trace(lambda x: np.sum(x * np.ones((4, 5)), axis=1), np.ones((4, 5))))
    assert "array(4, 5)" in text
    assert "sum(z2, axis=1" in text
    assert "multiply(x, array(4, 5))" in text
    assert all(len(line) < 120 for line in text.splitlines())


def test_constraints_are_rows_to_look_at():
    rows = list(example().constraints)
    assert [c.row for c in rows] == [0, 1, 2, 3, 4]
    assert [c.name for c in rows] == ["x", "y", "z3", "z4", "z5"]
    assert rows[2].function == "sin"
    assert rows[3].parents == ("z3", "y")
    assert rows[4].parents == ("z4", "3")
    assert rows[3].value == np.sin(0.5) * 2.0
    assert rows[3].where.startswith("test_graph.py:")


# -- names of inputs -------------------------------------------------------------------------------

Pair = namedtuple("Pair", "left right")


@dataclasses.dataclass
class Layer:
    weight: object
    bias: object


def names(f, *args):
    graph = lg.trace(f, *args)
    return [graph.name(i) for i in graph.inputs]


def test_inputs_have_the_names_of_parameters():
    assert names(lambda x, y: x * y, 1.0, 2.0) == ["x", "y"]
    assert names(lambda a, *rest: a * rest[0] * rest[1], 1.0, 2.0, 3.0) == ["a", "rest0", "rest1"]
    assert names(lambda *xs: xs[0] * xs[1], 1.0, 2.0) == ["xs0", "xs1"]
    assert len(set(names(np.multiply, 1.0, 2.0))) == 2


def test_inputs_in_containers_have_the_path_as_their_name():
    tree = {"w": [1.0, (2.0, 3.0)], "layer": Layer(4.0, Pair(5.0, np.ones(2)))}
    assert names(lambda params: params["w"][0] * params["layer"].weight, tree) == [
        "params['w'][0]",
        "params['w'][1][0]",
        "params['w'][1][1]",
        "params['layer'].weight",
        "params['layer'].bias.left",
        "params['layer'].bias.right",
    ]


def test_names_are_unique_though_an_argument_is_called_like_a_step():
    system = lg.trace(lambda z3, y: z3 * y, 2.0, 5.0).linearize()
    assert len(set(system.variables)) == 3
    assert system.solve()["z3"] == 5.0
    assert system.solve()["y"] == 2.0


# -- source lines ----------------------------------------------------------------------------------


def source_of(f, *args, function):
    """Return the line of source text that the last row of ``function`` points at."""
    graph = lg.trace(f, *args)
    row = [c for c in graph.constraints if c.function == function][-1]
    file, line = graph.line(row.row)
    assert Path(file).name == "test_graph.py"
    assert row.where == f"test_graph.py:{line}"
    return linecache.getline(file, line).strip()


def test_a_row_has_the_line_of_its_statement():
    def f(x):
        y = np.sin(x)  # the sine
        return (
            np.cos(y)  # the cosine
            * np.exp(y)  # the exponential
        )

    assert source_of(f, 1.0, function="sin").endswith("# the sine")
    assert source_of(f, 1.0, function="cos").endswith("# the cosine")
    assert source_of(f, 1.0, function="exp").endswith("# the exponential")


def test_a_row_has_the_line_of_the_innermost_function_of_the_user():
    def inner(x):
        return np.sin(x)  # inside

    def f(x):
        return inner(inner(x))  # outside

    assert source_of(f, 1.0, function="sin").endswith("# inside")


def test_a_lambda_on_a_line_of_its_own():
    found = source_of(
        lambda x: np.sin(x),  # of the lambda
        1.0,
        function="sin",
    )
    assert found.endswith("# of the lambda")


X = np.array([1.0, 2.0, 3.0])


@pytest.mark.parametrize(
    ("f", "function"),
    [
        (lambda x: lg.softmax(x), "softmax"),  # here
        (lambda x: lg.logsumexp(x), "logsumexp"),  # here
        (lambda x: lg.cross_entropy(x, 1), "cross_entropy"),  # here
        (lambda x: lg.relu(x), "maximum"),  # here
        (lambda x: np.stack([x, x]), "concatenate"),  # here
        (lambda x: np.diff(x), "subtract"),  # here
        (lambda x: x.sum(), "sum"),  # here
        (lambda x: x @ x, "matmul"),  # here
        (lambda x: -x, "negative"),  # here
        (lambda x: x[0], "getitem"),  # here
        (lambda x: x[:, None], "getitem"),  # here
        (lambda x: functools.reduce(np.add, [x, x, x]), "add"),  # here
        (lambda x: sum(x), "add"),  # here
        (lambda x: list(map(np.sin, [x]))[0], "sin"),  # here
        (lambda x: [np.sin(v) for v in x][0], "sin"),  # here
        (lambda x: lg.grad(lambda y: np.sum(np.sin(y)))(x), "cos"),  # here
    ],
)
def test_a_row_has_the_users_line_whatever_stands_between(f, function):
    assert source_of(f, X, function=function).endswith("# here")
    expected = f.__code__.co_firstlineno
    graph = lg.trace(f, X)
    assert {graph.line(i)[1] for i in range(1, len(graph))} == {expected}


def test_describe_quotes_the_line():
    graph = lg.trace(lambda x: np.sin(x), 1.0)  # quoted
    text = graph.describe(1)
    assert text.startswith("z2 = sin(x), ")
    assert text.endswith("graph = lg.trace(lambda x: np.sin(x), 1.0)  # quoted")
    assert __file__ in text


def test_code_without_a_file_still_has_a_line():
    scope = {"np": np}
    exec("def f(x):\n    return np.sin(x)", scope)  # noqa: S102
    graph = lg.trace(scope["f"], 1.0)
    assert graph.where(1) == "<string>:2"


# -- size ------------------------------------------------------------------------------------------


def test_a_chain_of_a_hundred_thousand_scalars():
    n = 100_000

    def f(x, c):
        for _ in range(n // 2):
            x = x * c + 1.0
        return x

    graph = lg.trace(f, 1.0, 0.5)
    assert len(graph) == n + 2
    graph.validate()
    system = graph.linearize()
    assert system.A.shape == (n + 2, n + 2)
    assert system.A.nnz == (n + 2) + n + n // 2
    assert len(system.blocks) == n + 2
    for method in ("sweep", "explicit"):
        lam = system.solve(method=method)
        # x = x c + 1 has settled at 1 / (1 - c), whose derivative is 1 / (1 - c)^2.
        assert lam["c"] == pytest.approx(4.0, rel=1e-14)
        assert lam["x"] == 0.0
    assert "more" in repr(graph)


def test_a_graph_without_steps():
    graph = lg.trace(lambda x: x, 2.0)
    graph.validate()
    assert graph.linearize().A.toarray().tolist() == [[1.0]]
    assert graph.linearize().solve()["x"] == 1.0


def test_a_graph_of_empty_arrays():
    graph = lg.trace(lambda x: np.sum(np.sin(x)), np.zeros(0))
    system = graph.linearize()
    assert system.A.shape == (1, 1)
    assert system.solve()["x"].shape == (0,)
    assert system.solve(method="explicit")["x"].shape == (0,)


def test_a_matrix_too_large_for_memory_is_refused_with_its_bytes(monkeypatch):
    monkeypatch.setattr(lagrad.assemble, "available_memory", lambda: 100_000)
    system = lg.trace(lambda x: np.sum(np.ones((50, 50)) @ x), np.ones(50)).linearize()
    need = (50 * 50 + 50) * lagrad.assemble.BYTES_PER_ENTRY
    with pytest.raises(SizeError, match=rf"{need:,} bytes, 100,000 are free"):
        _ = system.A
    with pytest.raises(MemoryError, match="sweep"):
        system.solve(method="explicit")
    np.testing.assert_array_equal(system.solve(method="sweep")["x"], 50.0)
    assert system.block_pattern.nnz == 5


def test_a_matrix_too_large_for_any_memory_is_refused_before_it_is_made():
    system = lg.trace(lambda m: np.linalg.inv(m)[0, 0], np.eye(400)).linearize()
    with pytest.raises(SizeError, match="bytes"):
        _ = system.A


def test_a_sparse_jacobian_too_large_for_memory_is_refused(monkeypatch):
    monkeypatch.setattr(lagrad.assemble, "available_memory", lambda: 1000)
    with pytest.raises(SizeError, match="Jacobian would have 400 entries"):
        lg.jacobian(lambda x: np.ones((20, 20)) @ x, sparse=True)(np.ones(20))


def test_columns_are_flat_arrays_and_not_objects():
    columns = example().columns
    assert isinstance(columns.op, array)
    assert isinstance(columns.refs, array)
    assert isinstance(columns.start, array)
