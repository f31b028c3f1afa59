"""The Chromium that the SDK's tests use, for programs that start it themselves."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.node import ROOT, alone, digest, find_node, is_current
from tests.runtimes import FOLDER

FLAGS: Final = ("--no-sandbox", "--no-zygote", "--disable-gpu", "--disable-background-networking", "--no-first-run")
"""As in browser.mjs: nothing that switches off what binds a page."""
_MODULES: Final = FOLDER / "node_modules"
_EVERYTHING: Final = _MODULES / ".segops-lock"
_BROWSER_ONLY: Final = _MODULES / ".segops-browser"
_CACHE: Final = ROOT / ".segops-cache"
_FONTS: Final = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{folder}</dir><dir>/usr/share/fonts</dir><cachedir>{cache}</cachedir></fontconfig>
"""
"""The package's own names folders that do not exist here, and a browser that finds no font ends at the first text."""


@dataclass(frozen=True, slots=True)
class Chromium:
    """A browser to start: its program, and the variables that it needs in addition to the inherited ones."""

    path: str
    env: dict[str, str]


def installed_chromium() -> Chromium:
    """Install the browser without the other runtimes when the lock file has changed. Fails when it cannot be fetched."""
    node = find_node()
    with alone():
        lock = digest([FOLDER / "package-lock.json"])
        if not (is_current(_EVERYTHING, lock) or is_current(_BROWSER_ONLY, lock)):
            options = ("--no-audit", "--no-fund", "--prefer-offline", "--ignore-scripts", "--omit=optional")
            node.run(*node.npm, "ci", *options, cwd=FOLDER)
            (_CACHE / "chromium").unlink(missing_ok=True)
            _BROWSER_ONLY.write_text(lock)
        answer = json.loads(node.run(node.node, str(FOLDER / "where.mjs"), cwd=FOLDER))
        fonts = _CACHE / "fonts" / "segops.conf"
        fonts.write_text(_FONTS.format(folder=_CACHE / "fonts", cache=_CACHE / "fonts-cache"))
    env = {name: value for name, value in answer["env"].items() if value}
    return Chromium(answer["path"], env | {"FONTCONFIG_FILE": str(fonts)})


def folder_of_screens() -> Path:
    """Return where pictures of failed tests go."""
    folder = _CACHE / "screens"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
