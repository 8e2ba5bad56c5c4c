"""A at the level of entries, variables and scopes, and how it is drawn there."""

import time

import matplotlib.pyplot as plt
import numpy as np
import pytest

import lagrad as lg
from lagrad import gallery
from lagrad.status import ArgumentError
from lagrad.views.level import seen
from lagrad.views.palette import DARK, LIGHT, palette


def dense_block(layers=3, blocks=1):
    rng = np.random.default_rng(0)
    weights = [[rng.normal(size=(2 + 2 * k, 2)) for k in range(layers)] for _ in range(blocks)]

    def net(x, w):
        for b in range(blocks):
            with lg.scope(f"block{b + 1}"):
                found = [x]
                for k in range(layers):
                    with lg.scope(f"layer{k + 1}"):
                        found.append(np.tanh(np.concatenate(found) @ w[b][k]))
                x = found[-1]
        with lg.scope("head"):
            return np.sum(np.concatenate(found))

    return lg.trace(net, rng.normal(size=2), weights).linearize()


def pattern(level):
    """The filled cells in the order of solution, as a dense matrix of 0 and 1."""
    found = np.zeros(level.shape, dtype=int)
    found[level.places] = 1
    rows = [k for block in level.blocks for k in block]
    columns = [k for block in level.equation_blocks for k in block]
    return found[np.ix_(rows, columns)]


def in_order(level):
    return [level.rows[k] for block in level.blocks for k in block]


def frames(ax, label):
    return [
        tuple(path.get_extents().bounds)
        for collection in ax.collections
        if collection.get_label() == label
        for path in collection.get_paths()
    ]


def test_layers_of_a_dense_block_are_a_full_upper_triangle():
    level = seen(dense_block(), "scopes")
    assert in_order(level) == ["x", *(f"block1.layer{k}" for k in (1, 2, 3)), "head"]
    assert (pattern(level) == np.triu(np.ones((5, 5), dtype=int))).all()
    assert level.cycles == []


def test_depth_says_how_many_nested_scopes_are_told_apart():
    system = dense_block(blocks=2)
    assert in_order(seen(system, depth=1)) == ["block1", "block2", "head"]  # x stands in block1
    # What block1 gave is still concatenated in the head.
    assert (pattern(seen(system, depth=1)) == np.triu(np.ones((3, 3), dtype=int))).all()
    assert len(seen(system, depth=2).rows) == 8


def test_an_input_stands_in_the_scope_that_alone_reads_it():
    def f(own, shared):
        with lg.scope("a"):
            y = own * shared
        with lg.scope("b"):
            return y * shared

    level = seen(lg.trace(f, 2.0, 3.0).linearize(), "scopes")
    assert in_order(level) == ["a", "shared", "b"] or in_order(level) == ["shared", "a", "b"]


def test_scopes_of_a_system_with_a_cycle_across_them():
    system = lg.System(x=1.0)
    system.constrain("left.y", lambda x, z: x - 0.5 * z, ["x", "right.z"], start=0.0)
    system.constrain("right.z", lambda y: 0.5 * y, ["left.y"], start=0.0)
    system.constrain("last.out", lambda x, z: x * z**2, ["x", "right.z"])
    solved = system.solve().system
    level = seen(solved, "scopes")
    assert in_order(level) == ["x", "left", "right", "last"]
    assert pattern(level).tolist() == [[1, 1, 0, 1], [0, 1, 1, 0], [0, 1, 1, 1], [0, 0, 0, 1]]
    assert level.cycles == [((1, 2), (1, 2))]
    ax = lg.spy(solved, level="scopes")
    assert frames(ax, "cycle") == [(1, 1, 2, 2)]
    assert ax.get_title() == "A by scope: 4 x 4 blocks, 9 filled, 1 cycle"


