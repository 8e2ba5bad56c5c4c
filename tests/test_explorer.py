"""The explorer in a real browser: what a person sees, points at, clicks and types.

Needs Chromium and its driver, on Debian `apt-get install chromium chromium-driver`.
"""

import os
import re
import shutil

import numpy as np
import pytest

import lagrad as lg
from lagrad import gallery

webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium: pip install selenium")
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None or DRIVER is None,
    reason="needs Chromium and its driver: apt-get install chromium chromium-driver",
)


def layers(W1, W2, x):
    with lg.scope("encoder"):
        with lg.scope("layer1"):
            h = np.tanh(W1 @ x)
        with lg.scope("layer2"):
            h = np.tanh(W2 @ h)
    with lg.scope("loss"):
        return np.sum(h**2)


def traced():
    rng = np.random.default_rng(0)
    return lg.trace(layers, rng.normal(size=(5, 8)), rng.normal(size=(3, 5)), np.ones(8))


def large(x):
    for k in range(50):
        with lg.scope(f"block{k}"):
            for _ in range(500):
                x = np.sin(x) + 0.3 * x
    return x


MODELS = {
    "sellar": lambda: gallery.load("sellar").model.solve().system,
    "les-miserables": lambda: gallery.load("les-miserables").model.solve().system,
    "dense-block": lambda: gallery.load("dense-block").model.solve().system,
    "traced": lambda: traced().linearize(),
    "large": lambda: lg.trace(large, 0.3).linearize(),
}


class Pages:
    """Pages of models, each written once and opened when it is asked for."""

    def __init__(self, driver, folder):
        self.driver, self.folder, self.systems = driver, folder, {}

    def open(self, name):
        path = self.folder / f"{name}.html"
        if name not in self.systems:
            self.systems[name] = MODELS[name]()
            lg.explore(self.systems[name], path)
        self.driver.get_log("browser")  # forget those before
        self.driver.get(path.as_uri())
        return self.systems[name]

    def ask(self, expression, *args):
        return self.driver.execute_script(f"return {expression}", *args)

    def text(self, css):
        return self.driver.find_element(By.CSS_SELECTOR, css).text

    def texts(self, css):
        return [found.text for found in self.driver.find_elements(By.CSS_SELECTOR, css)]

    def type(self, *keys):
        self.driver.switch_to.active_element.send_keys(*keys)

    def mouse(self, kind, x, y, **options):
        event = {"type": kind, "x": x, "y": y, **options}
        self.driver.execute_cdp_cmd("Input.dispatchMouseEvent", event)

    def cell(self, j, i):
        """The middle of a cell of the level that is seen, in pixels of the window."""
        return self.ask(
            """(([top, bottom, left, right], box) => [
                box.left + explorer.camera.pixelX((left + right) / 2),
                box.top + explorer.camera.pixelY((top + bottom) / 2),
            ])(explorer.corners(explorer.camera.level, ...arguments),
               document.getElementById("picture").getBoundingClientRect())""",
            j,
            i,
        )

    def point(self, j, i):
        self.mouse("mouseMoved", *self.cell(j, i))
        return self.text("#tip")

    def click(self, j, i):
        for kind in ("mousePressed", "mouseReleased"):
            self.mouse(kind, *self.cell(j, i), button="left", clickCount=1)

    def level(self):
        self.drawn()
        return self.ask("document.getElementById('where').dataset.level")

    def drawn(self):
        """Wait for the next frame."""
        script = "requestAnimationFrame(() => requestAnimationFrame(arguments[0]))"
        self.driver.execute_async_script(script)

    def wait(self, condition):
        WebDriverWait(self.driver, 20, 0.05).until(lambda _: condition())


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--disable-gpu", "--window-size=1280,800"):
        options.add_argument(argument)
    options.add_argument("--disable-dev-shm-usage")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # Chromium refuses root otherwise
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield Pages(driver, tmp_path_factory.mktemp("pages"))
    driver.quit()


def number(text):
    return float(text.replace("−", "-"))


@pytest.mark.parametrize("name", MODELS)
def test_opens_without_errors_and_draws_something(pages, name):
    pages.open(name)
    pages.drawn()
    assert pages.driver.get_log("browser") == []
    assert pages.ask("document.title") == name
    colours = pages.ask(
        """new Set(new Uint32Array(document.getElementById("picture").getContext("2d")
            .getImageData(150, 110, 600, 500).data.buffer)).size"""
    )
    assert colours > 3  # paper, hairlines, and what is filled


