"""The package as it would be published."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.typescript_sdk import TypescriptSdk


@pytest.fixture(scope="session")
def tarball(typescript_sdk: TypescriptSdk, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What would be published."""
    folder = tmp_path_factory.mktemp("packed")
    typescript_sdk.run(*typescript_sdk.npm, "pack", "--pack-destination", str(folder))
    return next(folder.glob("*.tgz"))
