"""What the Python client decides, without a server: every event is sent or reported as dropped, never both."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segops_client.delivery.answers import Answer
from segops_client.delivery.core import Core, Request
from segops_client.delivery.events import QueuedEvent, new_event
from segops_client.delivery.stamps import Stamps
from segops_client.options import MAX_BATCH_BYTES, MAX_BATCH_EVENTS, Options
from segops_client.reports import Report

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
STORED = Answer(202, {}, b"{}")


def event(number: int, size: int = 60) -> QueuedEvent:
    return QueuedEvent(f"id-{number}", b'{"n":%d,"p":"%b"}' % (number, b"x" * size))


def core_of(*events: QueuedEvent, options: Options | None = None) -> Core:
    core = Core(options or Options(gzip=False))
    for event in events:
        core.add(event, 0.0)
    core.flush()
    return core


def sent_by(core: Core, now: float = 0.0) -> Request:
    request = core.next_request(now, NOW)
    assert request is not None
    return request


def ids(batch: Sequence[QueuedEvent]) -> list[str]:
    return [event.message_id for event in batch]


def answer(status: int, *errors: Mapping[str, object], kind: str = "", retry_after: str = "") -> Answer:
    headers = {"retry-after": retry_after} if retry_after else {}
    return Answer(status, headers, json.dumps({"type": kind, "errors": errors}).encode())


def test_a_batch_leaves_at_twenty_events_or_when_the_oldest_is_old() -> None:
    core = Core(Options(gzip=False))
    assert core.wait_s(0.0) is None
    core.add(event(0), 10.0)
    assert core.wait_s(11.0) == pytest.approx(4.0)
    assert core.next_request(14.9, NOW) is None
    for number in range(1, 20):
        core.add(event(number), 11.0)
    request = sent_by(core, 11.0)
    assert len(request.batch) == 20
    assert json.loads(request.body) == {"batch": [json.loads(event.line) for event in request.batch]}
    # One at a time.
    core.flush()
    assert core.wait_s(99.0) is None


def timed(number: int, *, is_own: bool = True) -> QueuedEvent:
    """Return an event with a time of this machine's clock or of the caller."""
    line = b'{"timestamp":"2026-03-01T12:00:00.000Z","n":%d}' % number
    return QueuedEvent(f"id-{number}", line, round(NOW.timestamp() * 1000) if is_own else None)


def test_an_event_keeps_its_time_in_every_try_and_is_corrected_once() -> None:
    """By the server while its clock is unknown, which needs `sent_at`; by the client afterwards."""
    core = core_of(timed(0), timed(1, is_own=False), timed(2))
    bodies: list[object] = []
    for reply in (None, answer(500), dated(503), dated(500), dated(202), dated(202)):
        request = sent_by(core, 1e6 * len(bodies))
        bodies.append(json.loads(request.body))
        if reply is None:
            core.failed(request, 0.0, "ReadTimeout")
            core.add(timed(3), 0.0)
            core.flush()
        else:
            core.answered(request, reply, 1e6 * len(bodies) - 1e5, NOW)
    own, corrected, caller = [
        {"timestamp": f"2026-03-01T{at}Z"} for at in ("12:00:00.000", "02:00:01.001", "12:00:00.000")
    ]
    assert bodies[:5] == [{"batch": [own | {"n": 0}], "sent_at": "2026-03-01T12:00:00.000Z"}] * 5
    assert bodies[5:] == [{"batch": [caller | {"n": 1}, corrected | {"n": 2}, corrected | {"n": 3}]}]


def in_order_of_server(requests: Sequence[Request]) -> list[tuple[str, int, int]]:
    """Return time, position and number of each event, in the order of the server: by time, then position."""
    batches = [json.loads(request.body)["batch"] for request in requests]
    return sorted((event["timestamp"], index, event["n"]) for batch in batches for index, event in enumerate(batch))


def test_a_burst_is_not_dated_into_the_future() -> None:
    """5,000 events of one user at one instant: the times are ahead by a millisecond for each batch at most."""
    core, requests = core_of(*(timed(number) for number in range(5_000))), []
    while core.pending:
        requests.append(sent_by(core))
        core.answered(requests[-1], STORED, 0.0, NOW)
    events = in_order_of_server(requests)
    assert [number for *_, number in events] == list(range(5_000))
    assert len(requests) == 50
    assert (events[0][0], events[-1][0]) == ("2026-03-01T12:00:00.000Z", "2026-03-01T12:00:00.049Z")


def test_calls_in_a_loop_are_not_dated_into_the_future() -> None:
    stamps, core, batches = Stamps(), Core(Options(gzip=False)), 0
    for _ in range(5_000):
        made = new_event("track", {"user_id": "u", "event_type": "e"}, None, stamps)
        assert made is not None
        core.add(made, 0.0)
    core.flush()
    last = ""
    while core.pending:
        request = sent_by(core)
        batches += 1
        last = max(last, *(event["timestamp"] for event in json.loads(request.body)["batch"]))
        core.answered(request, STORED, 0.0, NOW)
    assert datetime.fromisoformat(last) <= datetime.now(UTC) + timedelta(milliseconds=batches)


