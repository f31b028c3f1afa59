"""The texts of mails: their links, and that nothing in them is markup."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest

from segops_auth.domain.mail import LONGEST_RETRY, Mail, retry_delay
from segops_auth.service.mail.messages import Messages

MESSAGES = Messages(public_url="https://segops.example.com/")
TOKEN = "q2Jm0dWn3mB4xZk1vS8cT5yR7uE9oL6aP0hG2fD1sXw"


def invite(tenant: str = "Acme", inviter: str = "ada@example.com") -> Mail:
    return MESSAGES.invite(recipient="grace@example.com", tenant=tenant, inviter=inviter, role="member", token=TOKEN)


@pytest.mark.parametrize(
    ("mail", "path"),
    [
        (invite(), "invite"),
        (MESSAGES.password_reset(recipient="grace@example.com", token=TOKEN), "reset-password"),
        (MESSAGES.email_verification(recipient="grace@example.com", token=TOKEN), "verify-email"),
    ],
    ids=["invite", "password reset", "email verification"],
)
def test_both_forms_have_one_link_to_the_console(mail: Mail, path: str) -> None:
    link = f"https://segops.example.com/{path}?token={TOKEN}"
    assert re.findall(r"https?://\S+", mail.text) == [link]
    assert re.findall(r'href="([^"]*)"', mail.html) == [link]
    assert TOKEN not in mail.subject
    assert mail.recipient == "grace@example.com"


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "A & B", "it's"])
def test_the_name_of_a_tenant_is_never_markup(name: str) -> None:
    mail = invite(tenant=name)
    assert name in mail.text
    assert name in mail.subject
    assert set(re.findall(r"<(/?\w+)", mail.html)) == {"html", "/html", "body", "/body", "p", "/p", "a", "/a"}
    assert name in unescape(mail.html)


def test_a_failed_mail_is_tried_again_later_and_later() -> None:
    delays = [retry_delay(attempts) for attempts in range(1, 100)]
    assert delays[:3] == [timedelta(seconds=30), timedelta(seconds=60), timedelta(seconds=120)]
    assert delays == sorted(delays)
    assert delays[-1] == LONGEST_RETRY
