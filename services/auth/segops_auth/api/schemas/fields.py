"""Base classes and fields of request and response bodies."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr
from pydantic_core import PydanticCustomError

from segops_auth.domain.email import MAX_CHARS as MAX_EMAIL_CHARS
from segops_auth.domain.email import normal_email
from segops_auth.domain.origins import MAX_CHARS as MAX_ORIGIN_CHARS
from segops_auth.domain.origins import MAX_ORIGINS, canonical_origins
from segops_auth.domain.password import MAX_CHARS as MAX_PASSWORD_CHARS
from segops_auth.domain.password import MIN_CHARS as MIN_PASSWORD_CHARS
from segops_auth.domain.slug import MAX_CHARS as MAX_SLUG_CHARS
from segops_auth.domain.slug import MIN_CHARS as MIN_SLUG_CHARS
from segops_auth.domain.slug import PATTERN as SLUG_PATTERN
from segops_auth.domain.slug import valid_slug
from segops_common.security.permissions import Role

MAX_ID: Final = 2**63 - 1
MAX_NAME_CHARS: Final = 100
MAX_TOKEN_CHARS: Final = 128
NAME_PATTERN: Final = r"^[^\x00-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$"


class RequestBody(BaseModel):
    """Refuses unknown fields and converts no types."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class ResponseBody(BaseModel):
    """A body that auth sends."""

    model_config = ConfigDict(frozen=True)


def _readable_name(text: str) -> str:
    if re.fullmatch(NAME_PATTERN.removesuffix("$"), text) is None:
        raise PydanticCustomError("wrong-format", "must not contain control characters or consist of spaces only")
    return text


Email = Annotated[
    str,
    Field(
        min_length=3,
        max_length=MAX_EMAIL_CHARS,
        description="ASCII characters only. Upper and lower case are the same.",
        json_schema_extra={"format": "email"},
    ),
    AfterValidator(normal_email),
]
Slug = Annotated[
    str,
    Field(
        min_length=MIN_SLUG_CHARS,
        max_length=MAX_SLUG_CHARS,
        description="Lower-case letters and digits, with single hyphens between them. Some names are reserved.",
        json_schema_extra={"pattern": SLUG_PATTERN},
    ),
    AfterValidator(valid_slug),
]
Name = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_NAME_CHARS,
        description="A display name. Must not contain control characters or consist of spaces only.",
        json_schema_extra={"pattern": NAME_PATTERN},
    ),
    AfterValidator(_readable_name),
]
CurrentPassword = Annotated[SecretStr, Field(min_length=1, max_length=MAX_PASSWORD_CHARS)]
NewPassword = Annotated[
    SecretStr,
    Field(
        max_length=MAX_PASSWORD_CHARS,
        description=f"{MIN_PASSWORD_CHARS} to {MAX_PASSWORD_CHARS} characters. Common passwords are refused.",
        json_schema_extra={"minLength": MIN_PASSWORD_CHARS},
    ),
]
Token = Annotated[SecretStr, Field(min_length=1, max_length=MAX_TOKEN_CHARS)]
Origins = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=MAX_ORIGIN_CHARS)]],
    Field(
        max_length=MAX_ORIGINS,
        description="Origins of the web pages that may use a publishable key, such as `https://www.example.com` or "
        "`http://localhost:3000`. They must match exactly, except that `https://*.example.com` allows every host with one "
        "label before `example.com`. Plain http is for localhost only. `*` as the only item allows every page, and an empty list allows none. Requests without an `Origin` header, for example from servers and "
        "native apps, are not restricted.",
    ),
    AfterValidator(canonical_origins),
]
# Strict models would take only enum members; JSON has their names.
NewRole = Annotated[Role, Field(strict=False)]


class RefreshIn(StrEnum):
    """Where the response has the refresh token."""

    BODY = "body"
    COOKIE = "cookie"


RefreshTokenPlace = Annotated[
    RefreshIn,
    Field(
        strict=False,
        description="Where the response has the refresh token: in its `body`, or in a `cookie` that scripts cannot read, "
        "for pages of the same origin. With `cookie`, `refresh_token` and `refresh` are null.",
    ),
]
