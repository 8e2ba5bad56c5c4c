"""Draw the pictures of the README: ``python notebooks/pictures.py`` writes them again."""

import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt

import lagrad as lg
from lagrad import gallery
from lagrad.gallery import architectures

FOLDER = Path(__file__).parent / "pictures"


def two_layers():
    """The nine constraints of a network of two layers, by variables and by entries."""
    solution = gallery.load("two-layer").model.solve()
    figure, axes = plt.subplots(1, 2, figsize=(11.6, 6.2), layout="compressed")
    for ax, level in zip(axes, ("variables", "entries"), strict=True):
        lg.spy(solution, ax, level=level)
    return figure


def skips():
    """A residual network, a dense block and a U-Net, by layers."""
    systems = {name: architectures.system(name) for name in ("resnet", "dense-block", "unet")}
    return lg.compare(systems, level="scopes")[0].figure


def cycle():
    """Sellar's two disciplines, as they are written down and as they are solved."""
    return lg.spy(objective_first(), order="both")[0].figure


def objective_first():
    """Sellar's problem with its objective declared before what it is made of."""
    sellar, model = gallery.load("sellar").model, lg.System(x=1.0, z1=5.0, z2=2.0)
    for name in ("f", "y1", "y2"):
        equation = sellar.equations[name]
        model.constrain(name, equation.function, equation.parents, sellar.starts.get(name))
    return model


PICTURES = {"two-layers": two_layers, "architectures": skips, "cycle": cycle}


def main(folder=FOLDER):
    """Write all pictures into a folder."""
    folder.mkdir(exist_ok=True)
    for name, draw in PICTURES.items():
        draw().savefig(folder / f"{name}.png", dpi=80)
        plt.close("all")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
