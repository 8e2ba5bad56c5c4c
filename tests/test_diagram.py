"""The constraint graph as it is laid out and written: by positions, and by the SVG as XML."""

import itertools
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import lagrad as lg
from lagrad import gallery
from lagrad.status import ArgumentError
from lagrad.views import solution
from lagrad.views.frames import frames
from lagrad.views.layers import BOTTOM, TOP, Line, arrange, spread
from lagrad.views.network import MOST

RNG = np.random.default_rng(0)


def texts(drawn):
    return [e.text for e in ET.fromstring(drawn.svg).iter("{http://www.w3.org/2000/svg}text")]


def titles(drawn):
    return [e.text for e in ET.fromstring(drawn.svg).iter("{http://www.w3.org/2000/svg}title")]


def box(drawn, name):
    (k,) = [k for k, node in enumerate(drawn.network.nodes) if node.name == name]
    return drawn.layout.boxes[k]


def edge_names(drawn):
    nodes = drawn.network.nodes
    return {(nodes[a].name, nodes[b].name) for a, b in drawn.network.edges}


def overlap(a, b):
    return a[0] < b[0] + b[2] and b[0] < a[0] + a[2] and a[1] < b[1] + b[3] and b[1] < a[1] + a[3]


def contains(a, b):
    x, y = a[0] <= b[0] and b[0] + b[2] <= a[0] + a[2], a[1] <= b[1]
    return x and y and b[1] + b[3] <= a[1] + a[3]


def check(drawn):
    """Nothing overlaps, frames hold what is theirs and nothing else, and edges flow downwards."""
    layout, net = drawn.layout, drawn.network
    for a, b in itertools.combinations(layout.boxes, 2):
        assert not overlap(a, b)
    for (f, a), (g, b) in itertools.combinations(layout.frames.items(), 2):
        inner, outer = (a, b) if len(f) >= len(g) else (b, a)
        short, long = sorted((f, g), key=len)
        assert contains(outer, inner) if long[: len(short)] == short else not overlap(a, b)
    around = frames([node.path for node in net.nodes], net.cycles, net.edges)
    for frame, rectangle in layout.frames.items():
        for k, node in enumerate(layout.boxes):
            inside = around[k][: len(frame)] == frame
            assert contains(rectangle, node) if inside else not overlap(rectangle, node)
    cyclic = {pair for c in net.cycles for pair in itertools.product(c, c)}
    width, height = layout.size
    for (a, b), points in layout.routes.items():
        tail, head = layout.boxes[a], layout.boxes[b]
        y = [p[1] for p in points]
        if (a, b) in layout.upward:
            assert y == sorted(y, reverse=True)
            assert net.level == "scopes" or (a, b) in cyclic
        else:
            assert y == sorted(y) and tail[1] + tail[3] <= head[1]
        for x, _ in points:
            assert -1 <= x <= width + 1
        for (x, at), one in ((points[0], tail), (points[-1], head)):
            assert one[0] <= x <= one[0] + one[2]
            assert min(abs(at - one[1]), abs(at - one[1] - one[3])) < 1e-6
        for x, at in points[1:-1]:  # around all other nodes
            for k, (left, top, w, h) in enumerate(layout.boxes):
                assert k in (a, b) or not (left < x < left + w and top < at < top + h)
    assert set(layout.routes) == set(net.edges)
    assert all(0 <= x and x + w <= width + 1e-6 for x, _, w, _ in layout.boxes)
    said = "\n".join(titles(drawn))
    assert all(node.name in said for node in net.nodes)


def chain(n=12, size=4, extra=None):
    """A residual network of n layers; ``extra`` makes the layer of that number different."""
    weights = [(RNG.normal(size=(size, size)), RNG.normal(size=size)) for _ in range(n)]

    def net(x, weights, v):
        for k, (W, b) in enumerate(weights):
            with lg.scope(f"layer{k + 1}"):
                x = x + np.tanh(x @ W + b)
                if k + 1 == extra:
                    x = np.sin(x)
        with lg.scope("head"):
            return np.sum(x * v)

    return lg.trace(net, RNG.normal(size=size), weights, RNG.normal(size=size))


def recurrent(steps=20, size=3):
    def net(xs, h, W, U):
        for t in range(steps):
            with lg.scope(f"step{t + 1}"):
                h = np.tanh(h @ W + xs[t] @ U)
        return np.sum(h**2)

    arrays = (steps, 2), (size,), (size, size), (2, size)
    return lg.trace(net, *(RNG.normal(size=shape) for shape in arrays))


