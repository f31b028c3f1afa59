"""Expected failures, as RFC 9457 problems. Each class is one cause and has its status.

Problem
├── MalformedRequest    400   ├── Conflict            409   ├── NotAvailableYet     422
├── Unauthenticated     401   ├── Gone                410   ├── RateLimited         429
├── Forbidden           403   ├── PreconditionFailed  412   └── Unavailable         503
├── NotFound            404   ├── PayloadTooLarge     413
├── NotAcceptable       406   ├── UnsupportedMedia    415
└── RequestTimeout      408   └── ValidationFailed    422
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

PROBLEM_TYPE_PREFIX = "https://segops.dev/problems/"


@dataclass(frozen=True, slots=True)
class Fault:
    """An error in one part of a request; `path` is its place, such as `definition.conditions[2].value`."""

    path: str
    code: str
    detail: str


class Problem(Exception):
    """An error that a caller can understand. `slug` is stable; `detail` describes this occurrence."""

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"
    default_slug: ClassVar[str] = "internal-error"

    def __init__(
        self,
        detail: str,
        *,
        slug: str | None = None,
        errors: Sequence[Fault] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.slug = slug or self.default_slug
        self.errors = tuple(errors)
        self.headers = dict(headers or {})

    @property
    def type(self) -> str:
        """The stable URL of the problem type."""
        return PROBLEM_TYPE_PREFIX + self.slug


class MalformedRequest(Problem):
    """The request cannot be read."""

    status = 400
    title = "The request cannot be read"
    default_slug = "malformed-request"


class Unauthenticated(Problem):
    """There is no credential, or an invalid one."""

    status = 401
    title = "Authentication is required"
    default_slug = "unauthenticated"


class Forbidden(Problem):
    """The caller is authenticated and may not do this."""

    status = 403
    title = "The credential does not allow this"
    default_slug = "forbidden"


class NotFound(Problem):
    """The resource does not exist, or the caller may not know that it does."""

    status = 404
    title = "Not found"
    default_slug = "not-found"


class NotAcceptable(Problem):
    """The resource has no representation that the request accepts."""

    status = 406
    title = "No acceptable representation"
    default_slug = "not-acceptable"


class RequestTimeout(Problem):
    """The request did not arrive in time."""

    status = 408
    title = "The request did not arrive in time"
    default_slug = "request-timeout"


class Conflict(Problem):
    """The request conflicts with the current state."""

    status = 409
    title = "The current state does not allow this"
    default_slug = "conflict"


class Gone(Problem):
    """The resource existed and no longer does."""

    status = 410
    title = "No longer available"
    default_slug = "gone"


class PreconditionFailed(Problem):
    """The caller's If-Match names a different version."""

    status = 412
    title = "The precondition failed"
    default_slug = "precondition-failed"


class PayloadTooLarge(Problem):
    """The body, or a part of it, exceeds a limit."""

    status = 413
    title = "The payload is too large"
    default_slug = "payload-too-large"


class UnsupportedMedia(Problem):
    """The body's media type or encoding is not supported."""

    status = 415
    title = "The media type or encoding is not supported"
    default_slug = "unsupported-media-type"


class ValidationFailed(Problem):
    """The request can be read and is not valid; `errors` lists each error."""

    status = 422
    title = "The request is not valid"
    default_slug = "validation-failed"


class NotAvailableYet(Problem):
    """The request is valid, and this version does not support it yet."""

    status = 422
    title = "Not available yet"
    default_slug = "not-available-yet"


class RateLimited(Problem):
    """There are too many requests; `retry_after_s` says when to retry."""

    status = 429
    title = "Too many requests"
    default_slug = "rate-limited"

    def __init__(self, detail: str, *, retry_after_s: int, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after_s), **(headers or {})})


class Unavailable(Problem):
    """A dependency does not respond. The same request may succeed later."""

    status = 503
    title = "Temporarily unavailable"
    default_slug = "upstream-unavailable"

    def __init__(self, detail: str, *, retry_after_s: int = 1, slug: str | None = None) -> None:
        super().__init__(detail, slug=slug, headers={"Retry-After": str(retry_after_s)})
