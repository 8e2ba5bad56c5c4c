"""The structure of the picture of A: places, names, boxes. Not pixels."""

import time

import matplotlib.pyplot as plt
import numpy as np
import pytest

import lagrad as lg
from lagrad import gallery
from lagrad.status import ArgumentError
from lagrad.views import save_picture, spy


def squares(ax):
    """The (row, column) of every entry drawn."""
    drawn = [c for c in ax.collections if c.get_label() != "cycle"]
    return {
        (round(path.vertices[0][1]), round(path.vertices[0][0]))
        for collection in drawn
        for path in collection.get_paths()
    }


def boxes(ax):
    """First column, first row, width, height of every frame."""
    return [
        tuple(path.get_extents().bounds)
        for collection in ax.collections
        if collection.get_label() == "cycle"
        for path in collection.get_paths()
    ]


def names(axis):
    return [text.get_text() for text in axis.get_ticklabels()]


def sellar():
    return gallery.load("sellar").model


def test_blocks_stand_in_solve_order_with_their_names():
    ax = spy(sellar())
    assert names(ax.xaxis) == names(ax.yaxis) == ["x", "z1", "z2", "y1", "y2", "f"]
    diagonal = {(k, k) for k in range(6)}
    consumers = {0: (3, 5), 1: (3, 4), 2: (3, 4, 5), 3: (4, 5), 4: (3, 5)}
    partials = {(row, column) for row, columns in consumers.items() for column in columns}
    assert squares(ax) == diagonal | partials


def test_diagonal_runs_from_top_left_and_the_cycle_is_boxed():
    ax = spy(sellar())
    assert ax.get_xlim() == pytest.approx((0, 6), abs=0.05)  # room for a box in the corner
    assert ax.get_ylim() == pytest.approx((6, 0), abs=0.05)
    assert boxes(ax) == [(3, 3, 2, 2)]
    assert ax.get_title() == "A by variable: 6 x 6 blocks, 17 filled, 1 cycle"
    assert spy(sellar(), level="entries").get_title() == "A by entry: 6 x 6, 17 entries, 1 cycle"
    assert "lambda" in ax.get_xlabel() and "z_j" in ax.get_ylabel()


def test_acyclic_is_upper_triangular_and_has_no_box():
    ax = spy(gallery.load("two-layer").model)
    assert all(row <= column for row, column in squares(ax))
    assert boxes(ax) == [] and ax.get_title().endswith("acyclic")


def test_late_declaration_is_put_in_order():
    system = lg.System(x=2.0)

    @system.constraint
    def late(early):
        return early + 1.0

    @system.constraint
    def early(x):
        return x * x

    assert names(spy(system).yaxis) == ["x", "early", "late"]
    declared = spy(system, order="declared")
    assert names(declared.yaxis) == ["x", "late", "early"]
    assert any(row > column for row, column in squares(declared))


def test_entries_of_vectors_stand_at_their_places():
    system = lg.System(x=np.array([1.0, 2.0]))

    @system.constraint
    def y(x):
        return x[::-1] * 3.0

    @system.constraint
    def f(y):
        return np.sum(y)

    ax = spy(system, level="entries")
    assert squares(ax) == {(k, k) for k in range(5)} | {(0, 3), (1, 2), (2, 4), (3, 4)}
    assert names(ax.yaxis) == ["x", "y", "f"]
    assert ax.yaxis.get_majorticklocs().tolist() == [1, 3, 4.5]


def test_box_of_a_vector_has_its_size():
    ax = spy(gallery.load("les-miserables").model, level="entries")
    start = 254 + 77 + 1 + 77 + 508
    assert boxes(ax) == [(start, start, 77, 77)]


def test_few_entries_are_set_apart_and_many_are_not():
    for problem, level, apart in (
        ("two-layer", "entries", True),
        ("les-miserables", "entries", False),
    ):
        drawn = spy(gallery.load(problem).model, level=level).collections[0]
        assert (tuple(drawn.get_edgecolor()[0][:3]) == (1, 1, 1)) is apart


def long_names():
    system = lg.System(
        **{f"input_with_a_rather_long_name_{k}": np.ones(1 + 40 * k) for k in (0, 1)}
    )
    system.input("end", 1.0)
    for k in range(3):
        system.constrain(f"total_{k}", lambda a: np.sum(a), ["input_with_a_rather_long_name_1"])
    return system