def stages(layers=4):
    """Scopes in scopes: three stages of layers with two parts each."""

    def net(x, w):
        for s in range(3):
            with lg.scope(f"stage{s + 1}"):
                for k in range(layers):
                    with lg.scope(f"layer{k + 1}.mix"):
                        y = np.tanh(x * w[s][k])
                    with lg.scope(f"layer{k + 1}.add"):
                        x = x + y
        return np.sum(x)

    return lg.trace(net, np.ones(3), [list(RNG.normal(size=(layers, 3))) for _ in range(3)])


def disciplines():
    system = lg.System(x=1.0, z=2.0)
    for name, parents in (("aero", ["x", "struct.y"]), ("struct", ["z", "aero.y"])):
        system.constrain(f"{name}.t", lambda a, b: a + 0.1 * np.cos(b), parents, start=1.0)
        system.constrain(f"{name}.y", lambda t: 0.5 * t, [f"{name}.t"], start=1.0)
    system.constrain("f", lambda a, b: a * b, ["aero.y", "struct.y"])
    return system


def residuals():
    system = lg.System(p=2.0, q=3.0)
    system.unknown("u", start=1.0)
    system.unknown("v", start=5.0)
    system.constrain("k", lambda p, q: p * q, ["p", "q"])
    system.residual(lambda u, v, k: u + v - k, name="mass")
    system.residual(lambda u, v, q: u * v - q, name="energy")
    system.constrain("out", lambda u, v: u**2 + v, ["u", "v"])
    return system


def left_and_come_back():
    def f(x):
        with lg.scope("S"):
            a = np.sin(x)
        b = np.exp(a)
        with lg.scope("S"):
            c = np.cos(b) + a
        with lg.scope("T"):
            d = np.tanh(c)
        with lg.scope("S"):
            return d * a

    return lg.trace(f, 1.0)


def woven():
    def f(x, y):
        with lg.scope("S"):
            a = np.sin(x)
        with lg.scope("T"):
            b, c = np.cos(a), np.exp(y)
        with lg.scope("S"):
            d = np.tanh(c)
        return b * d

    return lg.trace(f, 1.0, 2.0)


def random_graph(seed):
    """A random acyclic graph, with random scopes."""
    rng = np.random.default_rng(seed)

    def f(x, y):
        found = [x, y]
        for _ in range(40):
            a, b = (found[k] for k in rng.integers(max(0, len(found) - 8), len(found), 2))
            with lg.scope("abc"[rng.integers(3)] + "." + "uv"[rng.integers(2)]):
                found.append(np.tanh(a) * b)
        return sum(found)

    return lg.trace(f, 1.0, 2.0)


def knot(n=12):
    system = lg.System(x=1.0)
    for k in range(n):
        parents = ["x", f"y{(k + 1) % n}", f"y{(5 * k + 3) % n}"]
        system.constrain(f"y{k}", lambda x, a, b: x + 0.1 * np.sin(a) + 0.1 * b, parents, start=1.0)
    return system


MADE = {
    "residual network": chain,
    "recurrent": recurrent,
    "stages": stages,
    "disciplines": disciplines,
    "residuals": residuals,
    "left and come back": left_and_come_back,
    "woven": woven,
    "knot": knot,
    **{f"random {seed}": lambda seed=seed: random_graph(seed) for seed in range(4)},
}


# -- layout ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", gallery.names())
def test_the_gallery_is_laid_out(name):
    check(lg.diagram(gallery.load(name).model))


@pytest.mark.parametrize("collapse", [True, False])
@pytest.mark.parametrize("made", MADE.values(), ids=MADE)
def test_scopes_and_cycles_are_laid_out(made, collapse):
    obj = made()
    check(lg.diagram(obj, collapse=collapse))
    check(lg.diagram(obj, "scopes", collapse=collapse))


def test_layers_are_longest_paths_and_inputs_stand_above_who_reads_them():
    drawn = lg.diagram(gallery.load("two-layer").model)
    y = {name: box(drawn, name)[1] for name in (f"z{k}" for k in range(1, 10))}
    assert (
        y["z1"] == y["z3"] < y["z5"] < y["z6"] == y["z4"] < y["z7"] < y["z8"] == y["z2"] < y["z9"]
    )
    assert edge_names(drawn) == {
        ("z1", "z5"), ("z3", "z5"), ("z5", "z6"), ("z6", "z7"), ("z4", "z7"), ("z7", "z8"),
        ("z8", "z9"), ("z2", "z9"),
    }  # fmt: skip


