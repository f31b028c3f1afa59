"""The broker's jars, downloaded once by Maven into the checkout's `.segops-cache`, by the digest of their list."""

import fcntl
import hashlib
import shutil
import subprocess
from functools import lru_cache
from pathlib import Path

from segops_local.errors import LocalError
from segops_local.processes.host import find_program, maven_environment

_POM = Path(__file__).resolve().parents[2] / "kafka" / "pom.xml"
_CACHE = Path(__file__).resolve().parents[4] / ".segops-cache" / "kafka"


def missing_programs() -> str | None:
    """Return in one line which programs Kafka needs and this machine does not have, None if it has all."""
    absent = [title for title, program in (("Java 17", "java"), ("Maven", "mvn")) if find_program(program) is None]
    return f"Apache Kafka needs {' and '.join(absent)} on PATH." if absent else None


def java() -> Path:
    program = find_program("java")
    if program is None:
        raise LocalError("Apache Kafka needs Java 17 on PATH: install a JDK 17, or run without KAFKA=1.")
    return program


@lru_cache(maxsize=1)
def fetch() -> Path:
    """Return the folder with the jars, downloaded at the first call. Raises LocalError with Maven's error."""
    reason = missing_programs()
    if reason is not None:
        raise LocalError(f"{reason} Install them, or run without KAFKA=1.")
    folder = _CACHE / hashlib.sha256(_POM.read_bytes()).hexdigest()[:16]
    _CACHE.mkdir(parents=True, exist_ok=True)
    with (_CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            _resolve(folder)
    return folder


def _resolve(folder: Path) -> None:
    unfinished = folder.with_suffix(".new")
    shutil.rmtree(unfinished, ignore_errors=True)
    process = subprocess.run(
        [
            str(find_program("mvn")),
            "-q",
            "-B",
            "-f",
            str(_POM),
            "dependency:copy-dependencies",
            f"-DoutputDirectory={unfinished}",
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=maven_environment(),
        check=False,
    )
    if process.returncode != 0 or not any(unfinished.glob("kafka_*.jar")):
        lines = process.stdout.decode(errors="replace").splitlines()
        errors = [line for line in lines if "ERROR" in line] or ["no jar was downloaded"]
        raise LocalError(f"Maven could not download Kafka's jars: {errors[0][:300]}")
    unfinished.rename(folder)
