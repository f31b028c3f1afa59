"""nginx's directives for the console: files, and one page that answers every address of a screen."""

from __future__ import annotations

from typing import Final

from segops_local.errors import LocalError
from segops_local.gateway.problem_pages import ONLY_READ

RESERVED: Final = ("/.", "/api", "/v1", "/internal", "/metrics", "/sdk", "/openapi", "/dev", "/docs", "/problems")
"""No screen's address begins like this: what is not a route below it does not exist."""
_TYPES: Final = (
    "types { text/html html; text/css css; text/javascript js mjs; application/json json map; image/svg+xml svg; "
    "image/png png; image/x-icon ico; font/woff2 woff2; text/plain txt; application/manifest+json webmanifest; }"
)
_TEXTS: Final = "text/css text/javascript text/plain application/json image/svg+xml application/manifest+json"
"""Compressed and in UTF-8, as HTML is in any case."""
_HEADERS: Final = {
    "X-Request-Id": "$trace",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": (
        "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), serial=(), usb=(), "
        "clipboard-read=(), clipboard-write=(self)"
    ),
}
_NEVER_CHANGES: Final = "public, max-age=31536000, immutable"
_ASK_AGAIN: Final = "no-cache"


def locations(folder: str, policy: str) -> str:
    """Return the directives. `folder` has the files, `policy` is the Content-Security-Policy of every one.

    Raises LocalError for a policy that would break the configuration.
    """
    page = _directives(folder, policy, _ASK_AGAIN)
    asset = _directives(folder, policy, _NEVER_CHANGES)
    return "\n".join(
        [
            *(f"        location ^~ {prefix} {{ return 404; }}" for prefix in RESERVED),
            f"        location ^~ /assets/ {{ {asset}try_files $uri =404; }}",
            # A name with an extension is a file of the console, or nothing.
            f'        location ~ "^/[^/]+\\.[^/]+$" {{ {page}try_files $uri =404; }}',
            f"        location / {{ {page}try_files /index.html =404; }}",
        ]
    )


def _directives(folder: str, policy: str, caching: str) -> str:
    headers = {**_HEADERS, "Content-Security-Policy": _checked(policy), "Cache-Control": caching}
    added = "".join(f'add_header {name} "{value}"; ' for name, value in headers.items())
    return (
        f"if ($request_method !~ ^(GET|HEAD)$) {{ return {ONLY_READ}; }} "
        f'root "{folder}"; {_TYPES} charset utf-8; charset_types {_TEXTS}; '
        f"gzip on; gzip_min_length 1024; gzip_vary on; gzip_types {_TEXTS}; {added}"
    )


def _checked(policy: str) -> str:
    if not policy or any(character in policy for character in '"\\$\n{}'):
        raise LocalError("The policy in console/csp.txt must be one line without quotes, $ or braces.")
    return policy
