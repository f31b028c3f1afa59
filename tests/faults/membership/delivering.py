"""A process that sends the changes of activations until it is ended, at a named point or by a signal.

Arguments: the addresses of ClickHouse and PostgreSQL, and crash points with their rates.
"""

from __future__ import annotations

import asyncio
import signal
import ssl
import sys
from ipaddress import ip_network
from random import Random
from typing import Final

from segops_common.core.clock import SystemClock
from segops_common.runtime.crash_points import CrashAt
from segops_common.security.sealing import Sealer
from segops_common.stores.clickhouse import ClickHouse
from segops_common.stores.postgres import create_engine
from segops_common.telemetry.metrics import Metrics
from segops_membership.adapters.clickhouse.consents import ClickHouseConsents
from segops_membership.adapters.exploring import read_changes_on
from segops_membership.adapters.postgres.activations import PostgresActivations
from segops_membership.adapters.postgres.exports import PostgresExports
from segops_membership.adapters.postgres.publication_log import PostgresPublicationLog
from segops_membership.adapters.postgres.segment_definitions import PostgresSegmentDefinitions
from segops_membership.adapters.webhook.sender import WebhookSender
from segops_membership.domain.activations.addresses import AddressPolicy
from segops_membership.service.activations.deliver import DeliverActivations
from segops_membership.service.activations.files import FileOutputs

SEALER: Final = Sealer(secret="k" * 32, purpose="activations")
PERSON_KEY: Final = "p" * 32
TIMEOUT_S: Final = 1.5
"""How long a receiver has. The receiver of the test is later on purpose."""
USERS_AT_ONCE: Final = 25


async def deliver(clickhouse_url: str, postgres_url: str, crash_at: str) -> None:
    """Deliver until SIGTERM."""
    clock = SystemClock()
    clickhouse = ClickHouse(url=clickhouse_url)
    engine = create_engine(postgres_url)
    policy = AddressPolicy([ip_network("127.0.0.0/8")])
    deliveries = DeliverActivations(
        activations=PostgresActivations(engine=engine, sealer=SEALER),
        publications=PostgresPublicationLog(engine=engine),
        changes=read_changes_on(clickhouse, engine, PERSON_KEY),
        definitions=PostgresSegmentDefinitions(engine=engine),
        sender=WebhookSender(policy=policy, clock=clock, verify=ssl.create_default_context(), timeout_s=TIMEOUT_S),
        consents=ClickHouseConsents(clickhouse=clickhouse, clock=clock),
        files=FileOutputs(exports=PostgresExports(engine=engine), clock=clock),
        clock=clock,
        metrics=Metrics(),
        faults=CrashAt(crash_at),
        random=Random(1),
        person_key=PERSON_KEY,
        changes_at_once=USERS_AT_ONCE,
    )
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await deliveries.run(stop)
    await engine.dispose()
    await clickhouse.close()


if __name__ == "__main__":
    asyncio.run(deliver(*sys.argv[1:]))
