"""Configuration of auth, read from SEGOPS_* environment variables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, ClassVar, Self

from pydantic import Field, SecretStr, model_validator

from segops_auth.domain.registration import Registration
from segops_common.core.rate_limit import Quota as RequestQuota
from segops_common.runtime.settings import LongSecret, PerMinute, PostgresSettings

Quota = Annotated[int, Field(ge=1)]


class Settings(PostgresSettings):
    """What auth needs beyond the settings of every service."""

    needs: ClassVar[Mapping[str, Sequence[str]]] = {
        "api": ("postgres_url", "redis_url", "service_token", "api_key_pepper", "jwt_private_key_file"),
        "migrate": ("migrate_postgres_url",),
        "keys": ("postgres_url", "api_key_pepper", "jwt_private_key_file"),
        "audit": ("postgres_url",),
    }

    service_token: LongSecret = SecretStr("")
    api_key_pepper: LongSecret = SecretStr("")
    """Hashes of keys, invites and refresh tokens depend on it, and the stored signing keys: never change it."""
    jwt_private_key_file: Path = Path()
    """The first ES256 private key in PEM. `keys rotate` stores later ones in the database, encrypted."""
    logins_per_email: Quota = 10
    """Wrong passwords for one email address in 15 minutes: of all unknown clients together, and of each known one."""
    logins_per_address: Quota = 30
    """Wrong passwords, and as many sign-ups and invites, from one network address in a minute."""
    sessions_per_address: Quota = 600
    """Client sessions that one network address may begin in a minute."""
    sessions_per_key: PerMinute = 60_000
    """Client sessions that a publishable key may begin in a minute, and as many at once."""
    sessions_per_tenant: PerMinute = 120_000

    signup: Registration = Registration.OPEN
    """Who may create an account: everyone (`open`), those with an invite (`invited`), or nobody (`closed`)."""
    public_url: str = ""
    """The address at which users reach this installation, such as `https://segops.example.com`. Mails contain it."""
    mail_url: SecretStr = SecretStr("")
    """`smtp://user:password@host:587`, `smtps://user:password@host:465`, or `file:///folder`. Empty: no mail is sent."""
    mail_from: str = "SegOps <segops@localhost>"
    """The sender of mails."""
    resets_per_email: Quota = 3
    """Mails to reset a password, and as many to confirm an address, that one email address gets in 15 minutes at most."""
    invite_mails_per_tenant: Quota = 100
    """Mails with invites that a tenant may send in an hour."""
    slug_checks_per_address: Quota = 120
    """Slugs that one network address may check in a minute."""

    @model_validator(mode="after")
    def _mail_is_complete(self) -> Self:
        url = self.mail_url.get_secret_value()
        if url and not url.startswith(("smtp://", "smtps://", "file:///")):
            raise ValueError("SEGOPS_MAIL_URL must begin with smtp://, smtps:// or file:///")
        if url and not self.public_url.startswith(("http://", "https://")):
            raise ValueError(
                "SEGOPS_PUBLIC_URL must be an http or https address if SEGOPS_MAIL_URL is set: mails link to it"
            )
        return self

    @property
    def sessions(self) -> RequestQuota:
        """The rate limits of client sessions."""
        return RequestQuota(per_key=self.sessions_per_key, per_tenant=self.sessions_per_tenant)
