"""What every answer to a hostile request must be."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any, Final

from tests.e2e.hostile.wire import HostileRequest, Reply

LARGEST: Final = 16 * 1024
PROBLEM_FIELDS: Final = {"type": str, "title": str, "status": int, "detail": str}
LEAKS: Final = (b"<html", b"<!doctype", b"traceback (most recent", b"site-packages", b'file "/')
"""In lower case: marks of a page or of a stack trace."""


def faults(request: HostileRequest, reply: Reply, secrets: Collection[bytes]) -> list[str]:
    """Return what is wrong with the answer; empty if nothing is."""
    if not reply.status:
        return [f"no HTTP response: {reply.raw[:80]!r}"]
    problems = [f"shows {leak!r}" for leak in LEAKS if leak in reply.raw.lower()]
    if reply.headers.get("content-type", "").startswith("text/html"):
        problems.append("is HTML")
    if request.must_refuse and reply.status < 400:
        problems.append("was accepted")
    if 300 <= reply.status < 400:
        problems.append("is a redirect")
    if reply.status >= 400:
        problems += _of_refusal(request, reply, secrets)
    return problems


def _of_refusal(request: HostileRequest, reply: Reply, secrets: Collection[bytes]) -> list[str]:
    problems = ["shows a secret" for secret in secrets if secret in reply.raw]
    if len(reply.raw) > LARGEST:
        problems.append(f"has {len(reply.raw)} bytes")
    if reply.status >= 500 and (reply.status not in (503, 504) or "retry-after" not in reply.headers):
        problems.append("is a failure without Retry-After, or one that must not happen")
    if not request.wire.startswith(b"HEAD "):
        problems += _of_problem(reply)
    return problems


def _of_problem(reply: Reply) -> list[str]:
    if reply.headers.get("content-type") != "application/problem+json":
        return [f"is {reply.headers.get('content-type')}, not a problem document"]
    try:
        problem: Any = json.loads(reply.body)
    except ValueError:
        return ["is not JSON"]
    problems = [f"has no {name}" for name, kind in PROBLEM_FIELDS.items() if type(problem.get(name)) is not kind]
    if problem.get("status") != reply.status:
        problems.append("names another status")
    return problems
