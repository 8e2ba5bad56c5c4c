"""What every refusal must do: be of its kind, and name what, where and the remedy."""

import inspect
from contextlib import contextmanager
from pathlib import Path

import pytest

from lagrad.status import LagradError


@contextmanager
def refused(error, *words):
    """Expect ``error`` with all ``words`` in its text."""
    with pytest.raises(error) as info:
        yield info
    text = str(info.value)
    assert [word for word in words if word not in text] == [], text
    assert isinstance(info.value, LagradError)


def line_of(function):
    """Return file:line as messages show it."""
    code = inspect.unwrap(function).__code__
    return f"{Path(code.co_filename).name}:{code.co_firstlineno}"
