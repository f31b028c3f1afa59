"""Reads the environment: where the login is stored, and what replaces it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says."""

    folder: Path
    """Where the login is stored."""
    url: str | None
    api_key: str | None
    ca_file: Path | None
    """Certificates of private authorities, for the engines that `backup` and `restore` use."""


def read_settings() -> Settings:
    """Return the settings. `XDG_CONFIG_HOME` must be absolute to count, as the XDG specification says."""
    configured = os.environ.get("XDG_CONFIG_HOME", "")
    base = Path(configured) if configured.startswith("/") else Path.home() / ".config"
    ca_file = os.environ.get("SEGOPS_CA_FILE")
    return Settings(
        folder=base / "segops",
        url=os.environ.get("SEGOPS_URL") or None,
        api_key=os.environ.get("SEGOPS_API_KEY") or None,
        ca_file=Path(ca_file) if ca_file else None,
    )
