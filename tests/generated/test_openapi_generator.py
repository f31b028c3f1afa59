"""Clients of openapi-generator and openapi-python-client compile, and run the whole quickstart against a stack."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

import pytest

from scripts import openapi
from tests.generated import openapi_generator
from tests.generated.openapi_generator import FOLDER, run
from tests.node import alone, find_node
from tests.shared.client import RunningStack

pytestmark = pytest.mark.sdk


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The merged document of the services as they are."""
    file = tmp_path_factory.mktemp("openapi") / "segops.json"
    file.write_text(openapi.all_documents()["segops.json"])
    return file


@pytest.fixture(scope="module")
def clients(document: Path) -> Path:
    """The clients of openapi-generator, in a folder for each language."""
    with alone():
        return openapi_generator.clients(document)


async def runs_the_quickstart(stack: RunningStack, *command: str, env: Mapping[str, str] | None = None) -> None:
    """Run a program from sign-up to lookup; it prints the run's status, its segment, the members and the lookup."""
    slug, user = f"made-{uuid4().hex[:12]}", "user-123"
    output = await asyncio.to_thread(run, *command, stack.url, slug, user, cwd=FOLDER, env=env)
    status, segment, members, lookup = json.loads(output.splitlines()[-1])
    assert (status, members, lookup) == ("succeeded", [user], [segment])


async def test_python(valkey_stack: RunningStack, clients: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(clients / "python"), "PYTHONDONTWRITEBYTECODE": "1"}
    run(sys.executable, "-W", "error", "-m", "compileall", "-q", "openapi_client", cwd=clients / "python")
    await runs_the_quickstart(valkey_stack, sys.executable, str(FOLDER / "use_openapi_generator.py"), env=env)


async def test_go(valkey_stack: RunningStack, clients: Path) -> None:
    go = shutil.which("go")
    if go is None:
        pytest.skip("This machine has no Go.")
    project = clients / "go-quickstart"
    env = {**os.environ, "GOFLAGS": "-mod=readonly"}
    with alone():
        project.mkdir(exist_ok=True)
        for name in ("go.mod", "go.sum", "quickstart.go"):
            shutil.copyfile(FOLDER / name, project / name)
        run(go, "build", "-o", "quickstart", ".", cwd=project, env=env)
    await runs_the_quickstart(valkey_stack, str(project / "quickstart"))


async def test_java(valkey_stack: RunningStack, clients: Path, tmp_path: Path) -> None:
    with alone():
        libraries = openapi_generator.java_libraries()
        sources = [str(file) for file in (clients / "java" / "src" / "main").rglob("*.java")]
        (tmp_path / "sources").write_text("\n".join([*sources, str(FOLDER / "Quickstart.java")]))
        classes = tmp_path / "classes"
        options = ("-nowarn", "-proc:none", "-cp", f"{libraries}/*", "-d", str(classes))
        run("javac", *options, f"@{tmp_path / 'sources'}", cwd=tmp_path)
    await runs_the_quickstart(valkey_stack, "java", "-cp", f"{classes}:{libraries}/*", "Quickstart")


async def test_typescript_axios(valkey_stack: RunningStack, clients: Path) -> None:
    node = find_node()
    tools = Path(__file__).parent / "tools"
    program = tools / "made" / "axios.mjs"
    with alone():
        node.install(tools)
        shutil.copytree(clients / "typescript-axios", tools / "made" / "axios", dirs_exist_ok=True)
        env = {**node.env, "PATH": f"{tools / 'node_modules' / '.bin'}:{node.env['PATH']}"}
        options = ("--noEmit", "--strict", "--skipLibCheck", "--target", "es2022", "--module", "esnext")
        more = ("--moduleResolution", "bundler", "--lib", "es2022,dom", "--types", "node")
        run("tsc", *options, *more, "use-axios.ts", cwd=tools, env=env)
        bundle = ("--bundle", "--packages=external", "--platform=node", "--format=esm", f"--outfile={program}")
        run("esbuild", "use-axios.ts", *bundle, cwd=tools, env=env)
    await runs_the_quickstart(valkey_stack, node.node, str(program), env=node.env)


async def test_openapi_python_client(valkey_stack: RunningStack, document: Path, tmp_path: Path) -> None:
    tool = str(Path(sys.executable).parent / "openapi-python-client")
    config = str(openapi.FOLDER / "python-client.yml")
    options = ("--path", str(document), "--output-path", "segops_made", "--meta", "none", "--config", config)
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    assert "warning" not in run(tool, "generate", *options, cwd=tmp_path, env=env).lower()
    env = {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    run(sys.executable, "-W", "error", "-m", "compileall", "-q", "segops_made", cwd=tmp_path)
    program = str(Path(__file__).parent / "openapi-python-client" / "use_openapi_python_client.py")
    await runs_the_quickstart(valkey_stack, sys.executable, program, env=env)
