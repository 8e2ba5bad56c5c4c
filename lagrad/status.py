"""Outcomes as sentences, and exceptions that name a constraint.

Every failure says what happened, what it usually means, and what to try. A solver ends in one
`Status`; with ``throw=True`` (the default everywhere) a status that is not a success is raised as
the exception that stands beside it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from enum import Enum

import numpy as np


class LagradError(Exception):
    """Base of all errors raised by lagrad."""


class ArgumentError(LagradError, TypeError):
    """An argument is of the wrong kind, shape or name."""


class TraceError(LagradError, TypeError):
    """A traced value met something that a trace cannot follow."""


class MissingRuleError(LagradError, NotImplementedError):
    """A function was called on a traced value and has no rule for its local partials."""


class StructureError(LagradError, ValueError):
    """The constraints do not determine the variables, whatever their values."""


class SingularError(LagradError, np.linalg.LinAlgError):
    """A cyclic block of A is singular at these values."""


class ConvergenceError(LagradError, ArithmeticError):
    """The values of a cyclic block were not found."""


class NonFiniteError(LagradError, FloatingPointError):
    """NaN or inf reached the output or a gradient."""


class UndefinedPartialError(LagradError, ArithmeticError):
    """A local partial is not unique or does not exist, and none was to be chosen."""


class GradientError(LagradError, AssertionError):
    """A derivative failed a check."""


class SizeError(LagradError, MemoryError):
    """A matrix was refused because it would not fit in memory."""


class Status(Enum):
    """How a solve ended; the value is the sentence a person reads."""

    SOLVED = (
        "solved: every residual is no larger than its rounding errors, or than tol^2 of its terms"
    )
    ACCEPTED = (
        "accepted: the values of a solver of the user's own, which a Newton step on the conditions "
        "would change by less than tol; the derivative is about as right as they are"
    )
    NOT_CONVERGED = (
        "not converged: the residual of the constraints stayed above the tolerance; the start may "
        "be too far from a solution, or there is none. Try another start, more steps (max_steps), "
        "or a larger tol if the constraints themselves are only right to a few digits"
    )
    STALLED = (
        "not converged, stalled: no part of a Newton step lowers the residual, so this is the best "
        "that can be reached from here: a minimum of the residual that is no solution, a kink, or "
        "residuals that are only right to a few digits. Try another start; if there is a solution "
        "near by, look for np.abs, np.maximum or rounding in the constraints"
    )
    MULTIPLE_ROOT = (
        "not converged, several roots meet: the steps shrink by one factor each time, as they do "
        "near a multiple root, where no derivative exists. Move a parameter, or give equations "
        "whose root is simple"
    )
    RUNAWAY = (
        "not converged, running away: the residual falls while the values go on and on, as those "
        "of exp(z) = 0 do: there is no solution in that direction. Start on another side, keep the "
        "values inside with bounds= or domain=, or look for a sign in the constraints"
    )
    BOUNDED = (
        "not converged, held by the bounds: every step leads out of the bounds or the domain. The "
        "solution may lie outside of them; widen them, or start elsewhere"
    )
    DIVERGED = (
        "not converged, diverged: the residual grew from step to step. A plain iteration z = f(z) "
        "needs an f that contracts; try method='newton' or 'anderson', or another start"
    )
    NO_CONTRACTION = (
        "not converged: the residual of the plain iteration no longer falls, so that f does not "
        "contract here: it goes round in a circle, or from one value to another and back. Try "
        "method='newton' or 'anderson', or another start"
    )
    NOT_FINITE_START = (
        "not finite at the start: the constraints give NaN or inf there. Give a start inside the "
        "domain of every function in them"
    )
    NOT_FINITE = (
        "not finite: NaN or inf appeared while the constraints were evaluated; the iteration "
        "left the domain of a function. Try a start inside the domain, or keep the steps inside of "
        "it with bounds= or domain="
    )
    NOT_DIFFERENTIABLE = (
        "not differentiable: a local partial of the constraints is NaN or inf at these values, "
        "such as that of sqrt at 0, so no Newton step and no derivative exist there. Start, or "
        "stay, inside the domain where they are differentiable"
    )
    SINGULAR = (
        "singular: the equations of a cyclic block are linearly dependent at these values, so the "
        "block has no unique solution or derivative there. Look for a redundant equation, a "
        "variable without influence, or a turning point"
    )
    SINGULAR_START = (
        "singular at the start: the equations of a cyclic block are linearly dependent at the "
        "start, so no Newton step exists there. Start from other values: a start of zeros often "
        "sits on a symmetry; if it happens everywhere, look for a redundant equation or a variable "
        "without influence"
    )
    DEGENERATE = (
        "degenerate: the values satisfy the constraints, but within rounding errors of them the "
        "constraints are not smooth or become linearly dependent, so that their derivatives mean "
        "nothing. Several roots meet here (a multiple root, a turning point) or there is a kink: "
        "move a parameter, or give equations whose root is simple"
    )
    NOT_SATISFIED = (
        "not converged: the values that the solver returned do not satisfy the conditions: a "
        "Newton step on them would change the values by more than tol. Tighten the solver's own "
        "tolerance, check that the conditions are what it solves, or raise tol if a derivative as "
        "inexact as the values will do"
    )
    NO_MINIMUM = (
        "no minimum: the gradient is zero here, but the function falls in some direction: a saddle "
        "or a maximum. Try another start"
    )
    ON_BOUND = (
        "no minimum inside of the bounds: the function falls towards one of them, and on a bound "
        "its gradient need not be zero. Widen the bounds, or hold that variable fixed: hand it "
        "over as a parameter"
    )
    INACCURATE = (
        "inaccurate: the linear solve left a residual above its tolerance even after iterative "
        "refinement; the matrix is nearly singular or badly scaled. Rescale the equations"
    )

    @property
    def success(self) -> bool:
        """True when the result can be used."""
        return self in (Status.SOLVED, Status.ACCEPTED)


#: Where R has no inverse, or none that means anything.
SINGULAR = frozenset({Status.SINGULAR, Status.SINGULAR_START, Status.DEGENERATE, Status.INACCURATE})


def exception_for(status: Status) -> type[LagradError]:
    """Return the exception class that a failed ``status`` is raised as."""
    if status in SINGULAR:
        return SingularError
    return ConvergenceError


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return what was probably meant, and what there is."""
    known = list(known)
    close = difflib.get_close_matches(name, known, n=1)
    there = f"; there are {', '.join(known[:20])}" if known else ""
    return f" (did you mean {close[0]}?){there}" if close else there
