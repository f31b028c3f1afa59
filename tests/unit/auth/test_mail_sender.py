"""Mails that were ordered arrive, also after failures and crashes."""

from __future__ import annotations

import logging

import pytest

from segops_auth.consumers.mails import MailTimer
from segops_auth.domain.mail import FIRST_RETRY
from segops_auth.service.mail.sender import BATCH, TAKEN_FOR
from tests.unit.auth.harness import MemoryAuth


async def order(memory: MemoryAuth, *emails: str) -> None:
    async with memory.store.write() as unit:
        for email in emails:
            await memory.auth.mails.order_password_reset(unit, email)


async def test_a_mail_waits_while_the_server_is_down(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    memory.mail.reachable = False
    assert await memory.sender.send_due() == 1
    assert await memory.sender.send_due() == 0
    memory.mail.reachable = True
    memory.clock.advance(FIRST_RETRY.total_seconds())
    assert await memory.sender.send_due() == 1
    assert [mail.recipient for mail in memory.mail.sent] == [ada.email]
    memory.clock.advance(86_400)
    assert await memory.sender.send_due() == 0


async def test_a_mail_is_dropped_when_its_reason_has_expired(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    await memory.sender.send_due()
    memory.mail.sent.clear()
    memory.mail.reachable = False
    await order(memory, ada.email)
    await memory.sender.send_due()
    memory.mail.reachable = True
    memory.clock.advance(30 * 60)
    assert await memory.sender.send_due() == 1
    assert memory.mail.sent == []
    assert await memory.sender.send_due() == 0


async def test_a_refused_mail_is_not_tried_again(memory: MemoryAuth, caplog: pytest.LogCaptureFixture) -> None:
    ada = await memory.sign_up()
    memory.mail.refused.add(ada.email)
    with caplog.at_level(logging.WARNING):
        await memory.sender.send_due()
    assert "was refused" in caplog.text
    assert ada.email not in caplog.text
    memory.clock.advance(86_400)
    assert await memory.sender.send_due() == 0


async def test_a_mail_that_a_crash_interrupted_is_sent_by_another_process(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    now = memory.clock.now()
    async with memory.store.write() as unit:
        (taken,) = await unit.take_mails(now, now + TAKEN_FOR, BATCH)
    assert (taken.recipient, taken.attempts) == (ada.email, 1)
    assert await memory.sender.send_due() == 0
    memory.clock.advance(TAKEN_FOR.total_seconds())
    assert await memory.sender.send_due() == 1
    assert [mail.recipient for mail in memory.mail.sent] == [ada.email]


async def test_one_refused_mail_does_not_hold_up_the_others(memory: MemoryAuth) -> None:
    users = [await memory.sign_up(f"user{number}") for number in range(BATCH + 2)]
    memory.mail.refused.add(users[0].email)
    await MailTimer(sender=memory.sender, clock=memory.clock).send()
    assert [mail.recipient for mail in memory.mail.sent] == [user.email for user in users[1:]]


async def test_the_timer_outlives_a_store_that_is_down(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    timer = MailTimer(sender=memory.sender, clock=memory.clock)
    memory.store.reachable = False
    await timer.send()
    memory.store.reachable = True
    await timer.send()
    assert [mail.recipient for mail in memory.mail.sent] == [ada.email]
