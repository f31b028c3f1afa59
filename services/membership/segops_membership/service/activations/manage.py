"""Creates, changes, starts and repeats activations."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from segops_common.core.clock import Clock
from segops_common.core.ids import Ids
from segops_common.core.pagination import LARGEST_ID, Page, PageQuery, id_position, page_of
from segops_common.core.problems import Conflict, Fault, NotFound, ValidationFailed
from segops_membership.domain.activations.activation import (
    MAX_ACTIVATIONS,
    Activation,
    Delivery,
    DeliveryFigures,
    Hold,
    Settings,
    Status,
)
from segops_membership.domain.activations.addresses import AddressPolicy
from segops_membership.domain.activations.connectors import SettingFault, check_new_host, check_settings, with_config
from segops_membership.domain.members.changes import ChangePosition
from segops_membership.ports.activations.store import Activations
from segops_membership.ports.segment_definitions import SegmentDefinitions
from segops_membership.service.members.changes import MemberChanges, ReadChanges, Start
from segops_membership.service.members.member_lists import read_errors

NEWEST_DELIVERIES: Final = 10
NO_DELIVERIES: Final = DeliveryFigures(count=0, succeeded=0, newest=())


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivationChange:
    """What a member changes: settings by name, beside `config` and in it, and the status. None: unchanged."""

    settings: Mapping[str, Any]
    config: Mapping[str, Any] = field(default_factory=dict)
    status: Status | None = None


class ManageActivations:
    """The use case of the routes of activations.

    `activations` is None where the settings have no key for secrets, and `has_files` false where they name no place for files.
    """

    def __init__(
        self,
        *,
        activations: Activations | None,
        definitions: SegmentDefinitions,
        changes: ReadChanges,
        cursors: MemberChanges,
        policy: AddressPolicy,
        has_files: bool,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._stored = activations
        self._definitions = definitions
        self._changes = changes
        self._cursors = cursors
        self._policy = policy
        self._has_files = has_files
        self._clock = clock
        self._ids = ids

    async def create(
        self, tenant_id: int, tenant_slug: str, segment_id: int, connector: str, settings: Settings
    ) -> Activation:
        """Store a new activation. Raises ValidationFailed, Conflict or Unavailable."""
        self._check(settings)
        with read_errors():
            if await self._definitions.owner([tenant_id], segment_id) is None:
                fault = Fault("segment", "not-found", "must be a segment of the tenant")
                raise ValidationFailed("`segment` must be a segment of the tenant.", errors=[fault])
            activation = await self._activations.add(
                tenant_id, segment_id, connector, tenant_slug, settings, self._clock.now(), limit=MAX_ACTIVATIONS
            )
        if activation is None:
            raise Conflict(
                f"A tenant can have at most {MAX_ACTIVATIONS} activations. Delete one first.",
                slug="too-many-activations",
            )
        return activation

    async def find(self, tenant_ids: Collection[int], activation_id: int) -> Activation:
        """Return an activation. Raises NotFound, Conflict or Unavailable."""
        with read_errors():
            activation = await self._activations.find(tenant_ids, activation_id)
        if activation is None:
            raise NotFound("There is no such activation.")
        return activation

    async def list(self, tenant_ids: Collection[int], segment_id: int | None, query: PageQuery) -> Page[Activation]:
        """Return activations by ascending id. Raises MalformedRequest, Conflict or Unavailable."""
        after = id_position(query, start=0)
        with read_errors():
            count = await self._activations.count(tenant_ids, segment_id=segment_id)
            activations = await self._activations.of_tenants(
                tenant_ids, segment_id=segment_id, after=after, limit=query.limit + 1, offset=query.offset
            )
        return page_of(activations, query, lambda activation: activation.id, count=count)

    async def update(self, tenant_ids: Collection[int], activation_id: int, change: ActivationChange) -> Activation:
        """Change settings and status. The first start is after the changes of now. Raises as `create` and `find`."""
        activation = await self.find(tenant_ids, activation_id)
        try:
            settings = with_config(activation.settings, activation.connector, change.config)
            settings = replace(settings, **change.settings)
            self._check(settings)
            check_new_host(settings, activation.settings, change.config)
        except SettingFault as fault:
            raise _refused(fault) from fault
        status = change.status or activation.status
        with read_errors():
            position = activation.position
            if status is Status.ACTIVE and position is None:
                position = await self._changes.end(activation.tenant_id)
            await self._activations.change(
                activation.tenant_id, activation_id, settings, status, position, self._clock.now()
            )
        return await self.find(tenant_ids, activation_id)

    async def remove(self, tenant_ids: Collection[int], activation_id: int) -> None:
        """Delete an activation with its log. Raises as `find`."""
        activation = await self.find(tenant_ids, activation_id)
        with read_errors():
            await self._activations.remove(activation.tenant_id, activation_id)

    async def sync(self, tenant_ids: Collection[int], activation_id: int) -> None:
        """Send at once what was not sent. Raises as `find`, and Conflict (activation-not-active, activation-held)."""
        activation = await self.find(tenant_ids, activation_id)
        if activation.status is not Status.ACTIVE:
            raise Conflict(
                f'The activation must be active; it is {activation.status}. Set `status` to "active" first.',
                slug="activation-not-active",
            )
        if activation.hold is not None:
            raise Conflict("A run waits for a decision: approve or discard it first.", slug="activation-held")
        with read_errors():
            await self._activations.hurry(activation.tenant_id, activation_id)

    async def test(self, tenant_ids: Collection[int], activation_id: int) -> str:
        """Queue a test delivery, and return its id in the log. Raises as `find`, and Conflict (no-receiver)."""
        activation = await self.find(tenant_ids, activation_id)
        if activation.settings.file_format is not None:
            raise Conflict("A connector that writes files has no receiver to test.", slug="no-receiver")
        test_id = self._ids.uuid7()
        with read_errors():
            await self._activations.hurry(activation.tenant_id, activation_id, test_id)
        return f"test_{test_id}"

    async def replay(
        self, tenant_ids: Collection[int], activation_id: int, cursor: str | None, start: Start, from_run: int | None
    ) -> Activation:
        """Send again from a position on. Raises as `find`, and as `MemberChanges.position`."""
        activation = await self.find(tenant_ids, activation_id)
        position = await self._cursors.position(activation.tenant_id, None, cursor, start, from_run)
        with read_errors():
            await self._activations.change(
                activation.tenant_id,
                activation_id,
                activation.settings,
                activation.status,
                position,
                self._clock.now(),
            )
        return await self.find(tenant_ids, activation_id)

    async def approve(self, tenant_ids: Collection[int], activation_id: int) -> Activation:
        """Send the changes of the run that waits. Raises as `find`, and Conflict (nothing-held)."""
        return await self._decide(tenant_ids, activation_id, lambda _hold: None)

    async def discard(self, tenant_ids: Collection[int], activation_id: int) -> Activation:
        """Continue after the run that waits, without its changes. Raises as `find`, and Conflict (nothing-held)."""
        return await self._decide(tenant_ids, activation_id, lambda hold: ChangePosition(hold.number, hold.run_id))

    async def deliveries(self, tenant_ids: Collection[int], activation_id: int, query: PageQuery) -> Page[Delivery]:
        """Return deliveries, newest first. Raises MalformedRequest and as `find`."""
        before = id_position(query, start=LARGEST_ID)
        activation = await self.find(tenant_ids, activation_id)
        with read_errors():
            deliveries = await self._activations.deliveries(
                activation.tenant_id, activation_id, before=before, limit=query.limit + 1, offset=query.offset
            )
        return page_of(deliveries, query, lambda delivery: delivery.id)

    async def figures(self, tenant_id: int) -> Sequence[tuple[Activation, DeliveryFigures]]:
        """Return the activations of a tenant, ascending by id, with their deliveries in numbers. Raises Unavailable."""
        if self._stored is None:
            return ()
        with read_errors():
            activations = await self._stored.of_tenants([tenant_id], segment_id=None, after=0, limit=MAX_ACTIVATIONS)
            figures = await self._stored.figures(tenant_id, NEWEST_DELIVERIES)
        return [(activation, figures.get(activation.id, NO_DELIVERIES)) for activation in activations]

    async def _decide(
        self, tenant_ids: Collection[int], activation_id: int, position_of: Callable[[Hold], ChangePosition | None]
    ) -> Activation:
        activation = await self.find(tenant_ids, activation_id)
        hold = activation.hold
        with read_errors():
            is_decided = hold is not None and await self._activations.decide(
                activation.tenant_id, activation_id, hold.number, position_of(hold)
            )
        if not is_decided:
            raise Conflict("No run of the activation waits for a decision.", slug="nothing-held")
        return await self.find(tenant_ids, activation_id)

    def _check(self, settings: Settings) -> None:
        """Raise ValidationFailed unless the connector can send as the settings say, or Conflict (exports-not-configured)."""
        if settings.file_format is not None and not self._has_files:
            raise Conflict(
                "SEGOPS_EXPORTS_URL must name a place for the files of exports.", slug="exports-not-configured"
            )
        try:
            check_settings(settings, self._policy)
        except SettingFault as fault:
            raise _refused(fault) from fault

    @property
    def _activations(self) -> Activations:
        if self._stored is None:
            raise Conflict("SEGOPS_ACTIVATION_KEY must be set for activations.", slug="activations-not-configured")
        return self._stored


def _refused(fault: SettingFault) -> ValidationFailed:
    code = "invalid-address" if fault.path == "config.url" else "not-allowed"
    return ValidationFailed(f"`{fault.path}` {fault.detail}.", errors=[Fault(fault.path, code, fault.detail)])
