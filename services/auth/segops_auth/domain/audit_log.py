"""The audit log is a hash chain: each hash covers the previous one, so that every later change can be detected."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from segops_auth.domain.values import AuditEntry

FIRST_PREVIOUS_HASH = "0" * 64


class Action(StrEnum):
    """What is recorded in a tenant's audit log."""

    TENANT_CREATED = "tenant.created"
    TENANT_UPDATED = "tenant.updated"
    MEMBER_ROLE_CHANGED = "member.role_changed"
    MEMBER_REMOVED = "member.removed"
    INVITE_CREATED = "invite.created"
    INVITE_RESENT = "invite.resent"
    INVITE_REVOKED = "invite.revoked"
    INVITE_ACCEPTED = "invite.accepted"
    API_KEY_CREATED = "api_key.created"
    API_KEY_UPDATED = "api_key.updated"
    API_KEY_ROTATED = "api_key.rotated"
    API_KEY_REVOKED = "api_key.revoked"
    IDENTITY_MERGED = "identity.merged"
    IDENTITY_UNMERGED = "identity.unmerged"
    REFRESH_TOKEN_REUSED = "refresh_token.reused"
    SESSION_ENDED = "account.session_ended"
    OTHER_SESSIONS_ENDED = "account.other_sessions_ended"
    SESSIONS_ENDED = "account.sessions_ended"
    EMAIL_VERIFIED = "account.email_verified"
    PASSWORD_RESET = "account.password_reset"
    PASSWORD_CHANGED = "account.password_changed"
    PROFILE_EXPORTED = "profile.exported"
    PROFILE_ERASED = "profile.erasure_requested"
    SUPPRESSION_LIFTED = "profile.suppression_lifted"
    SUPPRESSION_POLICY_CHANGED = "tenant.suppression_policy_changed"
    RETENTION_CHANGED = "tenant.retention_changed"
    SCHEMA_CREATED = "event_schema.created"
    SCHEMA_UPDATED = "event_schema.updated"
    SCHEMA_DELETED = "event_schema.deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Which entries to read. None leaves a field out.

    `target` is a whole target such as `user:7`, or its kind, such as `user`, for all of them. `since` is included, `until` not.
    """

    actor_id: int | None = None
    action: Action | None = None
    target: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def selects(self, entry: AuditEntry) -> bool:
        """Return whether the entry is one of those to read."""
        return (
            self.actor_id in (None, entry.actor_id)
            and self.action in (None, entry.action)
            and self.target in (None, entry.target, entry.target.partition(":")[0])
            and (self.since is None or self.since <= entry.at)
            and (self.until is None or entry.at < self.until)
        )


EVERY_ENTRY: Final = AuditFilter()


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """An event that is not in the log yet."""

    at: datetime
    actor_id: int | None
    action: Action
    target: str
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainHead:
    """The number and the hash of a tenant's newest entry."""

    number: int
    hash: str


def chain(tenant_id: int, head: ChainHead, act: AuditEvent) -> AuditEntry:
    """Return the entry that follows the head."""
    number = head.number + 1
    return AuditEntry(
        tenant_id=tenant_id,
        number=number,
        at=act.at,
        actor_id=act.actor_id,
        action=act.action.value,
        target=act.target,
        details=act.details,
        previous_hash=head.hash,
        hash=_hash(tenant_id, number, head.hash, act, act.action.value),
    )


def break_in_chain(head: ChainHead, entry: AuditEntry) -> str | None:
    """Return what is wrong with the entry after the head, or None. `head` has the number 0 for the first entry."""
    if entry.number != head.number + 1:
        return f"entry {head.number + 1} is missing"
    if entry.previous_hash != head.hash:
        return f"entry {entry.number} does not follow the entry before it"
    if entry.hash != _hash(entry.tenant_id, entry.number, head.hash, entry, entry.action):
        return f"entry {entry.number} was changed: its content does not match its hash"
    return None


def _hash(tenant_id: int, number: int, previous_hash: str, act: AuditEvent | AuditEntry, action: str) -> str:
    """Return the SHA-256 in hexadecimal of a JSON array in UTF-8, without spaces, with the keys of `details` sorted."""
    covered = [
        previous_hash,
        tenant_id,
        number,
        act.at.astimezone(UTC).isoformat(timespec="microseconds"),
        act.actor_id,
        action,
        act.target,
        dict(act.details),
    ]
    text = json.dumps(covered, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
