"""Sends the changes of segments to receivers: each activation by itself, in order, and again until the receiver confirms."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from random import Random
from typing import Final

from segops_common.core.clock import Clock
from segops_common.core.faults import FaultPoints
from segops_common.core.tasks import spawn
from segops_common.core.waiting import wait_at_most
from segops_common.telemetry.metrics import Metric, Metrics
from segops_membership.domain.activations.activation import (
    GIVES_UP_AFTER,
    LOGS_KEPT_FOR,
    LONGEST_DELAY_S,
    Activation,
    Delivery,
    EventName,
    Status,
    hold_of,
    retry_delay_s,
)
from segops_membership.domain.activations.connectors import address_of, without_secret
from segops_membership.domain.activations.consent import with_consent
from segops_membership.domain.activations.messages import (
    Message,
    Portion,
    erasure_message,
    headers_of,
    messages_of,
    test_message,
)
from segops_membership.domain.members.changes import ChangePosition, MemberChange
from segops_membership.domain.publication import Publication
from segops_membership.ports.activations.consents import Consents
from segops_membership.ports.activations.sender import Sender
from segops_membership.ports.activations.store import Activations, ActivationTaken
from segops_membership.ports.errors import EngineUnavailable
from segops_membership.ports.publication_log import PublicationLog
from segops_membership.ports.segment_definitions import SegmentDefinitions
from segops_membership.service.activations.files import FileOutputs
from segops_membership.service.members.changes import ReadChanges

LEASE: Final = timedelta(seconds=60)
"""Longer than a request may take, and renewed before each."""
POLL: Final = timedelta(seconds=2)
"""How soon an activation without anything to send is looked at again."""
LOOK_EVERY_S: Final = 0.5
MAX_AT_ONCE: Final = 64
MAX_AT_ONCE_OF_A_TENANT: Final = 4
CHANGES_AT_ONCE: Final = 500
"""User ids in one request."""
_STEPS: Final = 20
"""Portions of one activation before others have their turn."""
POSITION_GONE: Final = "the run that was sent last must exist: start anew with `POST …/replay/`"
RECEIVER_GONE: Final = 410
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why a request failed, whether another try can help, and how long the receiver wants to be left alone."""

    error: str
    is_final: bool = False
    retry_after_s: float = 0.0


