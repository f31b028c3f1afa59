"""What `make test-ops` needs: it skips in one line where that is missing, and fails where SEGOPS_REQUIRE_OPS=1 says so."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.ops.images import Images, Unavailable


@contextmanager
def needs_tools() -> Iterator[None]:
    """Skip, or fail if SEGOPS_REQUIRE_OPS is 1, when something is missing."""
    try:
        yield
    except Unavailable as reason:
        if os.environ.get("SEGOPS_REQUIRE_OPS") == "1":
            pytest.fail(str(reason))
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def images() -> Images:
    """The images of this checkout, built on a Debian of this machine's release."""
    with needs_tools():
        return Images.prepared()
