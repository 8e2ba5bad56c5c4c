"""Random systems with cycles: values, A, multipliers and Jacobians equal the dense, slow twin.

Every variable is a contraction of its parents, so a solution exists whatever depends on what. A
variable is declared in one of four ways, which all mean z_i = f_i: as an explicit constraint, as an
unknown with a residual equation apart, two unknowns with one residual that returns a vector, and as
an explicit constraint of an unknown that a residual further on determines.
"""

import inspect
import random
from dataclasses import dataclass

import numpy as np
import pytest
import twin
from hypothesis import given, settings
from hypothesis import strategies as st

import lagrad as lg


@dataclass(frozen=True)
class Row:
    """``z = bias + weights * sin(parents) + inputs``, of shape () or (2,), declared as ``kind``."""

    name: str
    shape: tuple[int, ...]
    parents: tuple[str, ...]
    inputs: tuple[str, ...]
    bias: float
    kind: str

    def value(self, z):
        """Return f_i: its derivatives with respect to the parents sum up to less than 0.8."""
        total = self.bias + sum(
            (spread(z[x], self.shape) for x in self.inputs), np.zeros(self.shape)
        )
        wave = 1.0 + 0.5 * sum(np.mean(np.cos(z[x])) for x in self.inputs) / (1 + len(self.inputs))
        for k, p in enumerate(self.parents):
            sign = (-1.0) ** k
            total = total + sign * 0.5 / len(self.parents) * wave * np.sin(spread(z[p], self.shape))
        return total


def spread(z, shape):
    """Bring a number or a pair into ``shape``."""
    if np.shape(z) == shape:
        return z if shape == () else z[::-1]
    return np.mean(z) if shape == () else z * np.array([1.0, -0.5])


@st.composite
def rows(draw):
    n = draw(st.integers(1, 5))
    names = [f"z{k}" for k in range(n)]
    made = []
    for name in names:
        made.append(
            Row(
                name,
                draw(st.sampled_from([(), (2,)])),
                tuple(draw(st.lists(st.sampled_from(names), max_size=3, unique=True))),
                tuple(draw(st.lists(st.sampled_from(["x", "y"]), max_size=2, unique=True))),
                draw(st.floats(-1, 1)),
                draw(st.sampled_from(["explicit", "explicit", "apart", "pair", "downstream"])),
            )
        )
    return made


def declare(rows, inputs, shuffle=None, rename=lambda name: name):
    """Return the `System` of ``rows``; everything that has an order is shuffled if asked for."""
    shuffled = (
        (lambda items: items)
        if shuffle is None
        else (lambda items: shuffle.sample(list(items), len(items)))
    )
    system = lg.System()
    acts = [lambda x=x, v=v: system.input(rename(x), v) for x, v in inputs.items()]

    def named(name, parents, body):
        def f(**z):
            return body({p: z[rename(p)] for p in parents})

        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        f.__signature__ = inspect.Signature(
            [inspect.Parameter(rename(p), kind) for p in shuffled(list(dict.fromkeys(parents)))]
        )
        f.__name__ = rename(name)
        return f

    def unknown(name, start):
        acts.append(lambda: system.unknown(rename(name), start=start))

    def residual(name, parents, body):
        acts.append(lambda: system.residual(named(name, parents, body)))

    def constraint(name, parents, body, start):
        acts.append(lambda: system.constraint(named(name, parents, body), start=start))

    partner = None
    for row in rows:
        z, reads = row.name, (*row.parents, *row.inputs)
        if row.kind == "explicit":
            constraint(z, reads, row.value, np.zeros(row.shape))
        elif row.kind == "downstream":
            # v = u * u, and v is to be 2 + tanh(f): u is found by a residual that does not hold it.
            unknown(f"u_{z}", np.full(row.shape, 1.2))
            constraint(z, (f"u_{z}",), lambda v, z=z: v[f"u_{z}"] * v[f"u_{z}"], np.ones(row.shape))
            residual(
                f"r_{z}",
                (z, *reads),
                lambda v, row=row: v[row.name] - (2.0 + np.tanh(row.value(v))),
            )
        elif row.kind == "pair" and row.shape == () and partner is not None:
            unknown(z, 0.3)
            first, partner = partner, None

            def both(v, a=first, b=row):
                ra, rb = v[a.name] - a.value(v), v[b.name] - b.value(v)
                return np.stack([2.0 * ra + rb, ra + 3.0 * rb])

            residual(
                f"r_{first.name}_{z}", (first.name, *first.parents, *first.inputs, z, *reads), both
            )
        elif row.kind == "pair" and row.shape == ():
            unknown(z, 0.1)
            partner = row
        else:
            unknown(z, np.zeros(row.shape))
            residual(f"r_{z}", (z, *reads), lambda v, row=row: -3.0 * (v[row.name] - row.value(v)))
    if partner is not None:
        residual(
            f"r_{partner.name}",
            (partner.name, *partner.parents, *partner.inputs),
            lambda v, row=partner: 2.0 * (v[row.name] - row.value(v)),
        )
    for act in shuffled(acts):
        act()
    return system