class DeliverActivations:
    """Takes activations that are due and sends what they have not sent. A few of each tenant are sent at once."""

    def __init__(
        self,
        *,
        activations: Activations,
        publications: PublicationLog,
        changes: ReadChanges,
        definitions: SegmentDefinitions,
        sender: Sender,
        consents: Consents,
        files: FileOutputs,
        clock: Clock,
        metrics: Metrics,
        faults: FaultPoints,
        random: Random,
        person_key: str,
        changes_at_once: int = CHANGES_AT_ONCE,
    ) -> None:
        self._activations = activations
        self._publications = publications
        self._changes = changes
        self._definitions = definitions
        self._sender = sender
        self._consents = consents
        self._files = files
        self._clock = clock
        self._faults = faults
        self._random = random
        self._person_key = person_key
        self._changes_at_once = changes_at_once
        self._running: Counter[int] = Counter()
        self._deliveries = metrics.counter(Metric.ACTIVATION_DELIVERIES)
        for outcome in ("succeeded", "failed"):
            self._deliveries.labels(outcome)
        self._failing = metrics.gauge(Metric.ACTIVATIONS_FAILING)
        self._backlog = metrics.gauge(Metric.ACTIVATIONS_BACKLOG)
        self._overdue = metrics.gauge(Metric.ACTIVATIONS_OVERDUE)
        self._held = metrics.gauge(Metric.ACTIVATIONS_HELD)

    async def run(self, stop: asyncio.Event) -> None:
        """Send until `stop` is set; requests that have begun are finished."""
        tasks: set[asyncio.Task[None]] = set()
        while not stop.is_set():
            try:
                while len(tasks) < MAX_AT_ONCE and (activation := await self.take()) is not None:
                    tasks.add(spawn(self.deliver(activation, stop), name=f"activation {activation.id}"))
            except EngineUnavailable as error:
                _log.warning("activations: retrying: %s", error)
            await wait_at_most(stop, LOOK_EVERY_S)
            tasks = {task for task in tasks if not task.done()}
        if tasks:
            await asyncio.wait(tasks)

    async def take(self) -> Activation | None:
        """Take an activation that is due, of a tenant that has room for one more; None when there is none."""
        busy = [tenant for tenant, count in self._running.items() if count >= MAX_AT_ONCE_OF_A_TENANT]
        activation = await self._activations.take(LEASE, busy)
        if activation is not None:
            self._running[activation.tenant_id] += 1
        return activation

    async def deliver(self, activation: Activation, stop: asyncio.Event | None = None) -> None:
        """Send what a taken activation has not sent, and give it back."""
        try:
            with suppress(ActivationTaken):
                await self._deliver(activation, stop or asyncio.Event())
        except EngineUnavailable as error:
            _log.warning("activation %s: retrying: %s", activation.id, error)
            # It stays due, so that what is measured says for how long nothing was delivered.
            with suppress(EngineUnavailable, ActivationTaken):
                await self._activations.renew(activation.tenant_id, activation.id, activation.attempt, POLL)
        finally:
            self._running[activation.tenant_id] -= 1
            if not self._running[activation.tenant_id]:
                del self._running[activation.tenant_id]

    async def measure(self) -> None:
        """Export how many activations fail or wait for a decision, and remove old deliveries. Raises EngineUnavailable."""
        statistics = await self._activations.statistics()
        self._failing.set(statistics.failing)
        self._backlog.set(statistics.failing_s)
        self._overdue.set(statistics.overdue_s)
        self._held.set(statistics.held)
        await self._activations.forget_deliveries(self._clock.now() - LOGS_KEPT_FOR)

    async def _deliver(self, activation: Activation, stop: asyncio.Event) -> None:
        key = (activation.tenant_id, activation.id, activation.attempt)
        name = await self._name(activation)
        if activation.test_id is not None:
            await self._send(activation, test_message(activation, name, activation.test_id, self._clock.now()))
            await self._activations.end_test(*key)
        position = activation.position
        if activation.status is Status.ACTIVE and activation.hold is None and position is not None:
            following: Activation | None = activation
            for _ in range(_STEPS):
                if stop.is_set() or following is None:
                    break
                following = await self._step(following, name)
            if following is None:
                return
        # What is left is due at once, after others that are due.
        await self._activations.release(*key, timedelta() if activation.status is Status.ACTIVE else POLL)

    async def _step(self, activation: Activation, name: str) -> Activation | None:
        """Send the next portion, and return the activation after it; None if it was given back."""
        tenant_id, position = activation.tenant_id, activation.position
        assert position is not None
        end = await self._changes.end(tenant_id)
        after = position.number - 1 if position.is_amid else position.number
        following = await self._publications.visible_after(
            tenant_id, after, end.number, limit=1, segment_id=activation.segment_id
        )
        before = ChangePosition.before(following[0]) if following else end
        if exits := await self._exits(activation, position, before):
            return await self._send_exits(activation, name, exits)
        if not following:
            await self._idle(activation, position, end)
            return None
        (publication,) = following
        if not publication.is_complete:
            return await self._advanced(
                activation, ChangePosition.after(publication), activation.sent_size, is_sent=False
            )
        return await self._send_portion(activation, name, publication, position)

    async def _exits(
        self, activation: Activation, position: ChangePosition, before: ChangePosition
    ) -> Sequence[MemberChange]:
        """Return exits of erased people before the next publication."""
        if position.is_amid:
            return ()
        request = activation.settings.request
        limit = self._changes_at_once if request is None else request.batch_size
        return await self._changes.exits(
            activation.tenant_id, position, before, limit=limit, segment_id=activation.segment_id
        )

    async def _send_exits(self, activation: Activation, name: str, exits: Sequence[MemberChange]) -> Activation | None:
        """Tell the receiver to forget people. Files have members only.

        No consent is read: it is gone with the person, and a receiver that was sent them earlier must forget them.
        """
        settings = activation.settings
        is_sent = settings.file_format is None and EventName.EXITED in settings.events
        if is_sent:
            await self._activations.renew(activation.tenant_id, activation.id, activation.attempt, LEASE)
            if (failure := await self._send(activation, erasure_message(activation, name, exits))) is not None:
                await self._failed(activation, failure)
                return None
            self._faults.reach("before_position")
        return await self._advanced(activation, exits[-1].position, activation.sent_size, is_sent=is_sent)

    async def _idle(self, activation: Activation, position: ChangePosition, end: ChangePosition) -> None:
        """Give back an activation with nothing to send."""
        if position.number > end.number:
            await self._failed(activation, _Failure(POSITION_GONE, is_final=True))
            return
        if end > position:
            await self._advanced(activation, end, activation.sent_size, is_sent=False)
        await self._activations.release(activation.tenant_id, activation.id, activation.attempt, POLL)

    async def _send_portion(
        self, activation: Activation, name: str, publication: Publication, position: ChangePosition
    ) -> Activation | None:
        result = next(item for item in publication.segments if item.segment_id == activation.segment_id)
        if not position.is_amid:
            base = result.size - result.entered + result.exited
            hold = hold_of(
                activation if activation.sent_size is not None else replace(activation, sent_size=base),
                number=publication.number,
                run_id=publication.attempt.run_id,
                size=result.size,
                entered=result.entered,
                exited=result.exited,
            )
            if hold is not None:
                await self._activations.hold(activation.tenant_id, activation.id, activation.attempt, hold)
                _log.warning("activation %s: run %s waits for a decision: %s", activation.id, hold.run_id, hold.reason)
                return None
        if activation.settings.file_format is not None:
            return await self._write_file(activation, publication, result.size)
        request = activation.settings.request
        page = await self._changes.read(
            activation.tenant_id,
            position,
            limit=self._changes_at_once if request is None else request.batch_size,
            segment_id=activation.segment_id,
            through=publication,
        )
        is_end = not page.has_more
        changes, left_out = await self._allowed(activation, page.changes)
        portion = Portion(
            publication=publication, result=result, start=position, changes=changes, is_end=is_end, left_out=left_out
        )
        messages = messages_of(activation, name, portion, self._person_key)
        for message in messages:
            await self._activations.renew(activation.tenant_id, activation.id, activation.attempt, LEASE)
            if (failure := await self._send(activation, message)) is not None:
                await self._failed(activation, failure)
                return None
        self._faults.reach("before_position")
        size = result.size if is_end else activation.sent_size
        return await self._advanced(activation, page.end, size, is_sent=bool(messages), left_out=sum(left_out.values()))

    async def _write_file(self, activation: Activation, publication: Publication, size: int) -> Activation | None:
        """Continue after the publication if its file is there or can never be; else give the activation back."""
        key = (activation.tenant_id, activation.id)
        self._faults.reach("before_delivery")
        written = await self._files.write(activation, publication, size)
        self._faults.reach("after_delivery")
        if written is None:
            await self._activations.release(*key, activation.attempt, POLL)
            return None
        self._count(written.delivery)
        await self._activations.log(*key, written.delivery)
        if not written.is_final:
            await self._failed(activation, _Failure(written.delivery.error or ""))
            return None
        self._faults.reach("before_position")
        is_sent = written.delivery.is_success
        return await self._advanced(activation, ChangePosition.after(publication), size, is_sent=is_sent)

    def _count(self, delivery: Delivery) -> None:
        self._deliveries.labels("succeeded" if delivery.is_success else "failed").inc()

    async def _allowed(
        self, activation: Activation, changes: Sequence[MemberChange]
    ) -> tuple[Sequence[MemberChange], Mapping[str, int]]:
        """Return the changes that would be sent and may be, and how many users are left out, by the kind of change."""
        settings = activation.settings
        sent = [change for change in changes if f"segment.{change.change}" in settings.events]
        if settings.consent is None:
            return sent, {}
        user_ids = [change.user_id for change in sent]
        return with_consent(sent, await self._consents.consents(activation.tenant_id, user_ids, settings.consent))

    async def _send(self, activation: Activation, message: Message) -> _Failure | None:
        """Send and log a request. Return why it failed; None if the receiver has confirmed."""
        now = self._clock.now()
        settings = activation.settings
        self._faults.reach("before_delivery")
        method = "POST" if settings.request is None else settings.request.method
        headers = headers_of(message, settings, now)
        answer = await self._sender.send(activation.tenant_id, method, address_of(settings), headers, message.body)
        self._faults.reach("after_delivery")
        error = None
        if not answer.is_success:
            error = answer.error or f"{answer.status_code}: the receiver must answer with a status from 200 to 299"
        delivery = Delivery(
            id=0,
            delivery_id=message.id,
            event=message.event,
            run_id=message.run_id,
            changes=message.changes,
            is_success=error is None,
            status_code=answer.status_code,
            duration_ms=answer.duration_ms,
            error=error,
            response="" if message.is_erasure else without_secret(answer.response, settings),
            at=now,
            left_out=message.left_out,
        )
        self._count(delivery)
        await self._activations.log(activation.tenant_id, activation.id, delivery)
        if error is None:
            return None
        return _Failure(error, answer.status_code == RECEIVER_GONE, answer.retry_after_s or 0.0)

    async def _advanced(
        self, activation: Activation, position: ChangePosition, size: int | None, *, is_sent: bool, left_out: int = 0
    ) -> Activation:
        at = self._clock.now() if is_sent else None
        key = (activation.tenant_id, activation.id, activation.attempt)
        await self._activations.advance(*key, position, size, at, left_out=left_out)
        return replace(activation, position=position, sent_size=size, failures=0, failing_since=None)

    async def _failed(self, activation: Activation, failure: _Failure) -> None:
        now = self._clock.now()
        since = activation.failing_since or now
        disable = failure.is_final or now - since >= GIVES_UP_AFTER
        if disable:
            _log.error("activation %s of tenant %s is disabled: %s", activation.id, activation.tenant_id, failure.error)
        own_s = retry_delay_s(activation.failures + 1) * self._random.uniform(0.5, 1.0)
        delay = timedelta(seconds=max(own_s, min(failure.retry_after_s, LONGEST_DELAY_S)))
        await self._activations.fail(
            activation.tenant_id, activation.id, activation.attempt, failure.error, now, delay, disable=disable
        )

    async def _name(self, activation: Activation) -> str:
        definition = await self._definitions.find(activation.tenant_id, activation.segment_id)
        return f"Segment {activation.segment_id}" if definition is None else definition.title
