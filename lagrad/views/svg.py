"""A laid out network as SVG text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from lagrad.views.boxes import Layout
from lagrad.views.frames import Frame
from lagrad.views.layers import Point
from lagrad.views.palette import Palette, bright

#: Sizes of letters, and how wide one is at most on the average, in sizes.
LARGE, SMALL, WIDE = 13.0, 10.5, 0.64
MARGIN, ROUND, ARROW, SHEET = 16.0, 5.0, 5.0, 4.0
FONT = "DejaVu Sans, Verdana, Helvetica, Arial, sans-serif"
#: What no XML text may contain, and lone halves of pairs.
FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Label(NamedTuple):
    """What is written into a node, and how it looks.

    Attributes
    ----------
    lines : tuple of str
        The name, and what is said below it in small letters.
    whole : str
        What is shown of it under the pointer.
    kind : {"input", "variable", "equation", "scope"}
    strong : bool
        With a thick outline: an output.
    sheets : bool
        With others behind it: it stands for several.
    fill : str or None
        None is that of the paper.
    crossed : bool
        Something in it is not finite.
    """

    lines: tuple[str, ...]
    whole: str
    kind: str
    strong: bool = False
    sheets: bool = False
    fill: str | None = None
    crossed: bool = False

    @property
    def size(self) -> Point:
        """Width and height of the node."""
        first, *others = self.lines
        text = max(width(first, LARGE), *(width(line, SMALL) for line in others), 22.0)
        return text + 18.0, 10.0 + LARGE * 1.25 + len(others) * SMALL * 1.3


class Swatch(NamedTuple):
    """One piece of a scale."""

    color: str
    text: str


def width(text: str, size: float) -> float:
    """Return how wide a text is drawn at most."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return size * (WIDE * len(text) + 0.4 * wide)


def written(text: str) -> str:
    """Return a text as XML says it."""
    return escape(FORBIDDEN.sub("\ufffd", text), quote=True)


