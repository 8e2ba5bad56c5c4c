"""Functions of ours that a program calls as they are, and what stands for them in its source.

Every other function of ours is written down as what it is made of.
"""

from __future__ import annotations

from lagrad.dispatch import masked_multiply, scatter_add, sparse_product
from lagrad.rules.writing import write

NATIVE = frozenset({masked_multiply, scatter_add, sparse_product, write})
