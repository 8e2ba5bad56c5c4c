"""The constraint graph: layers from the inputs down to the outputs, cycles and scopes framed.

What is drawn is plain data before it is a picture: `network` says nodes and edges, `layout` places
them, and `svg_text` writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path as File
from typing import Any

from lagrad.status import ArgumentError
from lagrad.views.boxes import Layout, layout
from lagrad.views.frames import Frame, frames
from lagrad.views.level import Path, cycles_told, multiplier_system
from lagrad.views.network import Network, Node, network
from lagrad.views.palette import DARK, LIGHT
from lagrad.views.sides import shortened
from lagrad.views.svg import SMALL, Label, Swatch, svg_text, width


@dataclass(frozen=True)
class Diagram:
    """A drawn graph; notebooks show it.

    Attributes
    ----------
    svg : str
    network : Network
        Nodes, edges and cycles.
    layout : Layout
        Where they are.
    """

    svg: str
    network: Network
    layout: Layout

    def _repr_svg_(self) -> str:
        return self.svg

    def save(self, path: Any) -> None:
        """Write the SVG to a file.

        Raises
        ------
        ArgumentError
            The name does not end in .svg.
        OSError
            The file cannot be written.
        """
        if File(path).suffix.lower() != ".svg":
            raise ArgumentError(f"{path}: a diagram is written as .svg; browsers print it as PDF")
        File(path).write_text(self.svg, encoding="utf-8")

    def __repr__(self) -> str:
        nodes, edges = len(self.network.nodes), len(self.network.edges)
        return f"Diagram: {nodes} nodes, {edges} edges; .svg is its text, .save('a.svg') writes it"


def diagram(
    obj: Any,
    level: str | None = None,
    depth: int | None = None,
    *,
    collapse: bool = True,
    dark: bool = False,
) -> Diagram:
    """Draw the constraint graph, from inputs at the top to outputs at the bottom.

    A node is a variable z_i, and says its name, the function f_i, and its shape if it is an array.
    An edge leads from each of alpha(i) to it. Frames are scopes, and cycles: there an edge may lead
    upwards. Inputs are round, equations that define no variable have sharp corners, outputs a thick
    outline.

    Parameters
    ----------
    obj : MultiplierSystem, Graph, Solution or System
        A System is solved first.
    level : {"entries", "variables", "scopes"}, optional
        What a node is. None takes variables if they are few, else scopes.
    depth : int, optional
        At the level of scopes: so many nested ones are told apart.
    collapse : bool
        A chain of scopes that are built alike is drawn once, as "layer1 ... layer12 x 12"; False
        shows all.
    dark : bool
        For dark paper. The paper is painted, so that either is read on any page.

    Returns
    -------
    Diagram
        A notebook shows it; ``.svg`` is its text, ``.save(path)`` writes it.

    Raises
    ------
    ArgumentError
        There are more than 300 nodes; the text says how to draw fewer.
    """
    system = multiplier_system(obj)
    shown = network(system, level, depth, collapse)
    labels = [label(node, shown) for node in shown.nodes]
    return drawn(shown, labels, caption(shown, len(system.variables)), dark)


def drawn(
    shown: Network, labels: Sequence[Label], said: str, dark: bool, scale: Sequence[Swatch] = ()
) -> Diagram:
    """Place the nodes and write the SVG."""
    around = frames([node.path for node in shown.nodes], shown.cycles, shown.edges)
    names = {
        frame[:depth]: frame_label(frame[:depth], shown)
        for frame in around
        for depth in range(1, len(frame) + 1)
    }
    least = {frame: width(text, SMALL) + 16 for frame, (text, _) in names.items()}
    placed = layout([label.size for label in labels], shown.edges, around, least)
    edges = {(a, b): f"{shown.nodes[a].name} \u2192 {shown.nodes[b].name}" for a, b in shown.edges}
    colors = DARK if dark else LIGHT
    text = svg_text(placed, labels, names, edges, colors, said, scale)
    return Diagram(text, shown, placed)


def label(node: Node, shown: Network, more: Sequence[str] = ()) -> Label:
    """Return what is written into a node; a long name is shortened, the pointer shows it whole."""
    name, whole = short_name(node), [node.name]
    if node.kind == "scope":
        count = len(node.equations)
        run = run_of(tuple(node.name.split(".")), shown)
        below = f"{count} constraint{'s' * (count != 1)}"
        name = times(name, run)
        whole += [below, *more]
        lines = [name, below, *more]
        return Label(tuple(lines), "\n".join(whole), "scope", node.output, bool(run))
    function = "= 0" if node.kind == "equation" else node.function
    shape = str(node.shape) if node.shape else ""
    below = "  ".join(part for part in (shortened(function), shape) if part)
    around = "in " + ".".join(node.path) if node.path else ""
    whole += [part for part in (node.function, shape, around, *more) if part]
    lines = [shortened(name), *([below] if below else []), *more]
    return Label(tuple(lines), "\n".join(whole), node.kind, node.output)


def short_name(node: Node) -> str:
    """Return the name of a node without that of the frame around it."""
    prefix = ".".join(node.path) + "."
    return node.name.removeprefix(prefix) if node.path else node.name


def run_of(path: Path, shown: Network) -> tuple[Path, ...]:
    """Return the scopes that one stands for."""
    return shown.runs.get(path, ())


def times(name: str, run: Sequence[Path]) -> str:
    """Return the name of a scope, with how often it is there."""
    if not run:
        return shortened(name)
    return f"{shortened(name)} ... {shortened(run[-1][-1])}  x {len(run)}"


def frame_label(frame: Frame, shown: Network) -> tuple[str, bool]:
    """Return what is written at a frame, and whether it stands for several."""
    if frame[-1].kind == "cycle":
        return "cycle", False
    run = run_of(tuple(part.name for part in frame if part.kind == "scope"), shown)
    return times(frame[-1].name, run), bool(run)


def caption(shown: Network, variables: int) -> str:
    """Say what is drawn, and count it."""
    count, cycles = len(shown.nodes), len(shown.cycles)
    loops = cycles_told(cycles)
    whole = f"{variables:,} variable{'s' * (variables != 1)}"
    if shown.level == "variables" and not shown.runs:
        return f"{whole}, {loops}"
    return f"{whole} as {count:,} node{'s' * (count != 1)}, {loops}"
