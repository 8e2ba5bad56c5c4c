"""What every test stands on: no screen, no clock, and slow notebooks."""

import os
import sys

import pytest
from hypothesis import settings

os.environ["MPLBACKEND"] = "Agg"

# A machine that is busy is no reason to fail.
settings.register_profile("lagrad", parent=settings(), deadline=None)
settings.load_profile("lagrad")


@pytest.fixture(autouse=True)
def closed():
    """Close the figures of a test."""
    yield
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close("all")


def pytest_collection_modifyitems(items):
    """Mark the notebooks as slow: each starts a kernel."""
    for item in items:
        if item.path.suffix == ".ipynb":
            item.add_marker(pytest.mark.slow)
