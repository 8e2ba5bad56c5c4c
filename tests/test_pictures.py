"""The pictures of the README: there, linked, and those that their script draws."""

import importlib.util
import re
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "notebooks" / "pictures.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("pictures", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    plt.close("all")


def test_the_front_page_shows_all_of_them(script):
    shown = re.findall(r"\]\(notebooks/pictures/([\w-]+)\.png\)", (ROOT / "README.md").read_text())
    assert set(shown) == set(script.PICTURES)
    assert all((script.FOLDER / f"{name}.png").stat().st_size > 5_000 for name in shown)


def test_they_show_what_the_front_page_says(script):
    nine, opened = script.two_layers().axes
    assert nine.get_title().startswith("A by variable: 9 x 9 blocks")
    assert opened.get_title().startswith("A by entry: 59 x 59")
    residual, dense, skips = script.skips().axes
    assert "12 x 12 blocks, 26 filled" in residual.get_title()
    assert "8 x 8 blocks, 30 filled" in dense.get_title()
    found = {
        (round(path.vertices[0][1]), round(path.vertices[0][0]))
        for collection in skips.collections
        for path in collection.get_paths()
    }
    assert {(0, 6), (1, 5), (2, 4)} <= found  # down1 to up1, down2 to up2, down3 to up3
    declared, solved = script.cycle().axes
    assert [t.get_text() for t in declared.yaxis.get_ticklabels()][3] == "f"
    assert [t.get_text() for t in solved.yaxis.get_ticklabels()][5] == "f"


def test_they_are_written_where_one_asks_for(script, tmp_path):
    script.main(tmp_path)
    assert sorted(p.stem for p in tmp_path.iterdir()) == sorted(script.PICTURES)
