"""The use cases of activations on PostgreSQL, ClickHouse and HTTP."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import SystemRandom

from sqlalchemy.ext.asyncio import AsyncEngine

from segops_common.core.clock import Clock
from segops_common.core.faults import FaultPoints
from segops_common.core.ids import SystemIds
from segops_common.security.sealing import Sealer
from segops_common.stores.clickhouse import ClickHouse
from segops_common.telemetry.metrics import Metrics
from segops_membership.adapters.clickhouse.consents import ClickHouseConsents
from segops_membership.adapters.exploring import read_changes_on
from segops_membership.adapters.postgres.activations import PostgresActivations
from segops_membership.adapters.postgres.exports import PostgresExports
from segops_membership.adapters.postgres.publication_log import PostgresPublicationLog
from segops_membership.adapters.postgres.segment_definitions import PostgresSegmentDefinitions
from segops_membership.adapters.webhook.sender import WebhookSender
from segops_membership.domain.activations.addresses import AddressPolicy, Network
from segops_membership.ports.segment_definitions import SegmentDefinitions
from segops_membership.service.activations.deliver import DeliverActivations
from segops_membership.service.activations.files import FileOutputs
from segops_membership.service.activations.manage import ManageActivations
from segops_membership.service.members.changes import MemberChanges


@dataclass(frozen=True, slots=True)
class ActivationAccess:
    """What the settings say about activations: the key of their secrets, where they may send, whether exports have a place, and
    the key of suppressions."""

    key: str = field(repr=False)
    networks: Sequence[Network] = ()
    ca_file: Path | None = None
    has_files: bool = False
    person_key: str = field(default="", repr=False)


def activations_on(
    engine: AsyncEngine,
    clickhouse: ClickHouse,
    access: ActivationAccess,
    definitions: SegmentDefinitions,
    cursors: MemberChanges,
    clock: Clock,
) -> ManageActivations:
    """Return the use case of the routes of activations, which are refused without a key."""
    return ManageActivations(
        activations=_stored(engine, access.key) if access.key else None,
        definitions=definitions,
        changes=read_changes_on(clickhouse, engine, access.person_key),
        cursors=cursors,
        policy=AddressPolicy(access.networks),
        has_files=access.has_files,
        clock=clock,
        ids=SystemIds(clock),
    )


def deliveries_on(
    engine: AsyncEngine,
    clickhouse: ClickHouse,
    access: ActivationAccess,
    clock: Clock,
    metrics: Metrics,
    faults: FaultPoints,
) -> DeliverActivations | None:
    """Return what sends the changes of activations; None without a key."""
    if not access.key:
        return None
    verify = ssl.create_default_context()
    if access.ca_file is not None:
        verify.load_verify_locations(access.ca_file)
    return DeliverActivations(
        activations=_stored(engine, access.key),
        publications=PostgresPublicationLog(engine=engine),
        changes=read_changes_on(clickhouse, engine, access.person_key),
        definitions=PostgresSegmentDefinitions(engine=engine),
        files=FileOutputs(exports=PostgresExports(engine=engine), clock=clock),
        consents=ClickHouseConsents(clickhouse=clickhouse, clock=clock),
        sender=WebhookSender(policy=AddressPolicy(access.networks), clock=clock, verify=verify),
        clock=clock,
        metrics=metrics,
        faults=faults,
        random=SystemRandom(),
        person_key=access.person_key,
    )


def _stored(engine: AsyncEngine, key: str) -> PostgresActivations:
    return PostgresActivations(engine=engine, sealer=Sealer(secret=key, purpose="activations"))
