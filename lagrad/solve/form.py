"""Block triangular forms and their layouts: plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Form:
    """A block triangular form: ``m[rows][:, columns]`` is block upper triangular.

    Attributes
    ----------
    rows, columns : int arrays (n,)
    bounds : int array (blocks + 1,)
        Where each diagonal block begins.
    names : int array (blocks,)
        The number by which the caller knows a block; -1 for explicit entries.
    kept : dict
        The layout that was made last, for the next matrix of the same pattern.
    """

    rows: np.ndarray
    columns: np.ndarray
    bounds: np.ndarray
    names: np.ndarray
    kept: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def sizes(self) -> np.ndarray:
        """The number of rows of each block."""
        return np.diff(self.bounds)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "kept": {}}


@dataclass(frozen=True)
class Swept:
    """Where small blocks of one size go that are swept with the single entries.

    Attributes
    ----------
    position : int array (k,)
        The row of the triangular matrix where x begins; z and y follow.
    entry : int array (k,)
        The entry of the triangular matrix where the rows of x begin; those of z follow.
    values, pivots : int arrays
        What these rows hold, and which of their entries are the y of z_0, z_1, ...: see `template`.
    """

    position: np.ndarray
    entry: np.ndarray
    values: np.ndarray
    pivots: np.ndarray


@dataclass(frozen=True)
class Batch:
    """Small blocks of one size m, to be factorised together.

    Attributes
    ----------
    blocks : int array (k,)
        Their numbers.
    source, target : int arrays
        Entry ``source`` of the ordered matrix is entry ``target`` of the array (k, m, m).
    swept : `Swept` or None
        None for a run: blocks that follow each other and do not need each other are also solved
        together.
    """

    size: int
    blocks: np.ndarray
    source: np.ndarray
    target: np.ndarray
    swept: Swept | None


@dataclass(frozen=True)
class Moved:
    """How the entries of the ordered matrix become those of the triangular one.

    Attributes
    ----------
    ones : int array
        Entries of the triangular matrix that are one.
    outside, right : bool arrays
        The entries of the ordered matrix that stay as they are, and where they go, in order.
    beyond : int array (n,)
        How many of them each row has.
    """

    ones: np.ndarray
    outside: np.ndarray
    right: np.ndarray
    beyond: np.ndarray


@dataclass(frozen=True)
class Layout:
    """The pattern of the unit upper triangular matrix, and where its entries come from.

    Attributes
    ----------
    order : int array (entries,) or None
        The entry of m behind each entry of the ordered matrix, which goes by rows; None: the same.
    indices, indptr : int arrays
        The pattern of the triangular matrix; the rows of what stands apart are those of the ordered
        matrix.
    x, y : int arrays (n,)
        Its rows where the unknowns and the right-hand sides of the ordered matrix stand.
    single : int arrays (rows, their diagonal entries)
        Of the ordered matrix.
    batches : tuple of Batch
    large : int array
        Blocks that are factorised one by one.
    apart : pairs (first, last) of blocks
        What interrupts the sweep: the large blocks and the runs, in order.
    moved : `Moved` or None
        None where no block is swept: the triangular matrix is then the ordered one.
    """

    order: np.ndarray | None
    indices: np.ndarray
    indptr: np.ndarray
    x: np.ndarray
    y: np.ndarray
    single: tuple[np.ndarray, np.ndarray]
    batches: tuple[Batch, ...]
    large: np.ndarray
    apart: tuple[tuple[int, int], ...]
    moved: Moved | None = None
