"""Components, order, matching and reach: against tiny references that recurse and enumerate."""

import itertools

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from lagrad.order import Deficiency, components, match, reachable
from lagrad.status import StructureError

# -- references ------------------------------------------------------------------------------------


def needs(n, edges):
    """Return the set of nodes that each node needs, itself included, by recursion."""
    parents = {i: [j for row, j in edges if row == i] for i in range(n)}

    def visit(i, seen):
        for j in parents[i]:
            if j not in seen:
                seen.add(j)
                visit(j, seen)
        return seen

    return [visit(i, {i}) for i in range(n)]


def reference_components(n, edges):
    """Return the strongly connected components: nodes that need each other."""
    reach = needs(n, edges)
    return {frozenset(j for j in range(n) if j in reach[i] and i in reach[j]) for i in range(n)}


def reference_rank(pattern):
    """Return the size of the largest matching, by trying all."""
    m, n = pattern.shape

    def best(i, used):
        if i == m:
            return 0
        options = [best(i + 1, used)]
        options += [
            1 + best(i + 1, used | {j}) for j in range(n) if pattern[i, j] and j not in used
        ]
        return max(options)

    return best(0, frozenset())


def arrays(edges):
    pairs = np.array(sorted(edges), dtype=np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


nodes = st.integers(0, 7)
graphs = st.integers(1, 8).flatmap(
    lambda n: st.tuples(
        st.just(n), st.sets(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=16)
    )
)


# -- components and order --------------------------------------------------------------------------


@settings(max_examples=300)
@given(graphs)
def test_components_are_the_sets_of_nodes_that_need_each_other(graph):
    n, edges = graph
    found = components(n, *arrays(edges))
    assert {frozenset(c) for c in found} == reference_components(n, edges)
    assert sorted(i for c in found for i in c) == list(range(n))
    assert all(list(c) == sorted(c) for c in found)


@settings(max_examples=300)
@given(graphs)
def test_a_component_comes_after_all_that_it_needs_and_the_smallest_free_one_first(graph):
    n, edges = graph
    found = components(n, *arrays(edges))
    done = set()
    waiting = {frozenset(c) for c in found}
    for c in found:
        free = [d for d in waiting if all(j in done | d for i, j in edges if i in d)]
        assert frozenset(c) in free
        assert min(c) == min(min(d) for d in free)
        done |= set(c)
        waiting.remove(frozenset(c))


@given(graphs)
def test_an_order_that_is_topological_is_kept(graph):
    n, edges = graph
    edges = {(max(e), min(e)) for e in edges if e[0] != e[1]}
    assert components(n, *arrays(edges)) == [(i,) for i in range(n)]


def test_an_order_that_is_topological_is_kept_beside_a_self_loop():
    assert components(3, *arrays({(1, 0), (1, 1), (2, 1)})) == [(0,), (1,), (2,)]


def test_repeated_edges_are_one():
    rows, parents = np.array([0, 0, 1, 1, 2]), np.array([1, 1, 0, 0, 1])
    assert components(3, rows, parents) == [(0, 1), (2,)]


def test_no_nodes_have_no_components():
    empty = np.zeros(0, dtype=np.int64)
    assert components(0, empty, empty) == []


@pytest.mark.parametrize("backwards", [False, True])
def test_a_million_nodes_in_a_chain_do_not_recurse(backwards):
    n = 1_000_000
    rows, parents = np.arange(1, n), np.arange(n - 1)
    if backwards:
        rows, parents = parents, rows
    found = components(n, rows, parents)
    first, last = (n - 1, 0) if backwards else (0, n - 1)
    assert len(found) == n
    assert found[0] == (first,)
    assert found[-1] == (last,)
    assert reachable(n, rows, parents, np.array([last])).all()


def test_a_million_nodes_in_one_cycle_do_not_recurse():
    n = 1_000_000
    found = components(n, np.arange(n), np.roll(np.arange(n), 1))
    assert len(found) == 1
    assert found[0] == tuple(range(n))


# -- matching --------------------------------------------------------------------------------------

patterns = st.tuples(st.integers(1, 5), st.integers(1, 5)).flatmap(
    lambda shape: st.lists(
        st.booleans(), min_size=shape[0] * shape[1], max_size=shape[0] * shape[1]
    ).map(lambda flat: np.reshape(flat, shape))
)


@settings(max_examples=400)
@given(patterns)
def test_matching_is_perfect_or_the_deficiency_says_why_not(pattern):
    m, n = pattern.shape
    found = match(sp.csr_array(pattern))
    rank = reference_rank(pattern)
    if not isinstance(found, Deficiency):
        assert rank == m == n
        assert sorted(found.tolist()) == list(range(n))
        assert all(pattern[i, j] for i, j in enumerate(found.tolist()))
        return
    assert rank < max(m, n)
    # Over-determined: these equations hold just these variables, which are too few by m - rank.
    over, held = found.equations, found.determined
    assert set(held.tolist()) == set(np.flatnonzero(pattern[over].any(axis=0)).tolist())
    assert len(over) - len(held) == m - rank
    # Under-determined: these variables occur just in these equations, too few by n - rank.
    under, where = found.variables, found.constraining
    assert set(where.tolist()) == set(np.flatnonzero(pattern[:, under].any(axis=1)).tolist())
    assert len(under) - len(where) == n - rank


@settings(max_examples=100)
@given(patterns)
def test_the_deficiency_is_all_that_some_largest_matching_leaves_out(pattern):
    """The over-determined part does not depend on which largest matching was found."""
    found = match(sp.csr_array(pattern))
    rank = reference_rank(pattern)
    m, n = pattern.shape
    can_be_free = {i for i in range(m) if reference_rank(np.delete(pattern, i, axis=0)) == rank}
    if isinstance(found, Deficiency):
        assert set(found.equations.tolist()) == (can_be_free if rank < m else set())
        columns = {j for j in range(n) if reference_rank(np.delete(pattern, j, axis=1)) == rank}
        assert set(found.variables.tolist()) == (columns if rank < n else set())
    else:
        assert can_be_free == set()


def test_values_do_not_decide_the_matching():
    stored = sp.csr_array((np.zeros(2), np.array([1, 0]), np.array([0, 1, 2])), shape=(2, 2))
    assert match(stored).tolist() == [1, 0]


def test_permutations_are_matched_whatever_their_order():
    for p in itertools.permutations(range(4)):
        pattern = np.eye(4, dtype=bool)[list(p)]
        assert match(sp.csr_array(pattern)).tolist() == list(p)


def test_a_long_band_is_matched_without_recursion():
    n = 100_000
    band = sp.diags_array([np.ones(n - 1), np.ones(n - 1)], offsets=[1, -1], shape=(n, n))
    found = match(sp.csr_array(band))
    assert sorted(found.tolist()) == list(range(n))
    free = sp.csr_array(sp.diags_array([np.ones(n)], offsets=[1], shape=(n, n)))
    lacking = match(free)
    assert isinstance(lacking, Deficiency)
    assert lacking.equations.tolist() == [n - 1]
    assert lacking.variables.tolist() == [0]


# -- reach -----------------------------------------------------------------------------------------


@settings(max_examples=200)
@given(graphs, st.sets(nodes, max_size=3))
def test_reachable_is_what_the_start_needs(graph, start):
    n, edges = graph
    start = sorted(i for i in start if i < n)
    found = reachable(n, *arrays(edges), np.array(start, dtype=int))
    expected = set().union(*(needs(n, edges)[i] for i in start))
    assert set(np.flatnonzero(found).tolist()) == expected
    assert found.shape == (n,)
    assert found.dtype == bool


def test_an_edge_that_leaves_the_graph_is_refused():
    for rows, parents in (([3], [0]), ([0], [3]), ([-1], [0]), ([0], [-1])):
        with pytest.raises(StructureError, match="leaves the graph"):
            reachable(3, np.array(rows), np.array(parents), np.array([0]))
