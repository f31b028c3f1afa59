"""`--times=FILE`: wall and CPU seconds of every test file, child processes included, as a table in FILE.

What the shared host runs is a row of its own, for its engines serve all files. With several workers, wall seconds add
up to more than the run took; CPU seconds hardly depend on what else the machine does.
"""

from __future__ import annotations

import resource
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

HOST = "shared engines and stacks"
Times = dict[str, Counter[str]]
_TIMES = pytest.StashKey[Times]()


def times_of(config: pytest.Config) -> Times:
    if _TIMES not in config.stash:
        config.stash[_TIMES] = {}
    return config.stash[_TIMES]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--times", metavar="FILE", help="write wall and CPU seconds of every test file into FILE")
    parser.addoption("--cluster", action="store_true", help="ClickHouse is a cluster of two shards, not one server")
    parser.addoption("--stack", metavar="URL", help="tests/console: use this running stack instead of starting one")
    parser.addoption("--screens", metavar="FOLDER", help="tests/console: write pictures of all screens into FOLDER")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    if item.config.getoption("times") is None:
        return (yield)
    wall, cpu = time.monotonic(), cpu_seconds()
    result = yield
    row = times_of(item.config).setdefault(item.nodeid.partition("::")[0], Counter())
    row.update(tests=1, wall=round((time.monotonic() - wall) * 1000), cpu=round((cpu_seconds() - cpu) * 1000))
    return result


def cpu_seconds() -> float:
    """Return what this process and all its descendants have used, those that have ended included."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    total = sum(usage.ru_utime + usage.ru_stime for usage in used)
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            total += sum(child.cpu_times()[:4])
    return total


def pytest_sessionfinish(session: pytest.Session) -> None:
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["times"] = {file: dict(row) for file, row in times_of(session.config).items()}


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Called in the first process when a worker has ended."""
    times = times_of(node.config)
    for file, row in getattr(node, "workeroutput", {}).get("times", {}).items():
        times.setdefault(file, Counter()).update(row)


def write_times(config: pytest.Config, host_cpu_s: float) -> None:
    """Write the table, the files with the most CPU seconds first."""
    file: str | None = config.getoption("times")
    if file is None or hasattr(config, "workerinput"):
        return
    times = times_of(config)
    times[HOST] = Counter(cpu=round(host_cpu_s * 1000))
    rows = sorted(times.items(), key=lambda entry: -entry[1]["cpu"])
    rows.append(("all", sum(times.values(), Counter())))
    lines = ["| file | tests | wall s | CPU s |", "|---|---|---|---|"]
    lines += [f"| {name} | {row['tests']} | {row['wall'] / 1000:.1f} | {row['cpu'] / 1000:.1f} |" for name, row in rows]
    Path(file).write_text("\n".join(lines) + "\n")
