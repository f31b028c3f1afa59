"""Users of Valkey: each service may use its own keys, channels and topics with the commands that it needs."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, ResponseError

from segops_local.engines import ValkeyEngine
from segops_local.engines.access import valkey_users

USERS = valkey_users().names
NOBODYS = (
    "acl|setuser", "cluster|info", "config|set", "config|get", "config|rewrite", "debug", "failover", "flushall",
    "flushdb", "keys", "migrate", "module|load", "monitor", "psync", "replicaof", "save", "script|flush", "shutdown",
    "slaveof", "swapdb", "sync", "scan", "randomkey", "dbsize", "info", "client|list", "client|kill", "function|load",
    "restore", "sort", "psubscribe", "pubsub|channels", "latency|reset", "slowlog|get", "bgrewriteaof", "object|freq",
)  # fmt: skip
KEYS = {
    "segops:auth:limit:x": {"segops_auth"},
    "segops:stamp:1:m": {"segops_backup", "segops_ingest"},
    "segops:membership:{1}:number": {"segops_membership"},
    "segops:segments:x": {"segops_segments"},
    "other": set(),
}
APPENDS = {
    "segops.events": {"segops_ingest"},
    "segops.event-imports": {"segops_ingest"},
    "segops.event-imports.dead": {"segops_ingest"},
    "segops.quarantined-events": {"segops_ingest"},
    "segops.quarantined-events.dead": {"segops_ingest"},
    "segops.events.dead": {"segops_ingest"},
    "segops.compute-jobs": {"segops_segments"},
    "segops.segments": {"segops_segments"},
    "segops.static-members": {"segops_segments"},
    "segops.compute-results": {"segops_membership"},
    "segops.compute-results.dead": {"segops_segments"},
    "segops.membership-changes": {"segops_membership"},
    "segops.compute-jobs.dead": {"segops_membership"},
}
READS = {
    "segops.events": {"segops_ingest", "segops_membership", "segops_segments"},
    "segops.event-imports": {"segops_ingest", "segops_membership", "segops_segments"},
    "segops.quarantined-events": {"segops_ingest"},
    "segops.compute-jobs": {"segops_membership"},
    "segops.segments": {"segops_membership"},
    "segops.static-members": {"segops_membership"},
    "segops.compute-results": {"segops_segments"},
    "segops.membership-changes": set(),
}

WRITES = (
    ("SET", "x"), ("DEL",), ("UNLINK",), ("GETDEL",), ("INCR",), ("EXPIRE", "1"), ("PEXPIRE", "1"), ("HSET", "x", "1"),
    ("HDEL", "x"), ("HINCRBY", "x", "1"), ("ZADD", "1", "x"), ("XADD", "*", "a", "b"),
)  # fmt: skip


@pytest.fixture(scope="module")
async def engine(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ValkeyEngine]:
    running = ValkeyEngine(tmp_path_factory.mktemp("valkey") / "valkey")
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
async def operator(engine: ValkeyEngine) -> AsyncIterator[Redis]:
    async with Redis.from_url(engine.url) as client:
        yield client


async def allowed(engine: ValkeyEngine, *command: str) -> set[str]:
    """Return the users whom the server permits the command. It is run, so keys of the tests only."""
    users = set()
    for user in USERS:
        async with Redis.from_url(engine.url_for(user)) as client:
            try:
                await _run(client, *command)
            except NoPermissionError:
                continue
            except ResponseError:  # permitted, and refused for another reason
                pass
            users.add(user)
    return users


@pytest.mark.parametrize(("key", "users"), KEYS.items(), ids=KEYS)
async def test_a_key_is_of_one_service(engine: ValkeyEngine, key: str, users: set[str]) -> None:
    assert await allowed(engine, "GET", key) == await allowed(engine, "SET", key, "1", "PX", "1") == users
    script = "return redis.call('GET', ARGV[1])"
    reached = {user for user in USERS if await _script_reaches(engine, user, script, key)}
    assert reached <= users, "a script must not do more than its user"


async def _script_reaches(engine: ValkeyEngine, user: str, script: str, key: str) -> bool:
    async with Redis.from_url(engine.url_for(user)) as client:
        try:
            await client.eval(script, 0, key)
        except ResponseError:
            return False
        return True


@pytest.mark.parametrize(("topic", "users"), APPENDS.items(), ids=APPENDS)
async def test_a_topic_is_written_by_one_service(engine: ValkeyEngine, topic: str, users: set[str]) -> None:
    assert await allowed(engine, "XADD", f"log:{topic}:0", "*", "a", "b") == users


@pytest.mark.parametrize(("topic", "users"), READS.items(), ids=READS)
async def test_a_topic_is_read_by_those_who_need_it(engine: ValkeyEngine, topic: str, users: set[str]) -> None:
    assert await allowed(engine, "XREAD", "STREAMS", f"log:{topic}:0", "0") == users


async def test_numbers_of_partitions_are_added_and_not_changed(engine: ValkeyEngine, operator: Redis) -> None:
    await operator.hset("log:topics", "x", "3")
    for command, *arguments in WRITES:
        assert await allowed(engine, command, "log:topics", *arguments) == set(), command
    for user in USERS:
        assert not await _script_reaches(engine, user, "return redis.call('SET', ARGV[1], 'x')", "log:topics")
    with_topics = set(USERS) - {"segops_auth", "segops_backup"}
    assert await allowed(engine, "HSETNX", "log:topics", "x", "4") == with_topics
    assert await allowed(engine, "HGET", "log:topics", "x") == with_topics
    assert await operator.hgetall("log:topics") == {b"x": b"3"}


async def test_channels(engine: ValkeyEngine) -> None:
    assert await allowed(engine, "PUBLISH", "segops:auth:purge", "x") == {"segops_auth"}
    assert await allowed(engine, "PUBLISH", "other", "x") == set()
    for user in USERS:
        async with Redis.from_url(engine.url_for(user)) as client, client.pubsub() as channel:
            await channel.execute_command("SUBSCRIBE", "other")
            with pytest.raises(NoPermissionError):
                await channel.parse_response()


@pytest.mark.parametrize("user", USERS)
async def test_every_command_that_is_not_listed_is_refused(engine: ValkeyEngine, operator: Redis, user: str) -> None:
    listed = set(re.findall(r"[+]([a-z|]+)", valkey_users().rules(user)))
    # A backup lists the keys that it copies.
    assert listed & set(NOBODYS) == ({"scan"} if user == "segops_backup" else set())
    every = [entry for command in await _raw(operator, "COMMAND") for entry in _with_subcommands(command)]
    assert {name for name, _ in every} >= set(NOBODYS), "a command has another name"
    async with Redis.from_url(engine.url_for(user)) as client:
        for name, arity in every:
            if name not in listed:
                words = name.split("|")
                # DEBUG and MODULE are refused before permissions are looked at.
                with pytest.raises(ResponseError, match=r"has no permissions|(DEBUG|MODULE) command not allowed"):
                    await _run(client, *words, *["x"] * (abs(arity) - len(words)))


async def _run(client: Redis, *words: str) -> Any:
    return await client.execute_command(*words)  # type: ignore[no-untyped-call]


async def _raw(client: Redis, command: str) -> list[list[Any]]:
    client.response_callbacks.pop(command)
    reply: list[list[Any]] = await _run(client, command)
    return reply


def _with_subcommands(command: list[Any]) -> list[tuple[str, int]]:
    """Return a command, or its subcommands, with the number of words. Those that open or end a connection are left out."""
    name, arity, flags, subcommands = command[0].decode(), command[1], command[2], command[9]
    if b"no_auth" in flags:
        return []
    return [pair for part in subcommands for pair in _with_subcommands(part)] if subcommands else [(name, arity)]


async def test_nobody_signs_in_without_a_password(engine: ValkeyEngine) -> None:
    for credentials in ("", "default:x@", "default:@", "segops:x@"):
        client = Redis.from_url(f"redis://{credentials}127.0.0.1:{engine.port}/0")
        with pytest.raises(AuthenticationError):
            await client.ping()
        await client.aclose()
