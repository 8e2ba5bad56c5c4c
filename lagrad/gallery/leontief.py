"""Who has to produce more if somebody buys more: seven sectors of the United States in 2002.

    x = A x + d,   J = sum x

A_ij are the dollars that sector j spends on sector i for each dollar of its own output, d the final
demand. dJ/dd are the output multipliers of the sectors, and dJ/dA_ij = multiplier_i x_j tells which
coefficients matter.
"""

from collections.abc import Iterator

import numpy as np

import lagrad as lg
from lagrad.gallery.problem import Check, Problem, direction_at, slope_check

SECTORS = "agriculture mining construction manufacturing trade services other".split()
# What each sector (row) buys from each (column), million dollars; and its output.
PURCHASES = np.array(
    [
        [72028, 703, 1168, 40495, 23899, 37151, 154],
        [361, 8611, 6621, 17122, 12207, 46606, 1008],
        [2763, 9234, 718, 253489, 103373, 152787, 410],
        [145716, 140728, 12208, 1343085, 360139, 543989, 31210],
        [997, 63095, 15697, 132739, 220365, 508815, 52162],
        [7406, 2224, 74277, 424488, 239088, 2513262, 79038],
        [1653, 7909, 42456, 198600, 97013, 432413, 26458],
    ]
)
OUTPUT = np.array([271182.0, 184556, 1032363, 3817360, 2683436, 9114939, 2076198])
PRINTED = np.array(  # purchases over output, with four digits
    [
        [0.2656, 0.0026, 0.0043, 0.1493, 0.0881, 0.1370, 0.0006],
        [0.0020, 0.0467, 0.0359, 0.0928, 0.0661, 0.2525, 0.0055],
        [0.0027, 0.0089, 0.0007, 0.2455, 0.1001, 0.1480, 0.0004],
        [0.0382, 0.0369, 0.0032, 0.3518, 0.0943, 0.1425, 0.0082],
        [0.0004, 0.0235, 0.0058, 0.0495, 0.0821, 0.1896, 0.0194],
        [0.0008, 0.0002, 0.0081, 0.0466, 0.0262, 0.2757, 0.0087],
        [0.0008, 0.0038, 0.0204, 0.0957, 0.0467, 0.2083, 0.0127],
    ]
)


def system(A: np.ndarray, d: np.ndarray) -> lg.System:
    economy = lg.System(A=A, d=d)

    @economy.constraint(start=np.zeros(len(d)))
    def x(A, d, x):
        return A @ x + d

    @economy.constraint
    def J(x):
        return np.sum(x)

    return economy


def united_states() -> lg.System:
    return system((PURCHASES / OUTPUT[:, None]).T, OUTPUT - np.sum(PURCHASES, axis=0))


def by_rounds(A: np.ndarray, d: np.ndarray) -> float:
    """J as a sum over rounds: the goods, what goes into them, what goes into that, and so on."""
    total, goods = 0.0, np.array(d)
    while np.max(np.abs(goods)) > 1e-18 * np.max(np.abs(d)):
        total += np.sum(goods)
        goods = A @ goods
    return total


def checks(solution: lg.Solution) -> Iterator[Check]:
    point = {name: solution[name] for name in ("A", "d")}
    A, x, gradient = solution["A"], solution["x"], solution.gradient("J")
    inverse = np.linalg.inv(np.eye(len(x)) - A)
    multipliers = np.sum(inverse, axis=0)
    if A.shape == (7, 7):
        yield Check("coefficients, as printed with four digits", A.T, PRINTED, 2e-4)
        yield Check("x, the outputs of the table", x, OUTPUT, 1e-12)
    yield Check("J, sum over the rounds of production", solution["J"], by_rounds(**point), 1e-12)
    yield Check("dJ/dd = columns of (I - A)^-1 summed", gradient["d"], multipliers, 1e-12)
    jacobian = solution.jacobian(of=["x"], wrt=["d"])["x"]["d"]
    yield Check("dx/dd = (I - A)^-1", jacobian, inverse, 1e-12)
    yield Check("dJ/dA = multiplier_i x_j", gradient["A"], np.outer(multipliers, x), 1e-12)
    for name in ("A", "d"):
        direction = direction_at(point[name], np.random.default_rng(0))
        yield slope_check(f"dJ/d{name}", by_rounds, point, name, gradient[name], direction)
    # The example of Miller and Blair: two sectors, and other final demands.
    book = system(np.array([[0.15, 0.25], [0.20, 0.05]]), np.array([600.0, 1500.0])).solve()
    inverse = book.jacobian(of=["x"], wrt=["d"])["x"]["d"]
    published = np.array([[1.2541, 0.3300], [0.2640, 1.1221]])
    yield Check("the book's Leontief inverse, four digits", inverse, published, 5e-5)
    yield Check("the book's outputs", book["x"], [1247.5, 1841.6], 5e-5)


def problem() -> Problem:
    return Problem(
        name="leontief",
        summary="seven sectors of the United States that need each other's goods",
        source="Bureau of Economic Analysis, input-output table of 2002, as printed in lecture"
        " notes on updating matrices (EC 936); R. E. Miller and P. D. Blair, Input-Output Analysis,"
        " 2nd edition (2009), section 2.3",
        model=united_states(),
        of="J",
        wrt=("A", "d"),
        checks=checks,
        notes=(
            f"The sectors are {', '.join(SECTORS)}. A are the coefficients, d the final demand, x"
            " the output in million dollars, J all output together.",
            "The lecture notes print buyers as rows, so their coefficients are the transpose of A.",
        ),
    )
