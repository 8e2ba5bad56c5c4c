"""What the explorer's page is made of: its data, its size, its safety. The browser is elsewhere."""

import base64
import json
import os
import re
import warnings
from pathlib import Path

import numpy as np
import pytest

import lagrad as lg
from lagrad import gallery
from lagrad.status import ArgumentError, SizeError
from lagrad.views import explored
from lagrad.views.explore import SCRIPTS, page


def data_of(path):
    """The data of a page, as the page itself reads it."""
    text = path.read_text(encoding="utf-8")
    held = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert len(held) == 1
    return json.loads(held[0])


def numbers(packed):
    kind = {"i4": "<i4", "f8": "<f8"}[packed["kind"]]
    return np.frombuffer(base64.b64decode(packed["base64"]), kind)


def explored_page(obj, tmp_path, **options):
    return data_of(lg.explore(obj, tmp_path / "a.html", **options))


def layers(count):
    def f(x):
        for k in range(count):
            with lg.scope(f"layer{k}"), lg.scope("inner"):
                x = np.sin(x) + 0.5
        return np.sum(x)

    return lg.trace(f, np.array([0.1, 0.2])).linearize()


def test_any_object_with_an_a_gives_a_page_and_its_path(tmp_path):
    sellar = gallery.load("sellar").model
    graph = lg.trace(np.sin, 1.0)
    for k, obj in enumerate([sellar, sellar.solve(), sellar.solve().system, graph]):
        path = tmp_path / f"{k}.html"
        assert lg.explore(obj, str(path)) == path
        assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    with pytest.raises(ArgumentError, match="not int"):
        lg.explore(3, tmp_path / "a.html")


@pytest.mark.parametrize("name", ["sellar", "two-layer", "les-miserables", "diode"])
def test_entries_values_and_multipliers_are_those_of_the_system(name, tmp_path):
    system = gallery.load(name).model.solve().system
    data = explored_page(system, tmp_path)
    level = data["levels"][-1]
    assert level["name"] == "entries"
    starts, columns = numbers(level["starts"]), numbers(level["indices"])
    rows = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    dense = np.zeros(system.A.shape)
    dense[rows, columns] = numbers(level["data"])
    assert np.array_equal(dense, system.A.toarray())
    lam = system.solve()
    assert np.array_equal(
        numbers(data["multipliers"]), np.concatenate([np.ravel(w) for w in lam.values()])
    )
    values = [np.ravel(system.model.values[name]) for name in system.variables]
    assert np.array_equal(numbers(data["values"]), np.concatenate(values))
    rhs = np.zeros(system.A.shape[0])
    rhs[data["rhs"]["rows"]] = data["rhs"]["data"]
    assert np.array_equal(rhs, system.rhs)


def test_below_the_diagonal_is_nothing_but_cycles(tmp_path):
    for name in ("two-layer", "sellar", "diode", "les-miserables"):
        data = explored_page(gallery.load(name).model, tmp_path)
        level = data["levels"][0]
        rank = np.argsort(numbers(level["rows"]["order"]))
        across = np.argsort(numbers(level["columns"]["order"]))
        edges, right = numbers(level["rows"]["edges"]), numbers(level["columns"]["edges"])
        frames = numbers(level["cycles"]).reshape(-1, 4)
        starts = numbers(level["starts"])
        rows = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
        for j, i in zip(rank[rows], across[numbers(level["indices"])], strict=True):
            inside = (
                (frames[:, 0] <= edges[j])
                & (edges[j] < frames[:, 1])
                & (frames[:, 2] <= right[i])
                & (right[i] < frames[:, 3])
            )
            assert j <= i or inside.any()


def test_scopes_stand_together_at_every_depth(tmp_path):
    data = explored_page(layers(3), tmp_path)
    assert [(level["name"], level["depth"]) for level in data["levels"]] == [
        ("scopes", 1),
        ("scopes", 2),
        ("variables", 0),
        ("entries", 0),
    ]
    outer, inner, variables = data["levels"][:3]
    assert outer["names"][0][:3] == ["layer0", "layer1", "layer2"]
    assert inner["names"][0][:3] == ["layer0.inner", "layer1.inner", "layer2.inner"]
    edges = numbers(variables["rows"]["edges"])
    for level in (outer, inner):
        assert set(numbers(level["rows"]["edges"])) <= set(edges)
        frames = numbers(level["frames"]).reshape(-1, 4)
        assert len(frames) == 3 and np.array_equal(frames[:, :2], frames[:, 2:])
    scopes = [data["paths"][k] for k in numbers(data["variables"]["scopes"])]
    order = numbers(variables["rows"]["order"])
    assert [scopes[k] for k in order][1:7:2] == ["layer0.inner", "layer1.inner", "layer2.inner"]


