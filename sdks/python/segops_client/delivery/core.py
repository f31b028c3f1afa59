"""All decisions of a client, without sockets, threads or a clock: what to send when, and how to treat a response.

One request is sent at a time, so that after a failure the next one is the probe, and batches stay in order.
"""

from __future__ import annotations

import gzip
import random
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice

from segops_client.delivery.answers import Answer, Refusal
from segops_client.delivery.events import QueuedEvent, instant
from segops_client.delivery.stamps import BatchTimes, ServerClock
from segops_client.options import MAX_BATCH_BYTES, MAX_BATCH_EVENTS, Options
from segops_client.reports import Report, Result, Stats

_GZIP_FROM_BYTES = 1_024
_RETRIED = frozenset({408, 425, 429})

Batch = Sequence[QueuedEvent]


@dataclass(frozen=True)
class Part:
    """Events for one request.

    Their times are final if an earlier request may have stored them: the time is part of an event's identity.
    After a refusal they get new times, since halves of a batch need different times to keep their order.
    """

    events: Batch
    is_final: bool = False


@dataclass(frozen=True)
class Request:
    """A body with its headers, without the key."""

    batch: Batch
    body: bytes
    headers: dict[str, str]
    sent_ms: int
    """By the clock of this machine."""


class Core:
    """State of one client. Callers in several threads must hold a lock. Times are readings of a monotonic clock."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._queue: deque[tuple[float, QueuedEvent]] = deque()
        self._again: deque[Part] = deque()
        self._part = Part(())
        self._on_its_way: Batch = ()
        self._bytes = 0
        self._most_events = MAX_BATCH_EVENTS
        self._gzip = options.gzip
        self._failures = 0
        self._not_before = 0.0
        self._taken = self._flush_to = 0
        self._sent = self._dropped = self._requests = self._retries = 0
        self._closing = self._halted = self._opted_out = False
        self._reached = False
        """True after the first response, or the report that there is none."""
        self._clock = ServerClock()
        self._times = BatchTimes()
        self.reports: deque[Report] = deque()
        """For whoever drives the client to hand on."""

    @property
    def closing(self) -> bool:
        """True if the client accepts no more events."""
        return self._closing

    @property
    def pending(self) -> int:
        """Number of events that are neither sent nor dropped."""
        return self._taken - self._sent - self._dropped

    @property
    def flushed(self) -> bool:
        """True if everything queued before `flush` was sent or dropped, or if the key was refused."""
        return self._halted or self._settled >= self._flush_to

    @property
    def _settled(self) -> int:
        return self._sent + self._dropped

    def add(self, event: QueuedEvent, now: float) -> None:
        """Queue an event; drop it, or an older one, if the queue is full."""
        self._taken += 1
        if self._opted_out or self._closing:
            self._drop([event], "opted-out" if self._opted_out else "shutdown", "The client takes no more events.")
            return
        self._queue.append((now, event))
        self._bytes += len(event.line)
        while self._queue and self._is_over():
            _, victim = self._queue.popleft() if self._options.drop == "oldest" else self._queue.pop()
            self._bytes -= len(victim.line)
            self._drop([victim], "queue-full", "The queue is full.")

    def refuse(self, report: Report) -> None:
        """Count an event that could not be converted to JSON."""
        self._taken += 1
        self._dropped += 1
        self.reports.append(report)

    def flush(self) -> None:
        """Send everything queued so far without waiting for more."""
        self._flush_to = self._taken

    def opt(self, *, out: bool) -> None:
        """Drop queued events and accept no more, or accept events again."""
        self._opted_out = out
        if out:
            self._drop(self._clear(), "opted-out", "The user opted out.")

    def close(self) -> None:
        """Accept no more events, and send queued ones."""
        self._closing = True
        self.flush()

    def give_up(self) -> Result:
        """Drop all remaining events, those being sent too, without waiting for a response. Ends the client."""
        self._closing = True
        lost = [*self._on_its_way, *self._clear()]
        self._on_its_way = ()
        if lost:
            self._drop(lost, "shutdown", "The client was shut down before the server confirmed the events.")
        return Result(self._sent, self._dropped)

    def stats(self) -> Stats:
        """Return counts so far."""
        return Stats(self._sent, self._dropped, self.pending, self._bytes, self._requests, self._retries)

    def wait_s(self, now: float) -> float | None:
        """Return seconds until something must be sent, or None for no limit."""
        if self._on_its_way or self._halted or not (self._again or self._queue):
            return None
        return max(0.0, self._not_before - now, 0.0 if self._again else self._until_due(now))

    def next_request(self, now: float, at: datetime) -> Request | None:
        """Return the request to send now, or None. Call `answered` or `failed` before the next one."""
        if self.wait_s(now) != 0.0:
            return None
        self._part = self._cut_again() if self._again else self._cut()
        self._on_its_way = batch = self._timed(self._part)
        self._requests += 1
        lines = b",".join(event.line for event in batch)
        # The server corrects events that were not corrected here; no event is corrected by both.
        sent_at = b"" if batch[0].at_ms is None else b',"sent_at":"%b"' % instant(at).encode()
        body = b'{"batch":[%b]%b}' % (lines, sent_at)
        headers = {"Content-Type": "application/json"}
        if self._gzip and len(body) >= _GZIP_FROM_BYTES:
            body = gzip.compress(body, compresslevel=6, mtime=0)
            headers["Content-Encoding"] = "gzip"
        return Request(batch, body, headers, round(at.timestamp() * 1000))

    def answered(self, request: Request, answer: Answer, now: float, at: datetime) -> None:
        """Apply a response: remove its events, or keep them for a retry."""
        if request.batch is not self._on_its_way:
            return
        batch, self._on_its_way = request.batch, ()
        self._reached = True
        self._clock.learn(answer.date, request.sent_ms)
        if answer.stored:
            self._store(batch, answer)
            return
        self._not_before = now + answer.retry_after_s(at)
        if answer.status in (401, 403):
            self._halt(answer)
        elif answer.status == 413:
            self._split(batch, answer)
        elif answer.status in (400, 422):
            self._sift(batch, answer)
        elif answer.status == 415 and "Content-Encoding" in request.headers:
            self._gzip = False
            self._put_back(self._part)
        else:
            self._later(batch, answer, now)

    def failed(self, request: Request, now: float, reason: str) -> None:
        """Handle a request without a response. Its events may be stored; sending them again is harmless."""
        if request.batch is self._on_its_way:
            self._on_its_way = ()
            if not self._reached:
                # A server that never answered is more likely a wrong address than an outage.
                self._reached = True
                self.reports.append(Report("unreachable", f"No response ({reason}): check api_url."))
            self._put_back_final(request.batch)
            self._back_off(now)

    def _is_over(self) -> bool:
        return self.pending > self._options.max_queued_events or self._bytes > self._options.max_queued_bytes

    def _until_due(self, now: float) -> float:
        if self._settled < self._flush_to or len(self._queue) >= self._options.batch_size:
            return 0.0
        return max(0.0, self._queue[0][0] + self._options.flush_interval - now)

    def _cut(self) -> Part:
        """Return the next events: at least one, at most a full batch.

        While the server's clock is unknown, events with a time of this machine's clock travel by themselves.
        """
        count, size = 0, 0
        for _, event in islice(self._queue, self._most_events):
            size += len(event.line) + 1
            differs = self._clock.ahead_ms is None and (event.at_ms is None) != (self._queue[0][1].at_ms is None)
            if count and (size > MAX_BATCH_BYTES or differs):
                break
            count += 1
        return Part([self._queue.popleft()[1] for _ in range(count)])

    def _cut_again(self) -> Part:
        """Return events to retry, within the current batch size."""
        part = self._again.popleft()
        if len(part.events) > self._most_events:
            self._again.appendleft(replace(part, events=part.events[self._most_events :]))
        return replace(part, events=part.events[: self._most_events])

    def _timed(self, part: Part) -> Batch:
        """Return the events with the times that they are sent with."""
        if part.is_final:
            return part.events
        times = iter(self._times.of(event.at_ms for event in part.events if event.at_ms is not None))
        ahead_ms = self._clock.ahead_ms
        return [event if event.at_ms is None else event.timed(next(times), ahead_ms) for event in part.events]

    def _store(self, batch: Batch, answer: Answer) -> None:
        self._failures = 0
        self._times.keep()
        refused = answer.refusals(len(batch))
        self._sent += len(batch) - len(refused)
        self._bytes -= sum(len(event.line) for i, event in enumerate(batch) if i not in refused)
        self._lose_refused(batch, refused)

    def _sift(self, batch: Batch, answer: Answer) -> None:
        """Drop the events that the response names; if it names none, halve the batch to find the bad one."""
        self._failures = 0
        refused = answer.refusals(len(batch)) or ({0: Refusal("refused", answer.detail)} if len(batch) == 1 else {})
        self._lose_refused(batch, refused)
        rest = [event for index, event in enumerate(self._part.events) if index not in refused]
        if refused:
            self._put_back(replace(self._part, events=rest))
        else:
            self._halve(self._part)

    def _split(self, batch: Batch, answer: Answer) -> None:
        self._failures = 0
        if len(batch) == 1:
            self._lose(batch, "too-large", f"The server refused the event with {answer.status}.")
            return
        self._most_events = len(batch) // 2
        self._put_back(self._part)

    def _halve(self, part: Part) -> None:
        middle = len(part.events) // 2
        halves = part.events[middle:], part.events[:middle]
        self._again.extendleft(replace(part, events=events) for events in halves)

    def _halt(self, answer: Answer) -> None:
        """Stop sending because the key was refused; events stay in the queue."""
        self._again.appendleft(self._part)
        self._halted = True
        self.reports.append(Report("unauthorized", f"The server answered {answer.status}: check the API key."))

    def _later(self, batch: Batch, answer: Answer, now: float) -> None:
        expected = answer.status >= 500 or answer.status in _RETRIED
        if not expected and not self._failures:
            self.reports.append(Report("unexpected-status", f"The server answered {answer.status}: check the URL."))
        self._put_back_final(batch)
        self._back_off(now)

    def _put_back(self, part: Part) -> None:
        if part.events:
            self._retries += 1
            self._again.appendleft(part)

    def _put_back_final(self, batch: Batch) -> None:
        """Retry events that may be stored."""
        self._times.keep()
        self._put_back(Part(batch, is_final=True))

    def _back_off(self, now: float) -> None:
        most = min(self._options.retry_max, self._options.retry_base * 2 ** min(self._failures, 32))
        self._failures += 1
        self._not_before = max(self._not_before, now + random.uniform(0, most))

    def _lose_refused(self, batch: Batch, refused: Mapping[int, Refusal]) -> None:
        for index, refusal in refused.items():
            self._lose([batch[index]], refusal.code, refusal.detail or "The server refused the event.")

    def _lose(self, events: Batch, code: str, detail: str) -> None:
        self._bytes -= sum(len(event.line) for event in events)
        self._drop(events, code, detail)

    def _drop(self, events: Batch, code: str, detail: str) -> None:
        if events:
            self._dropped += len(events)
            self.reports.append(Report(code, detail, [event.message_id for event in events]))

    def _clear(self) -> list[QueuedEvent]:
        """Remove all waiting events; those being sent stay."""
        waiting = [event for part in self._again for event in part.events] + [event for _, event in self._queue]
        self._again.clear()
        self._queue.clear()
        self._bytes = sum(len(event.line) for event in self._on_its_way)
        return waiting
