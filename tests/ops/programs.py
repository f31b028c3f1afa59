"""Programs of the system that operators run, and that no package of the project brings."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.ops.conftest import needs_tools
from tests.ops.images import Unavailable


def needed(program: str, package: str) -> Path:
    """Return the program. Skip in one line without it; fail where SEGOPS_REQUIRE_OPS=1 says that it must be there."""
    path = shutil.which(program)
    with needs_tools():
        if path is None:
            raise Unavailable(f"{program} must be on PATH: install the package {package}.")
    assert path is not None
    return Path(path)
