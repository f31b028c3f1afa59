"""kubectl as an operator uses it, on a cluster of fake nodes in three zones."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import yaml

from scripts.manifests.kubectl import kubectl

NAMESPACE: Final = "segops"
ZONES: Final = ("zone-a", "zone-b", "zone-c")
NODES: Final[Mapping[str, str]] = {f"node-{number}": ZONES[number % len(ZONES)] for number in range(6)}
"""The zone of each node."""
PATIENCE_S: Final = 120
Object = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Cluster:
    """A control plane as its administrator sees it. Every warning of the API server is an error."""

    kubeconfig: Path

    @property
    def command(self) -> list[str]:
        """The command to which arguments are added."""
        return [str(kubectl()), "--kubeconfig", str(self.kubeconfig), "--warnings-as-errors"]

    def attempt(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Return what kubectl printed, and how it ended."""
        command = [*self.command, *arguments]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)

    def kubectl(self, *arguments: str, stdin: str = "") -> str:
        """Return what kubectl prints. Raises AssertionError when it fails, also for a warning."""
        result = self.attempt(*arguments, stdin=stdin)
        assert result.returncode == 0, f"kubectl {' '.join(arguments)}\n{result.stderr[-4_000:]}"
        return result.stdout

    def segops(self, *arguments: str, stdin: str = "") -> str:
        """Return what kubectl prints in the namespace of SegOps."""
        return self.kubectl("--namespace", NAMESPACE, *arguments, stdin=stdin)

    def refusal(self, *arguments: str, stdin: str = "") -> str:
        """Return why kubectl fails. Raises AssertionError when it does not."""
        result = self.attempt(*arguments, stdin=stdin)
        assert result.returncode != 0, result.stdout
        return result.stderr

    def objects(self, kind: str, *options: str) -> dict[str, Object]:
        """Return the objects of a kind in the namespace of SegOps, by their names."""
        answer = json.loads(self.segops("get", kind, "--output", "json", *options))
        return {item["metadata"]["name"]: item for item in answer["items"]}

    def pods(self, name: str) -> list[Object]:
        """Return the pods of a workload that do not end."""
        pods = self.objects("pods", "--selector", f"app.kubernetes.io/name={name}").values()
        return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]

    def dry_run(self, objects: str) -> str:
        """Let the API server judge objects as it would when they are applied, and keep nothing."""
        return self.kubectl("apply", "--server-side", "--dry-run=server", "--filename", "-", stdin=objects)

    def evict(self, pod: str) -> str:
        """Ask for the eviction of a pod, as `kubectl drain` does; return the reason of a refusal, or nothing."""
        metadata = {"name": pod, "namespace": NAMESPACE}
        body = json.dumps({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata})
        path = f"/api/v1/namespaces/{NAMESPACE}/pods/{pod}/eviction"
        result = self.attempt("create", "--raw", path, "--filename", "-", stdin=body)
        return result.stderr if result.returncode else ""

    def add_nodes(self) -> None:
        """Add the nodes, and wait until they are ready."""
        nodes = [
            {
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {
                    "name": node,
                    "annotations": {"kwok.x-k8s.io/node": "fake"},
                    "labels": {"kubernetes.io/hostname": node, "topology.kubernetes.io/zone": zone},
                },
            }
            for node, zone in NODES.items()
        ]
        self.kubectl("apply", "--filename", "-", stdin=yaml.safe_dump_all(nodes))
        self.kubectl("wait", "--for=condition=Ready", "node", "--all", f"--timeout={PATIENCE_S}s")


def eventually(read: Callable[[], T], holds: Callable[[T], bool]) -> T:
    """Return what is read once it holds. Raises AssertionError with the last value after PATIENCE_S."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds(value := read()):
        assert time.monotonic() < deadline, value
        time.sleep(0.2)
    return value
