"""The compiled form: a function written down once and run as flat NumPy source.

    symbols -> program -> simplify -> lines -> entry

A function, which may be a derivative, is run once on symbols that write down every call; what they
write, values and multipliers alike, is simplified, printed one line each, and run.
"""

from lagrad.compile.compiled import Compiled, compile

__all__ = ["Compiled", "compile"]
