"""Reports refusals of requests and of events in accepted batches, without any value that was sent."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fastapi import Request

from segops_common.core.problems import Fault, Problem
from segops_common.security.credentials import OTHER_KEY_HEADERS, find_key
from segops_common.security.principal import KeyPrincipal
from segops_ingest.domain.refusal import EventRefused
from segops_ingest.ports.rejections import Rejection
from segops_ingest.service.rejections import EVENT_QUARANTINED, EVENT_SKIPPED, SCHEMA_WARNING, Rejections
from segops_ingest.service.schemas.ruling import Violated
from segops_ingest.service.use_cases import UseCases

MAX_KINDS: Final = 20
"""Different rejections that one request may report."""
MAX_TEXT: Final = 200
_PREFIX_CHARS: Final = len("sk_live_")
_LAST_FOUR: Final = 4
_ITEM: Final = re.compile(r"(?:batch|events)\[\d+\]\.?")
_MALFORMED: Final = "malformed-json"
"""The detail of such a problem repeats digits of the body."""
_CREDENTIAL: Final = "credential_in_body"
_EVENT_TYPE: Final = "refused_event_type"


def use_cases_of(request: Request) -> UseCases:
    """Return the use cases of the app."""
    use_cases: UseCases = request.app.state.running
    return use_cases


def note_credential_in_body(request: Request, authorization: str) -> None:
    """Remember the credential of a body for the report of a refusal."""
    setattr(request.state, _CREDENTIAL, authorization)


def note_event_type(request: Request, event_type: str) -> None:
    """Remember whose schema refuses the only event of the request, for the report."""
    setattr(request.state, _EVENT_TYPE, event_type)


def report_refusal(request: Request, problem: Problem) -> None:
    """Report the refusal of a whole request, if its tenant can be known."""
    detail = problem.title if problem.slug == _MALFORMED else problem.detail
    faults = problem.errors or (Fault("", "", detail),)
    event_type: str = getattr(request.state, _EVENT_TYPE, "")
    _report(request, problem.status, problem.slug, [_Reported(fault, event_type) for fault in faults])


def report_skipped(request: Request, refused: Iterable[tuple[int, EventRefused]]) -> None:
    """Report the refused events of an accepted batch."""
    _report(request, 202, EVENT_SKIPPED, [reported for _, refusal in refused for reported in _each(refusal)])


def report_violations(request: Request, violated: Sequence[Violated]) -> None:
    """Report accepted events that violate the schemas of their types."""
    for is_quarantined, reason in ((True, EVENT_QUARANTINED), (False, SCHEMA_WARNING)):
        some = [violation.refusal for violation in violated if violation.is_quarantined is is_quarantined]
        if some:
            _report(request, 202, reason, [reported for refusal in some for reported in _each(refusal)])


@dataclass(frozen=True, slots=True)
class _Reported:
    fault: Fault
    event_type: str


def _each(refusal: EventRefused) -> Iterator[_Reported]:
    for fault in (refusal, *refusal.more):
        yield _Reported(Fault(fault.path, fault.code, fault.detail), refusal.event_type)


def _report(request: Request, status: int, reason: str, reports: Iterable[_Reported]) -> None:
    caller = getattr(request.state, "principal", None)
    key = _presented_key(request)
    if not isinstance(caller, KeyPrincipal) and key is None:
        return
    sender = _sender(request, key)
    rejections: Rejections = use_cases_of(request).rejections
    kinds = Counter(
        (_ITEM.sub("", report.fault.path, count=1), report.fault.code, report.fault.detail, report.event_type)
        for report in reports
    )
    for (path, code, detail, event_type), count in kinds.most_common(MAX_KINDS):
        rejection = Rejection(
            route=request.scope["path"],
            status=status,
            reason=reason,
            code=code,
            path=path[:MAX_TEXT],
            detail=detail[:MAX_TEXT],
            event_type=event_type,
            key_id=caller.key_id if isinstance(caller, KeyPrincipal) else None,
            **sender,
        )
        if isinstance(caller, KeyPrincipal):
            rejections.record(caller.tenant_id, rejection, count)
        elif key is not None:
            rejections.record_of_key(key, rejection)


def _sender(request: Request, key: str | None) -> Mapping[str, Any]:
    texts = {name: _header(request, name) for name in ("origin", "user-agent")}
    return {
        "key_prefix": key[:_PREFIX_CHARS] if key else "",
        "key_last_four": key[-_LAST_FOUR:] if key else "",
        "origin": texts["origin"],
        "user_agent": texts["user-agent"],
    }


def _presented_key(request: Request) -> str | None:
    """Return the key that the request presents, in whichever way."""
    in_body: str | None = getattr(request.state, _CREDENTIAL, None)
    if in_body is not None:
        return find_key(in_body)
    headers = (request.headers.get(name) for name in ("authorization", *OTHER_KEY_HEADERS))
    return next((key for header in headers if header and (key := find_key(header)) is not None), None)


def _header(request: Request, name: str) -> str:
    return "".join(char for char in request.headers.get(name, "")[:MAX_TEXT] if char.isprintable())
