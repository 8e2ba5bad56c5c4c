"""The two-layer network of the first article: z_1 to z_9, and its 9 x 9 matrix.

Softmax of a scalar is constant, so x, y are vectors and w_1, w_2 matrices here; the article's
9 x 9 picture is then the block pattern of A.
"""

from collections.abc import Iterator

import numpy as np

import lagrad as lg
from lagrad.gallery.problem import Check, Problem

# Rows z_1 .. z_9, columns lam_1 .. lam_9, as printed: the diagonal and df_i/dz_j at (j, i).
PRINTED_PATTERN = np.array(
    [
        [1, 0, 0, 0, 1, 0, 0, 0, 0],
        [0, 1, 0, 0, 0, 0, 0, 0, 1],
        [0, 0, 1, 0, 1, 0, 0, 0, 0],
        [0, 0, 0, 1, 0, 0, 1, 0, 0],
        [0, 0, 0, 0, 1, 1, 0, 0, 0],
        [0, 0, 0, 0, 0, 1, 1, 0, 0],
        [0, 0, 0, 0, 0, 0, 1, 1, 0],
        [0, 0, 0, 0, 0, 0, 0, 1, 1],
        [0, 0, 0, 0, 0, 0, 0, 0, 1],
    ]
)


def system() -> lg.System:
    rng = np.random.default_rng(9)
    network = lg.System(
        z1=rng.normal(size=4),  # x
        z2=np.array([0.0, 1.0, 0.0]),  # y
        z3=rng.normal(size=(4, 5)),  # w_1
        z4=rng.normal(size=(5, 3)),  # w_2
    )

    @network.constraint
    def z5(z1, z3):
        return z1 @ z3

    @network.constraint
    def z6(z5):  # sigma
        return 1 / (1 + np.exp(-z5))

    @network.constraint
    def z7(z6, z4):
        return z6 @ z4

    @network.constraint
    def z8(z7):  # softmax
        return np.exp(z7) / np.sum(np.exp(z7))

    @network.constraint
    def z9(z8, z2):  # loss: cross-entropy
        return -np.sum(z2 * np.log(z8))

    return network


def checks(solution: lg.Solution) -> Iterator[Check]:
    z1, z2, z3, z4 = (solution[f"z{i}"] for i in (1, 2, 3, 4))
    z6 = 1 / (1 + np.exp(-(z1 @ z3)))
    z8 = np.exp(z6 @ z4) / np.sum(np.exp(z6 @ z4))
    # Back-substitution by hand, from lam_9 = 1 upwards: lam_j = sum_i (df_i/dz_j)^T lam_i.
    lam = {9: np.array(1.0), 8: -z2 / z8, 2: -np.log(z8)}
    lam[7] = (np.diag(z8) - np.outer(z8, z8)) @ lam[8]
    lam[6] = z4 @ lam[7]
    lam[5] = z6 * (1 - z6) * lam[6]
    lam[4] = np.outer(z6, lam[7])
    lam[3] = np.outer(z1, lam[5])
    lam[1] = z3 @ lam[5]
    multipliers = solution.system.solve(of="z9")
    for i in sorted(lam, reverse=True):
        yield Check(f"lam_{i}, by hand", multipliers[f"z{i}"], lam[i], 1e-12)
    q_minus_p = z8 * np.sum(z2) - z2
    yield Check("lam_7 = q - p (softmax, cross-entropy)", multipliers["z7"], q_minus_p, 1e-12)
    gradient = solution.gradient("z9")
    for i, letter in enumerate(("x", "y", "w_1", "w_2"), start=1):
        yield Check(f"gradient of {letter} = lam_{i}", gradient[f"z{i}"], lam[i], 1e-12)
    pattern = solution.system.block_pattern.toarray().astype(int)
    yield Check(
        "which blocks of A are filled, as the article prints it", pattern, PRINTED_PATTERN, 0.0
    )


def problem() -> Problem:
    return Problem(
        name="two-layer",
        summary="two layers as constraints z1 to z9: multipliers by hand, A as published",
        source='An article on making "any series of computations differentiable" by Lagrange'
        " multipliers, after LeCun (1988)",
        model=system(),
        of="z9",
        wrt=("z1", "z2", "z3", "z4"),
        checks=checks,
        notes=(
            "z1 is the input x, z2 the label y, z3 and z4 are the weights w_1 and w_2, z5 to z7 the"
            " layers (linear, sigmoid, linear), z8 the softmax, z9 the cross-entropy.",
            "The article writes A with -1 on the diagonal and -1 on the right (and says 1's on the"
            " diagonal); here A lam = e_n with 1 on the diagonal, the same lam.",
            "In the article's lam_5, df_6/dz_6 should read df_6/dz_5 (and dz_6/dz_6 in lam_3,"
            " dz_6/dz_5).",
            "Lecture notes on back-propagation print -sum p (1 - q) for the gradient of softmax"
            " cross-entropy; it is q - p, with q the softmax and p the label.",
        ),
    )
