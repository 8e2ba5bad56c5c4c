"""The README's Python runs as it stands, and says what is true."""

import os
import re
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

README = Path(__file__).parents[1] / "README.md"


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """The names that the README's code blocks leave behind."""
    home = Path.cwd()
    os.chdir(tmp_path_factory.mktemp("readme"))  # One block writes a picture.
    names: dict = {}
    for block in re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL):
        exec(compile(block, "README.md", "exec"), names)
    yield names
    assert Path("A.png").stat().st_size > 1000
    os.chdir(home)
    plt.close("all")


def test_gradient_of_the_function(shown):
    a = np.exp(0.3)
    c = a + a**2
    closed_form = (np.exp(c) + np.cos(c)) * (a + 2 * a**2)
    assert shown["gradient"] == pytest.approx(closed_form, rel=1e-14)
    assert shown["system"].solve()["x"] == pytest.approx(closed_form, rel=1e-14)


def test_solution_and_gradient_of_the_system(shown):
    system, sol = shown["sellar"], shown["sol"]
    y1, y2 = sol["y1"], sol["y2"]
    assert y1 == pytest.approx(25 + 2 + 2 - 0.2 * y2, rel=1e-12)
    assert y2 == pytest.approx(np.sqrt(y1) + 5 + 2, rel=1e-12)
    h = 1e-5
    slope = (system.solve(x=2 + h)["f"] - system.solve(x=2 - h)["f"]) / (2 * h)
    assert sol.gradient("f")["x"] == pytest.approx(slope, rel=1e-8)


def test_derivative_of_the_intersection(shown):
    found = shown["circle"].solve().jacobian(of=["u", "v"], wrt=["radius"])
    # u = radius / sqrt(1 + slope^2), v = slope u
    assert found["u"]["radius"] == pytest.approx(1 / np.sqrt(1.25), rel=1e-12)
    assert found["v"]["radius"] == pytest.approx(0.5 / np.sqrt(1.25), rel=1e-12)
