"""nginx as in the image of the console: it serves files, and refuses what is a path of the API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from scripts.manifests.console import files_config
from segops_local.gateway import pages
from segops_local.gateway.nginx import program
from segops_local.processes.host import child_environment
from segops_local.processes.identity import give
from segops_local.processes.probe import http
from segops_local.processes.process import Command
from segops_local.processes.server import Server
from segops_local.state.ports import HOST

POLICY = "default-src 'none'; script-src 'self'"
PAGE = "<!doctype html><title>SegOps</title>"


class FilesServer(Server):
    """The server of the image, with its files in `state_dir`."""

    name = "files"
    title = "the server of the files"

    @property
    def url(self) -> str:
        return f"http://{self.address(self.port)}"

    def programs(self) -> tuple[Path, ...]:
        return (program(),)

    def command(self, port: int) -> Command:
        folder = str(self.state_dir)
        config = self.state_dir / "nginx.conf"
        config.write_text(files_config(POLICY, folder=folder, run=folder, port=port))
        give(config, self.identity)
        give(self.state_dir / pages.FOLDER, self.identity)
        argv = [str(program()), "-p", f"{folder}/", "-e", "stderr", "-c", str(config)]
        return Command(
            argv=argv,
            environment=child_environment(),
            log=self.log,
            folder=self.state_dir,
            identity=self.identity,
        )

    async def answers(self) -> bool:
        return (await http("GET", HOST, self.port, "/readyz")).status == 200


@pytest.fixture(scope="module")
async def url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    dist: Path = tmp_path_factory.mktemp("dist")
    (dist / "assets").mkdir()
    (dist / "index.html").write_text(PAGE)
    folder = tmp_path_factory.mktemp("files")
    pages.publish(folder, url="/", sdks=dist, console=dist)
    server = FilesServer(folder)
    await server.start()
    yield server.url
    await server.stop()


@pytest.mark.parametrize("path", ["/", "/segments/42", "/users/a%2Fb"])
def test_every_address_of_a_screen_answers_the_page(url: str, path: str) -> None:
    reply = httpx.get(url + path)
    assert (reply.status_code, reply.text) == (200, PAGE)
    assert reply.headers["Content-Security-Policy"] == POLICY


@pytest.mark.parametrize(
    "path", ["/api/", "/api/segments/", "/v1/track", "/internal/introspect/", "/metrics", "/assets/x.js"]
)
def test_a_path_that_no_service_answers_is_a_problem_document(url: str, path: str) -> None:
    reply = httpx.get(url + path)
    assert (reply.status_code, reply.headers["Content-Type"]) == (404, "application/problem+json")
    assert reply.json()["instance"] == reply.headers["X-Request-Id"]


def test_the_reference_is_that_of_the_address_at_which_it_is_read(url: str) -> None:
    assert httpx.get(f"{url}/openapi.json").json()["servers"] == [{"url": "/"}]
    assert httpx.get(f"{url}/api/docs/").status_code == 200
    assert httpx.post(f"{url}/segments").status_code == 405