def test_scopes_that_feed_each_other_without_a_cycle_have_no_frame():
    def f(x):
        with lg.scope("a"):
            y = x * 2
        with lg.scope("b"):
            z = y * 3
        with lg.scope("a"):
            return z * 4

    system = lg.trace(f, 1.0).linearize()
    level = seen(system, "scopes")
    assert pattern(level).tolist() == [[1, 1], [1, 1]] and level.cycles == []  # x stands in a
    assert frames(lg.spy(system, level="scopes"), "cycle") == []


def test_residual_equations_at_the_level_of_scopes():
    system = lg.System(a=3.0)
    with lg.scope("pair"):
        for name, start in (("u", 2.5), ("v", 0.4)):
            system.unknown(name, start=start)
        system.residual(lambda u, v, a: np.stack([u + v - a, u * v - 1.0]), name="balance")
    system.constrain("out", lambda u, v: u - v, ["u", "v"])
    level = seen(system.solve().system, "scopes")
    assert level.rows == ("pair", "out") and pattern(level).tolist() == [[1, 1], [0, 1]]
    assert level.cycles == [((0,), (0,))]


def test_scopes_are_framed_where_variables_are_drawn():
    ax = lg.spy(dense_block(), level="variables")
    inner = [(4 + 3 * k, 4 + 3 * k, 3, 3) for k in range(3)]
    assert sorted(frames(ax, "scope")) == sorted([(4, 4, 9, 9), *inner, (13, 13, 2, 2)])


def test_axes_carry_scopes_where_variables_are_too_many():
    ax = lg.spy(dense_block(layers=25), level="variables")
    shown = {text.get_text() for text in ax.yaxis.get_ticklabels()}
    assert shown == {"block1", "head"} and ax.get_ylabel().endswith("by scope")


@pytest.mark.parametrize(
    ("system", "expected"),
    [
        (dense_block(), "A by variable"),
        (dense_block(layers=25), "A by scope"),
        (lg.trace(lambda x: np.sum(x * x), np.ones(3)), "A by variable"),
    ],
    ids=["few", "many with scopes", "no scopes"],
)
def test_the_level_is_chosen(system, expected):
    assert lg.spy(system).get_title().startswith(expected)


def test_both_orders_stand_side_by_side():
    system = lg.System(x=2.0)
    system.constrain("late", lambda early: early + 1.0, ["early"])
    system.constrain("early", lambda x: x * x, ["x"])
    declared, solved = lg.spy(system, order="both")
    names = [[t.get_text() for t in ax.yaxis.get_ticklabels()] for ax in (declared, solved)]
    assert names == [["x", "late", "early"], ["x", "early", "late"]]
    assert declared.get_title().endswith("as it was written down")
    assert solved.get_title().endswith("as it is solved")


def drawn_values(ax):
    (image,) = [c for c in ax.collections if c.get_array() is not None]
    return {
        (round(path.vertices[0][1]), round(path.vertices[0][0])): value
        for path, value in zip(image.get_paths(), image.get_array(), strict=True)
    }


def test_values_are_those_of_the_matrix():
    solved = gallery.load("sellar").model.solve().system
    ax = lg.spy(solved, values=True)
    entries = solved.A.tocoo()
    places = zip(*map(np.ndarray.tolist, entries.coords), strict=True)
    expected = dict(zip(places, entries.data, strict=True))
    assert drawn_values(ax) == pytest.approx(expected)
    image = ax.collections[0]
    assert image.norm.vmax == -image.norm.vmin == np.abs(entries.data).max()


def test_a_square_of_several_entries_has_the_largest():
    graph = lg.trace(lambda x: np.sum(np.array([1.0, -7.0, 2.0]) * x), np.ones(3))
    for level in ("variables", "entries"):
        values = drawn_values(lg.spy(graph, level=level, values=True))
        assert max(values.values(), key=abs) == 7.0
    assert drawn_values(lg.spy(graph, level="variables", values=True))[0, 1] == 7.0


