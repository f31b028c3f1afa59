"""Bodies and answers of invites, API keys and the key set."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field

from segops_auth.api.schemas import examples
from segops_auth.api.schemas.accounts import GivenRole, TenantRef, TokenSet, UserRef
from segops_auth.api.schemas.fields import Answer, Body, Email, Name, NewPassword, Origins, TenantId, Token
from segops_auth.domain import values
from segops_auth.service.invites import AcceptedInvite
from segops_common.core.pagination import Page
from segops_common.security.api_keys import key_prefix
from segops_common.security.permissions import KeyKind, Role, Scope
from segops_language import Optional

DEFAULT_OVERLAP = timedelta(days=1)
MAX_OVERLAP_S = 7 * 86_400


class CreateInvite(Body):
    """Whom to invite, and to which role."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"email": "grace@example.com", "role": "member"}]})

    email: Email
    role: GivenRole


class AcceptInvite(Body):
    """The token, and the invited person: the password of their account, or of the one to be made."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"token": examples.TOKEN, "email": "grace@example.com", "password": examples.PASSWORD}]
        }
    )

    token: Token
    email: Email
    password: NewPassword


class CreateApiKey(Body):
    """A new key."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"tenant": 1, "name": "web server"}, examples.PAGES_KEY]})

    tenant: TenantId
    name: Name
    kind: Optional[Annotated[KeyKind, Field(strict=False)]] = Field(
        default=None,
        description="`secret` if left out. `publishable` keys may be seen by others, and only send events.",
    )
    scopes: Optional[
        Annotated[list[Annotated[Scope, Field(strict=False)]], Field(min_length=1, max_length=len(Scope))]
    ] = Field(
        default=None,
        description="What the key may do. Without any, a secret key gets `events:write` and `membership:read`, a "
        "publishable one `events:write`.",
    )
    allowed_origins: Optional[Origins] = None


class UpdateApiKey(Body):
    """What to change of a key."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"allowed_origins": ["https://www.example.com"]}]})

    allowed_origins: Origins


class RotateApiKey(Body):
    """How long the present key goes on working."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"overlap_seconds": 3600}]})

    overlap_seconds: Optional[Annotated[int, Field(ge=0, le=MAX_OVERLAP_S)]] = Field(
        default=None, description="A day if left out."
    )

    @property
    def overlap(self) -> timedelta:
        """The same in the words of the use cases."""
        return DEFAULT_OVERLAP if self.overlap_seconds is None else timedelta(seconds=self.overlap_seconds)


class InviteRead(Answer):
    """An invite that can still be accepted."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.INVITE]})

    id: int
    tenant: int
    email: str
    role: Role
    invited_by: int
    created_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, invite: values.Invite) -> Self:
        """From the words of the use cases."""
        return cls(**_invite_fields(invite))


class InviteCreated(InviteRead):
    """A new invite with its token."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.INVITE | {"token": examples.TOKEN}]})

    token: str = Field(description="Pass it on to the invited person; it is shown this once.")

    @classmethod
    def with_token(cls, invite: values.Invite, token: str) -> Self:
        """From the words of the use cases."""
        return cls(**_invite_fields(invite), token=token)


class InviteList(Answer):
    """Invites by rising id."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"items": [examples.INVITE], "next_cursor": examples.CURSOR}]}
    )

    items: list[InviteRead]
    next_cursor: str | None

    @classmethod
    def of(cls, page: Page[values.Invite]) -> Self:
        """From the words of the use cases."""
        return cls(items=[InviteRead.of(item) for item in page.items], next_cursor=page.next_cursor)


class InviteAccepted(Answer):
    """Who is now in which tenant, and tokens to go on with."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"user": examples.USER, "tenant": examples.TENANT, "role": "member", "tokens": examples.TOKENS}
            ]
        }
    )

    user: UserRef
    tenant: TenantRef
    role: Role
    tokens: TokenSet

    @classmethod
    def of(cls, accepted: AcceptedInvite) -> Self:
        """From the words of the use cases."""
        return cls(
            user=UserRef(id=accepted.account.id, email=accepted.account.email),
            tenant=TenantRef.of(accepted.tenant),
            role=accepted.role,
            tokens=TokenSet.of(accepted.tokens),
        )


class ApiKeyRead(Answer):
    """A key that works, without its secret."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.API_KEY]})

    id: int
    tenant: int
    name: str
    kind: KeyKind
    scopes: list[Scope]
    allowed_origins: list[str] = Field(description="Of the web pages that may use the key; `*` for all.")
    prefix: str = Field(description="What the key begins with.")
    last_four: str = Field(description="What it ends with.")
    created_by: int
    created_at: datetime
    last_used_at: datetime | None = Field(description="Exact to about a minute; null when it was never used.")
    previous_key_expires_at: datetime | None = Field(
        description="Until when the secret before the last rotation works."
    )

    @classmethod
    def of(cls, key: values.ApiKey) -> Self:
        """From the words of the use cases."""
        return cls(**_key_fields(key))


class ApiKeyCreated(ApiKeyRead):
    """A key with its secret."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.API_KEY | {"key": examples.KEY}]})

    key: str = Field(description="The secret, for `Authorization: ApiKey`; it is shown this once.")

    @classmethod
    def with_secret(cls, key: values.ApiKey, secret: str) -> Self:
        """From the words of the use cases."""
        return cls(**_key_fields(key), key=secret)


class ApiKeyList(Answer):
    """Keys by rising id."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"items": [examples.API_KEY], "next_cursor": examples.CURSOR}]}
    )

    items: list[ApiKeyRead]
    next_cursor: str | None

    @classmethod
    def of(cls, page: Page[values.ApiKey]) -> Self:
        """From the words of the use cases."""
        return cls(items=[ApiKeyRead.of(item) for item in page.items], next_cursor=page.next_cursor)


class JsonWebKey(Answer):
    """A public key that verifies access tokens (RFC 7517)."""

    kty: Literal["EC"]
    crv: Literal["P-256"]
    alg: Literal["ES256"]
    use: Literal["sig"]
    kid: str
    x: str
    y: str


class JsonWebKeySet(Answer):
    """All keys that verify access tokens."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"keys": [examples.JWK]}]})

    keys: list[JsonWebKey]


def _key_fields(key: values.ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "tenant": key.tenant_id,
        "name": key.name,
        "kind": key.kind,
        "scopes": sorted(key.scopes),
        "allowed_origins": list(key.allowed_origins),
        "prefix": key_prefix(key.kind, is_test=key.is_test),
        "last_four": key.last_four,
        "created_by": key.created_by,
        "created_at": key.created_at,
        "last_used_at": key.last_used_at,
        "previous_key_expires_at": key.previous_secret_until,
    }


def _invite_fields(invite: values.Invite) -> dict[str, Any]:
    return {
        "id": invite.id,
        "tenant": invite.tenant_id,
        "email": invite.email,
        "role": invite.role,
        "invited_by": invite.invited_by,
        "created_at": invite.created_at,
        "expires_at": invite.expires_at,
    }