def test_zoom_goes_from_scopes_to_entries_and_back(pages):
    pages.open("traced")
    assert pages.level() == "scopes"
    seen = []
    for _ in range(6):
        pages.type("+")
        seen.append(pages.level())
    assert seen[-1] == "entries"
    pages.driver.find_element(By.ID, "out").click()
    pages.type("0")
    assert pages.level() == "scopes"


def test_the_wheel_zooms_where_it_points(pages):
    pages.open("large")
    assert pages.level() == "scopes"
    x, y = pages.cell(25, 25)
    for _ in range(12):
        pages.mouse("mouseWheel", x, y, deltaX=0, deltaY=-400)
    assert pages.level() == "entries"
    pages.mouse("mouseMoved", x, y)
    assert "scope block25" in pages.text("#tip")
    for _ in range(12):
        pages.mouse("mouseWheel", x, y, deltaX=0, deltaY=400)
    assert pages.level() == "scopes"


def test_pointing_tells_constraint_line_value_partial_and_multiplier(pages):
    system = pages.open("sellar")
    j, i = system.variables.index("y1"), system.equations.index("y2")
    first, *lines = pages.point(j, i).splitlines()
    assert first.startswith("∂r[y2] / ∂y1 = ")
    assert number(first.split(" = ")[1]) == pytest.approx(system.A[j, i], rel=1e-6)
    assert lines[0] == "y2 = np.sqrt(y1) + z1 + z2"
    assert re.fullmatch(r"sellar\.py:\d+", lines[1])
    assert number(lines[2].removeprefix("y1 = ")) == pytest.approx(system.model.values["y1"])
    assert number(lines[3].removeprefix("λ[y2] = ")) == pytest.approx(system.solve()["y2"])
    empty = pages.point(system.variables.index("x"), i)
    assert empty.startswith("∂r[y2] / ∂x = 0: no entry")


def test_pointing_at_an_entry_of_an_array_names_its_place(pages):
    system = pages.open("traced")
    pages.type("/")
    pages.type("W2", Keys.ENTER)
    assert pages.level() == "entries"
    # Row W2[1, 3], column z7[1] = sum_k W2[1, k] z6[k]: the partial is -z6[3].
    j = int(system.offsets[system.variables.index("W2")]) + 8
    z7 = next(c for c in traced().constraints if c.parents[:1] == ("W2",))
    i = int(system.equation_offsets[z7.row]) + 1
    said = pages.point(j, i).splitlines()
    assert said[0].startswith(f"∂r[{z7.name}[1]] / ∂W2[1, 3] = ")
    assert number(said[0].split(" = ")[1]) == pytest.approx(system.A[j, i], rel=1e-6)
    assert system.A[j, i] != 0
    assert "test_explorer.py:" in said[2] and "np.tanh(W2 @ h)" in said[2]
    assert said[3] == "scope encoder.layer2"


@pytest.mark.parametrize("name", ["sellar", "les-miserables"])
def test_a_click_marks_exactly_parents_and_children(pages, name):
    system = pages.open(name)
    if name == "les-miserables":
        pages.ask("(explorer.camera.fixed = 0, explorer.draw())")
    reads = system.block_pattern.toarray()
    for i, equation in enumerate(system.equations):
        j = system.defines[i]
        pages.click(j, i)
        alpha = [z for k, z in enumerate(system.variables) if reads[k, i] and k != j]
        beta = [r for k, r in enumerate(system.equations) if reads[j, k] and k != i]
        assert pages.text("#selected h2") == equation
        assert pages.texts("#selected .parents button") == alpha
        assert pages.texts("#selected .children button") == beta
        marked = pages.ask(
            """[explorer.state.parts.rowMarks, explorer.state.parts.columnMarks].map((marks) =>
                [...marks].filter(([, mark]) => mark !== "ink").map(([k]) => k))"""
        )
        assert [system.variables[k] for k in marked[0]] == alpha
        assert [system.equations[k] for k in marked[1]] == beta
    pages.type(Keys.ESCAPE)
    assert pages.texts("#selected h2") == []