def test_a_program_that_returns_to_a_scope_keeps_its_order(tmp_path):
    def f(x):
        for name in ("a", "b", "a", "b"):
            with lg.scope(name):
                x = np.sin(x)
        return x

    level = explored_page(lg.trace(f, 0.3), tmp_path)["levels"][-1]
    assert numbers(level["rows"]["order"]).tolist() == [0, 1, 2, 3, 4]
    assert len(numbers(explored_page(lg.trace(f, 0.3), tmp_path)["levels"][0]["frames"])) == 0


def test_cycles_have_their_size_and_condition(tmp_path):
    system = gallery.load("sellar").model.solve().system
    (cycle,) = explored_page(system, tmp_path)["cycles"]
    assert [system.variables[j] for j in cycle["variables"]] == ["y1", "y2"]
    assert cycle["size"] == 2
    # The estimate of |M|_1 |M^-1|_1 is exact for two; it is that of the scaled block, to 2 digits.
    k = system.cyclic.index(True)
    m = system.block_matrix(k)
    factor = system.factor(k, m)
    scaled = factor.rows[:, None] * m.toarray() * factor.columns
    assert float(cycle["condition"]) == pytest.approx(np.linalg.cond(scaled, 1), rel=0.05)
    assert explored_page(lg.trace(np.sin, 1.0), tmp_path)["cycles"] == []


def test_equations_and_lines_are_those_of_the_source(tmp_path):
    system = gallery.load("sellar").model.solve().system
    data = explored_page(system, tmp_path)
    i = system.equations.index("y2")
    assert data["formulas"][i] == "y2 = np.sqrt(y1) + z1 + z2"
    assert data["lines"][numbers(data["line"])[i]][0] == system.model.where(i)

    def f(x):
        return np.exp(x) * x

    data = explored_page(lg.trace(f, 1.0), tmp_path)
    where, text = data["lines"][numbers(data["line"])[1]]
    assert where.startswith("test_explore.py:") and text == "return np.exp(x) * x"
    assert data["formulas"][1:] == ["z2 = exp(x)", "z3 = multiply(z2, x)"]


def test_complex_numbers_stand_as_two(tmp_path):
    graph = lg.trace(lambda x: np.real(np.exp(1j * x) * (2 + 1j)), 0.3)
    data = explored_page(graph, tmp_path)
    assert data["levels"][-1]["name"] == "entries" and not data["numbers"]
    sizes = np.diff(numbers(data["variables"]["offsets"]))
    assert sorted(set(sizes.tolist())) == [1, 2]
    values = numbers(data["values"])
    turned = [z for z in graph.columns.values if z.dtype.kind == "c"]
    assert values[1:3] == pytest.approx([turned[0].real, turned[0].imag], abs=1e-16)


def test_output_is_chosen_and_a_wrong_one_refused(tmp_path):
    solution = gallery.load("sellar").model.solve()
    data = explored_page(solution, tmp_path, of="y1")
    assert data["of"] == "y1"
    lam = solution.multipliers("y1")
    assert numbers(data["multipliers"]).tolist() == [float(w) for w in lam.values()]
    with pytest.raises(ArgumentError, match="there is no variable 'y9'"):
        lg.explore(solution, tmp_path / "a.html", of="y9")


def test_without_one_output_the_page_says_why(tmp_path):
    data = explored_page(lg.trace(lambda x: 2 * x, np.ones(3)), tmp_path)
    assert "multipliers" not in data
    assert data["said"] == [
        "no multipliers: z2 has shape (3,), and multipliers belong to one number: give "
        "of={'z2': weights} of that shape"
    ]


def test_a_condensed_system_has_no_values(tmp_path):
    system = gallery.load("sellar").model.solve().system.condense(["y1", "y2", "f"])
    data = explored_page(system, tmp_path)
    assert data["values"] is None and data["formulas"] == ["", "", ""]
    assert numbers(data["multipliers"])[-1] == 1.0


@pytest.mark.filterwarnings("ignore:divide by zero")
def test_what_is_not_finite_is_said(tmp_path):
    graph = lg.trace(lambda x: np.sum(np.log(x)), np.array([0.0, 1.0]))
    data = explored_page(graph, tmp_path)
    assert "2 values are NaN or infinite: z2, z3" in data["said"]
    assert "1 entry of A is NaN or infinite, crossed out: in the rows of x" in data["said"]
    assert np.isinf(numbers(data["levels"][-1]["data"])).sum() == 1


def test_nothing_is_a_page_too(tmp_path):
    data = explored_page(lg.System(), tmp_path)
    assert data["summary"] == "A is 0 × 0, 0 entries, 0 variables, acyclic"


HARD = [
    "</script><script>alert(1)</script>",
    "\"'<b>&amp;{{data}}",
    "n" * 80,
    "größe",
    "漢字",
    "\u2028",
]