def test_values_that_are_not_finite_are_crosses_and_counted():
    graph = lg.trace(lambda x: np.sqrt(x) * 2.0, 0.0)
    for level in ("variables", "scopes"):
        ax = lg.spy(graph, level=level, values=True)
        (cross,) = ax.lines
        assert cross.get_xydata().tolist() == [[1.5, 0.5]]
        assert cross.get_label() == "NaN or infinite: 1"


@pytest.mark.parametrize("values", [False, True])
def test_many_rows_are_put_together(values):
    def f(x):
        for _ in range(3000):
            x = x * 0.5
        return x

    ax = lg.spy(lg.trace(f, 1.0), level="entries", values=values)
    (image,) = ax.images
    assert image.get_array().shape == (400, 400)
    assert image.get_array().count() == (400 + 399)  # the diagonal, and one beside it
    if values:
        assert set(np.unique(image.get_array().compressed())) <= {-0.5, 1.0}


def test_colours_are_those_for_the_ground():
    assert palette(lg.spy(gallery.load("sellar").model)) is LIGHT
    with plt.style.context("dark_background"):
        ax = lg.spy(gallery.load("sellar").model)
        assert palette(ax) is DARK
        faces = {tuple(np.round(c.get_facecolor()[0][:3], 2)) for c in ax.collections[:2]}
    from matplotlib.colors import to_rgb

    assert faces == {tuple(np.round(to_rgb(c), 2)) for c in (DARK.partial, DARK.diagonal)}
    figure, ax = plt.subplots()
    ax.set_facecolor("none")
    figure.set_facecolor("black")
    assert palette(ax) is DARK


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"depth": 0}, "a number from 1 on"),
        ({"depth": 1, "level": "entries"}, "with level='scopes'"),
        ({"level": "blocks"}, "'entries', 'variables', 'scopes'"),
        ({"order": "both", "ax": "one"}, "on 2 axes, not on 1"),
    ],
)
def test_options_that_do_not_fit(options, sentence):
    if "ax" in options:
        options["ax"] = plt.subplots()[1]
    with pytest.raises(ArgumentError, match=sentence):
        lg.spy(gallery.load("sellar").model, **options)


def test_a_system_of_nothing_and_of_one():
    def of(n):
        return lg.trace(lambda: 1.0) if n == 0 else lg.trace(lambda x: x, 1.0)

    for level in ("entries", "variables", "scopes"):
        for values in (False, True):
            assert "1 x 1" in lg.spy(of(1), level=level, values=values).get_title()
    empty = lg.System().solve()
    for level in ("entries", "variables", "scopes"):
        lg.spy(empty, level=level).figure.canvas.draw()


def test_names_of_all_sorts():
    long = "a name of more than eighty characters, " * 3
    system = lg.System(**{long: 1.0, "größe": 2.0, "$x_1$": 3.0})
    system.constrain("λ", lambda a, b, c: a + b + c, [long, "größe", "$x_1$"])
    ax = lg.spy(system)
    ax.figure.canvas.draw()
    names = [text.get_text() for text in ax.yaxis.get_ticklabels()]
    assert len(names[0]) == 24 - 1 and names[1] == "größe" and names[3] == "λ"


def test_many_scopes_take_no_time():
    def f(x):
        for k in range(300):
            with lg.scope(f"s{k}"):
                for _ in range(100):
                    x = x * 0.5
        return x

    system = lg.trace(f, 1.0).linearize()
    system.A  # noqa: B018
    begin = time.perf_counter()
    level = seen(system, "scopes")
    assert time.perf_counter() - begin < 3
    assert len(level.rows) == 300 and len(level.own) == 599


def test_steps_of_a_trace_say_their_function():
    graph = lg.trace(lambda x, w: np.sum(np.tanh(x @ w)), np.ones(2), np.ones((2, 2)))
    for level in ("variables", "entries"):
        ax = lg.spy(graph, level=level)
        for axis in (ax.xaxis, ax.yaxis):
            names = [text.get_text() for text in axis.get_ticklabels()]
            assert names == ["x", "w", "z3 matmul", "z4 tanh", "z5 sum"]
