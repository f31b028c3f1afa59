"""Composition root of auth: turns settings into collaborators. Nothing else reads settings or chooses an adapter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from sqlalchemy.ext.asyncio import AsyncEngine

from segops_auth.adapters.argon2.passwords import OWASP_MINIMUM, ArgonPasswords, HashCost
from segops_auth.adapters.authenticator import LocalAuthenticator
from segops_auth.adapters.idempotency import PepperedIdempotency
from segops_auth.adapters.mail.folder import FolderMail
from segops_auth.adapters.mail.smtp import SmtpMail, smtp_server
from segops_auth.adapters.postgres.tables import SCHEMA
from segops_auth.adapters.postgres.writer import PostgresStore
from segops_auth.adapters.redis.cache_invalidation import RedisCacheInvalidation
from segops_auth.adapters.redis.known_addresses import RedisKnownAddresses
from segops_auth.adapters.signing_keys import SigningKeys
from segops_auth.api.state import State
from segops_auth.consumers.expired_tokens import ExpiredTokenRemover
from segops_auth.consumers.last_use import LastUseWriter
from segops_auth.consumers.mails import MailTimer
from segops_auth.consumers.signing_keys import SigningKeyReader
from segops_auth.ports.mail.transport import MailTransport
from segops_auth.ports.store import Store
from segops_auth.service import AttemptLimits, Collaborators, make_auth
from segops_auth.service.attempts import LoginLimits
from segops_auth.service.last_use import LastUseBuffer
from segops_auth.service.mail.messages import Messages
from segops_auth.service.mail.sender import MailSender
from segops_auth.service.secrets import Secrets
from segops_auth.service.sessions import Sessions
from segops_auth.settings import Settings
from segops_common.core.clock import Clock
from segops_common.core.ids import SystemIds
from segops_common.core.rate_limit import Limit
from segops_common.core.tasks import spawn
from segops_common.runtime.bootstrap import ServiceBootstrap
from segops_common.runtime.migrations import MigrationStep, PostgresMigrations
from segops_common.runtime.resources import opened_postgres
from segops_common.runtime.schemas import postgres_schema
from segops_common.security.sealing import Sealer
from segops_common.stores.idempotency import PostgresIdempotency
from segops_common.stores.postgres import check_postgres
from segops_common.stores.rate_limit import RedisThrottle
from segops_common.web.app import Running

SERVICE: Final = "auth"
MIGRATIONS: Final = Path(__file__).parent / "migrations"
LOGINS_PER_EMAIL_PERIOD_S: Final = 900
PER_ADDRESS_PERIOD_S: Final = 60
INVITE_MAILS_PERIOD_S: Final = 3_600


class Bootstrap(ServiceBootstrap[Settings]):
    """Makes the collaborators of every role of auth."""

    def __init__(
        self, settings: Settings, *, clock: Clock | None = None, password_cost: HashCost = OWASP_MINIMUM
    ) -> None:
        super().__init__(settings, clock=clock)
        self._password_cost = password_cost
        self._ids = SystemIds(self._clock)

    @property
    def migrations(self) -> Sequence[MigrationStep]:
        """The steps of the `migrate` role, in order."""
        return (
            PostgresMigrations(
                self._settings.migrate_postgres_url, SERVICE, MIGRATIONS, self._settings.postgres_access
            ),
        )

    @asynccontextmanager
    async def api(self) -> AsyncIterator[Running[State]]:
        """Open the resources of the API. Raises OSError or ValueError when the signing key cannot be used."""
        settings = self._settings
        async with (
            opened_postgres(settings.postgres_url, access=settings.postgres_access, metrics=self.metrics) as engine,
            self._redis() as redis,
            self._rate_limits(SERVICE, sessions=settings.sessions) as rate_limits,
        ):
            passwords = ArgonPasswords(cost=self._password_cost)
            breaker = self._breaker(redis, "sign-in")
            store = PostgresStore(engine=engine)
            keys = self._signing_keys(store)
            key_reader = SigningKeyReader(keys=keys, clock=self._clock)
            await key_reader.read()
            collaborators = Collaborators(
                store=store,
                passwords=passwords,
                throttle=RedisThrottle(redis=breaker, clock=self._clock, service=SERVICE),
                known_addresses=RedisKnownAddresses(redis=breaker, clock=self._clock),
                access_tokens=keys,
                cache_invalidation=RedisCacheInvalidation(redis=breaker),
                secrets=Secrets(pepper=settings.api_key_pepper.get_secret_value(), ids=self._ids),
                last_use=LastUseBuffer(store=store),
                clock=self._clock,
            )
            running = replace(self._running(engine, collaborators, keys), rate_limits=rate_limits)
            timers = self._timers(collaborators.last_use, running.state.auth.sessions, key_reader)
            timers += self._mail_timers(collaborators)
            try:
                yield running
            finally:
                for timer in timers:
                    timer.cancel()
                await collaborators.last_use.flush()
                passwords.close()

    @asynccontextmanager
    async def store(self) -> AsyncIterator[Store]:
        """Open the store, for a command of an operator."""
        async with opened_postgres(self._settings.postgres_url, access=self._settings.postgres_access) as engine:
            yield PostgresStore(engine=engine)

    @asynccontextmanager
    async def signing_keys(self) -> AsyncIterator[SigningKeys]:
        """Open the loaded signing keys, for a command of an operator."""
        async with self.store() as store:
            keys = self._signing_keys(store)
            await keys.load()
            yield keys

    def _timers(
        self, last_use: LastUseBuffer, sessions: Sessions, key_reader: SigningKeyReader
    ) -> list[asyncio.Task[None]]:
        writer = LastUseWriter(last_use=last_use, clock=self._clock)
        remover = ExpiredTokenRemover(sessions=sessions, clock=self._clock)
        return [
            spawn(writer.run(), name="last use of API keys"),
            spawn(remover.run(), name="expired refresh tokens"),
            spawn(key_reader.run(), name="signing keys"),
        ]

    def _mail_timers(self, collaborators: Collaborators) -> list[asyncio.Task[None]]:
        if not self._mail_url:
            return []
        sender = MailSender(
            store=collaborators.store,
            transport=self._mail_transport(),
            messages=Messages(public_url=self._settings.public_url),
            secrets=collaborators.secrets,
            clock=self._clock,
        )
        return [spawn(MailTimer(sender=sender, clock=self._clock).run(), name="mails")]

    def _mail_transport(self) -> MailTransport:
        if self._mail_url.startswith("file:"):
            folder = Path(unquote(urlsplit(self._mail_url).path))
            return FolderMail(folder=folder, clock=self._clock, ids=self._ids)
        return SmtpMail(
            server=smtp_server(self._mail_url), sender=self._settings.mail_from, clock=self._clock, ids=self._ids
        )

    @property
    def _mail_url(self) -> str:
        return self._settings.mail_url.get_secret_value()

    def _running(self, engine: AsyncEngine, collaborators: Collaborators, keys: SigningKeys) -> Running[State]:
        auth = make_auth(
            collaborators, self._limits(), registration=self._settings.signup, sends_mail=bool(self._mail_url)
        )
        state = State(
            auth=auth,
            registration=self._settings.signup,
            public_keys=keys.public_keys,
            service_tokens=self._service_tokens,
        )
        idempotency = PostgresIdempotency(engine=engine, schema=SCHEMA, clock=self._clock)
        return Running(
            state,
            authenticator=LocalAuthenticator(verifier=keys, accounts=auth.accounts, api_keys=auth.api_keys),
            checks={"postgres": partial(check_postgres, engine)},
            schemas={"postgres": postgres_schema(engine, SCHEMA, MIGRATIONS)},
            idempotency=PepperedIdempotency(store=idempotency, secrets=collaborators.secrets),
            proxies=self._proxies,
        )

    def _limits(self) -> AttemptLimits:
        return AttemptLimits(
            login=LoginLimits(
                per_email=self._per_account("login-email"),
                per_known=self._per_account("login-known"),
                per_address=self._per_address("login-address"),
            ),
            sign_up_per_address=self._per_address("signup-address"),
            invite_per_address=self._per_address("invite-address"),
            client_session_per_address=Limit(
                name="session-address",
                quota=self._settings.sessions_per_address,
                period_s=PER_ADDRESS_PERIOD_S,
            ),
            slug_check_per_address=Limit(
                name="slug-address",
                quota=self._settings.slug_checks_per_address,
                period_s=PER_ADDRESS_PERIOD_S,
            ),
            recovery_per_address=self._per_address("recovery-address"),
            recovery_per_email=Limit(
                name="recovery-email", quota=self._settings.resets_per_email, period_s=LOGINS_PER_EMAIL_PERIOD_S
            ),
            invite_mails_per_tenant=Limit(
                name="invite-mails", quota=self._settings.invite_mails_per_tenant, period_s=INVITE_MAILS_PERIOD_S
            ),
        )

    def _per_account(self, name: str) -> Limit:
        return Limit(name=name, quota=self._settings.logins_per_email, period_s=LOGINS_PER_EMAIL_PERIOD_S)

    def _per_address(self, name: str) -> Limit:
        return Limit(name=name, quota=self._settings.logins_per_address, period_s=PER_ADDRESS_PERIOD_S)

    def _signing_keys(self, store: Store) -> SigningKeys:
        settings = self._settings
        return SigningKeys(
            store=store,
            sealer=Sealer(secret=settings.api_key_pepper.get_secret_value(), purpose="signing keys"),
            first_key=settings.jwt_private_key_file.read_text(),
            clock=self._clock,
            ids=self._ids,
        )


def bootstrap(role: str) -> Bootstrap:
    """Read the environment once. Raises ValueError, which names the variables that are wrong or that the role lacks."""
    return Bootstrap(Settings().require(role))
