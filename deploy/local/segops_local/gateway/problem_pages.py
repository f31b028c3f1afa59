"""The problem documents for everything that nginx answers by itself, from its own status codes.

nginx redirects to a page inside. A named location would not do: nginx cannot go to one when it has refused the request
before it knew a path, and answers 500 with HTML instead.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

PREFIX: Final = "/.problem/"
"""Paths below it are internal: from outside they do not exist."""
TOO_MANY_STREAMS: Final = 599
"""The code by which our configuration of nginx refuses a stream beyond the limit; no client sees it."""
ONLY_READ: Final = 598
"""The code by which our configuration refuses every other method on a path of the console; no client sees it."""
METHODS: Final = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the client gets when nginx answers with one of `codes`."""

    status: int
    slug: str
    title: str
    detail: str
    codes: tuple[int, ...]


def _row(status: int, slug: str, title: str, detail: str, *codes: int) -> Refusal:
    return Refusal(status, slug, title, detail, codes or (status,))


# Every code for which nginx has a page of its own, and its internal codes 494 to 497. Some can only come from modules that
# this configuration does not use: they are listed so that none is HTML if it comes after all.
REFUSALS: Final = (
    _row(
        400, "malformed-request", "Malformed request", "The request must be valid HTTP.", 400, 402, 406, 409, 416, 421
    ),
    _row(400, "malformed-request", "Malformed request", "`Transfer-Encoding` must be chunked, or absent.", 501),
    _row(400, "malformed-request", "Malformed request", "The version of HTTP must be 1.0 or 1.1.", 505),
    _row(400, "malformed-request", "Malformed request", "A request to a port of TLS must use TLS.", 497),
    _row(400, "malformed-request", "Malformed request", "The TLS certificate of the client must be valid.", 495, 496),
    _row(401, "unauthenticated", "Authentication is required", "The request must have a credential.", 401, 407),
    _row(403, "forbidden", "The credential does not allow this", "The gateway does not allow this request."),
    _row(404, "not-found", "Not found", "No service answers at this path.", 404, 410),
    _row(405, "method-not-allowed", "Method not allowed", f"The method must be one of {METHODS}."),
    _row(405, "method-not-allowed", "Method not allowed", "The method must be GET or HEAD.", ONLY_READ),
    _row(408, "request-timeout", "Request timeout", "The request must arrive in time."),
    _row(411, "length-required", "Length required", "The request must have `Content-Length`, or be chunked."),
    _row(
        412, "precondition-failed", "The precondition failed", "The resource must meet the conditions of the request."
    ),
    _row(413, "payload-too-large", "Payload too large", "A request must have at most 1 MiB, or 64 MiB for a list."),
    _row(414, "uri-too-long", "URI too long", "The request line must be shorter."),
    _row(415, "unsupported-media-type", "Unsupported media type", "The media type must be supported."),
    _row(429, "rate-limited", "Too many requests", "Retry after `Retry-After` seconds."),
    _row(431, "headers-too-large", "Headers too large", "The request headers must be smaller.", 494),
    _row(500, "internal-error", "Internal error", "The gateway failed. Try again."),
    _row(502, "bad-gateway", "Bad gateway", "The service is not reachable. Try again in a second."),
    _row(503, "unavailable", "Unavailable", "The service is busy. Try again in a second.", 503, 507),
    _row(
        503, "too-many-streams", "Temporarily unavailable", "The gateway has too many streams open.", TOO_MANY_STREAMS
    ),
    _row(504, "gateway-timeout", "Gateway timeout", "The service did not answer in time. Try again in a second."),
)


def rendered() -> str:
    """Return the directives that replace nginx's own pages."""
    return "\n".join(_page(refusal, code) for refusal in REFUSALS for code in refusal.codes)


def _page(refusal: Refusal, code: int) -> str:
    body = {
        "type": f"https://segops.dev/problems/{refusal.slug}",
        "title": refusal.title,
        "status": refusal.status,
        "detail": refusal.detail,
        "instance": "$trace",
        "errors": [],
    }
    headers = {"X-Request-Id": "$trace", "Access-Control-Allow-Origin": "$any_page"}
    headers["Access-Control-Expose-Headers"] = "$page_reads"
    if refusal.status in (429, 502, 503, 504):
        headers["Retry-After"] = "5" if code == TOO_MANY_STREAMS else "1"
    if refusal.status == 405:
        headers["Allow"] = '"GET, HEAD"' if code == ONLY_READ else f'"{METHODS}"'
    # nginx omits a header without a value. It ignores the server's add_header lines in a location that has its own.
    added = " ".join(f"add_header {name} {value} always;" for name, value in headers.items())
    # A refused upload may have a longer body than other requests. nginx would refuse the way to its page, with HTML.
    return (
        f"        error_page {code} ={refusal.status} {PREFIX}{code};\n"
        f"        location = {PREFIX}{code} {{ internal; client_max_body_size 0; "
        f"default_type application/problem+json; {added} "
        f"return {refusal.status} '{json.dumps(body)}'; }}"
    )
