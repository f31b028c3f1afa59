"""Mails on real engines: a reset password, a confirmed address, and an invite, each by the link that arrives."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from segops_auth.consumers.mails import INTERVAL_S
from segops_auth.settings import Settings
from segops_testkit.polling import until
from tests.integration.auth.harness import (
    PASSWORD,
    AuthHarness,
    Json,
    SignedInUser,
    body_of,
    opened,
    problem_of,
    unique,
)
from tests.unit.auth.test_settings import GOOD

NEW_PASSWORD = "a-staple-is-better-than-nothing"
PUBLIC_URL = "https://segops.example.com"


@dataclass(frozen=True, slots=True)
class Mailing:
    """An installation that sends mail into a folder."""

    auth: AuthHarness
    folder: Path

    def mails(self, recipient: str) -> list[Json]:
        """Return the mails to an address, oldest first."""
        mails = [json.loads(file.read_text()) for file in sorted(self.folder.glob("*.json"))]
        return [mail for mail in mails if mail["to"] == recipient]

    async def newest(self, recipient: str, number: int = 1) -> Json:
        """Wait for so many mails to an address, and return the newest."""

        def has_come() -> bool:
            self.auth.clock.advance(INTERVAL_S)
            return len(self.mails(recipient)) >= number

        await until(has_come)
        return self.mails(recipient)[-1]

    async def token(self, recipient: str, page: str, number: int = 1) -> str:
        """Wait for so many mails, and return the token of the newest, whose link opens this page."""
        link = (await self.newest(recipient, number))["text"].partition(f"{PUBLIC_URL}/{page}?token=")[2]
        assert link, f"no link to {page}"
        token: str = link.split()[0]
        return token


@pytest.fixture
async def mailing(auth_settings: Settings, auth: AuthHarness, tmp_path: Path) -> AsyncIterator[Mailing]:
    folder = tmp_path / "mail box"
    mail = {"mail_url": SecretStr(folder.as_uri()), "public_url": PUBLIC_URL}
    async with opened(auth_settings.model_copy(update=mail), auth.clock) as mailing:
        yield Mailing(mailing, folder)


async def is_verified(user: SignedInUser) -> bool:
    verified: bool = body_of(await user.request("GET", "me/"), 200)["email_verified"]
    return verified


async def test_a_password_is_reset_by_the_link_of_a_mail(mailing: Mailing) -> None:
    auth = mailing.auth
    ada = await auth.sign_up()
    await mailing.newest(ada.email)
    assert body_of(await auth.post("password/reset/", {"email": ada.email.upper()}), 202) == {"status": "accepted"}
    token = await mailing.token(ada.email, "reset-password", 2)
    body = {"token": token, "new_password": NEW_PASSWORD}
    body_of(await auth.post("password/reset/confirm/", body), 204)
    problem_of(await ada.request("GET", "me/"), 401, "invalid-token")
    problem_of(await auth.post("token/refresh/", {"refresh": ada.tokens["refresh"]}), 401, "invalid-refresh-token")
    problem_of(await auth.post("token/", {"email": ada.email, "password": PASSWORD}), 401, "invalid-credentials")
    body_of(await auth.post("token/", {"email": ada.email, "password": NEW_PASSWORD}), 200)
    problem_of(await auth.post("password/reset/confirm/", body), 410, "link-expired")


async def test_an_unknown_address_gets_the_same_answer(mailing: Mailing) -> None:
    ada, unknown = await mailing.auth.sign_up(), f"{unique('unknown')}@example.com"
    await mailing.newest(ada.email)
    answers = [await mailing.auth.post("password/reset/", {"email": email}) for email in (unknown, ada.email)]
    assert len({(answer.status_code, answer.text) for answer in answers}) == 1
    # The mail to the unknown address was ordered first, so it would have arrived by now.
    await mailing.newest(ada.email, 2)
    assert mailing.mails(unknown) == []


async def test_an_address_is_confirmed_by_the_link_of_a_mail(mailing: Mailing) -> None:
    ada = await mailing.auth.sign_up()
    assert not await is_verified(ada)
    await mailing.newest(ada.email)
    body_of(await ada.request("POST", "email/verification/"), 202)
    token = await mailing.token(ada.email, "verify-email", 2)
    body_of(await mailing.auth.post("email/verify/", {"token": token}), 204)
    assert await is_verified(ada)
    problem_of(await mailing.auth.post("email/verify/", {"token": token}), 410, "link-expired")


async def test_an_invite_arrives_and_can_be_sent_again(mailing: Mailing) -> None:
    host, email = await mailing.auth.sign_up(), f"{unique('grace')}@example.com"
    invite = await host.invite(email, "member")
    assert invite["invited_by_email"] == host.email
    mail = await mailing.newest(email)
    assert host.email in mail["subject"]
    assert invite["token"] not in mail["text"]
    path = f"tenants/{host.tenant}/invites/"
    again = body_of(await host.request("POST", f"{path}{invite['id']}/resend/"), 200)
    assert again["expires_at"] >= invite["expires_at"]
    assert body_of(await host.request("GET", path), 200)["results"] == [again]
    token = await mailing.token(email, "invite", 2)
    accepted = body_of(
        await mailing.auth.post("invites/accept/", {"token": token, "email": email, "password": PASSWORD}), 200
    )
    grace = SignedInUser(host.client, accepted["user"]["id"], email, host.tenant, accepted["tokens"], host.slug)
    assert await is_verified(grace)
    problem_of(await host.request("POST", f"{path}{invite['id']}/resend/"), 404, "not-found")


async def test_an_installation_without_mail_says_so(auth: AuthHarness, mailing: Mailing) -> None:
    ada = await auth.sign_up()
    invite = await ada.invite(f"{unique('grace')}@example.com", "member")
    answers = [
        await auth.post("password/reset/", {"email": ada.email}),
        await ada.request("POST", "email/verification/"),
        await ada.request("POST", f"tenants/{ada.tenant}/invites/{invite['id']}/resend/"),
    ]
    for answer in answers:
        problem_of(answer, 409, "mail-not-configured")
    for harness, sends_mail in ((auth, False), (mailing.auth, True)):
        assert body_of(await harness.client.get("/api/auth/config/"), 200)["sends_mail"] is sends_mail


async def test_a_mail_survives_the_end_of_the_process(
    auth_settings: Settings, auth: AuthHarness, tmp_path: Path
) -> None:
    # The folder cannot be made, so no mail leaves before the end.
    (tmp_path / "file").write_text("")
    mail = {"mail_url": SecretStr((tmp_path / "file" / "mail").as_uri()), "public_url": PUBLIC_URL}
    async with opened(auth_settings.model_copy(update=mail), auth.clock) as first:
        ada = await first.sign_up()
        first.clock.advance(INTERVAL_S)
    mail["mail_url"] = SecretStr((tmp_path / "mail").as_uri())
    async with opened(auth_settings.model_copy(update=mail), auth.clock) as second:
        await Mailing(second, tmp_path / "mail").newest(ada.email)


@pytest.mark.parametrize("url", ["https://mail.example.com", "smtp:", "/var/mail", "file://folder"])
def test_a_mail_address_that_cannot_be_used_stops_the_start(url: str) -> None:
    with pytest.raises(ValidationError, match="SEGOPS_MAIL_URL"):
        Settings.model_validate(GOOD | {"mail_url": SecretStr(url), "public_url": PUBLIC_URL})


@pytest.mark.parametrize("url", ["", "segops.example.com", "javascript:alert(1)"])
def test_links_need_the_address_of_the_console(url: str) -> None:
    with pytest.raises(ValidationError, match="SEGOPS_PUBLIC_URL"):
        Settings.model_validate(GOOD | {"mail_url": SecretStr("smtp://localhost"), "public_url": url})
