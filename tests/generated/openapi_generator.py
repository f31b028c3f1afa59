"""openapi-generator and what its clients are compiled with, fetched once by Maven into `.segops-cache`."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from tests.node import ROOT

FOLDER: Final = Path(__file__).parent / "openapi-generator"
_CACHE: Final = ROOT / ".segops-cache" / "generated"
_GENERATOR: Final = "org.openapitools:openapi-generator-cli:7.25.0"
_SHA256: Final = "41ce4f6b07f196676439d710759fa1ced7a08066d06ff1bf314681470289efae"
_LEFT_OUT: Final = {name: "false" for name in ("apiDocs", "modelDocs", "apiTests", "modelTests")}
_OPTIONS: Final[Mapping[str, Mapping[str, str]]] = {
    # Without it, Python tries all types of a condition, and some of them raise an error that it does not expect.
    "python": {"useOneOfDiscriminatorLookup": "true"},
    "go": {},
    "java": {},
    "typescript-axios": {},
}


def clients(document: Path) -> Path:
    """Return the folder with one client a language, made of the document in one process; skips without a toolchain.

    Call it `alone`.
    """
    java, maven = _programs()
    jar = _jar(maven)
    key = hashlib.sha256(document.read_bytes() + _SHA256.encode() + json.dumps(_OPTIONS).encode()).hexdigest()[:16]
    folder = _CACHE / f"clients-{key}"
    if not folder.exists():
        for old in _CACHE.glob("clients-*"):
            shutil.rmtree(old)
        unfinished = _CACHE / "unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        files = [_configuration(unfinished, document, generator) for generator in _OPTIONS]
        run(java, "-jar", str(jar), "batch", "--threads", "2", *map(str, files), cwd=unfinished)
        unfinished.rename(folder)
    return folder


def java_libraries() -> Path:
    """Return the folder with the jars that the Java client needs. Call it `alone`."""
    _, maven = _programs()
    folder = _CACHE / f"java-{hashlib.sha256((FOLDER / 'pom.xml').read_bytes()).hexdigest()[:16]}"
    if not folder.exists():
        unfinished = folder.with_suffix(".new")
        pom = str(FOLDER / "pom.xml")
        _download(maven, "-f", pom, "dependency:copy-dependencies", f"-DoutputDirectory={unfinished}")
        unfinished.rename(folder)
    return folder


def run(*command: str, cwd: Path, env: Mapping[str, str] | None = None) -> str:
    """Return what a command prints, errors last; fails with the end of it when the command does."""
    process = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert process.returncode == 0, f"{' '.join(command)[:500]}\n{process.stdout[-4000:]}{process.stderr[-4000:]}"
    return process.stdout + process.stderr


def _programs() -> tuple[str, str]:
    java, maven = shutil.which("java"), shutil.which("mvn")
    if java is None or maven is None or shutil.which("javac") is None:
        pytest.skip("openapi-generator needs a JDK and Maven on PATH.")
    return java, maven


def _jar(maven: str) -> Path:
    jar = _CACHE / "jar" / "{1}-{2}.jar".format(*_GENERATOR.split(":"))
    if not jar.exists():
        _download(maven, "dependency:copy", f"-Dartifact={_GENERATOR}", f"-DoutputDirectory={jar.parent}")
    assert hashlib.sha256(jar.read_bytes()).hexdigest() == _SHA256, f"{jar} is not the file that was pinned"
    return jar


def _download(maven: str, *arguments: str) -> None:
    """Let Maven copy jars. Skips when it cannot, such as without a network."""
    _CACHE.mkdir(parents=True, exist_ok=True)
    command = [maven, "-q", "-B", *arguments]
    process = subprocess.run(command, cwd=_CACHE, env={**os.environ}, capture_output=True, text=True, check=False)
    if process.returncode:
        errors = [line for line in process.stdout.splitlines() if "ERROR" in line] or ["no reason"]
        pytest.skip(f"Maven could not download what openapi-generator needs: {errors[0][:200]}")


def _configuration(folder: Path, document: Path, generator: str) -> Path:
    """Write the file that describes one client, and return its path."""
    options: dict[str, Any] = {
        "generatorName": generator,
        "inputSpec": str(document),
        "outputDir": str(folder / generator),
        "globalProperties": {"apis": "", "models": "", "supportingFiles": "", **_LEFT_OUT},
        "additionalProperties": {"hideGenerationTimestamp": "true", **_OPTIONS[generator]},
    }
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{generator}.json"
    file.write_text(json.dumps(options))
    return file
