"""Bodies of API keys."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from segops_auth.api.schemas import examples
from segops_auth.api.schemas.fields import Name, Origins, RequestBody, ResponseBody
from segops_auth.domain import values
from segops_common.security.api_keys import key_prefix
from segops_common.security.permissions import KeyKind, Scope
from segops_common.web.fields import ListResponse, Optional, TenantFields, list_example

DEFAULT_OVERLAP = timedelta(days=1)
MAX_OVERLAP_S = 7 * 86_400


class CreateApiKey(TenantFields, RequestBody):
    """A new API key."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"tenant": 1, "name": "web server"},
                examples.PAGES_KEY,
                examples.PAGES_KEY | {"require_signed_user_id": True},
            ]
        }
    )

    name: Name
    kind: Optional[Annotated[KeyKind, Field(strict=False)]] = Field(
        default=None,
        description="Default: `secret`. A `publishable` key may be visible to others and can only send events.",
    )
    scopes: Optional[
        Annotated[list[Annotated[Scope, Field(strict=False)]], Field(min_length=1, max_length=len(Scope))]
    ] = Field(
        default=None,
        description="What the key may do. Default: everything that a key may do with data for a secret key, `events:write` "
        "for a publishable key.",
    )
    allowed_origins: Optional[Origins] = None
    require_signed_user_id: bool = Field(
        default=False,
        description="For a publishable key: a session with a user id needs the signature of your server, and the key itself "
        "may not send events. The response contains `hmac_secret`, which signs.",
    )


class UpdateApiKey(RequestBody):
    """The fields to change. Fields that are left out keep their values."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"allowed_origins": ["https://www.example.com"]}, {"require_signed_user_id": True}],
            "minProperties": 1,
        }
    )

    allowed_origins: Optional[Origins] = None
    require_signed_user_id: Optional[bool] = Field(
        default=None,
        description="If it becomes true, the response contains a new `hmac_secret`. If it becomes false, the secret stops "
        "working.",
    )

    @model_validator(mode="after")
    def _has_a_field(self) -> Self:
        if not self.model_fields_set:
            raise PydanticCustomError("missing", "must have `allowed_origins` or `require_signed_user_id`")
        return self


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
    require_signed_user_id: bool = Field(
        description="Whether a session with a user id needs a signature, and the key itself may not send events."
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


class ApiKeyChanged(ApiKeyRead):
    """An API key after a change."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{k: v for k, v in examples.SIGNING_KEY.items() if k != "key"}]}
    )

    hmac_secret: str | None = Field(
        description="Signs user ids, in hexadecimal. It is shown only once. Null unless the key requires signed user ids and "
        "the secret is new. Keep it on your server."
    )

    @classmethod
    def with_hmac_secret(cls, key: values.ApiKey, hmac_secret: str | None) -> Self:
        """Convert from the domain."""
        return cls(**_key_fields(key), hmac_secret=hmac_secret)


class ApiKeyCreated(ApiKeyChanged):
    """An API key with its secret."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.SIGNING_KEY]})

    key: str = Field(description="The secret. Send it as `Authorization: ApiKey <key>`. It is shown only once.")

    @classmethod
    def with_secrets(cls, key: values.ApiKey, secret: str, hmac_secret: str | None) -> Self:
        """Convert from the domain."""
        return cls(**_key_fields(key), key=secret, hmac_secret=hmac_secret)


class ApiKeyList(ListResponse[ApiKeyRead]):
    """API keys by ascending id."""

    model_config = list_example("/api/auth/api-keys/", examples.API_KEY)


def _key_fields(key: values.ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "tenant": key.tenant_id,
        "name": key.name,
        "kind": key.kind,
        "scopes": sorted(key.scopes),
        "allowed_origins": list(key.allowed_origins),
        "require_signed_user_id": key.requires_signed_user_id,
        "prefix": key_prefix(key.kind, is_test=key.is_test),
        "last_four": key.last_four,
        "created_by": key.created_by,
        "created_at": key.created_at,
        "last_used_at": key.last_used_at,
        "previous_key_expires_at": key.previous_secret_until,
    }
