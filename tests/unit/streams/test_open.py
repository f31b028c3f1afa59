from __future__ import annotations

import pytest

from segops_common.core.clock import SystemClock
from segops_common.streams.kafka.log import KafkaEventLog
from segops_common.streams.open import open_event_log
from segops_common.streams.valkey.log import ValkeyEventLog


async def test_the_scheme_chooses_the_adapter() -> None:
    for url, adapter in (
        ("valkey://127.0.0.1:1/1", ValkeyEventLog),
        ("kafka://127.0.0.1:1,127.0.0.1:2", KafkaEventLog),
    ):
        log = open_event_log(url, clock=SystemClock())
        assert type(log) is adapter
        await log.close()


def test_another_scheme_is_refused() -> None:
    with pytest.raises(ValueError, match="no event log for the scheme 'redis'"):
        open_event_log("redis://127.0.0.1:1/0", clock=SystemClock())
