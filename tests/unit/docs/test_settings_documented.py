"""Every setting of every service is in the table of ARCHITECTURE.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

from segops_auth.settings import Settings as AuthSettings
from segops_ingest.settings import Settings as IngestSettings
from segops_membership.settings import Settings as MembershipSettings
from segops_segments.settings import Settings as SegmentsSettings

ROOT = Path(__file__).resolve().parents[3]
SERVICES: dict[str, type[BaseSettings]] = {
    "auth": AuthSettings,
    "ingest": IngestSettings,
    "segments": SegmentsSettings,
    "membership": MembershipSettings,
}


def documented() -> dict[str, set[str]]:
    """Variable to the services that read it."""
    table = (ROOT / "ARCHITECTURE.md").read_text().split("## Settings")[1]
    variables: dict[str, set[str]] = {}
    for names, readers in re.findall(r"^\| (`[^|]*`) \| ([^|]*) \|", table, flags=re.MULTILINE):
        who = set(SERVICES) if readers == "all" else set(readers.split(", "))
        variables |= {name: who for name in re.findall(r"`([A-Z_]+)`", names)}
    return variables


@pytest.mark.parametrize("service", SERVICES)
def test_the_table_names_what_the_service_reads_and_nothing_else(service: str) -> None:
    read = {name.upper() for name in SERVICES[service].model_fields}
    assert {name for name, who in documented().items() if service in who} == read
