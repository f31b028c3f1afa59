"""Joins an anonymous id to a user."""

from __future__ import annotations

from segops_common.core.clock import Clock
from segops_common.core.problems import Conflict, Fault, Unavailable, ValidationFailed
from segops_ingest.ports.identity_claims import ClaimsUnavailable, IdentityClaims
from segops_ingest.service.accept_events import Ingest, Receipt


class Aliases:
    """Accepts an event that claims an anonymous id, unless it is known that the claim would have no effect.

    Another claim that is on its way may still be the first one, so being accepted promises nothing about who holds the id.
    """

    def __init__(self, *, claims: IdentityClaims, ingest: Ingest, clock: Clock) -> None:
        self._claims = claims
        self._ingest = ingest
        self._clock = clock

    async def alias(self, tenant_id: int, anonymous_id: str, user_id: str, *, idempotency_key: str | None) -> Receipt:
        """Store the claim as an event `$alias`.

        Raises Conflict (anonymous-id-claimed, anonymous-id-is-user), ValidationFailed for two equal ids, Unavailable, and what
        `Ingest.accept_one` raises.
        """
        if anonymous_id == user_id:
            fault = Fault("anonymous_id", "same-id", "must differ from `user_id`")
            raise ValidationFailed("The two ids must differ.", errors=[fault])
        await self._check(tenant_id, anonymous_id, user_id)
        call = {"user_id": user_id, "previous_id": anonymous_id}
        return await self._ingest.accept_one(tenant_id, "alias", call, idempotency_key=idempotency_key, joins=True)

    async def _check(self, tenant_id: int, anonymous_id: str, user_id: str) -> None:
        try:
            claim = await self._claims.of(tenant_id, anonymous_id)
        except ClaimsUnavailable as error:
            raise Unavailable(
                "Who holds the id cannot be read now, so nothing was stored. Retry after `Retry-After` seconds.",
                retry_after_s=1,
            ) from error
        now_ms = int(self._clock.now().timestamp() * 1000)
        if claim.known_ms is not None and claim.known_ms <= now_ms:
            raise Conflict(
                f"`anonymous_id` must not be the id of a user: `{anonymous_id}` has events of its own as `user_id`. Merge two "
                "users with `POST /api/identity/merge/`.",
                slug="anonymous-id-is-user",
            )
        if claim.user_id not in (None, user_id) and claim.at_ms <= now_ms:
            raise Conflict(
                f"`anonymous_id` must not belong to another user: `{claim.user_id}` claimed it first.",
                slug="anonymous-id-claimed",
            )