def text_at(
    x: float, y: float, text: str, size: float, color: str, anchor: str = "middle", more: str = ""
) -> str:
    """Return one line of text."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" fill="{color}" '
        f'text-anchor="{anchor}"{more}>{written(text)}</text>'
    )


def svg_text(
    layout: Layout,
    labels: Sequence[Label],
    frame_labels: dict[Frame, tuple[str, bool]],
    edge_names: dict[tuple[int, int], str],
    colors: Palette,
    caption: str,
    scale: Sequence[Swatch] = (),
) -> str:
    """Return the SVG.

    Parameters
    ----------
    layout : Layout
    labels : of the nodes
    frame_labels : of the frames: a text, and whether it stands for several
    edge_names : what an edge says under the pointer
    colors : Palette
    caption : said above
    scale : colours and what they mean, drawn below

    Notes
    -----
    Colours are attributes and the paper is painted. A style sheet in an SVG holds for the whole
    page around it, notebooks do not tell their theme to it, and most converters know no
    ``prefers-color-scheme``.
    """
    head = 34.0
    foot = 34.0 if scale else 0.0
    least = max(width(caption, SMALL), sum(width(s.text, SMALL) + 30 for s in scale))
    inner = max(layout.size[0] + SHEET * 2, least)
    total = inner + 2 * MARGIN, layout.size[1] + MARGIN * 2 + head + foot
    shift = MARGIN + (inner - layout.size[0]) / 2, MARGIN + head
    w, h = (f"{v:.0f}" for v in total)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}" '
        f'viewBox="0 0 {w} {h}" font-family="{FONT}" role="img">',
        f"<title>{written(caption)}</title>",
        f'<rect width="{w}" height="{h}" fill="{colors.paper}"/>',
        text_at(total[0] / 2, MARGIN + 8, caption, SMALL, colors.ink),
        f'<g transform="translate({shift[0]:.1f} {shift[1]:.1f})">',
    ]
    names = sorted(layout.frames, key=len)
    out += [frame_box(frame, layout, frame_labels[frame], colors) for frame in names]
    done: set[tuple[Point, Point]] = set()
    for edge, points in layout.routes.items():
        up = edge in layout.upward
        color = colors.cycle if up else colors.diagonal
        out.append(edge_path(points, color, edge_names[edge], 1.4 if up else 1.1, done))
    out += [frame_label(frame, layout, frame_labels[frame], colors) for frame in names]
    out += [
        node_box(box, label, colors)
        for box, label in zip(layout.boxes.tolist(), labels, strict=True)
    ]
    out.append("</g>")
    if scale:
        out += scale_bar(scale, total, colors)
    return "\n".join([*out, "</svg>"])


def color_of(frame: Frame, colors: Palette) -> str:
    """Return the colour of a frame."""
    return colors.cycle if frame[-1].kind == "cycle" else colors.scope


def frame_box(frame: Frame, layout: Layout, label: tuple[str, bool], colors: Palette) -> str:
    """Return the outline of a frame, with others behind it if it stands for several."""
    x, y, w, h = layout.frames[frame]
    color, cycle = color_of(frame, colors), frame[-1].kind == "cycle"
    stroke = f'stroke="{color}" stroke-width="{1.8 if cycle else 1:g}"'
    rect = '<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="6" fill="{}" {}/>'
    behind = [
        rect.format(x + k * SHEET, y + k * SHEET, w, h, colors.paper, stroke)
        for k in (2, 1)
        if label[1]
    ]
    shown = rect.format(x, y, w, h, colors.paper if label[1] else "none", stroke)
    return f'<g class="frame {frame[-1].kind}">{"".join([*behind, shown])}</g>'


def frame_label(frame: Frame, layout: Layout, label: tuple[str, bool], colors: Palette) -> str:
    """Return the name of a frame: on the side where no line comes in, on a ground of its own."""
    x, y, w, _ = layout.frames[frame]
    entering = [a for points in layout.routes.values() for a, b in points if abs(b - y) < 0.1]
    long = width(label[0], SMALL) + 8
    left = any(x < a < x + long + 8 for a in entering)
    right = any(x + w - long - 8 < a < x + w for a in entering)
    halo = f' paint-order="stroke" stroke="{colors.paper}" stroke-width="4"'
    at, anchor = (x + w - 8, "end") if left and not right else (x + 8, "start")
    return text_at(at, y + 15, label[0], SMALL, color_of(frame, colors), anchor, halo)


def edge_path(
    points: Sequence[Point], color: str, name: str, thick: float, done: set[tuple[Point, Point]]
) -> str:
    """Return a line with its arrow head; it bends where it goes across.

    What it shares with lines that are drawn already, ``done``, is not drawn again.
    """
    end = points[-1]
    down = 1.0 if end[1] > points[-2][1] else -1.0
    path = ["M"]
    for (x, y), (a, b) in zip(points[:-1], points[1:], strict=True):
        if ((x, y), (a, b)) in done:
            path = ["M"]
            continue
        done.add(((x, y), (a, b)))
        if path[-1] == "M":
            path[-1] = f"M{x:.1f} {y:.1f}"
        if (a, b) == end:  # hidden by the head
            b -= down * (ARROW - 1.0)
        middle = (y + b) / 2
        straight = abs(a - x) < 0.05
        bent = f"C{x:.1f} {middle:.1f} {a:.1f} {middle:.1f} {a:.1f} {b:.1f}"
        path.append(f"V{b:.1f}" if straight else bent)
    half, back = ARROW * 0.6, end[1] - down * ARROW * 1.3
    tip = f"M{end[0]:.1f} {end[1]:.1f}L{end[0] - half:.1f} {back:.1f}H{end[0] + half:.1f}Z"
    line = f'<path d="{"".join(path)}" fill="none" stroke="{color}" stroke-width="{thick:g}"/>'
    return (
        f'<g class="edge"><title>{written(name)}</title>{line if len(path) > 1 else ""}'
        f'<path d="{tip}" fill="{color}"/></g>'
    )


def node_box(box: Sequence[float], label: Label, colors: Palette) -> str:
    """Return a node with what is written into it."""
    x, y, w, h = box
    stroke = {
        "input": colors.diagonal,
        "variable": colors.partial,
        "equation": colors.cycle,
        "scope": colors.scope,
    }[label.kind]
    corner = {"input": min(h / 2, 20.0), "equation": 0.0}.get(label.kind, ROUND)
    rect = (
        f'<rect x="{{:.1f}}" y="{{:.1f}}" width="{w:.1f}" height="{h:.1f}" rx="{corner:.1f}" '
        f'fill="{{}}" stroke="{stroke}" stroke-width="{2.6 if label.strong else 1.2:g}"/>'
    )
    ink = colors.ink if label.fill is None else contrast(label.fill)
    out = [rect.format(x + k * SHEET, y + k * SHEET, colors.paper) for k in (2, 1) if label.sheets]
    out.append(rect.format(x, y, label.fill or colors.paper))
    down = y + 5.0 + LARGE
    out.append(text_at(x + w / 2, down, label.lines[0], LARGE, ink))
    for line in label.lines[1:]:
        down += SMALL * 1.3
        out.append(text_at(x + w / 2, down, line, SMALL, ink))
    if label.crossed:
        a, b, r = x + w, y, 5.0
        out.append(
            f'<circle cx="{a:.1f}" cy="{b:.1f}" r="8" fill="{colors.paper}" '
            f'stroke="{colors.cycle}"/><path d="M{a - r:.1f} {b - r:.1f}l{2 * r:g} {2 * r:g}'
            f'm0 {-2 * r:g}l{-2 * r:g} {2 * r:g}" stroke="{colors.cycle}" stroke-width="2"/>'
        )
    return f'<g class="node {label.kind}"><title>{written(label.whole)}</title>{"".join(out)}</g>'


def contrast(fill: str) -> str:
    """Return the ink that is read on a colour."""
    parts = (int(fill[k : k + 2], 16) / 255 for k in (1, 3, 5))
    return "#ffffff" if bright(*parts) < 0.55 else "#111111"


def scale_bar(scale: Sequence[Swatch], total: Point, colors: Palette) -> list[str]:
    """Return colours with what they mean, in one row."""
    x = (total[0] - sum(width(s.text, SMALL) + 30 for s in scale)) / 2
    y, out = total[1] - MARGIN - 14, []
    for swatch in scale:
        if swatch.color:
            out.append(
                f'<rect x="{x:.1f}" y="{y:.1f}" width="16" height="12" fill="{swatch.color}"/>'
            )
        at = x + (21 if swatch.color else 15)
        out.append(text_at(at, y + 10, swatch.text, SMALL, colors.ink, "start"))
        x += width(swatch.text, SMALL) + 30
    return out
