"""Turns refused requests into errors that say what to do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import httpx

from segops_cli.errors import CliError, ExitCode

_ADVICE: Final[Mapping[str, str]] = {
    "access-token-required": "Sign in with your password: `segops login --url URL --email EMAIL`.",
    "api-key-required": "Sign in with a secret API key: `segops login --url URL --key`.",
    "invalid-credentials": "Check the email address and the password. They belong to one installation: check the address too.",
    "invalid-api-key": "Use a key of this installation that was not revoked: `segops login --url URL --key`.",
    "insufficient-scope": "Create a key with this scope, and sign in with it: `segops login --key`.",
    "insufficient-role": "Ask an owner or admin of the tenant.",
    "precondition-failed": "Somebody changed the segment meanwhile. Run the command again to see the difference.",
}


def problem_of(response: httpx.Response) -> dict[str, Any] | None:
    """Return the problem document of a read response, if it is one."""
    try:
        body = json.loads(response.content)
    except ValueError:
        return None
    return body if isinstance(body, dict) and isinstance(body.get("type"), str) else None


def slug_of(problem: Mapping[str, Any]) -> str:
    """Return the last part of the problem's type, such as `name-taken`."""
    return str(problem["type"]).rpartition("/")[2]


def refused(response: httpx.Response) -> CliError:
    """Return the error for a response that is no success. Its body must have been read."""
    problem = problem_of(response)
    if problem is None:
        return not_segops(response)
    slug = slug_of(problem)
    message = f"{problem.get('title')} ({response.status_code} {slug}): {problem.get('detail')}"
    advice = _ADVICE.get(slug)
    if advice is None and response.status_code == httpx.codes.UNAUTHORIZED:
        advice = "Sign in again with `segops login`."
    return CliError(message, _code(response.status_code), advice=advice, problem=problem)


def not_segops(response: httpx.Response) -> CliError:
    """Return the error for a response that SegOps does not give."""
    return CliError(
        f"{response.request.url} answered {response.status_code}, and not as SegOps does.",
        ExitCode.UNAVAILABLE,
        advice="Check the address: it must be the one of the console, without a path.",
    )


def unreachable(url: str, error: httpx.HTTPError) -> CliError:
    """Return the error for a request without a response."""
    reason = str(error) or type(error).__name__
    return CliError(
        f"{url} cannot be reached: {reason}",
        ExitCode.UNAVAILABLE,
        advice="Check the address and that SegOps runs there. `segops login --url URL` stores another address. "
        "If SEGOPS_API_KEY is set, set SEGOPS_URL too.",
    )


def _code(status: int) -> ExitCode:
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        return ExitCode.ACCESS
    if status == httpx.codes.TOO_MANY_REQUESTS or status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return ExitCode.UNAVAILABLE
    return ExitCode.REFUSED
