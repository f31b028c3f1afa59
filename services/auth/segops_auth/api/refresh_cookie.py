"""The cookie in which a page of the same origin keeps its refresh token, out of reach of its scripts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fastapi import Request, Response

from segops_auth.api.schemas.fields import RefreshIn
from segops_auth.api.schemas.sessions import TokenSet
from segops_auth.service.sessions import REFRESH_LIFETIME, SessionTokens
from segops_common.contracts.http import AUTH_PREFIX
from segops_common.core.problems import Forbidden, Unauthenticated
from segops_common.web.request.client_address import came_by_https

REFRESH_COOKIE: Final = "segops_refresh"
COOKIE_PATH: Final = f"{AUTH_PREFIX}/token/"
MAX_TOKEN_CHARS: Final = 128


class RefreshCookie:
    """Reads and sets the cookie, for requests of the same origin only."""

    def __init__(self, request: Request, response: Response) -> None:
        self._request = request
        self._response = response

    def delivery(self, refresh_in: RefreshIn) -> Callable[[SessionTokens], TokenSet]:
        """Return what turns the tokens of a session into its response, with the refresh token in the body or the cookie.

        Raises Forbidden (cross-origin-request). Call it before anything takes effect.
        """
        if refresh_in is RefreshIn.BODY:
            return TokenSet.of
        self._check_origin()
        return self._deliver

    def token(self) -> str:
        """Return the refresh token of the cookie. Raises Forbidden (cross-origin-request) and Unauthenticated."""
        value = self._request.cookies.get(REFRESH_COOKIE)
        if value is None or len(value) > MAX_TOKEN_CHARS:
            raise Unauthenticated(
                "The request has no refresh token: send `refresh_token`, or sign in again.",
                slug="invalid-refresh-token",
            )
        self._check_origin()
        return value

    def clear(self) -> None:
        """Remove the cookie from the browser."""
        self._set("", 0)

    def _deliver(self, tokens: SessionTokens) -> TokenSet:
        self._set(tokens.refresh_token, int(REFRESH_LIFETIME.total_seconds()))
        return TokenSet.without_refresh_token(tokens)

    def _set(self, value: str, max_age_s: int) -> None:
        self._response.set_cookie(
            REFRESH_COOKIE,
            value,
            max_age=max_age_s,
            path=COOKIE_PATH,
            secure=came_by_https(self._request),
            httponly=True,
            samesite="strict",
        )

    def _check_origin(self) -> None:
        """Raise Forbidden unless a page of the same origin sent the request.

        `SameSite=Strict` alone would admit pages of other hosts below the same registrable domain.
        """
        site = self._request.headers.get("sec-fetch-site")
        if site is None:
            # Browsers leave it out over plain HTTP, except on loopback addresses.
            _, _, origin = self._request.headers.get("origin", "").lower().partition("://")
            is_same = bool(origin) and origin == self._request.headers.get("host", "").lower()
        else:
            is_same = site == "same-origin"
        if not is_same:
            raise Forbidden(
                "The cookie of the refresh token works only for pages of the same origin. "
                "Other clients must send the refresh token in the body.",
                slug="cross-origin-request",
            )
