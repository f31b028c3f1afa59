"""A sink that ends itself at named points: `worker.py <event log> <clickhouse> <crash points>`.

It is the product's sink with short leases, so that a short run has many crashes.
"""

import asyncio
import logging
import signal
import sys

from segops_common.contracts.topics import EVENT_IMPORTS, SINKS
from segops_common.core.clock import SystemClock
from segops_common.runtime.crash_points import CrashAt
from segops_common.stores.clickhouse import ClickHouse
from segops_common.streams.address import log_address
from segops_common.streams.kafka.brokers import KafkaBrokers
from segops_common.streams.kafka.consumer import GroupTimes
from segops_common.streams.kafka.log import KafkaEventLog
from segops_common.streams.leases import LeaseTimes
from segops_common.streams.log import EventLog
from segops_common.streams.loop.consumer import ConsumerLoop, Limits
from segops_common.streams.loop.dead_letter_topic import DeadLetterTopic
from segops_common.streams.loop.metrics import LoopMetrics
from segops_common.streams.valkey.log import ValkeyEventLog
from segops_common.telemetry.metrics import Metrics
from segops_ingest.adapters.clickhouse.warehouse import ClickHouseWarehouse
from segops_ingest.consumers.sink import Sink


def open_log(url: str) -> EventLog:
    """The log at the address, with times for a test."""
    if url.startswith("kafka://"):
        return KafkaEventLog(
            brokers=KafkaBrokers(bootstrap=url.removeprefix("kafka://")),
            clock=SystemClock(),
            times=GroupTimes(session_s=6.0, heartbeat_s=0.5, rebalance_s=8.0),
        )
    return ValkeyEventLog(url=log_address(url).target, clock=SystemClock(), times=LeaseTimes(lease_s=1.0, beat_s=0.3))


async def main(log_url: str, clickhouse_url: str, crash_at: str) -> None:
    """Run the loop until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    log, clickhouse, faults = open_log(log_url), ClickHouse(url=clickhouse_url), CrashAt(crash_at)
    warehouse, observer = (
        ClickHouseWarehouse(clickhouse=clickhouse, faults=faults),
        LoopMetrics(Metrics(), SystemClock()),
    )
    async with asyncio.TaskGroup() as loops:
        for group, topic in SINKS:
            loop = ConsumerLoop(
                log=log,
                group=group,
                topic=topic,
                handler=Sink(warehouse=warehouse, is_import=topic is EVENT_IMPORTS),
                dead_letters=DeadLetterTopic(log=log),
                faults=faults,
                clock=SystemClock(),
                limits=Limits(max_age_s=0.3, retry_most_s=1.0),
                record_intent=True,
                observer=observer,
            )
            loops.create_task(loop.run(stop))
    await clickhouse.close()
    await log.close()


if __name__ == "__main__":
    logging.basicConfig(level="INFO", stream=sys.stderr)
    asyncio.run(main(*sys.argv[1:]))