def test_parents_and_children_lead_on(pages):
    pages.open("sellar")
    pages.click(5, 5)
    assert pages.text("#selected h2") == "f"
    pages.driver.find_element(By.CSS_SELECTOR, "#selected .parents button:last-child").click()
    assert pages.text("#selected h2") == "y2"


def test_search_jumps_to_what_is_sought(pages):
    system = pages.open("large")
    pages.type("/")
    pages.type("Z31415")
    assert pages.texts("#results li")[0].startswith("z31415")
    pages.type(Keys.ENTER)
    assert pages.level() == "entries"
    assert pages.text("#selected h2") == "z31415"
    k = system.variables.index("z31415")
    x, y = pages.cell(k, k)
    assert 150 < x < 940 and 190 < y < 760  # it is seen
    pages.type("/")
    pages.type("block17")
    pages.type(Keys.ENTER)
    assert pages.text("#selected h2") == "block17"
    pages.type("/")
    pages.type("nobody")
    assert pages.texts("#results li") == ["no such name"]
    pages.type(Keys.ESCAPE)
    assert not pages.driver.find_element(By.ID, "results").is_displayed()


@pytest.mark.parametrize("name", ["sellar", "les-miserables", "dense-block", "traced", "large"])
def test_back_substitution_ends_with_the_multipliers(pages, name):
    system = pages.open(name)
    steps = pages.ask("explorer.play.length")
    assert steps == len(system.blocks)
    pages.ask("explorer.play.to(1)")
    first = np.array(pages.ask("[...explorer.play.multipliers()]"), dtype=float)
    last = system.equation_blocks[-1][-1]
    assert np.count_nonzero(~np.isnan(first)) == np.diff(system.equation_offsets)[last]
    pages.ask("explorer.play.to(1e9)")
    found = np.array(pages.ask("[...explorer.play.multipliers()]"), dtype=float)
    solved = np.concatenate([np.ravel(w) for w in system.solve().values()])
    assert found == pytest.approx(solved, rel=1e-12, abs=1e-14)


def test_playing_shows_one_multiplier_after_the_other(pages):
    system = pages.open("sellar")
    pages.type(Keys.SPACE)
    pages.wait(lambda: "Step 1 of 5" in pages.text("#said"))
    assert pages.texts("#multipliers li") == ["λ[f] = 1"]
    pages.wait(lambda: "y1, y2: solved together" in pages.text("#said"))
    pages.wait(lambda: pages.text("#play") == "▶ Play")
    shown = dict(line[2:].split("] = ") for line in pages.texts("#multipliers li"))
    assert list(shown) == ["x", "z1", "z2", "y1", "y2", "f"]
    for name, w in system.solve().items():
        assert number(shown[name]) == pytest.approx(w, rel=1e-6, abs=1e-12)
    slider = pages.driver.find_element(By.ID, "step")
    slider.send_keys(Keys.ARROW_LEFT)
    assert "Step 4 of 5. λ[z1] = 0 − (" in pages.text("#said")
    assert pages.point(0, 0).splitlines()[-1] == "λ[x]: not found yet"


def test_cycles_are_listed_with_size_and_condition_and_lead_there(pages):
    system = pages.open("les-miserables")
    (button,) = pages.driver.find_elements(By.CSS_SELECTOR, "#cycles button")
    name, _, told = button.text.partition("\n")
    assert name == "V" and told.startswith("77 numbers, condition ")
    k = system.cyclic.index(True)
    m = system.block_matrix(k)
    factor = system.factor(k, m)
    exact = np.linalg.cond(factor.rows[:, None] * m.toarray() * factor.columns, 1)
    assert exact / 3 < float(told.split()[-1]) < 1.05 * exact  # an estimate from below
    button.click()
    pages.drawn()
    k = int(system.offsets[system.variables.index("V")])
    (left, top), (right, bottom) = pages.cell(k, k), pages.cell(k + 76, k + 76)
    assert 100 < left < right < 960 and 100 < top < bottom < 780 and right - left > 250


