"""What is built from the tree is what a user installs."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_wheel_holds_the_package_its_data_and_nothing_else(tmp_path):
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", tmp_path, ROOT]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("lagrad-*.whl")
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    tree = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "lagrad").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert held == tree
    assert "lagrad/py.typed" in held
    assert any(name.startswith("lagrad/gallery/data/") for name in held)


def test_changelog_tells_of_this_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    latest = re.search(r"^## \[(?P<version>[\d.]+)\] - \d{4}-\d\d-\d\d$", changelog, re.MULTILINE)
    assert latest is not None
    assert latest["version"] == project["version"]
