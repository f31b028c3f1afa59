"""API keys: creating, listing, rotating, revoking and introspecting. `authorization.py` decides who may do it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from segops_auth.domain.audit_log import Action, AuditEvent
from segops_auth.domain.grants import key_scopes
from segops_auth.domain.origins import key_origins
from segops_auth.domain.values import ApiKey, KeySecret, NewApiKey
from segops_auth.ports.cache_invalidation import CacheInvalidation
from segops_auth.ports.store import Store, WriteUnit
from segops_auth.service.authorization import authorize, authorize_key_change, key_not_found, lock_and_authorize
from segops_auth.service.last_use import LastUseBuffer
from segops_auth.service.secrets import Secrets
from segops_common.core.clock import Clock
from segops_common.core.pagination import Page, PageQuery, id_position, page_of
from segops_common.core.problems import Fault, ValidationFailed
from segops_common.security.api_keys import looks_valid
from segops_common.security.permissions import KeyKind, Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class IntrospectedKey:
    """A working secret of a key, and what its tenant says."""

    secret: KeySecret
    tenant_slug: str
    joins_unsigned_ids: bool
    remaining_s: float | None
    """Seconds for which the secret still works, None without an end."""

    @property
    def key(self) -> ApiKey:
        """The key of the secret."""
        return self.secret.key


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
        require_signed_user_id: bool = False,
    ) -> tuple[ApiKey, str]:
        """Create a key and return it with its secret.

        Raises Forbidden for a scope that the actor lacks, ValidationFailed for a scope, origins or a requirement that no
        key of this kind may have.
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
                signed_user_ids_since=_checked_since(kind, now if require_signed_user_id else None),
            )
            key = await unit.add_api_key(tenant_id, new)
            await unit.record(tenant_id, _event(key, actor_id, Action.API_KEY_CREATED, now))
        return key, secret

    async def list_active(self, tenant_id: int, actor_id: int, query: PageQuery) -> Page[ApiKey]:
        """Return the keys that are not revoked, by ascending id."""
        after = id_position(query, start=0)
        async with self._store.read() as unit:
            await authorize(unit, tenant_id, actor_id, Scope.KEYS_MANAGE)
            count = await unit.api_key_count(tenant_id)
            keys = await unit.api_keys(tenant_id, after, query.limit + 1, offset=query.offset)
        return page_of(keys, query, lambda key: key.id, count=count)

    async def change(
        self,
        key_id: int,
        actor_id: int,
        *,
        allowed_origins: Sequence[str] | None = None,
        require_signed_user_id: bool | None = None,
    ) -> tuple[ApiKey, str | None]:
        """Change what is not None, and return the key.

        If it requires signed user ids from now on, return the secret that signs them too. Raises ValidationFailed for
        origins or a requirement that no key of this kind may have.
        """
        now = self._clock.now()
        async with self._store.write() as unit:
            tenant_id = await authorize_key_change(unit, key_id, actor_id)
            before = key = _existing(await unit.api_key(tenant_id, key_id))
            if allowed_origins is not None:
                origins = key_origins(key.kind, allowed_origins)
                key = _existing(await unit.set_api_key_origins(tenant_id, key_id, origins))
            if require_signed_user_id not in (None, key.requires_signed_user_id):
                since = _checked_since(key.kind, now if require_signed_user_id else None)
                key = _existing(await unit.set_signed_user_ids(tenant_id, key_id, since))
            key_hash = await unit.api_key_hash(tenant_id, key_id)
            await unit.record(tenant_id, _event(key, actor_id, Action.API_KEY_UPDATED, now))
        await self._cache_invalidation.key_changed(key_id)
        is_new = key.signed_user_ids_since != before.signed_user_ids_since
        return key, self._user_id_secret(key, key_hash) if is_new else None

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

    def user_id_secret(self, key: ApiKey, secret: str) -> str | None:
        """Return the secret that signs user ids for a key with this secret, or None if it requires no signatures."""
        return self._user_id_secret(key, self._secrets.hash(secret))

    async def owner(self, secret: str) -> tuple[int, int] | None:
        """Return the tenant and the id of the key that has or had this secret, also if it does not work any more."""
        if not looks_valid(secret):
            return None
        async with self._store.read() as unit:
            return await unit.api_key_owner(self._secrets.hash(secret))

    async def introspect(self, secret: str) -> IntrospectedKey | None:
        """Return the key of a working secret, or None, and remember that it was used."""
        return await self.introspect_hash(self._secrets.hash(secret)) if looks_valid(secret) else None

    async def introspect_hash(self, key_hash: str) -> IntrospectedKey | None:
        """Return the key of a working secret with this hash, as `introspect`."""
        now = self._clock.now()
        async with self._store.read() as unit:
            working = await unit.api_key_by_hash(key_hash, now)
            tenant = None if working is None else await unit.tenant(working.key.tenant_id)
        if working is None or tenant is None:
            return None
        self._last_use.add(working.key.id, now)
        until = working.works_until
        remaining_s = None if until is None else (until - self._clock.now()).total_seconds()
        return IntrospectedKey(
            secret=working,
            tenant_slug=tenant.slug,
            joins_unsigned_ids=tenant.joins_unsigned_ids,
            remaining_s=remaining_s,
        )

    def _user_id_secret(self, key: ApiKey, key_hash: str | None) -> str | None:
        since = key.signed_user_ids_since
        return None if since is None or key_hash is None else self._secrets.user_id_secret(key_hash, since)


async def _is_test(unit: WriteUnit, tenant_id: int) -> bool:
    tenant = await unit.tenant(tenant_id)
    return tenant is not None and tenant.is_test


def _checked_since(kind: KeyKind, since: datetime | None) -> datetime | None:
    """Return since when a key of this kind requires signed user ids. Raises ValidationFailed for a secret key."""
    if since is not None and kind is not KeyKind.PUBLISHABLE:
        fault = Fault(
            "require_signed_user_id",
            "not-allowed",
            "must be false for a secret key: only a publishable key begins sessions",
        )
        raise ValidationFailed("A secret key must not require signed user ids.", errors=[fault])
    return since


def _existing(key: ApiKey | None) -> ApiKey:
    if key is None:
        raise key_not_found()
    return key


def _event(key: ApiKey, actor_id: int, action: Action, at: datetime) -> AuditEvent:
    details = {"name": key.name, "kind": key.kind.value, "scopes": " ".join(sorted(key.scopes))}
    if key.kind is KeyKind.PUBLISHABLE:
        details["allowed_origins"] = " ".join(key.allowed_origins)
    if key.requires_signed_user_id:
        details["require_signed_user_id"] = "true"
    return AuditEvent(at=at, actor_id=actor_id, action=action, target=f"api_key:{key.id}", details=details)
