"""API keys: creating, listing, rotating, revoking and introspecting. `authorization.py` decides who may do it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from segops_auth.domain.audit_log import Action, AuditEvent
from segops_auth.domain.grants import key_scopes
from segops_auth.domain.origins import key_origins
from segops_auth.domain.values import ApiKey, KeySecret, NewApiKey
from segops_auth.ports.cache_invalidation import CacheInvalidation
from segops_auth.ports.store import Store, WriteUnit
from segops_auth.service.authorization import authorize, authorize_key_change, key_not_found, lock_and_authorize
from segops_auth.service.last_use import LastUseBuffer
from segops_auth.service.paging import page, position
from segops_auth.service.secrets import Secrets
from segops_common.core.clock import Clock
from segops_common.core.pagination import Page
from segops_common.security.api_keys import looks_valid
from segops_common.security.permissions import KeyKind, Scope


class ApiKeys:
    """Manages the API keys of tenants.

    Every method that takes an actor raises NotFound if the actor is not a member of the tenant, and Forbidden if their
    role lacks `keys:manage`.
    """

    def __init__(
        self,
        *,
        store: Store,
        secrets: Secrets,
        cache_invalidation: CacheInvalidation,
        last_use: LastUseBuffer,
        clock: Clock,
    ) -> None:
        self._store = store
        self._secrets = secrets
        self._cache_invalidation = cache_invalidation
        self._last_use = last_use
        self._clock = clock

    async def create(
        self,
        tenant_id: int,
        actor_id: int,
        *,
        name: str,
        kind: KeyKind,
        scopes: Iterable[Scope] | None,
        allowed_origins: Sequence[str],
    ) -> tuple[ApiKey, str]:
        """Create a key and return it with its secret.

        Raises Forbidden for a scope that the actor lacks, ValidationFailed for a scope or origins that no key of this
        kind may have.
        """
        now = self._clock.now()
        async with self._store.write() as unit:
            actor = await lock_and_authorize(unit, tenant_id, actor_id, Scope.KEYS_MANAGE)
            is_test = await _is_test(unit, tenant_id)
            secret = self._secrets.new_api_key(kind, is_test=is_test)
            new = NewApiKey(
                name=name,
                kind=kind,
                is_test=is_test,
                scopes=key_scopes(actor, kind, scopes),
                allowed_origins=key_origins(kind, allowed_origins),
                key_hash=self._secrets.hash(secret),
                last_four=secret[-4:],
                created_by=actor_id,
                created_at=now,
            )
            key = await unit.add_api_key(tenant_id, new)
            await unit.record(tenant_id, _event(key, actor_id, Action.API_KEY_CREATED, now))
        return key, secret

    async def list_active(self, tenant_id: int, actor_id: int, *, limit: int, cursor: str | None) -> Page[ApiKey]:
        """Return the keys that are not revoked, by ascending id."""
        after = position(cursor, 0)
        async with self._store.read() as unit:
            await authorize(unit, tenant_id, actor_id, Scope.KEYS_MANAGE)
            keys = await unit.api_keys(tenant_id, after, limit + 1)
        return page(keys, limit, lambda key: key.id)

    async def set_origins(self, key_id: int, actor_id: int, allowed_origins: Sequence[str]) -> ApiKey:
        """Replace the allowed origins. Raises ValidationFailed for a secret key with origins."""
        async with self._store.write() as unit:
            tenant_id = await authorize_key_change(unit, key_id, actor_id)
            kind = _existing(await unit.api_key(tenant_id, key_id)).kind
            key = _existing(await unit.set_api_key_origins(tenant_id, key_id, key_origins(kind, allowed_origins)))
            await unit.record(tenant_id, _event(key, actor_id, Action.API_KEY_UPDATED, self._clock.now()))
        await self._cache_invalidation.key_changed(key_id)
        return key

    async def revoke(self, key_id: int, actor_id: int) -> None:
        """Revoke the key."""
        now = self._clock.now()
        async with self._store.write() as unit:
            tenant_id = await authorize_key_change(unit, key_id, actor_id)
            key = _existing(await unit.revoke_api_key(tenant_id, key_id, now))
            await unit.record(tenant_id, _event(key, actor_id, Action.API_KEY_REVOKED, now))
        await self._cache_invalidation.key_changed(key_id)

    async def rotate(self, key_id: int, actor_id: int, *, overlap: timedelta) -> tuple[ApiKey, str]:
        """Give the key a new secret and return both.

        The previous secret keeps working for `overlap`. A secret from an earlier rotation stops working.
        """
        now = self._clock.now()
        async with self._store.write() as unit:
            tenant_id = await authorize_key_change(unit, key_id, actor_id)
            current = _existing(await unit.api_key(tenant_id, key_id))
            secret = self._secrets.new_api_key(current.kind, is_test=current.is_test)
            key = _existing(
                await unit.rotate_api_key(tenant_id, key_id, self._secrets.hash(secret), secret[-4:], now + overlap)
            )
            await unit.record(tenant_id, _event(key, actor_id, Action.API_KEY_ROTATED, now))
        await self._cache_invalidation.key_changed(key_id)
        return key, secret

    async def introspect(self, secret: str) -> KeySecret | None:
        """Return the working secret with its key, or None, and remember that it was used."""
        if not looks_valid(secret):
            return None
        now = self._clock.now()
        async with self._store.read() as unit:
            working = await unit.api_key_by_hash(self._secrets.hash(secret), now)
        if working is not None:
            self._last_use.add(working.key.id, now)
        return working

    def remaining_s(self, secret: KeySecret) -> float | None:
        """Return the seconds for which the secret still works, or None if it has no end."""
        return None if secret.works_until is None else (secret.works_until - self._clock.now()).total_seconds()


async def _is_test(unit: WriteUnit, tenant_id: int) -> bool:
    tenant = await unit.tenant(tenant_id)
    return tenant is not None and tenant.is_test


def _existing(key: ApiKey | None) -> ApiKey:
    if key is None:
        raise key_not_found()
    return key


def _event(key: ApiKey, actor_id: int, action: Action, at: datetime) -> AuditEvent:
    details = {"name": key.name, "kind": key.kind.value, "scopes": " ".join(sorted(key.scopes))}
    if key.kind is KeyKind.PUBLISHABLE:
        details["allowed_origins"] = " ".join(key.allowed_origins)
    return AuditEvent(at=at, actor_id=actor_id, action=action, target=f"api_key:{key.id}", details=details)