def test_keys_go_from_cell_to_cell(pages):
    pages.open("sellar")
    pages.ask("document.getElementById('picture').focus()")
    assert pages.ask("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    pages.type(Keys.ARROW_DOWN)
    before = pages.ask("[explorer.state.cursor.row, explorer.state.cursor.column]")
    pages.type(Keys.ARROW_RIGHT, Keys.ARROW_UP)
    row, column = pages.ask("[explorer.state.cursor.row, explorer.state.cursor.column]")
    assert (row, column) == (before[0] - 1, before[1] + 1)
    assert pages.text("#tip").splitlines()[0] in pages.ask(
        "document.getElementById('live').textContent"
    )
    pages.type(Keys.ENTER)
    assert pages.text("#selected h2") == pages.ask(
        "explorer.camera.level.columnName(arguments[0])", column
    )
    pages.type(Keys.ESCAPE)
    assert pages.ask("explorer.state.cursor") is None
    scale = pages.ask("explorer.camera.scale")
    pages.type("++")
    pages.type(Keys.SHIFT, Keys.ARROW_RIGHT)
    assert pages.ask("explorer.camera.scale") > 2 * scale
    pages.type("-0")
    assert pages.ask("explorer.camera.scale") == scale


def test_everything_that_acts_has_a_name(pages):
    pages.open("sellar")
    nameless = pages.ask(
        """[...document.querySelectorAll("button, input, select, canvas, ul[role]")].filter((e) =>
            !(e.getAttribute("aria-label") || e.textContent.trim() || e.labels?.length)).length"""
    )
    assert nameless == 0


def test_light_and_dark(pages):
    pages.open("sellar")
    seen = {}
    for mode, paper in (("light", "#ffffff"), ("dark", "#15181c")):
        media = {"features": [{"name": "prefers-color-scheme", "value": mode}]}
        pages.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        pages.drawn()
        assert pages.ask("explorer.painter.colors.paper") == paper
        corner = 'getContext("2d").getImageData(2, 2, 1, 1).data'
        seen[mode] = pages.ask(f"[...document.getElementById('picture').{corner}]")
    assert seen == {"light": [255, 255, 255, 255], "dark": [0x15, 0x18, 0x1C, 255]}
    pages.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_a_small_window_is_not_scrolled_sideways(pages):
    size = {"width": 360, "height": 640, "deviceScaleFactor": 2, "mobile": True}
    pages.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        pages.open("les-miserables")
        pages.drawn()
        assert pages.ask("document.documentElement.scrollWidth") == 360
        assert pages.ask("explorer.camera.box.width") > 200
    finally:
        pages.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_names_are_text_whatever_they_hold(pages, tmp_path):
    name = "</script><img src=x onerror=alert(1)>"
    system = lg.System(x=2.0)
    system.constrain(name, lambda x: x * x, ["x"])
    pages.driver.get_log("browser")
    pages.driver.get(lg.explore(system, tmp_path / "a.html").as_uri())
    pages.click(0, 0)
    assert pages.texts("#selected .children button") == [name]
    assert name in pages.point(0, 1)
    assert pages.ask("document.images.length") == 0
    assert pages.driver.get_log("browser") == []


@pytest.mark.filterwarnings("ignore:divide by zero")
def test_what_is_not_finite_is_crossed_and_said(pages, tmp_path):
    graph = lg.trace(lambda x: np.sum(np.log(x)), np.array([0.0, 1.0]))
    pages.driver.get(lg.explore(graph, tmp_path / "a.html").as_uri())
    assert pages.texts("#notes li")[1:] == [
        "2 values are NaN or infinite: z2, z3",
        "1 entry of A is NaN or infinite, crossed out: in the rows of x",
    ]
    assert "NaN or infinite" in pages.text("#legend")
    assert pages.ask("explorer.camera.level.lost") == [[0, 2]]
    assert pages.point(0, 2).splitlines()[0] == "∂r[z2[0]] / ∂x[0] = −∞"


def test_a_hundred_thousand_entries_open_and_zoom_at_once(pages):
    """The best of three, since other work on the machine only adds to it."""
    system = MODELS["large"]() if "large" not in pages.systems else pages.systems["large"]
    assert system.A.nnz > 100_000
    opened = []
    for _ in range(3):
        pages.open("large")
        opened.append(pages.ask("Number(document.documentElement.dataset.ready)"))
    assert min(opened) < 2000  # milliseconds
    pages.ask("(explorer.camera.fixed = explorer.levels.length - 1, explorer.draw())")
    taken = pages.ask(
        """[1, 2, 3, 4, 5].map(() => {
            const before = performance.now();
            explorer.camera.zoom(1.3, 500, 400);
            explorer.draw();
            explorer.painter.context.getImageData(0, 0, 1, 1);
            return performance.now() - before;
        })"""
    )
    assert min(taken) < 100
