"""The broker's jars: resolved once by Maven, kept beside the checkout, keyed by the list that names them."""

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


def missing() -> str | None:
    """What this machine lacks to run Kafka, in one line; None when it lacks nothing."""
    absent = [title for title, program in (("Java 17", "java"), ("Maven", "mvn")) if find_program(program) is None]
    return f"Apache Kafka needs {' and '.join(absent)} on PATH." if absent else None


def java() -> Path:
    program = find_program("java")
    if program is None:
        raise LocalError("Apache Kafka needs Java 17 on PATH: install a JDK 17, or run without KAFKA=1.")
    return program


@lru_cache(maxsize=1)
def fetch() -> Path:
    """The folder with the jars, brought by Maven at the first call; raises LocalError with Maven's words."""
    lacking = missing()
    if lacking is not None:
        raise LocalError(f"{lacking} Install them, or run without KAFKA=1.")
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
    done = subprocess.run(
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
    if done.returncode != 0 or not any(unfinished.glob("kafka_*.jar")):
        errors = [line for line in done.stdout.decode(errors="replace").splitlines() if "ERROR" in line] or [
            "no jar came"
        ]
        raise LocalError(f"Maven could not bring Kafka's jars: {errors[0][:300]}")
    unfinished.rename(folder)