@pytest.mark.parametrize("status", [400, 413])
def test_halves_of_a_refused_batch_keep_their_order(status: int) -> None:
    core, stored = core_of(*(timed(number) for number in range(100))), []
    while core.pending:
        request = sent_by(core)
        if len(request.batch) > 9:
            core.answered(request, answer(status), 0.0, NOW)
        else:
            stored.append(request)
            core.answered(request, STORED, 0.0, NOW)
    assert [number for *_, number in in_order_of_server(stored)] == list(range(100))
    assert core.stats().queued_bytes == 0


def test_events_that_may_be_stored_keep_their_times_when_their_batch_is_halved() -> None:
    core = core_of(*(timed(number) for number in range(4)))
    first = sent_by(core)
    core.failed(first, 0.0, "ReadTimeout")
    core.answered(sent_by(core, 1e6), answer(413), 1e6, NOW)
    retried = []
    while core.pending:
        retried.append(sent_by(core, 1e6))
        core.answered(retried[-1], STORED, 1e6, NOW)
    assert len(retried) == 2
    assert [event.line for request in retried for event in request.batch] == [event.line for event in first.batch]


def dated(status: int) -> Answer:
    """Return an answer of a server whose clock is ten hours behind."""
    return Answer(status, {"date": "Sun, 01 Mar 2026 02:00:00 GMT"}, b"{}")


def test_batches_keep_to_their_limits() -> None:
    core = core_of(*(event(number, 30_000) for number in range(20)), *(event(number) for number in range(20, 200)))
    sizes = []
    while core.pending:
        request = sent_by(core)
        sizes.append((len(request.batch), len(request.body)))
        core.answered(request, STORED, 0.0, NOW)
    assert sum(count for count, _ in sizes) == 200
    assert all(count <= MAX_BATCH_EVENTS and size <= MAX_BATCH_BYTES + 100 for count, size in sizes)


def test_gzip_above_a_kilobyte_until_it_is_refused() -> None:
    core = core_of(*(event(number) for number in range(30)), options=Options())
    packed = sent_by(core)
    assert packed.headers["Content-Encoding"] == "gzip"
    assert len(json.loads(gzip.decompress(packed.body))["batch"]) == 30
    core.answered(packed, answer(415), 0.0, NOW)
    plain = sent_by(core)
    assert "Content-Encoding" not in plain.headers
    core.answered(plain, STORED, 0.0, NOW)
    core.add(event(99), 0.0)
    core.flush()
    assert "Content-Encoding" not in sent_by(core_of(event(1), options=Options())).headers


@pytest.mark.parametrize(("failures", "most"), [(1, 0.2), (2, 0.4), (5, 3.2), (40, 30.0)])
def test_it_backs_off_for_twice_as_long_each_time(failures: int, most: float) -> None:
    waits = []
    for _ in range(200):
        core, now = core_of(event(1)), 0.0
        for _ in range(failures):
            now += core.wait_s(now) or 0.0
            core.failed(sent_by(core, now), now, "ReadTimeout")
        waits.append(core.wait_s(now) or 0.0)
    assert max(waits) <= most
    assert max(waits) > most / 2
    assert min(waits) < most / 2


@pytest.mark.parametrize("status", [408, 413, 429, 500, 503])
@pytest.mark.parametrize(
    ("said", "wait_s"),
    [("7", 7), ("Sun, 01 Mar 2026 12:00:40 GMT", 40), ("Sun, 01 Mar 2026 11:00:00 GMT", 0), ("?", 0)],
)
def test_retry_after_is_kept_to_by_everything(status: int, said: str, wait_s: float) -> None:
    core = core_of(event(1), event(2), options=Options(gzip=False, retry_base=0.0))
    core.answered(sent_by(core), answer(status, retry_after=said), 100.0, NOW)
    core.add(event(3), 100.0)
    core.flush()
    assert core.wait_s(100.0) == wait_s
    assert core.pending == 3


def test_named_events_are_dropped_and_the_others_sent_again() -> None:
    core = core_of(*(event(number) for number in range(4)))
    named: list[dict[str, object]] = [
        {"path": "batch[1].user_id", "code": "missing", "detail": "must be present"},
        {"index": 3, "code": "too-long", "detail": "payload.n: must be shorter"},
        {"path": "batch[9]"},
    ]
    core.answered(sent_by(core), answer(400, *named), 0.0, NOW)
    assert ids(sent_by(core).batch) == ["id-0", "id-2"]
    assert [(report.code, list(report.message_ids)) for report in core.reports] == [
        ("missing", ["id-1"]),
        ("too-long", ["id-3"]),
    ]
    assert [report.detail for report in core.reports] == ["user_id: must be present", "payload.n: must be shorter"]


