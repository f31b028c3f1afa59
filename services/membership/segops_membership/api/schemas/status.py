"""The response of the status route."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import ConfigDict, Field

from segops_language.values.instants import from_ms
from segops_membership.api.schemas.bases import Response
from segops_membership.domain.explorer.status import SchemaStatus, StorageDelay
from segops_membership.ports.explorer.status import ServiceState
from segops_membership.service.status.status import PlatformStatus


class ServiceRead(Response):
    """A process of the platform."""

    name: str
    status: ServiceState


class SchemaRead(Response):
    """The tables of a service in a store. Versions are numbers of migrations."""

    service: str
    store: str = Field(description="`postgres` or `clickhouse`.")
    applied: int | None = Field(description="The last migration that ran. Null: the process cannot read it.")
    expected: int = Field(description="The last migration of the version that runs.")
    status: SchemaStatus = Field(
        description="`older`: run `migrate` of this version. `newer`: the process is of an older version than the tables,"
        " which is normal while a deploy goes on."
    )


class StorageDelayRead(Response):
    """How long the tenant's events took from receipt to storage, over those stored in the last hour."""

    events: int = Field(description="The number of these events, without imported ones.")
    p50_seconds: float = Field(description="Half of the events took at most this long.")
    p95_seconds: float = Field(description="95 % of the events took at most this long.")
    p99_seconds: float = Field(description="99 % of the events took at most this long.")


class RunsRead(Response):
    """The runs of the tenant that have not ended."""

    in_progress: int = Field(description="Runs that a worker has begun.")
    queued: int = Field(description="Runs that wait.")


class StorageRead(Response):
    """How far the warehouse is behind the accepted events of all tenants."""

    behind_records: int | None = Field(description="Records of the event log that are not stored yet. Null: not known.")
    behind_seconds: float | None = Field(description="The age of the oldest of them. 0 when all are stored.")
    last_received_at: datetime | None = Field(
        description="When the newest stored event of the tenant was received. Null without events."
    )
    delay: StorageDelayRead | None = Field(
        description="How long the tenant's events took from receipt to storage. Null if none was stored in the last hour."
    )


class LastPublicationRead(Response):
    """The last published run of the tenant."""

    run_id: str
    as_of: datetime = Field(description="The instant for which its members are exact.")
    published_at: datetime
    age_seconds: float = Field(description="The time since it was published.")


class StatusRead(Response):
    """How the platform does."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "status": "ok",
                    "at": "2026-01-31T09:00:00Z",
                    "services": [{"name": "auth.api", "status": "ready"}],
                    "schemas": [
                        {"service": "auth", "store": "postgres", "applied": 11, "expected": 11, "status": "current"}
                    ],
                    "storage": {
                        "behind_records": 0,
                        "behind_seconds": 0.0,
                        "last_received_at": "2026-01-31T08:59:59Z",
                        "delay": {"events": 5120, "p50_seconds": 0.61, "p95_seconds": 1.12, "p99_seconds": 1.4},
                    },
                    "computing": False,
                    "runs": {"in_progress": 0, "queued": 0},
                    "last_publication": {
                        "run_id": "9",
                        "as_of": "2026-01-31T08:00:00Z",
                        "published_at": "2026-01-31T08:00:01Z",
                        "age_seconds": 3599.0,
                    },
                }
            ]
        }
    )

    status: Literal["ok", "degraded"] = Field(
        description="`ok` when all processes are ready, the event log answers, and no schema is `older`."
    )
    at: datetime
    services: tuple[ServiceRead, ...] = Field(description="Ascending by name. Empty if no address is configured.")
    schemas: tuple[SchemaRead, ...] = Field(
        description="Ascending by service and store. Without the services whose `api` does not answer."
    )
    storage: StorageRead
    computing: bool = Field(
        description="Whether the tenant's segments are being computed, or new users prepared for it."
    )
    runs: RunsRead | None = Field(description="Null when the service of segments does not answer.")
    last_publication: LastPublicationRead | None = Field(description="Null before the first.")

    @classmethod
    def of(cls, status: PlatformStatus) -> StatusRead:
        """Return the response."""
        received_ms, last, runs = status.last_received_ms, status.last_publication, status.runs
        publication = None
        if last is not None:
            published_at = from_ms(last.at_ms)
            publication = LastPublicationRead(
                run_id=str(last.run_id),
                as_of=from_ms(last.as_of_ms),
                published_at=published_at,
                age_seconds=round((status.at - published_at).total_seconds(), 3),
            )
        return cls(
            status="ok" if status.is_ok else "degraded",
            at=status.at,
            services=tuple(ServiceRead(name=name, status=state) for name, state in status.services.items()),
            schemas=tuple(
                SchemaRead(
                    service=schema.service,
                    store=schema.store,
                    applied=schema.applied,
                    expected=schema.expected,
                    status=schema.status,
                )
                for schema in status.schemas
            ),
            storage=StorageRead(
                behind_records=status.lag.positions,
                behind_seconds=status.lag.seconds,
                last_received_at=None if received_ms is None else from_ms(received_ms),
                delay=_delay(status.delay),
            ),
            computing=status.is_computing,
            runs=None if runs is None else RunsRead(in_progress=runs.running, queued=runs.queued),
            last_publication=publication,
        )


def _delay(delay: StorageDelay | None) -> StorageDelayRead | None:
    if delay is None:
        return None
    return StorageDelayRead(
        events=delay.events, p50_seconds=delay.p50_s, p95_seconds=delay.p95_s, p99_seconds=delay.p99_s
    )
