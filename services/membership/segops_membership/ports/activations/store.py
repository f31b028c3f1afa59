"""Activations, their progress and the log of their deliveries."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from segops_membership.domain.activations.activation import (
    Activation,
    Delivery,
    DeliveryFigures,
    Hold,
    Settings,
    Status,
)
from segops_membership.domain.members.changes import ChangePosition


class ActivationTaken(Exception):
    """Another process has taken the activation, or somebody has changed it: stop sending."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivationStatistics:
    """Activations in numbers: how many fail, how many wait for a decision, and the longest delays in seconds."""

    failing: int
    failing_s: float
    """Since the first of the failing ones began to fail."""
    held: int
    overdue_s: float
    """Since the one that has waited longest was due."""


class Activations(Protocol):
    """Stores activations. All calls raise EngineUnavailable.

    What a process that took an activation stores raises ActivationTaken, without any effect, once another one has taken it, or
    somebody has changed its settings, status or position.
    """

    async def add(
        self,
        tenant_id: int,
        segment_id: int,
        connector: str,
        tenant_slug: str,
        settings: Settings,
        at: datetime,
        *,
        limit: int,
    ) -> Activation | None:
        """Store a new activation, which is inactive; None when the tenant has `limit` activations."""
        ...

    async def find(self, tenant_ids: Collection[int], activation_id: int) -> Activation | None:
        """Return the activation if one of the tenants has it."""
        ...

    async def of_tenants(
        self, tenant_ids: Collection[int], *, segment_id: int | None, after: int, limit: int, offset: int = 0
    ) -> Sequence[Activation]:
        """Return activations with a greater id, ascending by id, of all segments or of one."""
        ...

    async def count(self, tenant_ids: Collection[int], *, segment_id: int | None) -> int:
        """Return how many activations `of_tenants` has from the beginning."""
        ...

    async def change(
        self,
        tenant_id: int,
        activation_id: int,
        settings: Settings,
        status: Status,
        position: ChangePosition | None,
        at: datetime,
    ) -> None:
        """Store settings, status and position, forget failures and what is held, and end the lease. No effect if it is gone."""
        ...

    async def remove(self, tenant_id: int, activation_id: int) -> None:
        """Remove the activation with its log."""
        ...

    async def hurry(self, tenant_id: int, activation_id: int, test_id: str | None = None) -> None:
        """Let the activation be taken at once; with a test id, for a test delivery too, whatever its status."""
        ...

    async def decide(self, tenant_id: int, activation_id: int, number: int, position: ChangePosition | None) -> bool:
        """End the hold of the publication with this number: send its changes, or continue at a position instead.

        In the latter case, later runs are compared with the size of the held one.

        Returns False when that publication is not held.
        """
        ...

    async def take(self, lease: timedelta, busy_tenants: Collection[int]) -> Activation | None:
        """Take the activation that is due first, outside the busy tenants; None when none is due."""
        ...

    async def renew(self, tenant_id: int, activation_id: int, attempt: int, lease: timedelta) -> None:
        """Extend the lease."""
        ...

    async def advance(
        self,
        tenant_id: int,
        activation_id: int,
        attempt: int,
        position: ChangePosition,
        sent_size: int | None,
        at: datetime | None,
        *,
        left_out: int = 0,
    ) -> None:
        """Store the position that the receiver has confirmed and forget failures; `at` is when it confirmed something.

        `left_out` is added to the users who were left out.
        """
        ...

    async def end_test(self, tenant_id: int, activation_id: int, attempt: int) -> None:
        """Record that the test delivery was sent."""
        ...

    async def fail(
        self,
        tenant_id: int,
        activation_id: int,
        attempt: int,
        error: str,
        at: datetime,
        delay: timedelta,
        *,
        disable: bool,
    ) -> None:
        """Record a failure, end the lease, and let the activation be taken after the delay or, disabled, not at all."""
        ...

    async def hold(self, tenant_id: int, activation_id: int, attempt: int, hold: Hold) -> None:
        """Record that the changes of a run wait for a decision, and end the lease."""
        ...

    async def release(self, tenant_id: int, activation_id: int, attempt: int, delay: timedelta) -> None:
        """End the lease; the activation is due after the delay."""
        ...

    async def log(self, tenant_id: int, activation_id: int, delivery: Delivery) -> None:
        """Add a delivery to the log; its id is assigned."""
        ...

    async def deliveries(
        self, tenant_id: int, activation_id: int, *, before: int, limit: int, offset: int = 0
    ) -> Sequence[Delivery]:
        """Return deliveries with a lower id, newest first."""
        ...

    async def figures(self, tenant_id: int, newest: int) -> Mapping[int, DeliveryFigures]:
        """Return the figures of the tenant's deliveries by activation, for each that has any, with at most so many of the newest."""
        ...

    async def forget_deliveries(self, before: datetime) -> None:
        """Remove deliveries of all tenants that are older."""
        ...

    async def statistics(self) -> ActivationStatistics:
        """Count the activations of all tenants."""
        ...
