"""Which files of the repository are pages of the site, and where each page is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

CONFIGURATION: Final = "docs/site"
"""The folder with the generator's configuration, its overrides, scripts and styles."""
_FOLDER: Final = "docs"
_ELSEWHERE: Final = {
    "ARCHITECTURE.md": "architecture.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "reporting.md",
}
"""Pages that are not in docs/. There is a `security.md` already."""
FOLDERS: Final = {
    "docs/decisions": "decisions/index.md",
    "docs/openapi": "openapi/routes.md",
    "docs/runbooks": "monitoring.md",
}
"""The page to which a link to a folder leads."""


def pages(root: Path) -> Mapping[str, str]:
    """Return the path of each page in the site by its path in the repository, in alphabetical order."""
    inside = sorted(path.relative_to(root).as_posix() for path in (root / _FOLDER).rglob("*.md"))
    return {path: path.removeprefix(f"{_FOLDER}/") for path in inside} | {
        path: place for path, place in _ELSEWHERE.items() if (root / path).is_file()
    }


def images(root: Path) -> Mapping[str, str]:
    """Return the same for the images."""
    inside = sorted(path.relative_to(root).as_posix() for path in (root / _FOLDER / "images").glob("*.png"))
    return {path: path.removeprefix(f"{_FOLDER}/") for path in inside}
