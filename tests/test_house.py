"""The house rules: which file may import which, how long a file is, what has a docstring.

`violations` reads the source with `ast` and runs nothing; it returns one sentence a violation.
The tests run it on lagrad, where it finds none, and on small trees that break one rule each,
where it must find that one.
"""

import ast
import graphlib
import subprocess
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest

LAGRAD = Path(__file__).parents[1] / "lagrad"
MAX_LINES = 450

# From the roof to the ground. A name is a file of lagrad/ or a folder, which is one floor; an
# import goes down this list or stays inside a folder. The command line and the gallery are written
# as a user writes, with `import lagrad as lg`, and so they stand above the face, `__init__`.
FLOORS = """
    __main__ cli gallery __init__ views interop optimize check implicit api declare equations
    compile loops structure solution forward model local multipliers steps cycle residual
    certificate rounding replay colour sparse eliminate assemble
    finite undefined diagnose solve trace order graph
    rules primitive contraction partials dispatch containers memory status
""".split()

# Views look on: the command line calls them, and the face hands them out when they are asked for.
VIEWERS = {"cli", "__init__"}


class Import(NamedTuple):
    """One imported name: ``module`` is dotted, ``name`` is "" or what is taken from the module."""

    module: str
    name: str
    line: int
    lazy: bool  # inside a function, or for type checkers only


def imports(path: Path, root: Path) -> Iterator[Import]:
    """Yield the imports of a file, relative ones resolved, at any depth."""
    package = [root.name, *path.relative_to(root).parent.parts]

    def absolute(module: str | None, level: int) -> str:
        above = package[: len(package) - level + 1] if level else []
        return ".".join([*above, *([module] if module else [])])

    def visit(node: ast.AST, lazy: bool) -> Iterator[Import]:
        match node:
            case ast.Import():
                yield from (Import(alias.name, "", node.lineno, lazy) for alias in node.names)
            case ast.ImportFrom():
                module = absolute(node.module, node.level)
                yield from (Import(module, alias.name, node.lineno, lazy) for alias in node.names)
            case ast.Call(
                func=ast.Name("import_module") | ast.Attribute(attr="import_module"),
                args=[ast.Constant(str(module)), *_],
            ):
                level = len(module) - len(module.lstrip("."))
                yield Import(absolute(module.lstrip("."), level), "", node.lineno, lazy)
        lazy = lazy or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        lazy = lazy or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test))
        for child in ast.iter_child_nodes(node):
            yield from visit(child, lazy)

    return visit(ast.parse(path.read_text(encoding="utf-8")), lazy=False)


