from __future__ import annotations

import pytest

from segops_common.core.clock import SystemClock
from segops_common.streams.address import log_address
from segops_common.streams.kafka.log import KafkaEventLog
from segops_common.streams.open import open_event_log
from segops_common.streams.valkey.log import ValkeyEventLog


async def test_the_scheme_chooses_the_adapter() -> None:
    for url, adapter in (
        ("valkey://127.0.0.1:1/1", ValkeyEventLog),
        ("valkeys://user:word@127.0.0.1:1/1", ValkeyEventLog),
        ("kafka://127.0.0.1:1,127.0.0.1:2", KafkaEventLog),
        ("kafkas://127.0.0.1:1", KafkaEventLog),
    ):
        log = open_event_log(url, clock=SystemClock())
        assert type(log) is adapter
        await log.close()


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("kafka://one:9092, two.example.com:9092", "one:9092,two.example.com:9092"),
        ("kafkas://[::1]:9093/", "[::1]:9093"),
        ("valkey://one:6379", "redis://one:6379"),
        ("valkeys://user:p%40ss@one:6379/1", "rediss://user:p%40ss@one:6379/1"),
    ],
)
def test_an_address_names_servers(url: str, target: str) -> None:
    address = log_address(url)
    assert (address.target, address.uses_tls) == (target, url.partition(":")[0].endswith("s"))


@pytest.mark.parametrize(
    ("url", "refusal"),
    [
        ("redis://127.0.0.1:1/0", "must begin with kafka://, kafkas://, valkey:// or valkeys://"),
        ("127.0.0.1:9092", "must begin with"),
        ("kafka://hunter2:hunter2@127.0.0.1:9092", "set SEGOPS_KAFKA_USER and SEGOPS_KAFKA_PASSWORD"),
        ("kafkas://hunter2@127.0.0.1:9092", "set SEGOPS_KAFKA_USER and SEGOPS_KAFKA_PASSWORD"),
        ("kafka://hunter2", "must be kafka://host:port"),
        ("kafka://127.0.0.1:9092/hunter2", "must be kafka://host:port"),
        ("kafka://one:9092,", "must be kafka://host:port"),
        ("kafka://one:9092?ssl=hunter2", "must be kafka://host:port"),
        ("valkeys://one:6379/1?ssl_cert_reqs=none&x=hunter2", "without options"),
        ("valkey://one:6379/hunter2", "must be valkey://"),
        ("valkey:///1", "must be valkey://"),
    ],
)
def test_another_address_is_refused_without_showing_it(url: str, refusal: str) -> None:
    with pytest.raises(ValueError, match=refusal) as refused:
        open_event_log(url, clock=SystemClock())
    assert "hunter2" not in str(refused.value)
