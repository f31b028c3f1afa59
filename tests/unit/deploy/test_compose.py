"""compose.yaml runs every process, hardened, with the secrets of that process."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from compose_spec import PyCompose

from scripts.manifests.environment import fields
from scripts.manifests.processes import HTTP_PORT, INTERNAL_PORT, PROCESSES, processes_of
from scripts.manifests.secrets import Passwords, secret_files
from segops_local.supervisor.services import SERVICES
from tests.unit.deploy.conftest import ROOT
from tests.unit.deploy.role_settings import allowed, documented_needs

TEXT = (ROOT / "deploy" / "compose" / "compose.yaml").read_text()
ENGINES = {"postgres", "valkey", "clickhouse"}
MIGRATIONS = {f"segops-{service}-migrate" for service in SERVICES}
Service = dict[str, Any]


@pytest.fixture(scope="module")
def services() -> dict[str, Service]:
    return dict(yaml.safe_load(TEXT)["services"])


def test_it_is_valid_and_has_every_process_engine_and_migration(services: dict[str, Service]) -> None:
    names = {process.object_name for process in PROCESSES} | MIGRATIONS | ENGINES | {"segops-console", "segops-gateway"}
    text = re.sub(r"\$\{[A-Z_]+:-([^}]*)\}", r"\1", TEXT)
    assert set(PyCompose.from_yaml(text).service_names()) == services.keys() == names
    with pytest.raises(ValueError, match="imagine"):
        PyCompose.from_yaml(text.replace("    image: postgres:17", "    imagine: postgres:17"))


def test_every_container_of_segops_is_read_only_without_capabilities(services: dict[str, Service]) -> None:
    for name in services.keys() - ENGINES:
        service = services[name]
        assert (service["user"], service["read_only"], service["cap_drop"]) == ("65532:65532", True, ["ALL"]), name
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert re.fullmatch(r"segops/[a-z]+:\d+\.\d+\.\d+", service["image"])


def test_one_port_is_published_and_only_to_the_machine_itself(services: dict[str, Service]) -> None:
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert published == {"segops-gateway": ["${SEGOPS_LISTEN:-127.0.0.1:8080}:8000"]}


@pytest.mark.parametrize("service", SERVICES)
def test_a_process_gets_what_its_role_needs_and_nothing_else(services: dict[str, Service], service: str) -> None:
    files = secret_files(Passwords())
    names = {f"SEGOPS_{name.upper()}" for name in fields(service)}
    for name in [*(process.object_name for process in processes_of(service)), f"segops-{service}-migrate"]:
        own = services[name]
        secrets = [file.removeprefix("./secrets/") for file in own["env_file"] if file.startswith("./secrets/")]
        variables = {line.partition("=")[0] for file in secrets for line in files[file].splitlines()}
        variables |= own.get("environment", {}).keys()
        role = own["command"][0]
        assert documented_needs()[service, role] <= variables <= names & allowed(service, role), name
        mounts = " ".join(own.get("volumes", ()))
        assert ("signing-key" in mounts) == (name == "segops-auth-api")
        assert ("exports" in mounts) == (service == "membership" and role != "migrate")


def test_health_is_asked_on_the_internal_port(services: dict[str, Service]) -> None:
    for process in PROCESSES:
        own = services[process.object_name]
        assert own["environment"]["SEGOPS_INTERNAL_PORT"] == str(INTERNAL_PORT)
        assert f"'127.0.0.1', {INTERNAL_PORT}," in own["healthcheck"]["test"][-1]
        assert own["environment"].get("SEGOPS_HTTP_PORT") == (str(HTTP_PORT) if process.is_api else None)


def test_a_process_starts_after_its_migration(services: dict[str, Service]) -> None:
    for process in PROCESSES:
        needs = services[process.object_name]["depends_on"]
        assert needs[f"segops-{process.service}-migrate"] == {"condition": "service_completed_successfully"}
        assert all(needs[engine] == {"condition": "service_healthy"} for engine in ENGINES)


def test_every_file_that_is_mounted_is_a_secret(services: dict[str, Service]) -> None:
    mounts = [mount.split(":")[0] for service in services.values() for mount in service.get("volumes", ())]
    files = {mount.removeprefix("./secrets/") for mount in mounts if mount.startswith(".")}
    assert files == {"signing-key.pem", "postgres-init.sql", "valkey-users.acl", "clickhouse-users.xml"}
    assert files <= secret_files(Passwords()).keys()
