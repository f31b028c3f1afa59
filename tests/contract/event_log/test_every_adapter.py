"""No adapter of the event log escapes its contract."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

import segops_common.streams
from segops_common.streams.log import EventLog
from segops_testkit.event_log_contract import EventLogContract
from tests.contract.event_log import test_kafka, test_memory, test_valkey

SUITES: tuple[type[EventLogContract], ...] = (
    test_memory.TestMemoryEventLog,
    test_valkey.TestValkeyEventLog,
    test_kafka.TestKafkaEventLog,
)


def _implementations() -> set[type]:
    methods = {name for name in vars(EventLog) if not name.startswith("_")}
    adapters = set()
    for module_info in pkgutil.walk_packages(segops_common.streams.__path__, "segops_common.streams."):
        for _, candidate in inspect.getmembers(importlib.import_module(module_info.name), inspect.isclass):
            if candidate is not EventLog and methods <= set(dir(candidate)):
                adapters.add(candidate)
    return adapters


def test_every_adapter_runs_the_contract() -> None:
    assert _implementations() == {suite.adapter for suite in SUITES}
    assert len(SUITES) == 3
