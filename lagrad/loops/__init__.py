"""Loops that stay rolled: one constraint, however many steps."""

from lagrad.loops.scan import fori_loop, scan

__all__ = ["fori_loop", "scan"]
