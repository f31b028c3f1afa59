"""API keys: made, listed, replaced, revoked, and recognised."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from segops_auth.domain.audit_log import Action, AuditEvent
from segops_auth.domain.grants import key_scopes
from segops_auth.domain.origins import key_origins
from segops_auth.domain.values import ApiKey, NewApiKey
from segops_auth.ports.cache_invalidation import CacheInvalidation
from segops_auth.ports.store import Store, WriteUnit
from segops_auth.service.authorization import authorize, lock_and_authorize
from segops_auth.service.last_use import LastUseBuffer
from segops_auth.service.paging import page, position
from segops_auth.service.secrets import Secrets
from segops_common.core.clock import Clock
from segops_common.core.pagination import Page
from segops_common.core.problems import NotFound
from segops_common.security.api_keys import looks_valid
from segops_common.security.permissions import KeyKind, Scope


class ApiKeys:
    """Programs' credentials. The methods on a tenant expect that the caller was found to be in it."""

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
        """The key and its secret, which is shown this once; raises Forbidden, ValidationFailed."""
        now = self._clock.now()
        async with self._store.write() as unit:
            actor = await lock_and_authorize(unit, tenant_id, actor_id, Scope.KEYS_MANAGE)
            is_test = await _is_test(unit, tenant_id)
            secret = self._secrets.new_api_key(kind, is_test=is_test)
            wish = NewApiKey(
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
            key = await unit.add_api_key(tenant_id, wish)
            await unit.record(tenant_id, _act(key, actor_id, Action.API_KEY_CREATED, now))
        return key, secret

    async def list_active(self, tenant_id: int, actor_id: int, *, limit: int, cursor: str | None) -> Page[ApiKey]:
        """Keys that work; raises Forbidden."""
        after = position(cursor, 0)
        async with self._store.read() as unit:
            await authorize(unit, tenant_id, actor_id, Scope.KEYS_MANAGE)
            found = await unit.api_keys(tenant_id, after, limit + 1)
        return page(found, limit, lambda key: key.id)

    async def set_origins(self, key_id: int, actor_id: int, allowed_origins: Sequence[str]) -> ApiKey:
        """Only pages of these may use the key, everywhere within a second; raises NotFound, Forbidden, ValidationFailed."""
        async with self._store.write() as unit:
            tenant_id = await _authorize_key_change(unit, key_id, actor_id)
            kind = _existing(await unit.api_key(tenant_id, key_id)).kind
            key = _existing(await unit.set_api_key_origins(tenant_id, key_id, key_origins(kind, allowed_origins)))
            await unit.record(tenant_id, _act(key, actor_id, Action.API_KEY_UPDATED, self._clock.now()))
        await self._cache_invalidation.key_changed(key_id)
        return key

    async def revoke(self, key_id: int, actor_id: int) -> None:
        """The key works no more, everywhere within a second; raises NotFound, Forbidden."""
        now = self._clock.now()
        async with self._store.write() as unit:
            tenant_id = await _authorize_key_change(unit, key_id, actor_id)
            key = _existing(await unit.revoke_api_key(tenant_id, key_id, now))
            await unit.record(tenant_id, _act(key, actor_id, Action.API_KEY_REVOKED, now))
        await self._cache_invalidation.key_changed(key_id)

    async def rotate(self, key_id: int, actor_id: int, *, overlap: timedelta) -> tuple[ApiKey, str]:
        """Another secret for the same key; the present one works for the overlap, one before it no more.

        Raises NotFound, Forbidden.
        """
        now = self._clock.now()
        async with self._store.write() as unit:
            tenant_id = await _authorize_key_change(unit, key_id, actor_id)
            before = _existing(await unit.api_key(tenant_id, key_id))
            secret = self._secrets.new_api_key(before.kind, is_test=before.is_test)
            key = _existing(
                await unit.rotate_api_key(tenant_id, key_id, self._secrets.hash(secret), secret[-4:], now + overlap)
            )
            await unit.record(tenant_id, _act(key, actor_id, Action.API_KEY_ROTATED, now))
        await self._cache_invalidation.key_changed(key_id)
        return key, secret

    async def introspect(self, secret: str) -> ApiKey | None:
        """The key that has this secret, None when no working key has it; notes that it was used."""
        if not looks_valid(secret):
            return None
        now = self._clock.now()
        async with self._store.read() as unit:
            key = await unit.api_key_by_hash(self._secrets.hash(secret), now)
        if key is not None:
            self._last_use.add(key.id, now)
        return key


async def _authorize_key_change(unit: WriteUnit, key_id: int, actor_id: int) -> int:
    """The key's tenant, locked; raises NotFound for a key of a tenant that the actor is not in, Forbidden."""
    tenant_id = await unit.api_key_tenant(key_id)
    if tenant_id is None or await unit.role(tenant_id, actor_id) is None:
        raise _key_not_found()
    await lock_and_authorize(unit, tenant_id, actor_id, Scope.KEYS_MANAGE)
    return tenant_id


async def _is_test(unit: WriteUnit, tenant_id: int) -> bool:
    tenant = await unit.tenant(tenant_id)
    return tenant is not None and tenant.is_test


def _existing(key: ApiKey | None) -> ApiKey:
    if key is None:
        raise _key_not_found()
    return key


def _key_not_found() -> NotFound:
    return NotFound("There is no such API key.")


def _act(key: ApiKey, actor_id: int, action: Action, at: datetime) -> AuditEvent:
    details = {"name": key.name, "kind": key.kind.value, "scopes": " ".join(sorted(key.scopes))}
    if key.kind is KeyKind.PUBLISHABLE:
        details["allowed_origins"] = " ".join(key.allowed_origins)
    return AuditEvent(at=at, actor_id=actor_id, action=action, target=f"api_key:{key.id}", details=details)