@pytest.mark.parametrize("level", ["variables", "entries"])
def test_names_do_not_touch_and_what_is_left_out_is_said(level):
    ax = spy(long_names(), level=level)
    ax.figure.canvas.draw()
    for axis in (ax.xaxis, ax.yaxis):
        areas = [text.get_window_extent() for text in axis.get_ticklabels()]
        areas.append(axis.label.get_window_extent())
        pairs = [(a, b) for k, a in enumerate(areas) for b in areas[:k]]
        assert not any(a.overlaps(b) for a, b in pairs)
        assert len(areas) == 7 or f"{len(areas) - 1} of 6 have room" in axis.label.get_text()
    assert not ax.xaxis.label.get_window_extent().overlaps(ax.title.get_window_extent())
    assert "input_with...ong_name_1" in names(ax.xaxis)


def test_residuals_have_frames_of_their_own_shape_and_no_diagonal():
    system = lg.System(a=3.0)
    for name, start in (("u", 2.5), ("v", 0.4)):
        system.unknown(name, start=start)

    @system.residual
    def balance(u, v, a):
        return np.stack([u + v - a, u * v - 1.0])

    @system.constraint
    def out(u, v):
        return u - v

    ax = spy(system)
    assert names(ax.yaxis) == ["a", "u", "v", "out"]
    assert names(ax.xaxis) == ["a", "balance", "out"]
    assert boxes(ax) == [(1, 1, 1, 2)]
    assert squares(ax) == {(0, 0), (0, 1), (1, 1), (2, 1), (1, 2), (2, 2), (3, 2)}
    (diagonal,) = [c for c in ax.collections if "ii" in str(c.get_label())]
    assert len(diagonal.get_paths()) == 2  # a and out; no equation defines u or v
    assert boxes(spy(system, level="entries")) == [(1, 1, 2, 2)]


def test_system_solution_multiplier_system_and_graph_are_all_accepted():
    solution = sellar().solve()
    assert squares(spy(solution)) == squares(spy(solution.system)) == squares(spy(sellar()))
    graph = lg.trace(lambda x, y: x * y + x, 2.0, 3.0)
    assert squares(spy(graph)) == squares(spy(graph.linearize()))
    assert names(spy(graph).yaxis)[:2] == ["x", "y"]


def test_given_axes_are_used():
    _, ax = plt.subplots()
    assert spy(sellar(), ax) is ax
    assert lg.spy(sellar(), ax=ax) is ax


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"obj": np.eye(3)}, "not ndarray; for a function f take lg.trace"),
        (
            {"obj": "sellar", "level": "block"},
            "there are 'entries', 'variables', 'scopes' and None",
        ),
        ({"obj": "sellar", "order": "random"}, "there are 'solve', 'declared', 'both'"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_the_remedy(arguments, sentence):
    if isinstance(arguments["obj"], str):
        arguments = {**arguments, "obj": sellar()}
    with pytest.raises(ArgumentError, match=sentence):
        spy(**arguments)


def chain(length):
    def f(x):
        for _ in range(length):
            x = x * 0.5
        return x

    return lg.trace(f, 1.0)


def test_many_rows_become_a_density():
    ax = spy(chain(5000))
    (image,) = ax.images
    share = image.get_array()
    assert share.shape == (400, 400)
    cells = 5001 / 400
    filled = float((share.filled(0) * cells**2).sum())
    assert filled == pytest.approx(5001 + 5000)  # every entry is in some cell
    assert squares(ax) == set()


@pytest.mark.slow
def test_a_million_rows_take_seconds():
    graph = chain(1_000_000)
    begin = time.perf_counter()
    spy(graph).figure.canvas.draw()
    assert time.perf_counter() - begin < 30


def test_picture_has_two_panels_where_entries_show_more(tmp_path):
    for name, panels in (("sellar", 1), ("two-layer", 2)):
        path = tmp_path / f"{name}.png"
        save_picture(gallery.load(name).model.solve().system, path, name)
        height, width = plt.imread(path).shape[:2]
        assert round(width / height) == panels


def test_titles_of_the_two_panels_are_at_one_height():
    from matplotlib.figure import Figure

    from lagrad.views.picture import level_titles

    figure = Figure(figsize=(12, 7), layout="compressed")
    for ax, level in zip(figure.subplots(1, 2), ("variables", "entries"), strict=True):
        spy(long_names(), ax, level=level)
    level_titles(figure)
    figure.draw_without_rendering()
    tops = [ax.title.get_window_extent().y0 for ax in figure.axes]
    assert tops[0] == pytest.approx(tops[1], abs=1)
    for ax in figure.axes:
        assert not ax.xaxis.label.get_window_extent().overlaps(ax.title.get_window_extent())
