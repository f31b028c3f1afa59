"""The use cases of the HTTP API."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from segops_common.audit.trail import AuditTrail
from segops_common.core.clock import Clock
from segops_segments.ports.event_schemas import SchemaStore
from segops_segments.ports.known_users import KnownUsersReader
from segops_segments.ports.observed_events import ObservedEventsReader
from segops_segments.ports.spool import Spool
from segops_segments.ports.transactions import Store
from segops_segments.service.event_schemas.inference import SchemaInference
from segops_segments.service.event_schemas.manage import ManageSchemas
from segops_segments.service.read_runs import ReadRuns
from segops_segments.service.request_runs import RequestRuns
from segops_segments.service.run_queue import RunQueue
from segops_segments.service.run_stream import RunStream
from segops_segments.service.segments.delete_segment import DeleteSegment
from segops_segments.service.segments.manage import ManageSegments
from segops_segments.service.static_lists import ChangeStaticLists
from segops_segments.service.validation.report import ValidateDefinition


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCases:
    """Created once for each process."""

    segments: ManageSegments
    deletion: DeleteSegment
    run_requests: RequestRuns
    runs: ReadRuns
    run_stream: RunStream
    static_lists: ChangeStaticLists
    known_users: KnownUsersReader
    validation: ValidateDefinition
    schemas: ManageSchemas
    schema_inference: SchemaInference
    service_tokens: Sequence[str] = field(repr=False)

    @classmethod
    def over(
        cls,
        store: Store,
        schemas: SchemaStore,
        *,
        audit: AuditTrail,
        clock: Clock,
        queue: RunQueue,
        spools: Callable[[], AbstractContextManager[Spool]],
        observed_events: ObservedEventsReader,
        known_users: KnownUsersReader,
        service_tokens: Sequence[str],
    ) -> UseCases:
        """Return the use cases over these adapters."""
        return cls(
            segments=ManageSegments(store=store, clock=clock),
            deletion=DeleteSegment(store=store, clock=clock, queue=queue),
            run_requests=RequestRuns(store=store, queue=queue),
            runs=ReadRuns(store=store),
            run_stream=RunStream(store=store, clock=clock),
            static_lists=ChangeStaticLists(store=store, queue=queue, spools=spools, clock=clock),
            known_users=known_users,
            validation=ValidateDefinition(store=store, observed_events=observed_events, clock=clock),
            schemas=ManageSchemas(store=schemas, audit=audit, clock=clock),
            schema_inference=SchemaInference(store=schemas, observed_events=observed_events),
            service_tokens=service_tokens,
        )
