"""The commands printed at the end of a start can be copied as they are."""

import json
import shlex

from segops_local.cli.account import Account, next_steps


def test_the_printed_commands_are_whole() -> None:
    account = Account(email="demo@example.com", password="p\"w'-_", tenant_id=7, api_key="sk_live_x")
    text = next_steps("http://127.0.0.1:8080", account)
    commands = [shlex.split(line) for line in text.splitlines() if line.startswith("  curl")]
    assert len(commands) == 3
    event, login, lookup = commands
    assert json.loads(event[-1])["event_type"] == "page_viewed"
    assert json.loads(login[-1]) == {"email": account.email, "password": account.password}
    assert lookup[1] == "http://127.0.0.1:8080/api/segments/membership/?user_id=user-123"
    assert all("Authorization: ApiKey sk_live_x" in command for command in (event, lookup))
