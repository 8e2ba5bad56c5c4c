"""The command as its users meet it: a process with arguments, two streams and an exit code."""

import json
import subprocess
import sys

import numpy as np
import pytest

from lagrad import gallery
from lagrad.cli.report import summarise

FUNCTIONS = """
import numpy as np, lagrad as lg
print("printed while it is imported")

def rosenbrock(x, y=2.0, power=2):
    return (1 - x) ** power + 100 * (y - x * x) ** power

def total(v):
    return np.sum(np.exp(v))

def vector(x=1.0):
    return x * np.ones(2)

def broken(x=1.0):
    return x / undefined

def cut(x=1.0):
    import math
    return math.exp(x)

def minus_one(x=-1.0):
    return np.log(x)

def on_a_kink(x=0.0):
    return np.maximum(x, 0.0)

wrong_exp = lg.primitive(np.exp, partials=(lambda z, x: 1.0005 * z,))

def wrong(x=0.5):
    return 2 * wrong_exp(x)
"""

KEPLER = """
import numpy as np, lagrad as lg

kepler = lg.System(M=1.0, e=0.3)

@kepler.constraint(start=1.0)
def E(M, e, E):
    return M + e*np.sin(E)

@kepler.constraint
def r(E, e):
    return 1 - e*np.cos(E)
"""

WRONG = """
import numpy as np, lagrad as lg

wrong_exp = lg.primitive(np.exp, partials=(lambda z, x: 1.0005 * z,))
model = lg.System(x=0.5)

@model.constraint
def y(x):
    return wrong_exp(x)
"""

VECTOR = """
import numpy as np, lagrad as lg

model = lg.System(v=np.ones(3), a=2.0)

@model.constraint(start=1.0)
def y(a, y):
    return 0.5 * (y + a / y)

@model.constraint
def f(v, y):
    return y * np.sum(v**2)
"""

MISSPELT = """
import lagrad as lg

model = lg.System(speed=1.0)

@model.constraint
def y(sped):
    return 2 * sped
"""

FILES = {
    "functions.py": FUNCTIONS,
    "kepler.py": KEPLER,
    "wrong.py": WRONG,
    "vector.py": VECTOR,
    "misspelt.py": MISSPELT,
    "syntax.py": "def f(x:\n",
    "leaves.py": "import sys\nsys.exit(0)\n",
    "empty.py": "",
    "notes.txt": "x = 1",
}


