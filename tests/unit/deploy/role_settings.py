"""What docs/configuration.md says that each role needs, to compare the manifests with."""

from __future__ import annotations

import re
from typing import Final

from tests.unit.deploy.conftest import ROOT

LISTENS: Final = {"SEGOPS_HTTP_HOST", "SEGOPS_INTERNAL_PORT"}
BELONGS: Final = {
    "SEGOPS_EVENT_LOG_URL": {"SEGOPS_KAFKA_PASSWORD"},
    "SEGOPS_REDIS_URL": {"SEGOPS_REDIS_SENTINEL_PASSWORD"},
    "SEGOPS_SERVICE_TOKEN": {"SEGOPS_OTHER_SERVICE_TOKEN"},
}
EXPORTS: Final = {"SEGOPS_EXPORTS_URL", "SEGOPS_EXPORTS_ACCESS_KEY_ID", "SEGOPS_EXPORTS_SECRET_ACCESS_KEY"}
ACTIVATIONS: Final = {"SEGOPS_ACTIVATION_KEY"}
ERASES: Final = "SEGOPS_SUPPRESSION_KEY"
MAY_HAVE: Final = {
    ("auth", "api"): {"SEGOPS_MAIL_URL"},
    ("ingest", "api"): {"SEGOPS_EVENT_MEMORY_URL", ERASES},
    ("ingest", "sink"): {ERASES},
    ("membership", "api"): {
        "SEGOPS_CLICKHOUSE_READER_URL",
        "SEGOPS_SERVICE_ADDRESSES",
        ERASES,
        *EXPORTS,
        *ACTIVATIONS,
    },
    ("membership", "worker"): {ERASES, *EXPORTS, *ACTIVATIONS},
}


def documented_needs() -> dict[tuple[str, str], set[str]]:
    """Return the variables that each role needs, by service and role."""
    section = (ROOT / "docs" / "configuration.md").read_text().split("## What each role needs")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (auth|ingest|segments|membership) ([^|]*)\|([^|]*)\|$", section, flags=re.MULTILINE)
    return {
        (service, role): {f"SEGOPS_{name}" for name in re.findall(r"`([A-Z_]+)`", names)}
        for service, roles, names in rows
        for role in re.findall(r"`([a-z]+)`", roles)
    }


def allowed(service: str, role: str) -> set[str]:
    """Return all variables that a process may have besides the settings of every process."""
    needs = documented_needs()[service, role]
    extra = {other for name in needs for other in BELONGS.get(name, ()) if service != "auth" or "KAFKA" not in other}
    ports = {"SEGOPS_HTTP_PORT"} if role == "api" else set()
    listens = set() if role == "migrate" else LISTENS | ports
    return needs | extra | MAY_HAVE.get((service, role), set()) | listens
