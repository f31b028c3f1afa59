"""The generated files are current, and every setting of every service has a place in them."""

from __future__ import annotations

import re
import stat
import tomllib
from pathlib import Path
from xml.etree import ElementTree

import pytest

from scripts.manifests.__main__ import ROOT, stale
from scripts.manifests.environment import EXPLAINED, FIXED, OPTIONAL_SECRETS, SECRETS, SETTINGS, fields, knobs
from scripts.manifests.processes import BY_NAME, processes_of
from scripts.manifests.secrets import main, secret_files, write_secrets
from scripts.manifests.settings_text import settings_file
from segops_auth.__main__ import SERVICE_ROLES as AUTH
from segops_ingest.__main__ import SERVICE_ROLES as INGEST
from segops_local.supervisor.services import ROLES, SERVICES
from segops_membership.__main__ import SERVICE_ROLES as MEMBERSHIP
from segops_segments.__main__ import SERVICE_ROLES as SEGMENTS

MOST_KNOBS = 60


def test_the_generated_files_are_current() -> None:
    assert stale() == [], "run `make manifests` and commit what it writes"


def test_every_role_of_every_service_is_a_process() -> None:
    roles = {f"{service.name}.{role}" for service in (AUTH, INGEST, SEGMENTS, MEMBERSHIP) for role in service.roles}
    assert set(BY_NAME) == roles == {role.name for role in ROLES}


def test_knobs_are_few_and_each_has_a_meaning_and_a_default() -> None:
    assert len(knobs()) <= MOST_KNOBS
    assert [knob.variable for knob in knobs() if not knob.meaning] == []
    assert [knob.variable for knob in knobs() if "Undefined" in knob.default] == []


def test_what_a_role_needs_is_fixed_or_a_secret_that_no_deployment_may_leave_out() -> None:
    for service in SERVICES:
        required = {name for names in SETTINGS[service].needs.values() for name in names}
        assert required
        assert required <= FIXED | SECRETS - OPTIONAL_SECRETS, service


def test_the_lists_of_settings_name_only_settings() -> None:
    names = {name for service in SERVICES for name in fields(service)}
    assert (FIXED | SECRETS | EXPLAINED) - names == set()
    assert not FIXED & SECRETS


def test_a_value_for_a_setting_that_does_not_exist_is_refused() -> None:
    with pytest.raises(AssertionError, match="SEGOPS_DRIAN_S"):
        settings_file({"SEGOPS_DRIAN_S": "5"})


def test_secrets_are_written_once_and_only_their_owner_may_read_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "secrets"
    write_secrets(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    before = {file.name: file.read_text() for file in folder.iterdir()}
    assert main([str(folder)]) == 1
    assert "must not exist" in capsys.readouterr().out
    assert {file.name: file.read_text() for file in folder.iterdir()} == before


def granted(text: str, user: str) -> list[str]:
    """Return the grants of a user in ClickHouse's file."""
    return [str(query.text) for query in ElementTree.fromstring(text).findall(f"./users/{user}/grants/query")]


def test_clickhouse_writes_only_to_the_bucket_that_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bucket = "https://exports.s3.example.com/segops"
    assert main([str(tmp_path / "with"), "--bucket", bucket]) == 0
    assert main([str(tmp_path / "without"), "--bucket", ""]) == 0
    texts = {name: (tmp_path / name / "clickhouse-users.xml").read_text() for name in ("with", "without")}
    added = {
        user: set(granted(texts["with"], user)) - set(granted(texts["without"], user)) for user in clickhouse_names()
    }
    assert {user: grants for user, grants in added.items() if grants} == {
        "segops_worker": {
            "GRANT CREATE TEMPORARY TABLE ON *.*",
            r"GRANT WRITE ON S3('https://exports\.s3\.example\.com/segops/.*')",
        }
    }
    with pytest.raises(SystemExit):
        main([str(tmp_path / "wrong"), "--bucket", "https://a'b/"])
    assert "must be the http or https address of a bucket" in capsys.readouterr().err


def clickhouse_names() -> set[str]:
    """Return the users that deploy/clickhouse/users.toml lists."""
    return set(tomllib.loads((ROOT / "deploy" / "clickhouse" / "users.toml").read_text()))


class Repeated:
    """Gives every user the same password as its name."""

    def of(self, user: str) -> str:
        return f"password-of-{user.replace('/', '-')}"


_LOGIN = r"=([a-z+]+)://([a-z_]+):([a-z_-]+)@([a-z]+):"


def test_every_process_signs_in_as_a_user_that_the_engines_know() -> None:
    files = secret_files(Repeated())
    backup = files.pop("backup.env")
    urls = re.findall(_LOGIN, "".join(files.values()))
    names = {
        host: {name for _, name, _, where in urls if where == host} for host in ("postgres", "valkey", "clickhouse")
    }
    assert names["clickhouse"] == clickhouse_names()
    assert names["valkey"] == {f"segops_{service}" for service in SERVICES}
    assert names["postgres"] == {"segops_owner", *(f"segops_{name}" for name in ("auth", "segments", "membership"))}
    assert all(password == f"password-of-{host}-{name}" for _, name, password, host in urls)
    assert [(name, host) for _, name, _, host in re.findall(_LOGIN, backup)] == [
        ("postgres", "postgres"),
        ("segops", "clickhouse"),
        ("segops_backup", "valkey"),
    ]
    assert "user segops_backup on #" in files["valkey-users.acl"]
    for name in names["valkey"]:
        assert f"user {name} on #" in files["valkey-users.acl"]
    for name in names["postgres"]:
        assert f"ALTER ROLE {name} PASSWORD 'password-of-postgres-{name}';" in files["postgres-init.sql"]
    for service in SERVICES:
        assert processes_of(service)[0].is_api