def test_a_cycle_is_framed_and_one_edge_leads_up():
    drawn = lg.diagram(gallery.load("sellar").model)
    nodes = drawn.network.nodes
    (cycle,) = drawn.network.cycles
    assert {nodes[k].name for k in cycle} == {"y1", "y2"}
    assert [tuple(nodes[k].name for k in e) for e in drawn.layout.upward] == [("y2", "y1")]
    assert len(drawn.layout.frames) == 1 and "cycle" in texts(drawn)


def test_scopes_inside_of_a_cycle_stand_inside_of_its_frame():
    drawn = lg.diagram(disciplines())
    kinds = {tuple(part.kind for part in frame) for frame in drawn.layout.frames}
    assert ("cycle", "scope") in kinds
    (cycle,) = drawn.network.cycles
    assert {drawn.network.nodes[k].name for k in cycle} == {
        "aero.t",
        "aero.y",
        "struct.t",
        "struct.y",
    }


def test_a_scope_that_is_left_and_come_back_to_has_a_frame_for_each_part():
    drawn = lg.diagram(left_and_come_back())
    assert sorted(f[0].name for f in drawn.layout.frames) == ["S", "S", "S", "T"]
    assert not lg.diagram(woven()).layout.frames
    assert "in S" in "\n".join(titles(lg.diagram(woven())))


def test_crossings_that_can_be_avoided_are():
    lines = [Line(a, b, 0.0, 0.0, a) for a, b in ((0, 5), (1, 4), (2, 3))]
    x = arrange([(30.0, 20.0)] * 6, lines).corners[:, 0]
    assert np.array_equal(np.argsort(x[:3]), np.argsort(x[[5, 4, 3]]))
    assert np.allclose(x[:3], x[[5, 4, 3]])  # and straight


def test_lines_come_in_at_the_top_and_go_out_at_the_bottom():
    lines = [Line(TOP, 0, 0, 0, "in"), Line(0, 1, 0, 0, 0), Line(0, BOTTOM, 0, 0, 0)]
    placed = arrange([(30.0, 20.0), (50.0, 10.0)], lines)
    assert set(placed.above) == {"in"} and set(placed.below) == {0}
    assert [route[0][1] < route[-1][1] for route in placed.routes] == [True] * 3
    assert placed.routes[2][-1][1] == placed.size[1] >= placed.corners[1, 1] + 10


def test_places_across_a_layer_are_least_squares():
    from scipy.optimize import minimize

    from lagrad.views.layers import Strands

    rng = np.random.default_rng(3)
    graph = Strands([(float(w), 10.0) for w in rng.integers(10, 60, 7)], [1] * 7)
    wishes, weights = rng.normal(scale=60, size=7), rng.uniform(1, 5, 7)
    found = np.array(spread(graph, range(7), wishes, weights))
    gaps = np.array([graph.distance(k, k + 1) for k in range(6)])
    assert np.all(np.diff(found) >= gaps - 1e-9)
    best = minimize(
        lambda x: weights @ (x - wishes) ** 2,
        np.cumsum([0, *gaps]),
        constraints={"type": "ineq", "fun": lambda x: np.diff(x) - gaps},
        tol=1e-12,
    )
    assert weights @ (found - wishes) ** 2 == pytest.approx(best.fun, rel=1e-8)


def test_long_chains_and_deep_scopes_do_not_recurse():
    def f(x):
        for _ in range(MOST - 1):
            x = np.sin(x)
        return x

    assert len(lg.diagram(lg.trace(f, 1.0)).network.nodes) == MOST

    def deep(x):
        with lg.scope(".".join("a" * 150)):
            return np.sin(x)

    assert len(lg.diagram(lg.trace(deep, 1.0)).layout.frames) == 150


# -- repeated blocks -------------------------------------------------------------------------------


def test_twelve_layers_are_drawn_once():
    graph = chain(12)
    drawn = lg.diagram(graph)
    assert "layer1 ... layer12  x 12" in texts(drawn)
    # One layer: W, b, and its four steps; x, v, and the two steps of the head.
    assert len(drawn.network.nodes) == 2 + 4 + 4
    (x,) = [node for node in drawn.network.nodes if node.name == "x"]
    assert x.path == ()  # feeds the chain, and is in none of its layers
    whole = lg.diagram(graph, collapse=False)
    assert len(whole.network.nodes) == len(graph) and not any(" x " in t for t in texts(whole))
    scopes = lg.diagram(graph, "scopes")
    assert [node.name for node in scopes.network.nodes] == ["layer1", "head"]
    assert edge_names(scopes) == {("layer1", "head")}
    assert "layer1 ... layer12  x 12" in texts(scopes)


