"""Environment variables and programs of this machine. Only this module of the local platform reads the environment."""

import os
import shutil
from pathlib import Path

_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "JAVA_HOME", "COVERAGE_PROCESS_START")
_CHOICES = ("SEGOPS_ACTIVATION_NETWORKS", "SEGOPS_LOG_LEVEL")
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def child_environment() -> dict[str, str]:
    """Return the variables that every child inherits. No SEGOPS_ variable of the caller's shell is among them."""
    inherited = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {"PATH": _SYSTEM_PATH, "PYTHONUNBUFFERED": "1", "TZ": "UTC"} | inherited


def chosen_settings() -> dict[str, str]:
    """Return the settings of services that `make run` takes from its caller. All others are its own."""
    return {name: os.environ[name] for name in _CHOICES if name in os.environ}


def maven_environment() -> dict[str, str]:
    """Return the caller's whole environment: Maven needs its proxies and certificates."""
    return dict(os.environ)


def find_program(name: str) -> Path | None:
    """Return the program from PATH or the usual system folders, None when it is not installed."""
    program = shutil.which(name) or shutil.which(name, path=_SYSTEM_PATH)
    return Path(program) if program else None
