"""The data files of the gallery, as arrays; ``data/SOURCES.md`` tells where they are from."""

import gzip
import json
from importlib.resources import files

import numpy as np

_DATA = files("lagrad.gallery") / "data"


def digits() -> tuple[np.ndarray, np.ndarray]:
    """Images (1797, 8, 8) with values between 0 and 1, and labels (1797,) 0 to 9."""
    text = gzip.decompress((_DATA / "digits.csv.gz").read_bytes()).decode()
    table = np.loadtxt(text.splitlines(), delimiter=",")
    return table[:, :64].reshape(-1, 8, 8) / 16.0, table[:, 64].astype(int)


def les_miserables() -> tuple[list[str], np.ndarray, np.ndarray]:
    """Names of 77 characters, edges (254, 2) as pairs of their indices, and weights (254,).

    The weight of an edge counts the chapters in which the two appear together.
    """
    graph = json.loads((_DATA / "les_miserables.json").read_text(encoding="utf-8"))
    edges = np.array(graph["edges"])
    return graph["nodes"], edges[:, :2], edges[:, 2].astype(float)


def wine() -> tuple[np.ndarray, np.ndarray]:
    """Measurements (178, 13) of wines, each in its own unit, and their classes (178,) 0 to 2."""
    lines = (_DATA / "wine.csv").read_text(encoding="utf-8").splitlines()
    table = np.loadtxt(lines[1:], delimiter=",")
    return table[:, :13], table[:, 13].astype(int)


def power_network(name: str) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
    """Power base in MVA and the tables of buses, generators and branches of case30 or case300.

    Columns are MATPOWER's (case format version 2): (n, 13), (generators, 21), (branches, 13).
    """
    case = json.loads((_DATA / f"{name}.json").read_text(encoding="utf-8"))
    bus, gen, branch = (np.array(case[table]) for table in ("bus", "gen", "branch"))
    return case["baseMVA"], bus, gen, branch