def test_no_name_breaks_out_of_the_page(tmp_path):
    system = lg.System(x=2.0)
    for before, name in zip(["x", *HARD], HARD, strict=False):
        system.constrain(name, lambda a: 2 * a, [before])
    path = lg.explore(system, tmp_path / "<b>&.html")
    text = path.read_text(encoding="utf-8")
    assert text.count("<script") == text.count("</script>") == 2
    assert "<title>&lt;b&gt;&amp;</title>" in text
    assert data_of(path)["variables"]["names"] == ["x", *HARD]


def test_the_page_is_whole_and_asks_for_nothing(tmp_path):
    text = lg.explore(gallery.load("sellar").model, tmp_path / "a.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in text
    assert not re.search(r"(src|href)=\"(?!data:)|@import|url\(|\bfetch\(|https?:", text)
    assert "{{" not in text.split("<script")[0]
    folder = os.path.dirname(explored.__file__) + "/explorer"
    assert sorted(os.listdir(folder)) == sorted(
        ["page.html", "page.css", *(f"{name}.js" for name in SCRIPTS)]
    )
    for name in os.listdir(folder):
        with open(f"{folder}/{name}", encoding="utf-8") as file:
            assert len(file.readlines()) <= 450
    assert page({"a": "b"}, "t").count("<title>t</title>") == 1


def test_more_entries_than_a_page_holds_are_left_out_and_said(tmp_path, monkeypatch):
    monkeypatch.setattr(explored, "ENTRIES", 3000)
    system = gallery.load("les-miserables").model.solve().system
    sentence = "A has 3,766 entries, more than the 3,000 that a page holds"
    with pytest.warns(UserWarning, match=sentence):
        data = explored_page(system, tmp_path)
    assert [level["name"] for level in data["levels"]] == ["variables"]
    assert data["said"][0].startswith(sentence)
    i, j = system.equations.index("V"), system.variables.index("V")
    level = data["levels"][0]
    starts = numbers(level["starts"])
    at = starts[j] + numbers(level["indices"])[starts[j] : starts[j + 1]].tolist().index(i)
    block = system.block_matrix(system.cyclic.index(True)).toarray()
    assert abs(numbers(level["data"])[at]) == np.abs(block).max()


def test_more_variables_than_a_page_holds_are_seen_by_their_scopes(tmp_path, monkeypatch):
    monkeypatch.setattr(explored, "VARIABLES", 20)
    with pytest.warns(UserWarning, match="A has 22 variables, more than the 20"):
        data = explored_page(layers(10), tmp_path)
    assert [(level["name"], level["depth"]) for level in data["levels"]] == [
        ("scopes", 1),
        ("scopes", 2),
    ]
    assert "variables" not in data and "multipliers" not in data


def test_too_many_variables_without_scopes_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(explored, "VARIABLES", 3)
    with pytest.raises(SizeError, match="4 variables, a page holds 3.*lg.scope.*condense.*lg.spy"):
        lg.explore(lg.trace(lambda x: np.sin(np.cos(np.exp(x))), 0.1), tmp_path / "a.html")
    assert not (tmp_path / "a.html").exists()


@pytest.mark.slow
def test_a_million_constraints(tmp_path):
    def f(x):
        for k in range(1000):
            with lg.scope(f"part{k}"):
                for _ in range(500):
                    x = np.sin(x) * 1.1
        return x

    with pytest.warns(UserWarning, match="1,000,001 variables"):
        path = lg.explore(lg.trace(f, 0.3), tmp_path / "a.html")
    assert path.stat().st_size < 1_000_000
    assert len(data_of(path)["levels"][0]["names"][0]) == 1000  # x stands in the first


def test_where_nothing_can_be_written_the_error_says_so(tmp_path):
    system = lg.trace(np.sin, 1.0)
    with pytest.raises(FileNotFoundError, match="folder that exists and that you may write") as e:
        lg.explore(system, tmp_path / "nowhere" / "a.html")
    assert e.value.filename == str(tmp_path / "nowhere" / "a.html")
    with pytest.raises(IsADirectoryError):
        lg.explore(system, tmp_path)


def locked(tmp_path):
    """A folder in which nobody may write, not even root."""
    if os.path.isdir("/proc/self"):
        return Path("/proc/self")
    folder = tmp_path / "locked"
    folder.mkdir()
    folder.chmod(0o555)
    return folder


def test_a_folder_without_the_right_to_write(tmp_path):
    with pytest.raises(OSError, match="that you may write in"):
        lg.explore(lg.trace(np.sin, 1.0), locked(tmp_path) / "a.html")


def test_no_warning_where_all_is_written(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lg.explore(gallery.load("sellar").model, tmp_path / "a.html")