numbers = st.sampled_from([0.0, 1.0]) | st.floats(-2, 2, allow_subnormal=False)
points = st.fixed_dictionaries({"x": numbers, "y": st.tuples(numbers, numbers).map(np.array)})
some = settings(max_examples=40)


@some
@given(rows(), points)
def test_values_satisfy_the_constraints(rows, inputs):
    system = declare(rows, inputs)
    solution = system.solve()
    assert solution.status.success
    for name, r in twin.constraints(system, dict(solution)).items():
        assert np.abs(r).max() < 1e-12, name
    for name, value in inputs.items():
        np.testing.assert_array_equal(solution[name], value)


@some
@given(rows(), points)
def test_matrix_equals_the_twin(rows, inputs):
    system = declare(rows, inputs)
    solution = system.solve()
    slow, fast = twin.of_system(system, dict(solution)), solution.system
    assert set(fast.variables) == set(slow.variables)
    assert set(fast.equations) == set(slow.equations)
    twin.assert_close(fast.A.toarray(), slow.A(fast.variables, fast.equations))


@some
@given(rows(), points)
def test_matrix_is_block_upper_triangular_in_order(rows, inputs):
    fast = declare(rows, inputs).solve().system
    variables = [j for block in fast.model.blocks for j in block.variables]
    equations = [i for block in fast.model.blocks for i in block.equations]
    assert tuple(variables) == fast.order
    assert sorted(equations) == list(range(len(fast.equations)))
    number_of_variable = {j: k for k, b in enumerate(fast.model.blocks) for j in b.variables}
    number_of_equation = {i: k for k, b in enumerate(fast.model.blocks) for i in b.equations}
    pattern = fast.block_pattern.tocoo()
    for j, i in zip(pattern.row.tolist(), pattern.col.tolist(), strict=True):
        assert number_of_variable[j] <= number_of_equation[i]
    for block in fast.model.blocks:
        explicit = [fast.variables[j] for j in block.variables] == [
            fast.equations[i] for i in block.equations
        ]
        if not block.cyclic:
            assert explicit
            assert len(block.variables) == 1


@some
@given(rows(), points, points)
def test_the_pattern_does_not_depend_on_values(rows, first, second):
    system = declare(rows, first)
    A, B = system.solve().system.A, system.solve(**second).system.A
    np.testing.assert_array_equal(A.indptr, B.indptr)
    np.testing.assert_array_equal(A.indices, B.indices)


