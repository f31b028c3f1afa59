"""Bodies of API keys."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field

from segops_auth.api.schemas import examples
from segops_auth.api.schemas.fields import Name, Origins, RequestBody, ResponseBody, TenantId
from segops_auth.domain import values
from segops_common.core.pagination import Page
from segops_common.security.api_keys import key_prefix
from segops_common.security.permissions import KeyKind, Scope
from segops_common.web.fields import Optional

DEFAULT_OVERLAP = timedelta(days=1)
MAX_OVERLAP_S = 7 * 86_400


class CreateApiKey(RequestBody):
    """A new API key."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"tenant": 1, "name": "web server"}, examples.PAGES_KEY]})

    tenant: TenantId
    name: Name
    kind: Optional[Annotated[KeyKind, Field(strict=False)]] = Field(
        default=None,
        description="Default: `secret`. A `publishable` key may be visible to others and can only send events.",
    )
    scopes: Optional[
        Annotated[list[Annotated[Scope, Field(strict=False)]], Field(min_length=1, max_length=len(Scope))]
    ] = Field(
        default=None,
        description="What the key may do. Default: `events:write` and `membership:read` for a secret key, "
        "`events:write` for a publishable key.",
    )
    allowed_origins: Optional[Origins] = None


class UpdateApiKey(RequestBody):
    """The fields to change."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"allowed_origins": ["https://www.example.com"]}]})

    allowed_origins: Origins


class RotateApiKey(RequestBody):
    """How long the previous secret keeps working."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"overlap_seconds": 3600}]})

    overlap_seconds: Optional[Annotated[int, Field(ge=0, le=MAX_OVERLAP_S)]] = Field(
        default=None, description="Default: one day. Pass 0 to revoke the previous secret immediately."
    )

    @property
    def overlap(self) -> timedelta:
        """Return the requested overlap, or the default."""
        return DEFAULT_OVERLAP if self.overlap_seconds is None else timedelta(seconds=self.overlap_seconds)


class ApiKeyRead(ResponseBody):
    """An active API key, without its secret."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.API_KEY]})

    id: int
    tenant: int
    name: str
    kind: KeyKind
    scopes: list[Scope]
    allowed_origins: list[str] = Field(
        description="Origins of the web pages that may use the key. `*` means every page."
    )
    prefix: str = Field(description="The first characters of the secret.")
    last_four: str = Field(description="The last four characters of the secret.")
    created_by: int
    created_at: datetime
    last_used_at: datetime | None = Field(
        description="Accurate to about one minute. Null if the key has never been used."
    )
    previous_key_expires_at: datetime | None = Field(
        description="When the secret from before the last rotation stops working. Null if the key was never rotated."
    )

    @classmethod
    def of(cls, key: values.ApiKey) -> Self:
        """Convert from the domain."""
        return cls(**_key_fields(key))


class ApiKeyCreated(ApiKeyRead):
    """An API key with its secret."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.API_KEY | {"key": examples.KEY}]})

    key: str = Field(description="The secret. Send it as `Authorization: ApiKey <key>`. It is shown only once.")

    @classmethod
    def with_secret(cls, key: values.ApiKey, secret: str) -> Self:
        """Convert from the domain."""
        return cls(**_key_fields(key), key=secret)


class ApiKeyList(ResponseBody):
    """API keys by ascending id."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"items": [examples.API_KEY], "next_cursor": examples.CURSOR}]}
    )

    items: list[ApiKeyRead]
    next_cursor: str | None

    @classmethod
    def of(cls, page: Page[values.ApiKey]) -> Self:
        """Convert from the domain."""
        return cls(items=[ApiKeyRead.of(item) for item in page.items], next_cursor=page.next_cursor)


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
