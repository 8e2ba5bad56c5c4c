"""What tests of architectures share: A by its scopes, and layers in plain NumPy."""

import numpy as np

from lagrad.views.level import seen


def drawn(system, depth):
    """Return names of rows and the pattern at the level of scopes, in the order of solution."""
    level = seen(system, "scopes", depth)
    filled = np.zeros(level.shape, dtype=bool)
    filled[level.places] = True
    rows = [k for block in level.blocks for k in block]
    columns = [k for block in level.equation_blocks for k in block]
    assert [level.rows[k] for k in rows] == [level.columns[k] for k in columns]
    return [level.rows[k] for k in rows], filled[np.ix_(rows, columns)]


def relu(x):
    return np.where(x > 0, x, 0.0)


def entropy(scores, labels):
    scores, labels = scores.reshape(-1, scores.shape[-1]), np.ravel(labels)
    q = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return -np.mean([np.log(row[label]) for row, label in zip(q, labels, strict=True)])


def affine(x, p, name):
    return np.einsum("ni,ij->nj", x, p[f"W_{name}"]) + p[f"b_{name}"]
