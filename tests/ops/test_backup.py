"""A backup of a stack that runs, restored into an empty one: everything is there once, and stays so."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
import stat
import sys
import tarfile
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from segops_cli.api.client import Api
from segops_cli.api.login import SessionLogin
from segops_cli.backup.installation import running_stack
from segops_cli.backup.taking import take
from segops_cli.clock import calendar
from segops_cli.errors import CliError
from segops_local.engines.kafka_jars import missing_programs
from segops_local.supervisor.engines_only import addresses, running_engines
from segops_local.supervisor.local_stack import LocalStack
from tests.conformance.running import said_by
from tests.e2e.cli.terminal import Terminal
from tests.e2e.cli.test_docs import BACKUP_SECTION, blocks
from tests.e2e.people import PASSWORD, Person, memberships, patient_client, send, sign_up
from tests.node import ROOT
from tests.ops.backups import (
    USERS,
    VIEWED,
    digests,
    event_count,
    events,
    filled,
    in_batches,
    running,
    segment_ids,
    stored,
    the_same,
)
from tests.ops.conftest import needs_tools
from tests.ops.images import Unavailable
from tests.unit.cli.test_backup import with_another_bit

PASSPHRASE: Final = "a passphrase for tests"
LATE: Final = 9
TIMELESS: Final = {"user_id": "user-0", "event_type": "timeless", "message_id": "no-time"}


def changed(call: dict[str, Any]) -> dict[str, Any]:
    """Return a later delivery of the same event, with other content."""
    return call | {"payload": {"content": "changed"}}


def tick(message_id: str) -> dict[str, Any]:
    """Return an event without a time of its own: only the memory of deliveries knows it again."""
    return {"user_id": "busy", "event_type": "ticked", "message_id": message_id}


async def keep_sending(client: httpx.AsyncClient, key: str, acknowledged: list[str], ended: asyncio.Event) -> None:
    """Send events until `ended`; note each that is acknowledged."""
    while not ended.is_set():
        message_id = secrets.token_hex(8)
        await send(client, key, "track", tick(message_id))
        acknowledged.append(message_id)


@dataclass(frozen=True, slots=True)
class Expected:
    """What the source has, as its owner sees it. `before` of the acknowledged events were there before the backup began."""

    person: Person
    key: str
    me: Any
    prefixes: list[str]
    looked_up: dict[str, Any]
    acknowledged: list[str]
    before: int
    as_of: str
    digests: dict[str, tuple[int, str]]


def named_events() -> int:
    """Return the number of events that `filled` and `backed_up` send, without the ticks."""
    return len(events()) + 1


async def backed_up(folder: Path, file: Path, terminal: Terminal) -> Expected:
    """Fill a stack, back it up while it takes events, and return what it has."""
    async with running(folder) as source, patient_client(source.url) as client:
        person, key = await filled(client)
        for segment in (await segment_ids(person)).values():
            await person.compute(segment)
        await send(client, key, "track", TIMELESS)
        await terminal.succeeds("login", "--url", source.url, "--email", person.email, stdin=PASSWORD)
        acknowledged: list[str] = []
        ended = asyncio.Event()
        sending = asyncio.create_task(keep_sending(client, key, acknowledged, ended))
        while len(acknowledged) < 20:
            await asyncio.sleep(0.05)
        before = len(acknowledged)
        await terminal.succeeds("backup", file, "--state", folder, stdin=PASSPHRASE)
        ended.set()
        await sending
        await stored(source, person.tenant, named_events() + len(acknowledged))
        as_of = (await person.ask("GET", f"/api/status/?tenant={person.tenant}", 200))["at"]
        return Expected(
            person=person,
            key=key,
            me=await person.ask("GET", "/api/auth/me/", 200),
            prefixes=await prefixes(person),
            looked_up=await memberships(client, key, "user-4"),
            acknowledged=acknowledged,
            before=before,
            as_of=as_of,
            digests=await digests(person, as_of),
        )


async def prefixes(person: Person) -> list[str]:
    keys = await person.ask("GET", f"/api/auth/api-keys/?tenant={person.tenant}", 200)
    return [key["prefix"] for key in keys["results"]]


async def test_a_restored_stack_is_the_same(tmp_path: Path) -> None:
    file, terminal = tmp_path / "backup.tar", Terminal(tmp_path / "config")
    expected = await backed_up(tmp_path / "a", file, terminal)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert (tmp_path / "a" / "secrets" / "api-key-pepper").read_bytes().strip() not in file.read_bytes()
    await refusals(terminal, file, tmp_path)
    restored = await terminal.succeeds("restore", file, "--state", tmp_path / "b", "--json", stdin=PASSPHRASE)
    rows = restored.json["clickhouse"]["events"]
    least, most = expected.before, len(expected.acknowledged)
    assert named_events() + least <= rows <= named_events() + most

    async with running(tmp_path / "b") as target, the_same(expected.person, target.url) as person:
        assert await event_count(target, person.tenant) == rows
        assert await person.ask("GET", "/api/auth/me/", 200) == expected.me
        assert await prefixes(person) == expected.prefixes
        looked_up = await memberships(person.client, expected.key, "user-4")
        assert looked_up["segment_ids"] == expected.looked_up["segment_ids"]
        await everything_again(person.client, expected)
        await stored(target, person.tenant, named_events() + most)
        assert await digests(person, expected.as_of) == expected.digests
        assert await event_count(target, person.tenant) == named_events() + most

        newcomer = await sign_up(person.client, "newcomer")
        segment = await newcomer.new_segment("Everyone", {"logic": "AND", "conditions": []})
        assert (await newcomer.compute(segment))["size"] == 0


async def everything_again(client: httpx.AsyncClient, expected: Expected) -> None:
    """Send all events again, to a log that begins anew: nothing counts twice, and the first content stands."""
    await in_batches(client, expected.key, [changed(call) if "payload" in call else call for call in events()])
    await send(client, expected.key, "track", TIMELESS)
    for message_id in expected.acknowledged:
        await send(client, expected.key, "track", tick(message_id))


def damaged_content(file: Path) -> bytes:
    with tarfile.open(file) as members:
        largest = max(members, key=lambda member: member.size)
    return with_another_bit(file.read_bytes(), largest.offset_data + largest.size // 2)


async def refusals(terminal: Terminal, file: Path, folder: Path) -> None:
    """What is not the backup, or has another passphrase, is refused before anything is made."""
    wrong = await terminal.run("restore", file, "--state", folder / "b", stdin="another passphrase")
    assert wrong.code == 2
    assert "the passphrase is not the one of this backup" in wrong.err
    damaged = folder / "damaged.tar"
    damaged.write_bytes(damaged_content(file))
    outcome = await terminal.run("restore", damaged, "--state", folder / "b", stdin=PASSPHRASE)
    assert outcome.code == 2
    assert "no complete backup" in outcome.err
    assert not (folder / "b").exists()
    taken = await terminal.run("restore", file, "--state", folder / "a", stdin=PASSPHRASE)
    assert taken.code == 2
    assert "must be new or empty" in taken.err


async def test_what_came_after_the_snapshot_is_left_out(tmp_path: Path) -> None:
    """PostgreSQL is read first. Whatever is created before ClickHouse is read gets its ids and numbers again, for others."""
    file = tmp_path / "backup.tar"
    async with running(tmp_path / "a") as source, patient_client(source.url) as client:
        person, key = await filled(client)
        for segment in (await segment_ids(person)).values():
            await person.compute(segment)
        listed = (await segment_ids(person))["Listed"]
        await refused_around_lost_rows(file, tmp_path / "a", person, source.url, listed)
        as_of = (await person.ask("GET", f"/api/status/?tenant={person.tenant}", 200))["at"]
        expected = await digests(person, as_of)

        late_tenant, late_segment = await taken_around(
            file, tmp_path / "a", person, source.url, lambda: create(person, key, listed)
        )

    restored = await Terminal(tmp_path / "config").succeeds(
        "restore", file, "--state", tmp_path / "b", stdin=PASSPHRASE
    )
    assert "Restored" in restored.out
    async with running(tmp_path / "b") as target, the_same(person, target.url) as again:
        assert await event_count(target, late_tenant) == 0
        assert sorted(await segment_ids(again)) == sorted(expected)
        assert await digests(again, as_of) == expected
        newcomer = await sign_up(again.client, "newcomer")
        assert newcomer.tenant == late_tenant
        await send(again.client, (await newcomer.new_key())["key"], "track", {"user_id": "n", "event_type": "viewed"})
        everyone = await newcomer.new_segment("Everyone", {"logic": "AND", "conditions": []})
        assert (await newcomer.compute(everyone))["size"] == 1
        await nothing_is_mixed_up(again, key, listed, late_segment)


async def nothing_is_mixed_up(person: Person, key: str, listed: int, late_segment: int) -> None:
    """New users, runs, changes of lists and segments get the numbers and ids of those that were left out."""
    nobody = await person.new_segment("Nobody", {"logic": "OR", "conditions": []})
    assert nobody == late_segment
    await send(person.client, key, "track", {"user_id": "after", "event_type": "viewed"})
    await person.ask("PATCH", f"/api/segments/{listed}/members/", 202, {"add": ["user-3"]})
    assert (await person.compute(listed))["size"] == 3
    everyone = await person.new_segment("Everyone", {"logic": "AND", "conditions": []})
    for _ in range(3):
        assert (await person.compute(everyone))["size"] == USERS + LATE + 1
    assert (await person.ask("GET", f"/api/segments/{nobody}/members/", 200))["results"] == []
    for user in ("late-1", "user-1"):
        assert nobody not in (await memberships(person.client, key, user))["segment_ids"]


async def create(person: Person, key: str, listed: int) -> tuple[int, int]:
    """Create a tenant, segments, users, runs and a change of a list; return the ids of the tenant and the last segment."""
    segment = 0
    late = await sign_up(person.client, "late")
    for owner, api_key in ((late, (await late.new_key())["key"]), (person, key)):
        calls = [{"type": "track", "user_id": f"late-{n}", "event_type": "viewed"} for n in range(LATE)]
        await send(person.client, api_key, "batch", {"batch": calls})
        segment = await owner.new_segment("Late", {"logic": "AND", "conditions": [VIEWED | {"value": 1}]})
        await owner.compute(segment)
    await person.ask("PUT", f"/api/segments/{listed}/members/", 202, {"user_ids": ["late-1", "user-2"]})
    await person.compute(listed)
    return late.tenant, segment


async def refused_around_lost_rows(file: Path, state: Path, person: Person, url: str, listed: int) -> None:
    """A list that is replaced twice before ClickHouse is read has lost the rows that PostgreSQL knew."""

    async def replace_twice() -> tuple[int, int]:
        for _ in range(2):
            path = f"/api/segments/{listed}/members/"
            await person.ask("PUT", path, 202, {"user_ids": ["user-1", "never-seen"]})
            await person.compute(listed)
        return listed, 0

    with pytest.raises(CliError, match=f"list of segment {listed} of tenant {person.tenant}") as refused:
        await taken_around(file, state, person, url, replace_twice)
    assert refused.value.advice == "Repeat the command."


async def taken_around(
    file: Path, state: Path, person: Person, url: str, create: Callable[[], Coroutine[Any, Any, tuple[int, int]]]
) -> tuple[int, int]:
    """Take a backup, and run `create` between PostgreSQL and ClickHouse; return its result."""
    loop = asyncio.get_running_loop()
    results: list[tuple[int, int]] = []

    def say(line: str) -> None:
        if line == "ClickHouse":
            results.append(asyncio.run_coroutine_threadsafe(create(), loop).result())

    async def run() -> None:
        login = SessionLogin(
            url=url,
            email=person.email,
            tenant=person.tenant,
            access_token=person.token,
            refresh_token="",
            expires_at=calendar() + 600,
        )
        async with running_stack(state) as installation:
            with Api(login, calendar) as api:
                await take(file, installation, api, PASSPHRASE, clock=calendar, say=say)

    await asyncio.to_thread(asyncio.run, run())
    (result,) = results
    return result


@dataclass(frozen=True, slots=True)
class Kept:
    """What a stack has, and what another one must have after a restore."""

    person: Person
    key: str
    as_of: str
    digests: dict[str, tuple[int, str]]

    @classmethod
    async def of(cls, stack: LocalStack, client: httpx.AsyncClient) -> Kept:
        """Fill the stack, and return what it has."""
        person, key = await filled(client)
        await send(client, key, "track", TIMELESS)
        await stored(stack, person.tenant, named_events())
        as_of = (await person.ask("GET", f"/api/status/?tenant={person.tenant}", 200))["at"]
        return cls(person, key, as_of, await digests(person, as_of))

    async def is_in(self, stack: LocalStack) -> None:
        """Compare the stack. Events that are sent again to its new log count once, and new ones are stored."""
        async with the_same(self.person, stack.url) as person:
            assert await event_count(stack, person.tenant) == named_events()
            assert await digests(person, self.as_of) == self.digests
            await in_batches(person.client, self.key, events())
            await send(person.client, self.key, "track", TIMELESS)
            await send(person.client, self.key, "track", {"user_id": "new", "event_type": "after", "message_id": "new"})
            await stored(stack, person.tenant, named_events() + 1)
            assert await event_count(stack, person.tenant) == named_events() + 1
            assert await digests(person, self.as_of) == self.digests


async def test_a_stack_on_kafka_is_restored(tmp_path: Path) -> None:
    """The folder remembers its log. The new topics begin at offset 0, and the sink inserts all the same."""
    if (reason := missing_programs()) is not None:
        with needs_tools():
            raise Unavailable(reason)
    file, terminal = tmp_path / "backup.tar", Terminal(tmp_path / "config")
    async with running(tmp_path / "a", "kafka") as source, patient_client(source.url) as client:
        kept = await Kept.of(source, client)
        await terminal.succeeds("login", "--url", source.url, "--email", kept.person.email, stdin=PASSWORD)
        await terminal.succeeds("backup", file, "--state", tmp_path / "a", stdin=PASSPHRASE)
    restored = await terminal.succeeds("restore", file, "--state", tmp_path / "b", stdin=PASSPHRASE)
    assert f"make run KAFKA=1 STATE={tmp_path / 'b'}" in restored.out
    async with running(tmp_path / "b", "kafka") as target:
        await kept.is_in(target)


async def test_addresses_of_the_environment_are_restored(tmp_path: Path) -> None:
    """Engines that have roles and empty tables, as an operator makes them; the processes get the secrets of the backup."""
    file, config = tmp_path / "backup.tar", tmp_path / "config"
    async with running(tmp_path / "a") as source, patient_client(source.url) as client:
        kept = await Kept.of(source, client)
        terminal = Terminal(config, _variables(addresses(tmp_path / "a")))
        await terminal.succeeds("login", "--url", source.url, "--email", kept.person.email, stdin=PASSWORD)
        await terminal.succeeds("backup", file, "--secrets", tmp_path / "a" / "secrets", stdin=PASSPHRASE)
    async with running_engines(tmp_path / "b", {}) as engines:
        terminal = Terminal(config, _variables(engines))
        await terminal.succeeds("restore", file, "--secrets", tmp_path / "new", stdin=PASSPHRASE)
    for secret in ("api-key-pepper", "jwt-private-key.pem", "suppression-key", "activation-key"):
        assert (tmp_path / "new" / secret).read_text() == (tmp_path / "a" / "secrets" / secret).read_text()
        shutil.copy(tmp_path / "new" / secret, tmp_path / "b" / "secrets" / secret)
    async with running(tmp_path / "b") as target:
        await kept.is_in(target)


def _variables(engines: Mapping[str, Any]) -> dict[str, str]:
    """Return the variables of docs/cli.md for these engines."""
    return {f"SEGOPS_BACKUP_{name.upper()}_URL": engines[name] for name in ("postgres", "clickhouse", "redis")}


async def test_the_page(tmp_path: Path) -> None:
    """The blocks about backups in docs/cli.md run as written."""
    _, _, section = (ROOT / "docs/cli.md").read_text().partition(BACKUP_SECTION)
    assert len(blocks(section)) == 4
    async with running(tmp_path / ".segops") as stack, patient_client(stack.url) as client:
        person, _ = await filled(client)
        script = "\n".join(("set -euo pipefail", *blocks(section)))
        script = script.replace("http://127.0.0.1:8080", stack.url).replace("you@example.com", person.email)
        command = [sys.executable, "-m", "segops_local", "addresses", "--state", str(stack.state.root)]
        urls = _variables(json.loads(await said_by(command)))
        (tmp_path / "secrets").symlink_to(tmp_path / ".segops" / "secrets")
        process = await asyncio.create_subprocess_exec(
            "bash",
            "-c",
            script,
            cwd=tmp_path,
            env=urls
            | {"PATH": f"{ROOT}/.venv/bin:{os.environ['PATH']}", "HOME": str(tmp_path), "PASSPHRASE": PASSPHRASE},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        out, _ = await process.communicate()
        assert process.returncode == 0, out.decode()
        assert out.decode().count("Only its secrets are encrypted") == 2
        assert "make run STATE=restored" in out.decode()
        arguments = ("restore", tmp_path / "segops-backup-2.tar", "--secrets", tmp_path / "made" / "late")
        refused = await Terminal(tmp_path / "config", urls).run(*arguments, stdin=PASSPHRASE)
        assert refused.code == 2
        assert "PostgreSQL must be empty" in refused.err
        assert "made" not in os.listdir(tmp_path)
