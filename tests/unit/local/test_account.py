"""The commands printed at the end of a start can be copied as they are."""

import json
import shlex

from segops_local.cli.account import Account, next_steps


def test_the_printed_commands_are_whole() -> None:
    account = Account(email="demo@example.com", password="p\"w'-_", tenant_id=7, api_key="sk_live_x")
    text = next_steps("http://127.0.0.1:8080", account)
    commands = [line.strip() for line in text.splitlines() if line.startswith("  ")]
    assert [command.partition("=")[0].partition(" ")[0] for command in commands] == [
        "curl",
        "JWT",
        "SEGMENT",
        "RUN",
        "curl",
        "curl",
    ]
    event, lookup = shlex.split(commands[0]), shlex.split(commands[-1])
    assert json.loads(event[-1])["event_type"] == "page_viewed"
    assert lookup[1] == "http://127.0.0.1:8080/api/segments/membership/?user_id=user-123"
    assert all("Authorization: ApiKey sk_live_x" in command for command in (event, lookup))
    login = shlex.split(commands[1].removeprefix("JWT=$(").partition(" | ")[0])
    assert json.loads(login[-1]) == {"email": account.email, "password": account.password}
    segment = shlex.split(commands[2].removeprefix("SEGMENT=$(").partition(" | ")[0])
    assert json.loads(segment[-1])["tenant"] == 7
