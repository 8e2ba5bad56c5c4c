"""Factors of one square sparse matrix by its block triangular form at the level of entries.

A matching of rows to columns makes the diagonal free of zeros, and the strongly connected
components of what is then a graph are the diagonal blocks (Duff, Erisman and Reid, Direct Methods
for Sparse Matrices, 2017, ch. 6). A chain with absorbing states falls apart into small blocks, a
batch of samples into one block each.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.sparse as sp

from lagrad.order import Deficiency, component_order, match
from lagrad.solve.block_triangular import BlockSubstitution, canonical
from lagrad.solve.form import Form
from lagrad.solve.interface import SMALLEST_RCOND, Factor, scaled
from lagrad.solve.layout import same_pattern
from lagrad.solve.scaling import scales
from lagrad.status import SingularError, Status, StructureError

#: So many rows and columns of a singular block are told.
TOLD = 8

Factorize = Callable[[sp.csc_array], Factor]


def block_form(m: sp.sparray) -> Form:
    """Return the block triangular form of the pattern of ``m``; values are not looked at.

    ``len(form) == 1`` says that the matrix is irreducible: it has no form but itself, and a plain
    LU is what remains. That is found by one search for components, before anything else is made.

    Raises
    ------
    SingularError
        If the pattern alone makes the matrix singular.
    """
    m = canonical(m)
    n = m.shape[0]
    owner = np.repeat(np.arange(n), np.diff(m.indptr))
    rows, columns = (owner, m.indices) if m.format == "csr" else (m.indices, owner)
    partner = np.full(n, -1)  # the row that each column is matched to
    own = rows[rows == columns]
    partner[own] = own
    if len(own) < n:
        matched = match(sp.csr_array(m))
        if isinstance(matched, Deficiency):
            raise SingularError(
                f"singular whatever its values: the {len(matched.equations)} rows "
                f"{told(matched.equations)} have entries in {len(matched.determined)} columns "
                "only, so that one of these equations is redundant or contradicts the others"
            )
        partner[matched] = np.arange(n)
    # Row i needs the unknown of column j, which its own row determines: i stands before that row.
    nodes = partner[columns]
    between = nodes != rows
    order, bounds = component_order(n, nodes[between], rows[between])
    column_of = np.empty(n, dtype=np.int64)
    column_of[partner] = np.arange(n)
    return Form(order, column_of[order], bounds, np.arange(len(bounds) - 1))


def told(numbers: np.ndarray) -> str:
    """Return the first of some numbers as a text."""
    more = ", ..." if len(numbers) > TOLD else ""
    return f"[{', '.join(map(str, numbers[:TOLD].tolist()))}{more}]"


class BlockTriangular:
    """P M Q is block upper triangular: a `Factor` of M whose work is that of its diagonal blocks.

    Parameters
    ----------
    m : sparse (n, n)
    factorize : ``factorize(block)`` returns the factors of a large block
    form : `Form` or None
        The result of `block_form`, if it is known. It keeps what depends on the pattern alone, so
        that the next matrix of the same pattern is only filled in; one that does not fit is not
        taken.

    Attributes
    ----------
    method : str
        How many blocks of which size there are, and how they are solved.
    rows, columns : arrays (n,)
        The scaling of the whole matrix.
    nnz, bytes : int
        Of the factors.
    form : `Form`

    Raises
    ------
    SingularError
        If a diagonal block is singular to working precision, beside the other entries of M.
    """

    def __init__(self, m: sp.sparray, factorize: Factorize, form: Form | None = None) -> None:
        self.factorize = factorize
        m = canonical(sp.csc_array(m))
        self.rows, self.columns = scales(m)
        balanced = scaled(m, self.rows, self.columns)
        self.form = block_form(m) if form is None else form
        try:
            self.substitution = self.substitute(balanced)
        except StructureError:  # the form is that of another pattern
            self.form = block_form(m)
            self.substitution = self.substitute(balanced)
        self.pattern = self.form.kept["pattern"]
        self.method = self.substitution.method
        self.nnz, self.bytes = self.substitution.nnz, self.substitution.bytes

    def substitute(self, balanced: sp.csc_array) -> BlockSubstitution:
        """Return the factors of the scaled matrix in the present form."""
        limit = 1 / SMALLEST_RCOND
        return BlockSubstitution(balanced, self.form, self.factor, 0, limit, check=False)

    def refactor(self, m: sp.sparray) -> BlockTriangular:
        """Return the factors of a matrix with new values; the same pattern keeps its form."""
        m = canonical(sp.csc_array(m))
        known = same_pattern(m, *self.pattern)
        return BlockTriangular(m, self.factorize, self.form if known else None)

    def factor(self, k: int, block: sp.csc_array) -> Factor:
        """Return the factors of diagonal block k of the scaled matrix."""
        begin, end = self.form.bounds[k : k + 2]
        try:
            made = self.factorize(block)
            if max(made.rows.max(), made.columns.max()) > 1 / SMALLEST_RCOND:
                raise SingularError(Status.SINGULAR.value)
        except SingularError as error:
            raise SingularError(
                f"{error}\nThis was found in block {k} of {len(self.form):,} of the block "
                f"triangular form, of {end - begin:,} rows {told(self.form.rows[begin:end])} "
                f"and columns {told(self.form.columns[begin:end])}"
            ) from error
        return made

    def solve(self, b: np.ndarray, transposed: bool = False) -> np.ndarray:
        """Return M^-1 b or M^-T b, for b (n,) or (n, k)."""
        before, after = (self.columns, self.rows) if transposed else (self.rows, self.columns)
        if b.ndim == 2:
            before, after = before[:, None], after[:, None]
        return after * self.substitution.solve(before * b, transposed)
