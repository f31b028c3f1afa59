"""`make check`: all linters, the type check and the project's own rules, two at a time."""

from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
MEMBERS = sorted(
    path.parent
    for pattern in ("libs/*", "services/*", "deploy/local", "sdks/python", "sdks/cli")
    for path in ROOT.glob(f"{pattern}/pyproject.toml")
)


@dataclass(frozen=True, slots=True)
class Step:
    """A command that must exit with 0."""

    name: str
    command: tuple[str, ...]
    cwd: Path = ROOT


def steps() -> list[Step]:
    """All steps, longest first."""
    python_trees = [
        str(tree)
        for tree in ("libs", "services", "deploy/local", "sdks/python", "sdks/cli", "tests", "scripts", "bench")
        if (ROOT / tree).is_dir()
    ]
    return [
        Step("mypy", (str(BIN / "mypy"), *python_trees)),
        # The oldest Python that mypy knows; the client supports 3.9, where `make test-sdk` runs it.
        Step("mypy of the client", (str(BIN / "mypy"), "--python-version", "3.10", "sdks/python/segops_client")),
        Step("imports", (str(BIN / "lint-imports"), "--config", ".importlinter")),
        Step("project rules", (sys.executable, "-m", "scripts.house_rules")),
        Step("ruff", (str(BIN / "ruff"), "check", ".")),
        Step("format", (str(BIN / "ruff"), "format", "--check", ".")),
        *(Step(f"deptry {member.name}", (str(BIN / "deptry"), "."), member) for member in MEMBERS),
    ]


def run(step: Step) -> tuple[Step, float, subprocess.CompletedProcess[str]]:
    """Run one step to its end; seconds it took."""
    started = time.monotonic()
    process = subprocess.run(step.command, cwd=step.cwd, capture_output=True, text=True, check=False)
    return step, time.monotonic() - started, process


def main() -> int:
    """Run all steps, two at a time; print what failed."""
    failed = 0
    with ThreadPoolExecutor(max_workers=2) as pool:
        for step, seconds, process in pool.map(run, steps()):
            print(f"{'ok  ' if process.returncode == 0 else 'FAIL'} {step.name} ({seconds:.1f} s)", flush=True)
            if process.returncode:
                failed += 1
                print(process.stdout + process.stderr, flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
