"""Bodies of sessions, and the keys that verify access tokens."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, Self

from pydantic import ConfigDict, Field, model_validator

from segops_auth.api.schemas import examples
from segops_auth.api.schemas.fields import (
    CurrentPassword,
    Email,
    RefreshIn,
    RefreshTokenPlace,
    RequestBody,
    ResponseBody,
    Token,
)
from segops_auth.domain import values
from segops_auth.service.sessions import SessionTokens
from segops_common.web.fields import ListResponse, Optional, fault_at, list_example


class SignIn(RequestBody):
    """The email address and the password of an account."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"email": examples.EMAIL, "password": examples.PASSWORD},
                {"email": examples.EMAIL, "password": examples.PASSWORD, "refresh_in": "cookie"},
            ]
        }
    )

    email: Email
    password: CurrentPassword
    refresh_in: RefreshTokenPlace = RefreshIn.BODY


class _RefreshToken(RequestBody):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"refresh_token": examples.TOKEN}, {"refresh": examples.TOKEN}, {}]}
    )

    refresh_token: Optional[Token] = Field(default=None, description="Left out, the cookie is used.")
    refresh: Optional[Token] = Field(default=None, description="The same as `refresh_token`.")

    @model_validator(mode="after")
    def _check_one_token(self) -> Self:
        if None not in (self.refresh_token, self.refresh) and self.refresh_token != self.refresh:
            raise fault_at("refresh", "not-allowed", "must be the same as `refresh_token`: leave one of them out")
        return self

    @property
    def token(self) -> str | None:
        """The refresh token, by whichever name it was sent, or None without one."""
        token = self.refresh_token or self.refresh
        return None if token is None else token.get_secret_value()


class RefreshRequest(_RefreshToken):
    """The newest refresh token of the session."""


class RevokeRequest(_RefreshToken):
    """Any refresh token of the session to end."""


class TokenSet(ResponseBody):
    """The tokens of a session."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.TOKENS]})

    access_token: str = Field(description="Send it as `Authorization: Bearer <access_token>`.")
    refresh_token: str | None = Field(
        description="Exchange it at `token/refresh/` for new tokens. It works once. Null if it is in the cookie."
    )
    access: str = Field(description="The same as `access_token`.")
    refresh: str | None = Field(description="The same as `refresh_token`.")
    token_type: Literal["Bearer"]
    expires_in: int = Field(description="Seconds until the access token expires.")

    @classmethod
    def of(cls, tokens: SessionTokens) -> Self:
        """Convert from the domain."""
        return cls(
            access_token=tokens.access_token,
            refresh_token=tokens.refresh_token,
            access=tokens.access_token,
            refresh=tokens.refresh_token,
            token_type="Bearer",
            expires_in=tokens.expires_in_s,
        )

    @classmethod
    def without_refresh_token(cls, tokens: SessionTokens) -> Self:
        """Convert from the domain, for a response that has the refresh token in the cookie."""
        return cls.of(tokens).model_copy(update={"refresh_token": None, "refresh": None})


class SessionRead(ResponseBody):
    """A session of the caller."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.OWN_SESSION]})

    id: int
    created_at: datetime
    last_used_at: datetime = Field(description="When it began, or when its tokens were last refreshed.")
    user_agent: str = Field(description="Browser and system, or the name of a program. Empty if it is not known.")
    address: str | None = Field(description="The network address that used it last. Null if it is not known.")
    current: bool = Field(description="Whether this request belongs to the session.")

    @classmethod
    def of(cls, session: values.Session, current_id: int | None) -> Self:
        """Convert from the domain."""
        return cls(
            id=session.id,
            created_at=session.created_at,
            last_used_at=session.last_used_at,
            user_agent=session.place.user_agent,
            address=session.place.address,
            current=session.id == current_id,
        )


class SessionList(ListResponse[SessionRead]):
    """Sessions, newest first."""

    model_config = list_example("/api/auth/sessions/", examples.OWN_SESSION)


class JsonWebKey(ResponseBody):
    """A public key that verifies access tokens (RFC 7517)."""

    kty: Literal["EC"]
    crv: Literal["P-256"]
    alg: Literal["ES256"]
    use: Literal["sig"]
    kid: str
    x: str
    y: str


class JsonWebKeySet(ResponseBody):
    """Every key that verifies access tokens."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"keys": [examples.JWK]}]})

    keys: list[JsonWebKey]
