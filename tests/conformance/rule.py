"""When an SDK has passed a mode: one rule for all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tests.conformance.runs import MODES

EVENTS: Final = 100
MOST_REQUESTS: Final = 2
"""Times the ideal number."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a driver printed: the events that were sent and dropped by its SDK's own count, and the codes it reported."""

    sent: int
    dropped: int
    errors: Sequence[str]


def faults_of(mode: str, report: Mapping[str, Any], outcome: Outcome) -> list[str]:
    """What an SDK did wrong, by the server's report and its own account of 100 events; empty when it passed."""
    refused = MODES[mode].get("refused", [])
    return [*_delivery(report, refused), *_manners(mode, report), *_account(outcome, len(refused))]


def _delivery(report: Mapping[str, Any], refused: Sequence[int]) -> Iterator[str]:
    accepted = [n for n in range(EVENTS) if n not in refused]
    if report["ns"] != accepted:
        yield f"stored {len(report['ns'])} of {len(accepted)}, lost {sorted(set(accepted) - set(report['ns']))}"
    if report["duplicates"]:
        yield f"{report['duplicates']} events would be stored twice"


def _manners(mode: str, report: Mapping[str, Any]) -> Iterator[str]:
    most = MOST_REQUESTS * MODES[mode]["ideal_requests"]
    if report["requests"] > most:
        yield f"{report['requests']} requests, at most {most} are allowed"
    if report["retry_after_violations"]:
        yield f"came back before Retry-After {report['retry_after_violations']} times"
    if report["times_off"]:
        yield f"{report['times_off']} events have a time of a wrong clock"
    if report["out_of_order"]:
        yield f"{report['out_of_order']} events are not after the one before of their user"


def _account(outcome: Outcome, refused: int) -> Iterator[str]:
    if (outcome.sent, outcome.dropped) != (EVENTS - refused, refused):
        yield f"counts {outcome.sent} sent and {outcome.dropped} dropped"
    if refused and not outcome.errors:
        yield "a dropped event is not reported"
