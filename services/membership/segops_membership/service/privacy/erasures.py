"""Requests erasures, finds them, and keeps the list of those whose events are not accepted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from uuid import UUID

from segops_common.audit.trail import AuditTrail, AuditUnavailable, caller_name, record_act
from segops_common.contracts.http import ForeignAction
from segops_common.contracts.person_hash import PersonHash
from segops_common.core.clock import Clock
from segops_common.core.ids import Ids
from segops_common.core.pagination import Page, PageQuery, decode_cursor, encode_cursor, invalid_cursor
from segops_common.core.problems import Conflict, NotFound, RateLimited, Unavailable
from segops_common.security.principal import Principal
from segops_membership.domain.privacy.erasure import MAX_OPEN, Erasure, Policy, Suppression
from segops_membership.ports.errors import EngineUnavailable
from segops_membership.ports.privacy.erasures import Erasures
from segops_membership.ports.privacy.suppressions import Suppressions
from segops_membership.service.identity.persons import TooManyIds
from segops_membership.service.privacy.people import AllIds, too_many_ids

_RETRY_AFTER_S = 60


class ErasePeople:
    """The use cases of erasures. `person_hash` is None where the settings have no key for it."""

    def __init__(
        self,
        *,
        erasures: Erasures,
        suppressions: Suppressions,
        audit: AuditTrail,
        person_hash: PersonHash | None,
        all_ids: AllIds,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._erasures = erasures
        self._suppressions = suppressions
        self._audit = audit
        self._person_hash = person_hash
        self._all_ids = all_ids
        self._clock = clock
        self._ids = ids

    async def request(self, tenant_id: int, caller: Principal, user_ids: Sequence[str]) -> Erasure:
        """Queue an erasure, and suppress its people at once if the warehouse answers; else the worker does.

        Raises Conflict (erasure-not-configured), ValidationFailed (too-many-ids), RateLimited or Unavailable.
        """
        person_hash = self.person_hash
        every_id = await self._known_ids(tenant_id, user_ids)
        erasure = Erasure(
            tenant_id=tenant_id,
            id=self._ids.uuid7(),
            subjects=tuple(person_hash.of(tenant_id, id) for id in every_id),
            user_ids=every_id,
            requested_by=caller_name(caller),
            created_at=self._clock.now(),
        )
        with unavailable():
            await self._record(caller, erasure, names_one=len(set(user_ids)) == 1)
            if not await self._erasures.add(tenant_id, erasure, max_open=MAX_OPEN):
                raise RateLimited(
                    f"The tenant has {MAX_OPEN} erasures that have not ended. Wait until some have, or erase many ids by one"
                    " request.",
                    retry_after_s=_RETRY_AFTER_S,
                )
        try:
            await self._suppressions.suppress(tenant_id, erasure.subjects, erasure.created_at)
            at = self._clock.now()
            await self._erasures.mark_suppressed(tenant_id, erasure.id, at)
        except EngineUnavailable:
            return erasure
        return replace(erasure, suppressed_at=at)

    async def ids_of(self, tenant_id: int, user_id: str) -> tuple[str, ...]:
        """Return every id of a person, this one first. Raises ValidationFailed (too-many-ids) or Unavailable."""
        with unavailable():
            return await self._all_ids.of(tenant_id, [user_id])

    async def _known_ids(self, tenant_id: int, user_ids: Sequence[str]) -> tuple[str, ...]:
        """Return every id of these people; without the warehouse these alone, as the worker looks again."""
        try:
            return await self._all_ids.of(tenant_id, user_ids)
        except TooManyIds as error:
            raise too_many_ids() from error
        except EngineUnavailable:
            return tuple(dict.fromkeys(user_ids))

    async def find(self, tenant_id: int, erasure_id: str) -> Erasure:
        """Return an erasure. Raises NotFound or Unavailable."""
        with unavailable():
            erasure = await self._erasures.find(tenant_id, erasure_id)
        if erasure is None:
            raise NotFound("There is no such erasure.")
        return erasure

    async def list(self, tenant_id: int, query: PageQuery) -> Page[Erasure]:
        """Return erasures, newest first. Raises MalformedRequest or Unavailable."""
        before = _position(query)
        with unavailable():
            count = await self._erasures.count(tenant_id)
            erasures = await self._erasures.page(tenant_id, before=before, limit=query.limit + 1, offset=query.offset)
        results = tuple(erasures[: query.limit])
        return Page(results, encode_cursor([results[-1].id]) if len(erasures) > query.limit else None, count)

    async def suppression(self, tenant_id: int, user_id: str) -> Suppression:
        """Return whether a person's events are kept out. Raises NotFound for one who was never erased, and Unavailable."""
        subject = self.person_hash.of(tenant_id, user_id)
        with unavailable():
            suppression = await self._suppressions.find(tenant_id, subject)
        if suppression is None:
            raise NotFound("This user was never erased.")
        return suppression

    async def lift(self, tenant_id: int, caller: Principal, user_id: str) -> None:
        """Accept a person's events again. Raises NotFound for one who was never erased, and Unavailable."""
        await self.suppression(tenant_id, user_id)
        subject = self.person_hash.of(tenant_id, user_id)
        with unavailable():
            await self.audit(tenant_id, caller, "profile.suppression_lifted", f"profile:{subject}", {})
            await self._suppressions.lift(tenant_id, subject, self._clock.now())

    async def policy(self, tenant_id: int) -> Policy:
        """Return what happens to later events of erased people. Raises Unavailable."""
        with unavailable():
            return await self._suppressions.policy(tenant_id)

    async def set_policy(self, tenant_id: int, caller: Principal, policy: Policy) -> None:
        """Choose what happens to later events of erased people. Raises Unavailable."""
        _ = self.person_hash
        target, details = f"tenant:{tenant_id}", {"later_events": policy}
        with unavailable():
            await self.audit(tenant_id, caller, "tenant.suppression_policy_changed", target, details)
            await self._suppressions.set_policy(tenant_id, policy, self._clock.now())

    @property
    def person_hash(self) -> PersonHash:
        """The hash by which people are known. Raises Conflict (erasure-not-configured)."""
        if self._person_hash is None:
            raise Conflict(
                "SEGOPS_SUPPRESSION_KEY must be set, for the hashes by which erased people are known.",
                slug="erasure-not-configured",
            )
        return self._person_hash

    async def audit(
        self, tenant_id: int, caller: Principal, action: ForeignAction, target: str, details: Mapping[str, str]
    ) -> None:
        """Append what a caller does to the audit log. Raises AuditUnavailable: then it must not be done."""
        await record_act(self._audit, tenant_id, caller, action, target, details)

    async def _record(self, caller: Principal, erasure: Erasure, *, names_one: bool) -> None:
        target = f"profile:{erasure.subjects[0]}" if names_one else f"erasure:{erasure.id}"
        details: Mapping[str, str] = {"erasure": erasure.id, "profiles": str(len(erasure.subjects))}
        await self.audit(erasure.tenant_id, caller, "profile.erasure_requested", target, details)


@contextmanager
def unavailable() -> Iterator[None]:
    """Raise Unavailable for what the ports raise, ValidationFailed (too-many-ids) for too many ids."""
    try:
        yield
    except TooManyIds as error:
        raise too_many_ids() from error
    except (EngineUnavailable, AuditUnavailable) as error:
        raise Unavailable(
            "This cannot be done now: an engine or auth does not answer. Retry.", retry_after_s=2
        ) from error


def _position(query: PageQuery) -> str | None:
    if query.cursor is None:
        return None
    (position,) = decode_cursor(query.cursor, str)
    try:
        return str(UUID(str(position)))
    except ValueError as error:
        raise invalid_cursor() from error
