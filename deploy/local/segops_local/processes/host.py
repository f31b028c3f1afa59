"""What the machine gives us: the only module of the local platform that reads the environment."""

import os
import shutil
from pathlib import Path

_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "JAVA_HOME", "COVERAGE_PROCESS_START")
_LOOKED_UP = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def child_environment() -> dict[str, str]:
    """What every child inherits: no SEGOPS_ variable of the caller's shell leaks into a stack."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {"PATH": _LOOKED_UP, "PYTHONUNBUFFERED": "1", "TZ": "UTC"} | kept


def maven_environment() -> dict[str, str]:
    """The caller's whole environment: proxies and certificates of the artefact download live there."""
    return dict(os.environ)


def find_program(name: str) -> Path | None:
    """The program on PATH or in the usual system folders."""
    found = shutil.which(name) or shutil.which(name, path=_LOOKED_UP)
    return Path(found) if found else None
