"""Every public function of NumPy and every ufunc of scipy.special is in exactly one class."""

import re
from pathlib import Path

import numpy as np
import pytest
import scipy
from scipy import special as sc

import lagrad as lg
from lagrad.cli import main
from lagrad.cli.functions import find, page
from lagrad.rules import LIKE, NO_GRADIENT, RULES, SPELT, WRITES
from lagrad.rules.hookless import HOOKLESS, MODULES, remedy
from lagrad.rules.partition import Kind, classes, surface
from lagrad.rules.unsupported import UNSUPPORTED

PAGE = Path(lg.__file__).parent / "FUNCTIONS.md"
SURFACE = surface()
#: The page is made with these versions; others have other names.
PAGES = ("2.4", "1.17")
VERSIONS = tuple(".".join(m.__version__.split(".")[:2]) for m in (np, scipy))


def test_every_function_is_in_one_class():
    """A new release of NumPy or SciPy fails here until somebody decides."""
    found = {name: [kind for kind, _ in classes(name, f)] for name, f in SURFACE.items()}
    assert {name: kinds for name, kinds in found.items() if len(kinds) != 1} == {}


def test_surface_is_that_of_the_modules():
    assert {"numpy.exp", "numpy.linalg.svd", "numpy.fft.fft", "numpy.emath.sqrt"} <= set(SURFACE)
    assert {"numpy.r_", "numpy.vectorize", "scipy.special.jv"} <= set(SURFACE)
    assert not {"numpy.pi", "numpy.float64", "numpy.linalg.LinAlgError"} & set(SURFACE)
    ufuncs = [n for n in dir(sc) if isinstance(getattr(sc, n), np.ufunc)]
    assert {f"scipy.special.{name}" for name in ufuncs} <= set(SURFACE)


def test_function_that_nobody_decided_on_would_be_found():
    def new(x):
        return x

    assert list(classes("numpy.new", new)) == []
    assert len(list(classes("numpy.asarray", np.exp))) == 2


def test_tables_hold_no_more_than_what_can_be_met():
    own = {f for f in (*RULES, *SPELT, *NO_GRADIENT) if "lagrad" in getattr(f, "__module__", "")}
    met = {f for f in SURFACE.values() if callable(f) and f.__hash__} | own
    numpys = {*RULES, *SPELT, *NO_GRADIENT, *LIKE, *WRITES}
    assert {f.__name__ for f in numpys - met} <= {"sliding_window_view"}


def test_reasons_say_what_to_write_instead():
    for name, text in UNSUPPORTED.items():
        assert re.search(r"use |write |Write ", text), name
    for name, text in {**HOOKLESS, **MODULES}.items():
        assert re.search(r"np\.|numpy|lg\.|array|leave|loop|formula|scipy\.special", text), name


def test_refused_functions_are_refused_with_their_reason():
    for name, text in UNSUPPORTED.items():
        if name not in SURFACE or not isinstance(SURFACE[name], np.ufunc):
            continue
        f = SURFACE[name]
        with pytest.raises(lg.status.LagradError) as caught:
            lg.grad(lambda x, f=f: np.sum(f(*(x,) * f.nin)))(np.array([0.4]))
        assert name in str(caught.value)
        assert text.split(";")[0] in str(caught.value)


def test_names_that_lg_functions_replace_are_there():
    for text in (*HOOKLESS.values(), *MODULES.values(), *UNSUPPORTED.values()):
        for name in re.findall(r"\blg\.(\w+)", text):
            assert hasattr(lg, name), name
        for name in re.findall(r"np\.([\w.]*\w)", text):
            value = np
            for part in name.split("."):
                if not hasattr(value, part) and name == "trapezoid":
                    break  # np.trapz before NumPy 2
                value = getattr(value, part)


def test_remedy_goes_by_function_then_by_module():
    assert remedy("scipy.linalg.expm") == "lg.expm"
    assert remedy("scipy.linalg.schur") == MODULES["scipy.linalg"]
    assert remedy("pandas.Series") == ""


@pytest.mark.skipif(VERSIONS != PAGES, reason="the page is of newer versions")
def test_page_is_what_the_command_prints():
    assert PAGE.read_text(encoding="utf-8") == page()


def test_command(capsys):
    assert main(["functions"]) == 0
    assert capsys.readouterr().out == page()
    assert main(["functions", "np.sort"]) == 0
    assert capsys.readouterr().out.startswith("numpy.sort ")
    assert main(["functions", "scipy.linalg.expm"]) == 0
    assert "lg.expm" in capsys.readouterr().out
    assert main(["functions", "np.nothing"]) == 2
    assert "no function np.nothing" in capsys.readouterr().err
    assert find("linalg.svd")


def test_arguments_that_are_refused_are_told():
    assert find("scipy.special.jv") == [
        "scipy.special.jv has a rule for its local partials: refused with respect to argument 1"
    ]
    with pytest.raises(lg.status.MissingRuleError, match="jv"):
        lg.grad(lambda v: sc.jv(v, 0.5))(1.5)
    assert lg.check_grad(lambda x: sc.jv(1.5, x), 0.5).ok


def test_every_class_is_told():
    kinds = {next(classes(name, f))[0] for name, f in SURFACE.items()}
    assert kinds == set(Kind)