@pytest.fixture
def lagrad(tmp_path):
    """Run the command in a folder of its own; returns exit code, stdout, stderr."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")

    def run(*arguments):
        command = [sys.executable, "-W", "error", "-m", "lagrad", *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    run.folder = tmp_path
    return run


# ---- the gallery ----


def test_gallery_lists_every_problem(lagrad):
    code, out, err = lagrad("gallery")
    assert (code, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()] == list(gallery.names())


@pytest.mark.parametrize("name", gallery.names())
def test_gallery_problem_passes_and_is_drawn(lagrad, name):
    code, out, err = lagrad("gallery", name, "--out", "pictures")
    assert (code, err) == (0, "")
    for title in ("constraints, in the order of solution", "values", "gradient of", "chosen"):
        assert f"\n{title}" in out
    assert "FAIL" not in out and max(map(len, out.splitlines())) < 200
    picture = lagrad.folder / "pictures" / f"{name}.png"
    assert out.splitlines()[-1] == f"picture: pictures/{name}.png"
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_gallery_prints_the_equations_values_and_multipliers(lagrad):
    _, out, _ = lagrad("gallery", "gates", "--no-picture")
    words = [line.split() for line in out.splitlines()]
    assert ["f", "=", "q", "*", "z"] in [line[:5] for line in words]
    for row in (["f", "-12"], ["x", "-4"], ["y", "-4"], ["z", "3"]):
        assert row in words
    assert not list(lagrad.folder.glob("*.png"))


def test_output_is_deterministic(lagrad):
    assert lagrad("gallery", "les-miserables", "--json") == lagrad(
        "gallery", "les-miserables", "--json"
    )


def test_gallery_json_is_one_object(lagrad):
    code, out, err = lagrad("gallery", "sellar", "--json")
    report = json.loads(out)
    assert (code, err) == (0, "")
    assert report["of"] == "f" and report["ok"] is True and report["picture"] == "sellar.png"
    assert [row["name"] for row in report["constraints"]] == ["x", "z1", "z2", "y1", "y2", "f"]
    assert [row["cycle"] for row in report["constraints"]] == [None, None, None, 1, 1, None]
    assert report["constraints"][3]["formula"] == "y1 = z1**2 + z2 + x - 0.2 * y2"
    assert report["gradient"]["z1"] == pytest.approx(9.61001056)
    assert report["multipliers"]["f"] == 1.0
    assert all(check["error"] <= check["tolerance"] for check in report["checks"])


def test_list_as_json(lagrad):
    _, out, _ = lagrad("gallery", "--json")
    assert [problem["name"] for problem in json.loads(out)] == list(gallery.names())


# ---- models of the user ----


def test_run_a_function(lagrad):
    code, out, err = lagrad("run", "functions.py:rosenbrock", "--set", "x=0.3", "--json")
    report = json.loads(out)
    assert code == 0 and err == "printed while it is imported\n"
    assert report["gradient"] == {"x": pytest.approx(-230.6), "y": pytest.approx(382.0)}
    assert (lagrad.folder / "rosenbrock.png").exists()
    z = {row["name"]: row for row in report["constraints"]}
    assert z["z3"]["formula"] == "z3 = subtract(1, x)" and z["z3"]["where"] == "functions.py:6"


def test_run_a_function_with_respect_to_one_argument(lagrad):
    settings = ("--set", "x=0.3", "--set", "power=3", "--wrt", "y")
    code, out, _ = lagrad("run", "functions.py:rosenbrock", *settings, "--json", "--no-picture")
    report = json.loads(out)
    assert code == 0 and report["picture"] is None
    assert report["gradient"] == {"y": pytest.approx(300 * (2 - 0.09) ** 2)}


def test_run_takes_a_list_as_an_array(lagrad):
    code, out, _ = lagrad("run", "functions.py:total", "--set", "v=[0, 1]", "--json")
    assert code == 0
    assert json.loads(out)["gradient"]["v"] == pytest.approx([1.0, np.e])


def test_run_a_system_finds_it_and_its_output(lagrad):
    code, out, err = lagrad("run", "kepler.py", "--set", "e=0.5", "--json")
    report = json.loads(out)
    eccentric = report["values"]["E"]
    assert (code, err) == (0, "") and report["of"] == "r"
    assert eccentric - 0.5 * np.sin(eccentric) == pytest.approx(1.0)
    assert report["gradient"]["M"] == pytest.approx(0.5 * np.sin(eccentric) / report["values"]["r"])


def test_run_a_system_with_output_and_input_named(lagrad):
    code, out, _ = lagrad("run", "kepler.py:kepler", "--of", "E", "--wrt", "M", "--json")
    report = json.loads(out)
    assert code == 0 and report["of"] == "E" and list(report["gradient"]) == ["M"]


@pytest.mark.parametrize("of", ["total", "z3"])
def test_output_of_a_function_goes_by_both_of_its_names(lagrad, of):
    settings = ("--set", "v=[0, 1]", "--of", of, "--wrt", "v", "--json", "--no-picture")
    code, out, err = lagrad("run", "functions.py:total", *settings)
    report = json.loads(out)
    assert code == 0 and report["summary"] == "total(v) = z3" and report["of"] == "z3"


def test_run_an_input_as_output_names_no_cycle_and_no_residual(lagrad):
    code, out, _ = lagrad("run", "kepler.py", "--of", "M", "--json", "--no-picture")
    report = json.loads(out)
    assert code == 0 and report["residual"] is None and report["gradient"] == {"M": 1.0, "e": 0.0}
    assert report["chosen"][0].endswith("since M does not depend on a cycle")


def test_slopes_of_numbers_are_their_gradient_and_of_arrays_in_a_random_direction(lagrad):
    code, out, _ = lagrad("run", "vector.py", "--json", "--no-picture")
    report = json.loads(out)
    checks = {check["name"]: check for check in report["checks"]}
    assert code == 0 and "df/dv, central difference in a random direction" in checks
    assert checks["df/da, central difference"]["value"] == report["gradient"]["a"]


def test_search_begins_where_it_is_told(lagrad):
    settings = ("--start", "y=-1", "--max-steps", "20", "--json", "--no-picture")
    code, out, _ = lagrad("run", "vector.py", *settings)
    assert code == 0 and json.loads(out)["values"]["y"] == pytest.approx(-np.sqrt(2))


def test_a_picture_that_is_replaced_is_said(lagrad):
    assert lagrad("gallery", "post")[1].splitlines()[-1] == "picture: post.png"
    assert lagrad("gallery", "post")[1].splitlines()[-1].startswith("picture: post.png (replaces")


@pytest.mark.parametrize("target", ["functions.py:wrong", "wrong.py"])
def test_a_partial_wrong_by_a_twentieth_of_a_percent_is_exit_code_1(lagrad, target):
    code, out, _ = lagrad("run", target, "--no-picture")
    assert code == 1
    assert "FAIL" in out and "a partial is wrong" in out
    code, out, _ = lagrad("run", target, "--no-picture", "--json")
    assert code == 1 and json.loads(out)["ok"] is False


def test_long_computations_are_shortened(lagrad):
    (lagrad.folder / "chain.py").write_text(
        "def f(x=1.0):\n    for _ in range(3000):\n        x = x * 0.999\n    return x\n"
    )
    code, out, _ = lagrad("run", "chain.py")
    assert code == 0
    assert out.count("... 2,941 more ...") == 3 and len(out.splitlines()) < 250
    code, out, _ = lagrad("run", "chain.py", "--json", "--no-picture")
    report = json.loads(out)
    assert report["count"] == 3001 and len(report["constraints"]) == len(report["values"]) == 1000


# ---- bad input: exit code 2 and one line that says what to do ----

BAD = {
    "no such problem": (["gallery", "digit"], "did you mean digits?"),
    "no such file": (["run", "none.py"], "there is no file none.py; give the path"),
    "not Python": (["run", "notes.txt"], "its name has to end in .py"),
    "nothing in it": (["run", "empty.py"], "neither a System nor a function"),
    "several in it": (["run", "functions.py"], "function rosenbrock, function total"),
    "the rule": (["run", "functions.py"], "taken is the only System, or without any the only"),
    "a directory": (["run", "."], ". is a directory; give the path of a Python file"),
    "number for an array": (["run", "vector.py", "--set", "v=3"], "v was declared with shape (3,)"),
    "no such start": (["run", "vector.py", "--start", "v=1"], "v is no variable that is solved"),
    "no start": (["run", "vector.py", "--start", "y"], "write --start x=0.3"),
    "few steps": (["run", "vector.py", "--start", "y=9", "--max-steps", "1"], "after 1 step"),
    "start of a function": (["run", "functions.py:total", "--start", "v=1"], "are for a System"),
    "no such name": (["run", "kepler.py:keppler"], "keppler is not in it; kepler.py has System"),
    "not a model": (["run", "functions.py:np"], "np is of type module"),
    "syntax": (["run", "syntax.py"], "syntax.py:1 raised SyntaxError: '(' was never closed"),
    "leaves": (["run", "leaves.py"], 'put that under if __name__ == "__main__"'),
    "no value": (["run", "functions.py:rosenbrock"], "add --set x=0.3"),
    "no equals sign": (["run", "kepler.py", "--set", "e"], "write --set x=0.3"),
    "no number": (["run", "kepler.py", "--set", "e=half"], "not a number or a list of numbers"),
    "ragged": (["run", "functions.py:total", "--set", "v=[[1], 2]"], "not a number or a list"),
    "no such input": (["run", "kepler.py", "--set", "E=2"], "there are M, e"),
    "no such wrt": (["run", "kepler.py", "--wrt", "E"], "there are M, e"),
    "no such of": (["run", "kepler.py", "--of", "R"], "there are M, e, E, r"),
    "of a function": (
        ["run", "functions.py:total", "--set", "v=[1, 2]", "--of", "z2"],
        "called total or z3",
    ),
    "vector out": (["run", "functions.py:vector"], "return np.sum(...) of it"),
    "vector in": (["run", "kepler.py", "--set", "e=[1, 2]"], "declared with shape ()"),
    "error inside": (["run", "functions.py:broken"], "functions.py:15 raised NameError"),
    "gradient cut": (
        ["run", "functions.py:cut"],
        "in silence (functions.py:19",
    ),
    "not finite": (["run", "functions.py:minus_one"], "functions.py:22"),
    "misspelt parent": (["run", "misspelt.py"], "did you mean speed?"),
}


@pytest.mark.parametrize(("arguments", "remedy"), BAD.values(), ids=BAD)
def test_bad_input_is_one_line_with_the_remedy(lagrad, arguments, remedy):
    code, out, err = lagrad(*arguments, "--json")
    said = [line for line in err.splitlines() if line != "printed while it is imported"]
    assert (code, out, len(said)) == (2, "", 1)
    assert said[0].startswith("lagrad: ") and remedy in said[0]


@pytest.mark.parametrize("arguments", [[], ["galery"], ["run"], ["gallery", "post", "--draw"]])
def test_usage_is_exit_code_2(lagrad, arguments):
    code, out, err = lagrad(*arguments)
    assert (code, out) == (2, "") and "usage: lagrad" in err and "Traceback" not in err


def test_a_picture_that_cannot_be_written_is_said(lagrad):
    code, out, err = lagrad("gallery", "post", "--out", "kepler.py", "--json")
    assert code == 2 and err.count("\n") == 1
    assert "was not written" in err and "--no-picture" in err
    report = json.loads(out)
    assert report["ok"] is True and report["picture"] is None


def test_a_kink_is_said_to_be_one_possibility(lagrad):
    code, out, _ = lagrad("run", "functions.py:on_a_kink", "--no-picture")
    assert code == 1 and "kink" in out


def test_a_closed_pipe_is_no_error(lagrad):
    command = f"{sys.executable} -m lagrad gallery digits --no-picture | head -1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_version(lagrad):
    import lagrad as package

    assert lagrad("--version")[1] == f"lagrad {package.__version__}\n"


# ---- numbers in the report ----


@pytest.mark.parametrize(
    ("value", "summary"),
    [
        (np.float64(0.5), 0.5),
        (np.arange(3), [0, 1, 2]),
        (np.array([np.nan, -np.inf]), ["nan", "-inf"]),
        (1 + 2j, "1+2j"),
        (np.ones((3, 6)), {"shape": [3, 6], "min": 1.0, "max": 1.0, "norm": np.sqrt(18)}),
        (np.full(20, 1j), {"shape": [20], "norm": pytest.approx(np.sqrt(20))}),
        (np.zeros((0, 2)), []),
    ],
)
def test_summary_is_what_json_can_hold(value, summary):
    found = summarise(value)
    assert found == summary
    json.dumps(found, allow_nan=False)
