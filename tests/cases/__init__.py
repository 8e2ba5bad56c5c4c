"""Example arguments of every row of the rule tables; `test_rules` runs each of them."""

from typing import Any

from cases.base import Case
from cases.cumulative import CUMULATIVE
from cases.elementwise import ELEMENTWISE
from cases.fft import FFT, SPECTRA
from cases.matrices import LINALG
from cases.products import PRODUCTS
from cases.reductions import REDUCTIONS
from cases.selections import SELECTIONS
from cases.shaping import SHAPING
from cases.special import SPECIAL
from cases.spelt_calculus import CALCULUS, CORRELATION, SAMPLES
from cases.spelt_elementwise import SPELT_ELEMENTWISE
from cases.spelt_histograms import HISTOGRAMS
from cases.spelt_indicators import INDICATORS
from cases.spelt_losses import LOSSES
from cases.spelt_matrices import MATRICES, PATHS, SCIPY
from cases.spelt_sets import SETS
from cases.spelt_shapes import FACTS as SHAPE_FACTS
from cases.spelt_shapes import SHAPES
from cases.spelt_special import PACKED_PAIRS, SPECIAL_PAIRS
from cases.spelt_statistics import STATISTICS

CASES: dict[Any, list[Case]] = {
    **ELEMENTWISE,
    **SPECIAL,
    **SPELT_ELEMENTWISE,
    **PACKED_PAIRS,
    **SPECIAL_PAIRS,
    **REDUCTIONS,
    **CUMULATIVE,
    **SELECTIONS,
    **SHAPING,
    **PRODUCTS,
    **LINALG,
    **FFT,
    **SPECTRA,
    **MATRICES,
    **SHAPES,
    **SETS,
    **INDICATORS,
    **CALCULUS,
    **SAMPLES,
    **STATISTICS,
    **HISTOGRAMS,
}

FACTS = {**SHAPE_FACTS, **PATHS}

#: Functions of the library's own, spelt by the rows above.
OWN: dict[Any, list[Case]] = {**SCIPY, **LOSSES, **CORRELATION}

__all__ = ["CASES", "FACTS", "OWN", "Case"]
