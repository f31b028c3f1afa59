"""Bodies of sessions, and the keys that verify access tokens."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import ConfigDict, Field

from segops_auth.api.schemas import examples
from segops_auth.api.schemas.fields import CurrentPassword, Email, RequestBody, ResponseBody, Token
from segops_auth.service.sessions import SessionTokens


class SignIn(RequestBody):
    """The email address and the password of an account."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"email": examples.EMAIL, "password": examples.PASSWORD}]}
    )

    email: Email
    password: CurrentPassword


class RefreshRequest(RequestBody):
    """The newest refresh token of the session."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"refresh_token": examples.TOKEN}]})

    refresh_token: Token


class RevokeRequest(RequestBody):
    """Any refresh token of the session to end."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"refresh_token": examples.TOKEN}]})

    refresh_token: Token


class TokenSet(ResponseBody):
    """The tokens of a session."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.TOKENS]})

    access_token: str = Field(description="Send it as `Authorization: Bearer <access_token>`.")
    refresh_token: str = Field(description="Exchange it at `token/refresh/` for new tokens. It works once.")
    token_type: Literal["Bearer"]
    expires_in: int = Field(description="Seconds until the access token expires.")

    @classmethod
    def of(cls, tokens: SessionTokens) -> Self:
        """Convert from the domain."""
        return cls(
            access_token=tokens.access_token,
            refresh_token=tokens.refresh_token,
            token_type="Bearer",
            expires_in=tokens.expires_in_s,
        )


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