@some
@given(rows(), points, st.sampled_from(["sweep", "explicit", "auto"]))
def test_multipliers_equal_the_twin(rows, inputs, method):
    system = declare(rows, inputs)
    solution = system.solve()
    slow = twin.of_system(system, dict(solution))
    for name in (row.name for row in rows):
        weights = np.full(np.shape(solution[name]), 1.5)
        lam = solution.multipliers({name: weights}, method=method)
        expected = slow.multipliers({name: weights})
        assert set(lam) == set(expected)
        for equation, w in lam.items():
            twin.assert_close(w, expected[equation])
        model = solution.system.model
        solved = [i for b in model.blocks if b.cyclic for i in b.equations]
        if method == "explicit" or any(np.any(lam[model.equation_names[i]]) for i in solved):
            assert lam.residual < 1e-12
        if np.shape(solution[name]) == ():
            gradient = solution.gradient(name)
            assert set(gradient) == {"x", "y"}
            for x, g in gradient.items():
                assert np.shape(g) == np.shape(inputs[x])
                twin.assert_close(1.5 * g, expected[x])


@settings(max_examples=20)
@given(rows(), points)
def test_jacobians_equal_the_twin_and_differences_from_both_sides(rows, inputs):
    system = declare(rows, inputs)
    solution = system.solve(tol=1e-11)
    slow = twin.of_system(system, dict(solution))
    everything = [row.name for row in rows] + ["x", "y"]
    tall = solution.jacobian(of=everything, wrt=["x"])
    for name in everything:
        expected = slow.jacobian(name, "x")
        twin.assert_close(tall[name]["x"], expected)
        shape = np.shape(solution[name])
        wide = solution.jacobian(of=name, wrt=["x", "y"])  # at most 2 rows for 3 columns
        assert wide[name]["x"].shape == shape
        assert wide[name]["y"].shape == (*shape, 2)
        twin.assert_close(wide[name]["x"], expected)
        twin.assert_close(wide[name]["y"], slow.jacobian(name, "y"))

    def along(h):
        moved = system.solve(start=solution, tol=1e-11, x=inputs["x"] + h)
        return np.concatenate([twin.entries(moved[name]) for name in everything])

    slopes = twin.difference(along)
    found = np.concatenate([twin.entries(tall[name]["x"]) for name in everything])
    twin.assert_close(found, slopes, rtol=1e-6, atol=1e-7)


@some
@given(rows(), points, st.integers(0, 2**32 - 1))
def test_names_and_the_order_of_declaration_do_not_matter(rows, inputs, seed):
    shuffle = random.Random(seed)
    strange = {}

    def rename(name):
        return strange.setdefault(name, f"v{shuffle.randrange(10**9)}_{len(strange)}")

    first = declare(rows, inputs).solve(tol=1e-11)
    second = declare(rows, inputs, shuffle, rename).solve(tol=1e-11)
    assert len(first) == len(second)
    for name, value in first.items():
        np.testing.assert_allclose(second[rename(name)], value, rtol=1e-10, atol=1e-10)

    def blocks(solution, rename=lambda name: name):
        model = solution.system.model
        return {
            (
                frozenset(rename(model.names[j]) for j in block.variables),
                frozenset(rename(model.equation_names[i]) for i in block.equations),
                block.cyclic,
            )
            for block in model.blocks
        }

    assert blocks(first, rename) == blocks(second)
    for row in rows:
        weights = np.ones(row.shape)
        lam = first.multipliers({row.name: weights})
        other = second.multipliers({rename(row.name): weights})
        for equation, w in lam.items():
            np.testing.assert_allclose(other[rename(equation)], w, rtol=1e-9, atol=1e-9)


def test_a_variable_that_a_residual_further_on_determines():
    system = lg.System(a=9.0)
    system.unknown("u", start=1.0)

    @system.constraint
    def v(u):
        return u * u

    @system.residual
    def target(v, a):
        return v - a

    solution = system.solve()
    assert solution["u"] == pytest.approx(3.0, abs=1e-14)
    assert solution.gradient("u")["a"] == pytest.approx(1 / 6, abs=1e-14)
    assert solution.gradient("v")["a"] == pytest.approx(1.0, abs=1e-14)
    assert solution.jacobian(of=["u", "v"], wrt="a")["u"]["a"] == pytest.approx(1 / 6, abs=1e-14)
    slow = twin.of_system(system, dict(solution))
    fast = solution.system
    twin.assert_close(fast.A.toarray(), slow.A(fast.variables, fast.equations))
