"""The command: ``lagrad gallery NAME`` and ``lagrad run FILE`` solve, differentiate, check, draw.

Exit code 0: all checks passed. 1: a check failed. 2: the input was bad, or the picture could not be
written; one line on stderr says what to do about it.
"""

from lagrad.cli.main import main

__all__ = ["main"]