def dotted(path: Path, root: Path) -> str:
    """Return lagrad.solve.dense for lagrad/solve/dense.py, lagrad.solve for its __init__.py."""
    parts = path.relative_to(root.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def floor(module: str) -> str:
    """Return the name in FLOORS that a dotted module of the package belongs to."""
    return (module.split(".") + ["__init__"])[1]


def violations(root: Path) -> list[str]:
    """Return a sentence for each place where the package at ``root`` breaks a house rule."""
    files = {dotted(path, root): path for path in sorted(root.rglob("*.py"))}
    found = []
    arrows: dict[str, set[str]] = {module: set() for module in files}  # inside the folders
    for module, path in files.items():
        here = floor(module)
        if here not in FLOORS:
            found.append(f"{module} has no place in FLOORS")
            continue
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > MAX_LINES:
            found.append(f"{module} has {lines} lines, more than {MAX_LINES}")
        for target in imports(path, root):
            where = f"{module}:{target.line}"
            library = target.module.split(".")[0]
            if library in {"numpy", "scipy", "matplotlib"}:
                found += private(target, where)
            if library == "matplotlib":
                if here != "views":
                    found.append(f"{where} imports matplotlib; only views may")
                elif not target.lazy:
                    found.append(f"{where} imports matplotlib outside a function")
            if library == root.name:
                whole = f"{target.module}.{target.name}"
                to = whole if whole in files else target.module
                if floor(to) == here:
                    arrows[module].add(to)
                found += upward(here, floor(to), where, target.lazy)
    return found + circles(arrows)


def private(target: Import, where: str) -> list[str]:
    """Refuse what another library keeps to itself; ``__version__`` and its like are public."""
    parts = [*target.module.split("."), target.name]
    if any(part.startswith("_") and not part.endswith("__") for part in parts):
        return [f"{where} imports the private {'.'.join(filter(None, parts))}"]
    return []


def upward(here: str, there: str, where: str, lazy: bool) -> list[str]:
    """Refuse an import from floor ``here`` of floor ``there`` that does not go down."""
    if there not in FLOORS:
        return [f"{where} imports {there}, which has no place in FLOORS"]
    if FLOORS.index(there) < FLOORS.index(here):
        return [f"{where} imports {there}, which stands above {here}"]
    if there == "views" != here and (here not in VIEWERS or (here == "__init__" and not lazy)):
        return [f"{where} imports views; only cli may, and __init__ inside a function"]
    return []


def circles(arrows: dict[str, set[str]]) -> list[str]:
    """Refuse files that import each other, directly or around a corner."""
    try:
        graphlib.TopologicalSorter(arrows).prepare()
    except graphlib.CycleError as error:
        return ["circle of imports: " + " <- ".join(error.args[1])]
    return []


def undocumented(module: types.ModuleType) -> list[str]:
    """Return the public functions and classes without a docstring that somebody wrote."""

    def silent(name: str) -> bool:
        thing = getattr(module, name)
        doc = thing.__doc__ or ""
        generated = isinstance(thing, type) and doc.startswith(f"{thing.__name__}(")  # dataclass
        return not doc.strip() or generated

    return [name for name in module.__all__ if silent(name)]


def needs_face():
    return pytest.mark.skipif(
        not (LAGRAD / "__init__.py").exists(), reason="lagrad/__init__.py is not there yet"
    )


# ---- lagrad keeps the rules ----


def test_lagrad_keeps_the_house_rules():
    assert violations(LAGRAD) == []


@needs_face()
def test_public_names_have_docstrings():
    import lagrad

    assert undocumented(lagrad) == []


@needs_face()
@pytest.mark.parametrize("library", ["matplotlib", "torch", "jax"])
def test_import_lagrad_stays_light(library):
    code = f"import sys, lagrad; sys.exit({library!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# ---- and the checker can fail ----

SOUND = {
    "__init__.py": "from .api import grad\ndef __getattr__(name):\n    from .views import spy",
    "cli.py": "import lagrad as lg\nfrom lagrad import gallery, views",
    "gallery/__init__.py": "",
    "gallery/sellar.py": "import lagrad as lg\nfrom lagrad.gallery import data",
    "gallery/data.py": "",
    "views/__init__.py": "from .spy import draw",
    "views/spy.py": "def draw():\n    import matplotlib.pyplot as plt",
    "api.py": "from . import graph\nfrom .solve.dense import Dense\nfrom numpy import __version__",
    "solve/__init__.py": "",
    "solve/dense.py": "from .interface import Solver\nfrom ..status import Status",
    "solve/interface.py": "import scipy.sparse.linalg",
    "graph.py": "import numpy as np",
    "status.py": "",
}

BROKEN = {
    "upward": ("status.py", "from .graph import Graph", "graph, which stands above status"),
    "upward, whole module": ("status.py", "from lagrad import graph", "above status"),
    "upward, out of a folder": ("solve/dense.py", "from .. import api", "api, which stands above"),
    "upward, delayed": ("graph.py", "def f():\n    import lagrad.api", "api, which stands above"),
    "upward, for types only": (
        "graph.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .api import grad",
        "api, which stands above graph",
    ),
    "upward, by name": (
        "graph.py",
        "from importlib import import_module\napi = import_module('.api', 'lagrad')",
        "api, which stands above graph",
    ),
    "the face from below": ("graph.py", "import lagrad as lg", "__init__, which stands above"),
    "unknown file": ("utils.py", "", "lagrad.utils has no place in FLOORS"),
    "unknown import": ("graph.py", "from .utils import x", "utils, which has no place in FLOORS"),
    "circle in a folder": ("solve/interface.py", "from . import dense", "circle of imports"),
    "circle through a folder's face": (
        "solve/interface.py",
        "from lagrad.solve import Dense",
        "circle of imports",
    ),
    "views from the gallery": ("gallery/sellar.py", "from lagrad.views import spy", "views; only"),
    "views at once": ("__init__.py", "from .views import spy", "views; only"),
    "matplotlib elsewhere": ("api.py", "def f():\n    import matplotlib", "only views may"),
    "matplotlib at once": ("views/spy.py", "from matplotlib import pyplot", "outside a function"),
    "private module": ("graph.py", "from scipy.sparse._sputils import isdense", "private scipy"),
    "private name": ("graph.py", "from numpy import _core", "private numpy._core"),
    "long file": ("graph.py", "\n" * (MAX_LINES + 1), f"{MAX_LINES + 1} lines"),
}


def build(root: Path, files: dict[str, str]) -> Path:
    for name, source in files.items():
        path = root / "lagrad" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")
    return root / "lagrad"


def test_a_sound_tree_has_no_violations(tmp_path):
    assert violations(build(tmp_path, SOUND)) == []


@pytest.mark.parametrize(("file", "source", "sentence"), BROKEN.values(), ids=BROKEN)
def test_one_broken_rule_is_one_violation(tmp_path, file, source, sentence):
    extra = {"solve/__init__.py": "from .interface import Solver"} if "Dense" in source else {}
    found = violations(build(tmp_path, SOUND | extra | {file: source}))
    assert len(found) == 1
    assert sentence in found[0]


def test_a_missing_docstring_is_found():
    @dataclass
    class Point:
        x: float

    def said():
        """Say it."""

    def unsaid():
        pass

    names = {"Point": Point, "said": said, "unsaid": unsaid}
    module = types.SimpleNamespace(**names, __all__=list(names))
    assert undocumented(module) == ["Point", "unsaid"]
