"""The images build from the Dockerfile, and a process starts in one without rights and answers that it is ready."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from segops_local.state.ports import free_port, is_free
from segops_local.supervisor.services import SERVICES
from tests.ops.images import Images
from tests.shared.client import ROOT, RunningStack
from tests.shared.collector import collecting

START_S = 120
NO_FILES: Final[Mapping[str, Path]] = {}
SIGNING_KEY: Final = "run/secrets/jwt-private-key.pem"
TRACE: Final = "4bf92f3577b34da6a3ce929d0e0e4736"


@contextmanager
def started(
    images: Images, image: str, environment: Mapping[str, str], *arguments: str, files: Mapping[str, Path] = NO_FILES
) -> Iterator[int]:
    """Run a container of the image; yield the id of its process. `files` are copied to their places in the container."""
    config = images.configuration(image)
    container, root = images.mounted(image)
    user = config["User"].partition(":")[0]
    command = [*config["Entrypoint"], *(arguments or config.get("Cmd") or ())]
    variables = {**dict(variable.split("=", 1) for variable in config["Env"]), **environment}
    try:
        for place, file in files.items():
            (root / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, root / place)
            os.chown(root / place, int(user), int(user))
        # The jail needs its own module; the program gets the environment of the image.
        process = subprocess.Popen(
            ["unshare", "--mount", sys.executable, "-m", "tests.ops.jail", str(root), user, *command],
            cwd=ROOT,
            env=variables,
        )
        try:
            yield process.pid
            assert process.poll() is None, "the process ended by itself"
        finally:
            process.terminate()
            process.wait(60)
    finally:
        images.remove(container)


def rights(pid: int) -> dict[str, str]:
    """Return what the kernel lets a process do, and as whom."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def answer(port: int, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
    """Return status and body once the port answers, within START_S."""
    deadline = time.monotonic() + START_S
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("GET", path, headers=dict(headers or {}))
            response = connection.getresponse()
            return response.status, response.read()
        except ConnectionError:
            assert time.monotonic() < deadline, f"nothing listens on {port}"
            time.sleep(0.2)
        finally:
            connection.close()


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_of_a_service_has_what_it_needs_and_nothing_to_write_to(images: Images, service: str) -> None:
    config = images.configuration(image := images.build("service", service=service))
    assert (config["User"], config["Entrypoint"]) == ("65532:65532", ["/opt/segops/bin/segops"])
    assert config["Labels"]["org.opencontainers.image.title"] == f"SegOps {service}"
    container, root = images.mounted(image)
    try:
        parts = json.loads((root / "opt/segops/share/sbom.cdx.json").read_text())["components"]
        names = {part["name"] for part in parts}
        assert {f"segops-{service}", "segops-common", "pydantic"} <= names
        assert not names & {"pip", "pytest", "hatchling", "segops-testkit", "segops-local"}
        mine = [path for path in (root / "opt").rglob("*") if not path.is_symlink() and path.stat().st_uid == 65532]
        assert mine == [], "a process must not change its own program"
    finally:
        images.remove(container)


def settings_of(stack: RunningStack, service: str) -> tuple[dict[str, str], dict[str, Path]]:
    """Return the settings of an API of the stack, with ports of its own, and the files that its container needs."""
    environment = stack.process(f"{service}.api").settings
    settings = {name: value for name, value in environment.items() if name.startswith("SEGOPS_")}
    settings |= {"SEGOPS_HTTP_PORT": str(free_port()), "SEGOPS_INTERNAL_PORT": str(free_port())}
    if service != "auth":
        return settings, {}
    key = Path(settings["SEGOPS_JWT_PRIVATE_KEY_FILE"])
    settings |= {"SEGOPS_JWT_PRIVATE_KEY_FILE": f"/{SIGNING_KEY}", "SEGOPS_MAIL_URL": "file:///tmp/mail"}
    return settings, {SIGNING_KEY: key}


@pytest.mark.parametrize("service", SERVICES)
def test_a_process_is_ready_on_the_running_stack(images: Images, valkey_stack: RunningStack, service: str) -> None:
    image = images.build("service", service=service)
    settings, files = settings_of(valkey_stack, service)
    port = int(settings["SEGOPS_INTERNAL_PORT"])
    with started(images, image, settings, "api", files=files) as pid:
        assert answer(port, "/livez")[0] == 200
        assert rights(pid)["Uid"].split() == ["65532"] * 4
        assert {rights(pid)[name] for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")} == {"0" * 16}
        assert rights(pid)["NoNewPrivs"] == "1"
        options = re.search(r"^\S+ \S+ \S+ \S+ / (\S+)", Path(f"/proc/{pid}/mountinfo").read_text(), flags=re.MULTILINE)
        assert options is not None
        assert options[1].split(",")[0] == "ro"
        status, body = answer(port, "/readyz")
        assert (status, json.loads(body)["status"]) == (200, "ok")


def test_an_image_with_traces_sends_them(images: Images, valkey_stack: RunningStack) -> None:
    image = images.build("service", service="ingest", traces=True)
    settings, files = settings_of(valkey_stack, "ingest")
    headers = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
    with collecting() as collector:
        settings |= {"SEGOPS_TRACES_URL": collector.url, "SEGOPS_TRACES_SHARE": "0"}
        with started(images, image, settings, "api", files=files):
            assert answer(int(settings["SEGOPS_INTERNAL_PORT"]), "/readyz")[0] == 200
            assert answer(int(settings["SEGOPS_HTTP_PORT"]), "/api/explorer/rejections/", headers)[0] == 401
        assert {span.process for span in collector.spans if span.trace == TRACE} == {"ingest.api"}


@pytest.fixture
def port_8000() -> None:
    """The images of the console and the gateway listen there."""
    if not is_free(8000):
        pytest.skip("needs port 8000, which another program has")


@pytest.mark.usefixtures("port_8000")
def test_the_console_is_served_by_its_image(images: Images) -> None:
    with started(images, images.build("console"), {}):
        status, body = answer(8000, "/")
        assert status == 200
        assert b"<title>SegOps</title>" in body
        for path in ("/openapi.json", "/api/docs/", "/sdk/segops-sdk.tgz", "/docs/", "/docs/deploy/", "/docs/llms.txt"):
            assert answer(8000, path)[0] == 200, path
        assert b"<title>Quickstart" in answer(8000, "/docs/quickstart/")[1]
        assert answer(8000, "/problems/not-found")[0] == 301
        assert answer(8000, "/api/segments/")[0] == 404


@pytest.mark.usefixtures("port_8000")
def test_the_gateway_routes_by_its_table(images: Images) -> None:
    with started(images, images.build("gateway"), {}):
        assert answer(8000, "/healthz")[0] == 200
        status, body = answer(8000, "/api/segments/%2e%2e/internal/")
        assert (status, json.loads(body)["type"]) == (404, "https://segops.dev/problems/not-found")
