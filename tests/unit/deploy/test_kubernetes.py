"""What every object for Kubernetes must have, read from the rendered overlays."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from scripts.manifests.environment import EXPLAINED, fields
from scripts.manifests.processes import HTTP_PORT, INTERNAL_PORT, PROCESSES, processes_of
from scripts.manifests.workloads import DRAIN_S, GRACE_S, PRE_STOP_S
from segops_common.runtime.settings import ServiceSettings
from segops_common.web.health import CHECK_TIMEOUT_S
from segops_common.web.server import STOP_TIMEOUT_S
from segops_local.supervisor.services import SERVICES
from tests.unit.deploy.conftest import Manifests, Object
from tests.unit.deploy.role_settings import allowed, documented_needs

STATELESS = {"segops-console", "segops-gateway"}
MIGRATIONS = {f"segops-{service}-migrate" for service in SERVICES}


def containers(pod: Object) -> Iterator[Object]:
    yield from pod.get("initContainers", ())
    yield from pod["containers"]


def test_every_role_is_deployed_with_the_argument_that_is_its_name(manifests: Manifests) -> None:
    deployments = manifests.of("Deployment")
    assert deployments.keys() - STATELESS == {process.object_name for process in PROCESSES}
    for process in PROCESSES:
        pod = manifests.pods()[process.object_name]
        (container,) = pod["containers"]
        assert container["args"] == [process.role]
        assert re.search(rf"(^|/)segops/{process.service}:\d+\.\d+\.\d+$", container["image"])
        (schema,) = pod["initContainers"]
        assert (schema["args"], schema["image"]) == (["migrate", "--check"], container["image"])
    assert manifests.of("Job").keys() == MIGRATIONS
    assert all(manifests.pods()[name]["containers"][0]["args"] == ["migrate"] for name in MIGRATIONS)


def test_no_pod_has_more_rights_than_it_needs(manifests: Manifests) -> None:
    for name, pod in manifests.pods().items():
        assert pod["automountServiceAccountToken"] is False, name
        assert pod["enableServiceLinks"] is False, name
        context = pod["securityContext"]
        assert (context["runAsNonRoot"], context["runAsUser"], context["runAsGroup"]) == (True, 65532, 65532), name
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys(), name
        for container in containers(pod):
            rights = container["securityContext"]
            assert rights["readOnlyRootFilesystem"] is True, name
            assert rights["allowPrivilegeEscalation"] is False, name
            assert rights["capabilities"] == {"drop": ["ALL"]}, name
            assert [port for port in container.get("ports", ()) if "hostPort" in port] == []
        for volume in pod["volumes"]:
            assert volume.keys() - {"name"} in ({"emptyDir"}, {"secret"}), name
            assert "sizeLimit" in volume.get("emptyDir", {"sizeLimit": ""}), name
    (namespace,) = manifests.of("Namespace").values()
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_every_container_says_what_it_needs(manifests: Manifests) -> None:
    for name, pod in manifests.pods().items():
        for container in containers(pod):
            assert container["resources"]["requests"].keys() == {"cpu", "memory", "ephemeral-storage"}, name
            assert container["resources"]["limits"].keys() == {"memory"}, name


def test_only_readiness_asks_the_engines(manifests: Manifests) -> None:
    for name in manifests.of("Deployment"):
        (container,) = manifests.pods()[name]["containers"]
        paths = {probe: container[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe")}
        assert "/readyz" not in paths.values() or name in STATELESS, name
        if name not in STATELESS:
            assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "internal"}
            assert container["readinessProbe"]["timeoutSeconds"] > CHECK_TIMEOUT_S


def test_clients_and_operators_have_ports_of_their_own(production: Manifests) -> None:
    public, internal = ("http", HTTP_PORT), ("internal", INTERNAL_PORT)
    for process in PROCESSES:
        ports = {public, internal} if process.is_api else {internal}
        (container,) = production.pods()[process.object_name]["containers"]
        assert {(port["name"], port["containerPort"]) for port in container["ports"]} == ports, process.name
        service = production.of("Service")[process.object_name]["spec"]["ports"]
        assert {(port["name"], port["port"]) for port in service} == ports
        assert {container[probe]["httpGet"]["port"] for probe in container if probe.endswith("Probe")} == {"internal"}
        variables = {name: variable.get("value") for name, variable in environment(container).items()}
        assert variables["SEGOPS_INTERNAL_PORT"] == str(INTERNAL_PORT)
        assert variables.get("SEGOPS_HTTP_PORT") == (str(HTTP_PORT) if process.is_api else None)
        addresses = ",".join(
            value for name, value in variables.items() if value and name.endswith(("URL", "ADDRESSES"))
        )
        assert set(re.findall(r":(\d+)", addresses)) <= {str(INTERNAL_PORT)}
    for monitor in production.of("PodMonitor").values():
        assert [endpoint["port"] for endpoint in monitor["spec"]["podMetricsEndpoints"]] == ["internal"]


def test_a_pod_that_ends_has_time_to_drain(manifests: Manifests) -> None:
    assert ServiceSettings.model_fields["drain_s"].default == DRAIN_S
    assert GRACE_S > PRE_STOP_S + DRAIN_S + 2 * STOP_TIMEOUT_S
    for process in PROCESSES:
        pod = manifests.pods()[process.object_name]
        assert pod["terminationGracePeriodSeconds"] == GRACE_S
        assert pod["containers"][0]["lifecycle"] == {"preStop": {"sleep": {"seconds": PRE_STOP_S}}}
    for deployment in manifests.of("Deployment").values():
        assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


def test_replicas_are_spread_and_evicted_one_at_a_time(manifests: Manifests) -> None:
    budgets = manifests.of("PodDisruptionBudget")
    for name, deployment in manifests.of("Deployment").items():
        selector = deployment["spec"]["selector"]["matchLabels"]
        assert budgets[name]["spec"]["selector"]["matchLabels"] == selector
        assert budgets[name]["spec"]["maxUnavailable"] == 1
        spreads = deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]
        assert [spread["topologyKey"] for spread in spreads] == [
            "kubernetes.io/hostname",
            "topology.kubernetes.io/zone",
        ]
        assert [spread["topologyKey"] for spread in spreads] == [
            "kubernetes.io/hostname",
            "topology.kubernetes.io/zone",
        ]
        assert all(spread["labelSelector"]["matchLabels"] == selector for spread in spreads)
        assert selector.items() <= deployment["spec"]["template"]["metadata"]["labels"].items()


def test_one_thing_decides_how_many_replicas_there_are(manifests: Manifests) -> None:
    scalers = {
        part["spec"]["scaleTargetRef"]["name"]: part["spec"]
        for kind in ("HorizontalPodAutoscaler", "ScaledObject")
        for part in manifests.of(kind).values()
    }
    assert {process.object_name for process in PROCESSES if process.is_api} <= scalers.keys()
    for name, deployment in manifests.of("Deployment").items():
        assert ("replicas" in deployment["spec"]) == (name not in scalers), name
        assert deployment["spec"].get("replicas", 2) >= 2
    for spec in scalers.values():
        assert spec.get("minReplicas", spec.get("minReplicaCount")) == 2


def test_keda_follows_the_lag_of_what_has_one(production: Manifests) -> None:
    scaled = {name: part["spec"] for name, part in production.of("ScaledObject").items()}
    assert scaled.keys() == {process.object_name for process in PROCESSES if process.lag}
    for process in PROCESSES:
        if process.lag is None:
            continue
        spec = scaled[process.object_name]
        (trigger,) = spec["triggers"]
        assert trigger["metadata"]["topic"] == process.lag.topic.name
        assert trigger["metadata"]["consumerGroup"] == process.lag.group
        assert spec["maxReplicaCount"] <= process.lag.topic.partitions, (
            "a replica without a partition has nothing to do"
        )


def test_keda_signs_in_to_kafka_by_variables_of_what_it_scales(production: Manifests) -> None:
    (settings,) = (part["data"] for name, part in production.of("ConfigMap").items() if name.startswith("segops-set"))
    for name, scaled in production.of("ScaledObject").items():
        (container,) = production.pods()[name]["containers"]
        (trigger,) = scaled["spec"]["triggers"]
        authentication = production.of("TriggerAuthentication")[trigger["authenticationRef"]["name"]]
        variables = {entry["parameter"]: entry["name"] for entry in authentication["spec"]["env"]}
        assert variables.keys() == {"username", "password"}
        assert settings[variables["username"]]
        assert "valueFrom" in environment(container)[variables["password"]]


def environment(container: Object) -> dict[str, Object]:
    variables = {variable["name"]: variable for variable in container["env"]}
    assert len(variables) == len(container["env"])
    return variables


@pytest.mark.parametrize("service", SERVICES)
def test_a_role_gets_what_it_needs_and_nothing_else(manifests: Manifests, service: str) -> None:
    settings = {f"SEGOPS_{name.upper()}" for name in fields(service)}
    names = [*(process.object_name for process in processes_of(service)), f"segops-{service}-migrate"]
    for container in (container for name in names for container in containers(manifests.pods()[name])):
        role = container["args"][0]
        variables = environment(container).keys()
        assert documented_needs()[service, role] <= variables <= settings & allowed(service, role), role


def test_only_a_process_that_signs_has_the_signing_key(manifests: Manifests) -> None:
    for name, pod in manifests.pods().items():
        mounted = [container["name"] for container in containers(pod) if _mounts_a_secret(container)]
        assert mounted == (["api"] if name == "segops-auth-api" else []), name


def _mounts_a_secret(container: Object) -> bool:
    return any(mount["name"] == "signing-key" for mount in container["volumeMounts"])


def test_no_secret_belongs_to_several_processes_but_the_service_token(production: Manifests) -> None:
    owners: dict[str, set[tuple[str, str]]] = {}
    for pod in production.pods().values():
        for container in containers(pod):
            for variable in container.get("env", ()):
                if reference := variable.get("valueFrom", {}).get("secretKeyRef"):
                    image = container["image"].rpartition("/")[2].partition(":")[0]
                    owners.setdefault(reference["name"], set()).add((image, container["args"][0]))
    shared = {name for name, users in owners.items() if len(users) > 1}
    assert shared == {"segops-service-token"}
    assert owners["segops-service-token"] == {(service, "api") for service in SERVICES}


def test_every_setting_in_the_config_map_is_read_by_a_service(manifests: Manifests) -> None:
    settings = {f"SEGOPS_{name.upper()}" for service in SERVICES for name in fields(service)}
    (name,) = (name for name in manifests.of("ConfigMap") if name.startswith("segops-settings-"))
    values = manifests.of("ConfigMap")[name]["data"]
    assert values.keys() <= settings - {f"SEGOPS_{hidden.upper()}" for hidden in EXPLAINED}
    assert "SEGOPS_TRUSTED_PROXIES" in values, "every overlay says which proxies are in front"
    for pod in manifests.pods().values():
        for container in containers(pod):
            assert [source["configMapRef"]["name"] for source in container.get("envFrom", [])] in ([], [name])


def test_no_password_is_in_an_object_that_is_no_secret(manifests: Manifests) -> None:
    for pod in manifests.pods().values():
        for container in containers(pod):
            for name, variable in environment(container).items() if "env" in container else ():
                secret = name.endswith(
                    ("_TOKEN", "_PEPPER", "_SUPPRESSION_KEY", "REDIS_URL", "POSTGRES_URL", "CLICKHOUSE_URL", "LOG_URL")
                )
                assert not secret or "valueFrom" in variable, name
                assert "@" not in variable.get("value", "")


def test_the_secrets_of_dev_are_what_its_pods_ask_for(dev: Manifests) -> None:
    secrets = {name: part["data"].keys() for name, part in dev.of("Secret").items()}
    for pod in dev.pods().values():
        for container in containers(pod):
            for variable in container.get("env", ()):
                reference = variable.get("valueFrom", {}).get("secretKeyRef", {"optional": True})
                assert reference.get("optional") or reference["key"] in secrets[reference["name"]]
        for volume in pod["volumes"]:
            assert volume.get("secret", {}).get("secretName", next(iter(secrets))) in secrets


def test_services_select_pods_that_exist(manifests: Manifests) -> None:
    pods = [
        part["spec"]["template"]["metadata"]["labels"]
        for kind in ("Deployment", "StatefulSet")
        for part in manifests.of(kind).values()
    ]
    for name, service in manifests.of("Service").items():
        selector = service["spec"]["selector"].items()
        assert sum(selector <= labels.items() for labels in pods) == 1, name
    assert {process.object_name for process in PROCESSES} <= manifests.of("Service").keys()