def test_when_all_are_bad_all_are_dropped_though_few_are_named() -> None:
    core = core_of(*(event(number) for number in range(30)))
    problem = answer(422, {"path": "batch[0].user_id", "code": "missing"}, kind="https://x/no-valid-event")
    core.answered(sent_by(core), problem, 0.0, NOW)
    assert (core.pending, core.stats().dropped) == (0, 30)
    assert {report.code for report in core.reports} == {"missing", "no-valid-event"}


def test_a_refused_key_is_reported_once_and_events_wait() -> None:
    core = core_of(event(1), options=Options(gzip=False, max_queued_events=3))
    core.answered(sent_by(core), answer(401), 0.0, NOW)
    for number in range(2, 6):
        core.add(event(number), 0.0)
    assert [report.code for report in core.reports] == ["unauthorized", "queue-full", "queue-full"]
    assert core.flushed
    assert core.wait_s(1e9) is None
    result = core.give_up()
    assert (result.sent, result.dropped) == (0, 5)


@pytest.mark.parametrize(("drop", "kept"), [("oldest", ["id-3", "id-4"]), ("newest", ["id-0", "id-1"])])
def test_a_full_queue_drops_by_policy(drop: str, kept: list[str]) -> None:
    options = Options(gzip=False, max_queued_events=2, drop="oldest" if drop == "oldest" else "newest")
    core = core_of(*(event(number) for number in range(5)), options=options)
    assert ids(sent_by(core).batch) == kept
    assert [report.code for report in core.reports] == ["queue-full"] * 3


def test_who_opted_out_sends_nothing_until_they_opt_in() -> None:
    core = core_of(event(1))
    core.opt(out=True)
    core.add(event(2), 0.0)
    core.opt(out=False)
    core.add(event(3), 0.0)
    core.flush()
    assert ids(sent_by(core).batch) == ["id-3"]
    assert [report.code for report in core.reports] == ["opted-out", "opted-out"]


def test_a_late_answer_changes_nothing() -> None:
    core = core_of(event(1))
    request = sent_by(core)
    assert core.give_up().dropped == 1
    core.answered(request, STORED, 0.0, NOW)
    core.failed(request, 0.0, "ReadTimeout")
    assert (core.stats().sent, core.stats().dropped, core.pending) == (0, 1, 0)


ANSWERS = st.one_of(
    st.sampled_from([None, STORED, answer(500), answer(413), answer(400), answer(415), answer(404), answer(302)]),
    st.lists(st.integers(0, 120), max_size=3).map(lambda bad: answer(202, *({"index": index} for index in bad))),
    st.lists(st.integers(0, 120), max_size=3).map(lambda bad: answer(422, *({"path": f"batch[{i}].x"} for i in bad))),
)
STEPS = st.lists(st.one_of(st.integers(1, 60), ANSWERS), max_size=60)


@settings(max_examples=300)
@given(STEPS, st.sampled_from([5, 50, 10_000]), st.sampled_from(["oldest", "newest"]))
def test_every_event_has_one_fate(steps: list[int | Answer | None], most: int, drop: str) -> None:
    options = Options(gzip=False, max_queued_events=most, drop="oldest" if drop == "oldest" else "newest")
    core, now, taken = Core(options), 0.0, 0
    stored: set[str] = set()
    for step in steps:
        now += 100.0
        if isinstance(step, int):
            for _ in range(step):
                core.add(event(taken, taken % 90), now)
                taken += 1
            continue
        request = core.next_request(now, NOW)
        if request is None:
            continue
        if step is None:
            core.failed(request, now, "ReadTimeout")
        else:
            stored |= _stored(request, step)
            core.answered(request, step, now, NOW)
        gone = stored | {message_id for report in core.reports for message_id in report.message_ids}
        waiting = [len(event(n, n % 90).line) for n in range(taken) if f"id-{n}" not in gone]
        assert (core.stats().queued, core.stats().queued_bytes) == (len(waiting), sum(waiting))
        assert core.pending <= most
    result = core.give_up()
    dropped = [message_id for report in core.reports for message_id in report.message_ids]
    assert (len(stored), len(dropped)) == (result.sent, result.dropped)
    assert stored.isdisjoint(dropped)
    assert stored | set(dropped) == {f"id-{number}" for number in range(taken)}
    assert core.stats().queued_bytes == 0


def _stored(request: Request, step: Answer) -> set[str]:
    if not step.stored:
        return set()
    refused = step.refusals(len(request.batch))
    return {event.message_id for index, event in enumerate(request.batch) if index not in refused}


def test_an_event_that_cannot_be_written_counts_as_dropped() -> None:
    core = core_of()
    core.refuse(Report("invalid-event", "no", ["x"]))
    assert (core.stats().dropped, core.pending) == (1, 0)
