"""Examples of elementwise functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from cases.base import HALF, Case, binary, calls, mixed, numbers, unary
from lagrad.dispatch import masked_multiply
from lagrad.rules.elementwise import angle, jump, quotient, sech_squared

# fmt: off
ELEMENTWISE: dict[Any, list[Case]] = {
    np.add:         mixed(np.add, True) + mixed(lambda x, y: x + y),
    np.subtract:    mixed(np.subtract, True),
    np.multiply:    mixed(np.multiply, True),
    np.divide:      binary(np.divide, complexes=True),
    np.negative:    unary(np.negative, -1, 1, True),
    np.positive:    unary(np.positive, -1, 1, True),
    np.deg2rad:     unary(np.deg2rad),
    np.radians:     unary(np.radians),
    np.rad2deg:     unary(np.rad2deg),
    np.degrees:     unary(np.degrees),
    np.real:        unary(np.real, -1, 1, True),
    np.imag:        unary(lambda x: np.imag(x) + x, -1, 1, True),
    np.conjugate:   unary(np.conjugate, -1, 1, True),
    np.power:       [
        *binary(np.power, complexes=True),
        *calls((lambda x: x**2, (3,)), (lambda x: x**3.0, ()), (lambda x: x**-1, (2, 2)),
               (lambda x: x**0, (3,)), (lambda x: x**1, (3,)), (lambda x: 2.0**x, (3,)),
               (lambda x: x ** np.array([0, 1, 2]), (3,)), (lambda x: np.power(2, x), ())),
    ],
    np.float_power: binary(np.float_power, complexes=True),
    np.reciprocal:  unary(np.reciprocal, complexes=True),
    np.square:      unary(np.square, -1, 1, True),
    np.sqrt:        unary(np.sqrt, complexes=True),
    np.cbrt:        unary(np.cbrt) + unary(np.cbrt, -1, -0.2),
    np.absolute:    unary(np.absolute, complexes=True) + unary(abs, -1, -0.2),
    np.fabs:        unary(np.fabs) + unary(np.fabs, -1, -0.2),
    np.exp:         unary(np.exp, -1, 1, True),
    np.exp2:        unary(np.exp2, -1, 1, True),
    np.expm1:       unary(np.expm1, -1, 1, True),
    np.log:         unary(np.log, complexes=True),
    np.log2:        unary(np.log2, complexes=True),
    np.log10:       unary(np.log10, complexes=True),
    np.log1p:       unary(np.log1p, complexes=True),
    np.logaddexp:   mixed(np.logaddexp),
    np.logaddexp2:  mixed(np.logaddexp2),
    np.sin:         unary(np.sin, -1, 1, True),
    np.cos:         unary(np.cos, -1, 1, True),
    np.tan:         unary(np.tan, -1, 1, True),
    np.arcsin:      unary(np.arcsin, -0.8, 0.8, True),
    np.arccos:      unary(np.arccos, -0.8, 0.8, True),
    np.arctan:      unary(np.arctan, -1, 1, True),
    np.arctan2:     mixed(np.arctan2),
    np.hypot:       mixed(np.hypot),
    np.sinh:        unary(np.sinh, -1, 1, True),
    np.cosh:        unary(np.cosh, -1, 1, True),
    np.tanh:        unary(np.tanh, -1, 1, True),
    np.arcsinh:     unary(np.arcsinh, -1, 1, True),
    np.arccosh:     unary(np.arccosh, 1.3, 3, True),
    np.arctanh:     unary(np.arctanh, -0.8, 0.8, True),
    np.maximum:     mixed(np.maximum),
    np.minimum:     mixed(np.minimum),
    np.fmax:        mixed(np.fmax),
    np.fmin:        mixed(np.fmin),
    np.remainder:   binary(np.remainder, (-3.1, -2.9), (1.95, 2.05)) + binary(lambda x, y: x % y),
    np.fmod:        binary(np.fmod, (-3.1, -2.9), (1.95, 2.05)),
    np.copysign:    mixed(np.copysign),
    np.ldexp:       [*unary(lambda x: np.ldexp(x, 3), -1, 1),
                     Case(lambda x: np.ldexp(x, [0, -2, 5]), (numbers((2, 3), -1, 1),)),
                     Case(lambda x: np.ldexp(x, np.floor(4 * x).astype(int)), (numbers(()),))],
    np.nextafter:   mixed(lambda x, y: np.nextafter(x, y) * y),
    np.where:       mixed(lambda x, y: np.where([True, False, True], x, y), True)[1:2] + [
        Case(lambda x, y: np.where(x > y, x, y), (numbers((2, 3), -1, 1), numbers((3,), -1, 1, 5))),
        Case(lambda x: np.where(HALF, x, 0.0), (numbers((2, 3)),), True),
        Case(lambda x, y: np.where([1.0, 0.0], x, y), (numbers((2,)), numbers(()))),
    ],
    np.clip:        [
        Case(lambda x: np.clip(x, -0.31, 0.42), (numbers((2, 3), -1, 1),)),
        Case(lambda x, a, b: np.clip(x, a, b),
             (numbers((2, 3), -1, 1), numbers((3,), -0.4, -0.2), numbers((), 0.1, 0.2))),
        Case(lambda x, a: np.clip(x, a, None), (numbers((2, 3), -1, 1), numbers((2, 1), -0.4, 0))),
        Case(lambda x, b: x.clip(max=b), (numbers((3,), -1, 1), numbers((), -0.1, 0.1))),
        Case(lambda x, a, b: np.clip(x, a, b),  # bounds that cross: the upper one wins
             (numbers((5,), -1, 1), numbers((), 0.4, 0.5), numbers((), -0.5, -0.4))),
    ],
    angle:          unary(lambda x: angle(x) + np.abs(x), complexes=True),
    jump:           mixed(lambda x, y: jump(x) * y),
    quotient:       binary(quotient, complexes=True),
    sech_squared:   unary(sech_squared, -1, 1, True),
    masked_multiply: [
        Case(lambda x, y: masked_multiply(x, y, HALF), (numbers((2, 3)), numbers((2, 3), 1, 2)),
             True),
        Case(lambda x, y: masked_multiply(x, y, HALF), (numbers((3,)), numbers((), 1, 2)), True),
        Case(lambda x: masked_multiply(-1.0, x, HALF), (numbers((2, 3)),), True),
    ],
}
# fmt: on
