"""The wheel of the Python client installs and works on Python 3.9, the oldest one that it supports."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.conformance.running import ROOT, Faults
from tests.node import alone

_UV: Final = str(Path(sys.executable).parent / "uv")
_FOLDER: Final = ROOT / ".segops-cache" / "python39"
_PROGRAM: Final = """
import asyncio, sys
import segops_client
from segops_client import AsyncSegOpsClient, Event, Result, SegOpsClient

assert sys.version_info[:2] == (3, 9) and "site-packages" in segops_client.__file__ and segops_client.__version__ == "0.1.0"
with SegOpsClient(sys.argv[1], "sk_live_x", timeout=60) as client:
    client.track(Event("u", "tested", payload={"n": 1}))
    assert client.flush(60) and client.shutdown(60) == Result(sent=1, dropped=0)

async def main():
    asynchronous = AsyncSegOpsClient(sys.argv[1], "sk_live_x", timeout=60)
    asynchronous.track({"user_id": "u", "event_type": "tested", "payload": {"n": 2}})
    assert await asynchronous.flush(60) and await asynchronous.shutdown(60) == Result(sent=1, dropped=0)

early = AsyncSegOpsClient(sys.argv[1], "sk_live_x", timeout=60)
early.track(user_id="u", event_type="tested", payload={"n": 3})
asyncio.run(main())
assert asyncio.run(early.shutdown(60)) == Result(sent=1, dropped=0)
"""


def python39() -> str | None:
    """Return a working Python 3.9 of this machine."""
    candidates: list[str | Path | None] = [
        shutil.which("python3.9"),
        *Path.home().glob(".pyenv/versions/3.9*/bin/python3.9"),
    ]
    for candidate in candidates:
        if (
            candidate
            and subprocess.run([candidate, "-c", "import ssl, venv"], capture_output=True, check=False).returncode == 0
        ):
            return str(candidate)
    return None


def run(*command: str) -> None:
    process = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert process.returncode == 0, process.stdout + process.stderr


@pytest.mark.sdk
async def test_the_wheel_works_on_the_oldest_python(faults: Faults) -> None:
    base = python39()
    if base is None:
        pytest.skip("This machine has no Python 3.9.")
    wheels, environment = _FOLDER / "dist", _FOLDER / "venv"
    with alone():
        shutil.rmtree(_FOLDER, ignore_errors=True)
        run(
            _UV,
            "build",
            "-q",
            "--wheel",
            "--no-build-isolation",
            "--python",
            sys.executable,
            "-o",
            str(wheels),
            "sdks/python",
        )
        run(_UV, "venv", "-q", "--python", base, str(environment))
        into = ("--system-certs", "--python", str(environment), "--no-deps")
        run(_UV, "pip", "install", "-q", *into, "--require-hashes", "-r", "requirements/python39.lock")
        run(_UV, "pip", "install", "-q", *into, *map(str, wheels.glob("*.whl")))
    url = faults.api_url("healthy", "python39")
    await asyncio.to_thread(run, str(environment / "bin" / "python"), "-W", "error", "-c", _PROGRAM, url)
    assert (await faults.report("python39"))["ns"] == [1, 2, 3]