def test_steps_of_a_recurrence_share_their_weights():
    drawn = lg.diagram(recurrent(20))
    assert "step1 ... step20  x 20" in texts(drawn)
    first = {b for a, b in edge_names(drawn) if a in ("W", "U", "xs", "h")}
    assert len(first) == 3 and len(drawn.network.nodes) == 4 + 5 + 2


def test_chains_in_chains_are_both_told():
    drawn = lg.diagram(stages(4))
    assert {"stage1 ... stage3  x 3", "layer1 ... layer4  x 4"} <= set(texts(drawn))
    assert {node.path for node in drawn.network.nodes} == {
        (), ("stage1", "layer1", "mix"), ("stage1", "layer1", "add"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("extra", "told"), [(1, {2: 11}), (5, {1: 4, 6: 7}), (11, {1: 10}), (2, {3: 10})]
)
def test_a_layer_that_differs_ends_the_chain(extra, told):
    drawn = lg.diagram(chain(12, extra=extra), "scopes")
    runs = {path[0]: len(run) for path, run in drawn.network.runs.items()}
    assert runs == {f"layer{first}": count for first, count in told.items()}
    assert len(drawn.network.nodes) == 13 - sum(n - 1 for n in told.values())
    check(drawn)


def test_shapes_shortness_and_readers_count():
    assert not lg.diagram(chain(2)).network.runs  # two are drawn as they are

    def narrowing(x):
        for k in range(5):
            with lg.scope(f"layer{k}"):
                x = np.tanh(x)[1:]
        return np.sum(x)

    assert not lg.diagram(lg.trace(narrowing, np.ones(9))).network.runs

    def dense(x):
        found = [x]
        for k in range(6):
            with lg.scope(f"layer{k}"):
                found.append(np.tanh(sum(found)))
        return found[-1]

    assert not lg.diagram(lg.trace(dense, 1.0)).network.runs

    def beside(x):
        parts = []
        for k in range(6):
            with lg.scope(f"head{k}"):
                parts.append(np.tanh(x * k))
        return sum(parts)

    assert not lg.diagram(lg.trace(beside, 1.0)).network.runs  # no chain


# -- what is written -------------------------------------------------------------------------------


def test_names_of_any_kind_are_written():
    names = ["a<b>&\"q'", "ünïcödé_日本語", "n" * 80, "bell\x07", "</text><script>"]
    system = lg.System(**{name: float(k + 1) for k, name in enumerate(names)})
    system.constrain("out", lambda *args: sum(args), names)
    drawn = lg.diagram(system)
    said = texts(drawn)
    assert {"a<b>&\"q'", "ünïcödé_日本語", "bell\ufffd", "</text><script>"} <= set(said)
    assert max(map(len, said)) < 40 and any("n" * 80 in t for t in titles(drawn))
    assert "<script" not in drawn.svg


def test_nodes_say_function_and_shape():
    said = texts(lg.diagram(gallery.load("two-layer").model))
    assert {"z5", "matmul  (5,)", "input  (4, 5)"} <= set(said)
    said = texts(lg.diagram(lg.trace(lambda x: np.exp(x) * x, 1.0)))
    assert {"x", "input", "z2", "exp", "z3", "multiply"} <= set(said)
    said = texts(lg.diagram(residuals()))
    assert {"mass", "energy", "= 0"} <= set(said)


def test_entries_are_nodes():
    system = lg.System(x=np.array([1.0, 2.0]))
    system.constrain("y", lambda x: x**2, ["x"])
    drawn = lg.diagram(system, "entries")
    assert edge_names(drawn) == {("x[0]", "y[0]"), ("x[1]", "y[1]")}
    check(drawn)


def test_texts_fit_into_their_nodes():
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    drawn = lg.diagram(gallery.load("dense-block").model)
    root = ET.fromstring(drawn.svg)
    for group in root.iter("{http://www.w3.org/2000/svg}g"):
        if group.get("class", "").startswith("node"):
            wide = float(group.find("{http://www.w3.org/2000/svg}rect").get("width"))
            for text in group.iter("{http://www.w3.org/2000/svg}text"):
                font = FontProperties(family="DejaVu Sans")
                path = TextPath((0, 0), text.text, size=float(text.get("font-size")), prop=font)
                assert path.get_extents().width <= wide - 8


def test_light_and_dark():
    from lagrad.views.palette import DARK, LIGHT

    system = gallery.load("sellar").model.solve()
    for dark, here, there in ((False, LIGHT, DARK), (True, DARK, LIGHT)):
        svg = lg.diagram(system, dark=dark).svg
        assert here.paper in svg and here.cycle in svg and there.paper not in svg


def test_it_shows_in_notebooks_and_is_saved(tmp_path):
    drawn = lg.diagram(gallery.load("post").model)
    assert drawn._repr_svg_() == drawn.svg and repr(drawn).startswith("Diagram: 7 nodes")
    drawn.save(tmp_path / "a.svg")
    assert (tmp_path / "a.svg").read_text(encoding="utf-8") == drawn.svg
    with pytest.raises(ArgumentError, match=r"\.svg"):
        drawn.save(tmp_path / "a.png")
    with pytest.raises(OSError, match="nowhere"):
        drawn.save(tmp_path / "nowhere" / "a.svg")


# -- many, few, and none ---------------------------------------------------------------------------


def long_chain(n, scopes=0):
    def f(x):
        for k in range(n):
            if scopes:
                with lg.scope(f"part{k * scopes // n}"):
                    x = np.sin(x) if k * scopes // n % 2 else np.cos(x)
            else:
                x = np.sin(x)
        return x

    return lg.trace(f, 1.0)


def test_many_nodes_become_scopes_or_are_refused():
    drawn = lg.diagram(long_chain(1000, scopes=20))
    assert drawn.network.level == "scopes" and len(drawn.network.nodes) == 20
    with pytest.raises(ArgumentError, match="level='scopes', depth=1"):
        lg.diagram(long_chain(1000, scopes=20), "variables")
    with pytest.raises(ArgumentError, match=r"1,001 nodes.*lg\.spy.*lg\.scope"):
        lg.diagram(long_chain(1000))
    with pytest.raises(ArgumentError, match="level='variables'"):
        lg.diagram(gallery.load("power-flow").model, "entries")
    with pytest.raises(ArgumentError, match="400 nodes at level='scopes'") as refused:
        lg.diagram(long_chain(1200, scopes=400))
    assert "depth=1" not in str(refused.value)


def test_one_and_no_constraint():
    drawn = lg.diagram(lg.trace(lambda x: x, 1.0))
    assert len(drawn.network.nodes) == 1 and not drawn.network.edges
    check(drawn)
    check(lg.diagram(lg.System()))
    with pytest.raises(ArgumentError, match="Graph"):
        lg.diagram(3.0)
    with pytest.raises(ArgumentError, match="level='rows'"):
        lg.diagram(lg.System(x=1.0), "rows")


# -- values and multipliers ------------------------------------------------------------------------


def test_values_and_multipliers_stand_in_the_nodes():
    sol = gallery.load("sellar").model.solve()
    drawn = solution(sol, "f")
    lam = sol.multipliers("f")
    said = texts(drawn)
    for name in sol:
        assert f"{sol[name]:.3g}" in said and f"λ {lam[name]:.3g}" in said
    assert any("multipliers λ of f" in text for text in said)
    check(drawn)


def fill_of(drawn, name):
    for group in ET.fromstring(drawn.svg).iter("{http://www.w3.org/2000/svg}g"):
        if group.get("class", "").startswith("node") and group[0].text.split("\n")[0] == name:
            return group.find("{http://www.w3.org/2000/svg}rect").get("fill")
    raise LookupError(name)


def test_the_colour_is_that_of_the_multiplier():
    drawn = solution(
        lg.trace(lambda a, b, c, d: 5 * a - 5 * b + 0.05 * c + 0 * d, 1.0, 1.0, 1.0, 1.0)
    )
    fills = {
        name: np.array([int(fill_of(drawn, name)[k : k + 2], 16) for k in (1, 3, 5)])
        for name in "abcd"
    }
    assert fills["a"][2] > fills["a"][0] and fills["b"][0] > fills["b"][2]  # blue, orange
    assert np.ptp(fills["d"]) <= 2 < np.ptp(fills["c"])  # grey at zero
    assert fills["a"].sum() < fills["c"].sum()  # stronger


def test_arrays_are_told_by_their_range():
    graph = lg.trace(lambda x: np.sum(x**2), np.array([-1.0, 0.5, 2.0]))
    said = texts(solution(graph))
    assert {"-1 to 2", "λ -2 to 4", "λ all 1", "5.25", "λ 1"} <= set(said)


def test_a_residual_equation_has_the_multiplier_and_the_unknown_the_value():
    sol = residuals().solve()
    drawn = solution(sol, "out", dark=True)
    lam = sol.multipliers("out")
    assert {f"λ {lam['mass']:.3g}", f"{sol['u']:.3g}"} <= set(texts(drawn))
    from lagrad.views.palette import DARK

    assert fill_of(drawn, "u") == DARK.paper != fill_of(drawn, "mass")


def test_what_is_not_finite_is_marked_and_said():
    x = np.array([-1.0, 2.0])
    with np.errstate(invalid="ignore"):
        graph = lg.trace(lambda x: np.sum(np.where(x > 0, np.log(x), 0.0)), x)
    drawn = solution(graph)
    assert any("1 number NaN or infinite" in text for text in texts(drawn))
    assert drawn.svg.count("<circle") == 1
    assert any("1 not finite" in text for text in texts(drawn))


def test_copies_have_values_of_their_own():
    assert len(solution(chain(5)).network.nodes) == len(chain(5))
    assert "layer3" in texts(solution(chain(5), level="scopes"))


def test_what_of_is_said_or_asked_for():
    with pytest.raises(ArgumentError, match="of="):
        solution(lg.trace(lambda x: 2 * x, np.ones(3)))
    drawn = solution(lg.trace(lambda x: 2 * x, np.ones(3)), of={"z2": np.array([1.0, 0.0, 0.0])})
    assert re.search("a weighted sum of z2", drawn.svg)
    condensed = gallery.load("two-layer").model.solve().system.condense(["z1", "z5", "z9"])
    assert {"z1", "z5", "z9"} <= set(texts(solution(condensed, "z9")))


def test_views_are_reached_from_the_face():
    assert lg.views.solution is solution and "diagram" in dir(lg)


def runs(step, copies=5):
    """The lengths of the chains that are drawn once, of a chain of ``step(x, y, k)``."""

    def f(x, y):
        for k in range(copies):
            with lg.scope(f"l{k}"):
                x = step(x, y, k)
        return x

    drawn = lg.diagram(lg.trace(f, np.ones((2, 2)), np.ones((2, 2))))
    return [len(chain) for chain in drawn.network.runs.values()]


@pytest.mark.parametrize(
    ("step", "found"),
    [
        (lambda x, y, k: np.tanh(x) * y, [5]),
        (lambda x, y, k: x - y if k % 2 else y - x, []),
        (lambda x, y, k: x ** (k + 2), []),
        (lambda x, y, k: np.einsum("ij->ji" if k % 2 else "ij->ij", x), []),
        (lambda x, y, k: np.take(x, [k % 2, 0], axis=0), []),
    ],
    ids=["alike", "roles", "powers", "options", "indices"],
)
def test_only_what_is_built_alike_is_drawn_once(step, found):
    assert runs(step) == found


def test_lambdas_of_a_system_are_told_apart():
    system = lg.System(x=1.0)
    functions = [lambda a: np.sin(a) + 1, lambda a: np.cos(a) * 2, lambda a: np.exp(a) / 3]
    for k, function in enumerate(functions):
        system.constrain(f"b{k}.y", function, ["x" if k == 0 else f"b{k - 1}.y"])
    assert lg.diagram(system).network.runs == {}


def test_an_output_and_a_skip_of_a_copy_are_seen():
    def chain_of(skip):
        def f(x):
            kept = []
            for k in range(6):
                with lg.scope(f"l{k}"):
                    x = np.tanh(x)
                kept.append(x)
            return x + kept[1] if skip else x

        return lg.diagram(lg.trace(f, 1.0)).network

    plain, skipping = chain_of(False), chain_of(True)
    assert [node.output for node in plain.nodes] == [False, True]
    assert [len(chain) for chain in skipping.runs.values()] == [4]  # l0 and l1 by themselves
    ends = [head for tail, head in skipping.edges if skipping.nodes[tail].name == "z3"]
    assert skipping.nodes[max(ends)].function == "add"


def test_what_could_not_be_followed_is_refused():
    system = lg.System(x=1.0)
    for k in range(60):
        system.constrain(f"y{k}", lambda *a: sum(a), ["x", *(f"y{j}" for j in range(k))])
    with pytest.raises(ArgumentError, match="1,830 edges could not be followed"):
        lg.diagram(system)
