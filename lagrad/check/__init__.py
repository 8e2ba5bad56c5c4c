"""Checks of derivatives: of a whole function, of each constraint, and of where none exist."""

from lagrad.check.gradient import GradientCheck, check_grad
from lagrad.check.partials import PartialCheck, check_partials, undefined_partials
from lagrad.status import GradientError

__all__ = [
    "GradientCheck",
    "GradientError",
    "PartialCheck",
    "check_grad",
    "check_partials",
    "undefined_partials",
]
