"""The users of the engines know every key, topic and table that the services use."""

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from segops_common.contracts import topics
from segops_local.engines.access import clickhouse_users, valkey_users
from segops_local.supervisor.services import SERVICES
from tests.node import ROOT

USERS = valkey_users()
TOPICS = sorted(topic.name for topic in vars(topics).values() if isinstance(topic, topics.Topic))


def _keys() -> Iterator[tuple[str, str]]:
    """Return the beginning of every key or channel that the source of a service names, with the service."""
    for service in SERVICES:
        for file in (ROOT / "services" / service / f"segops_{service}").rglob("*.py"):
            for literal in re.findall(r'f?"(segops:[^"]*)"', file.read_text()):
                yield service, re.sub(r"\{\{.*|\{.*", "x", literal)


@pytest.mark.parametrize(("service", "key"), sorted(set(_keys())))
def test_a_service_may_use_its_keys(service: str, key: str) -> None:
    row = USERS.rows[f"segops_{service}"]
    assert any(fnmatchcase(key, pattern) for pattern in (*row["keys"], *row["channels"]))


def test_keys_were_found() -> None:
    assert {service for service, _ in _keys()} >= {"auth", "ingest", "membership"}


@pytest.mark.parametrize("topic", TOPICS)
def test_every_topic_is_written_by_one_service(topic: str) -> None:
    assert len([name for name, row in USERS.rows.items() if topic in row.get("appends", ())]) == 1


@pytest.mark.parametrize("kind", ["appends", "consumes", "watches"])
def test_every_listed_topic_exists(kind: str) -> None:
    listed = {topic.removesuffix(".dead") for row in USERS.rows.values() for topic in row.get(kind, ())}
    assert listed <= set(TOPICS)


def _tables() -> set[str]:
    files = [file for service in SERVICES for file in _migrations(service)]
    statements = "\n".join(file.read_text() for file in files)
    made = set(re.findall(r"CREATE TABLE IF NOT EXISTS (\w+)", statements))
    return made - set(re.findall(r"DROP TABLE IF EXISTS (\w+)", statements))


def _migrations(service: str) -> list[Path]:
    return list((ROOT / "services" / service / f"segops_{service}" / "migrations").glob("*.sql"))


def test_every_table_is_written_by_a_process_and_every_grant_names_a_table() -> None:
    grants = [grant for user in clickhouse_users()[1:] for grant in user.grants]
    written = {grant.rpartition(".")[2] for grant in grants if "INSERT" in grant}
    # Filled by views of `events`, with the rights of the owner.
    views = {
        "profile_seen", "events_by_profile", "storage_delays", "identity_claims", "identity_claims_by_user",
    }  # fmt: skip
    read = {grant.rpartition(".")[2] for grant in grants} - {"schema_migrations"}
    assert written | views == _tables() == read
