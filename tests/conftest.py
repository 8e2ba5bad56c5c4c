"""What every test stands on: no screen, no clock, and slow notebooks."""

import os

import pytest
from hypothesis import settings

os.environ["MPLBACKEND"] = "Agg"

# A machine that is busy is no reason to fail.
settings.register_profile("lagrad", parent=settings(), deadline=None)
settings.load_profile("lagrad")


def pytest_collection_modifyitems(items):
    """Mark the notebooks as slow: each starts a kernel."""
    for item in items:
        if item.path.suffix == ".ipynb":
            item.add_marker(pytest.mark.slow)
