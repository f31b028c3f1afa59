"""The console with everything that its checks need."""

from __future__ import annotations

import pytest

from tests.console_tools import Console, prepared


@pytest.fixture(scope="session")
def console() -> Console:
    """The console, its packages and its tools installed."""
    return prepared()
