"""Which tests stay together, and in which order: a worker takes a whole file, the longest files first.

A file shares migrated databases and modules of fixtures. The files in `SEPARATE` share nothing between their tests and
take long, so each of their tests goes to the next free worker. Tiers are marked here too: `fast` needs no engine, no Node
packages and no linter, `sdk` needs the JavaScript runtimes, `console` a browser, `ops` the tools of an operator.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.node import ROOT

SEPARATE: Final = frozenset(
    {
        "tests/e2e/test_schemathesis.py",
        "tests/faults/sink/test_exactly_once.py",
        "tests/integration/local/test_stack.py",
    }
)
FAST: Final = ("unit", "contract/problems", "contract/topics")
LONGEST_FIRST: Final = (
    # Erasures rewrite what the shared stack has stored, so they come before the payloads of hostile requests.
    "tests/e2e/test_erasure.py",
    "tests/e2e/cli/",
    "tests/faults/",
    "tests/e2e/",
    "tests/conformance/",
    "tests/contract/event_log/",
    "tests/integration/local/",
    "tests/integration/membership/",
    "tests/integration/",
    "tests/contract/",
)
"""By the table of times in docs/testing.md; what comes last should be short, so that no worker waits for another."""


NEEDS_NOTHING: Final = frozenset(ROOT / "tests" / folder for folder in FAST)
"""Folders whose tests start no engine, but for those with a fixture of `NOT_FAST`."""
NOT_FAST: Final = frozenset({"shared", "engines_folder", "typescript_sdk", "console", "kubectl"})
SLOW_UNITS: Final = (
    "tests/unit/house/",
    "test_half_made_",
    "tests/unit/web/test_server.py",
    "tests/unit/web/test_hostile.py",
    "tests/unit/web/test_opaque_segments.py",
    "tests/unit/streams/test_consumer_loop.py",
    "tests/unit/streams/test_keyed_loop.py",
    "tests/unit/telemetry/test_traces.py",
    "tests/unit/web/test_body_limits.py",
    "tests/unit/web/test_parameters.py",
    "tests/unit/segments/test_run_invariants.py",
    "tests/unit/language/test_round_trip.py",
    "tests/unit/language/test_text.py",
    "tests/unit/ingest/test_schemas_agree.py",
)
"""Linters, which `make check` runs on the project itself, and files that start servers, wait, or generate many cases."""


class ByFile(LoadScopeScheduling):  # type: ignore[misc]
    """Hands out files, and single tests of some files."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return nodeid if file in SEPARATE else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile | None:
    """Called in the first process."""
    return ByFile(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        if _is_fast(item, fixtures):
            item.add_marker("fast")
        if "runtimes" in fixtures:
            item.add_marker("sdk")
        nodeid = item.nodeid
        if nodeid.startswith("tests/console/"):
            item.add_marker("console")
        if nodeid.startswith("tests/ops/"):
            item.add_marker("ops")
    items.sort(key=_rank)


def _is_fast(item: pytest.Item, fixtures: Collection[str]) -> bool:
    if NEEDS_NOTHING.isdisjoint(item.path.parents) or not NOT_FAST.isdisjoint(fixtures):
        return False
    nodeid = item.nodeid
    return not any(part in nodeid for part in SLOW_UNITS)


def _rank(item: pytest.Item) -> int:
    nodeid = item.nodeid
    for rank, folder in enumerate(LONGEST_FIRST):
        if nodeid.startswith(folder):
            return rank
    return len(LONGEST_FIRST)
