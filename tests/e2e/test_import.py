"""Importing history: from the page that explains it to the members of segments and lookups."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from tests.e2e.people import memberships, patient_client, send, sign_up
from tests.shared.client import RunningStack

PAGE: Final = Path(__file__).parents[2] / "docs" / "import.md"
MONTHS: Final = 204
PURCHASE: Final = {"type": "track", "event_type": "purchase"}


def definition(*conditions: dict[str, Any]) -> dict[str, Any]:
    return {"logic": "AND", "conditions": list(conditions)}


NEW_CUSTOMERS: Final = definition(
    {"type": "event_time", "event_type": "purchase", "occurrence": "first", "operator": "within_last", "value": "30d"}
)


def bought(times: int) -> dict[str, Any]:
    return definition({"type": "event_count", "event_type": "purchase", "operator": "eq", "value": times})


def history(user: str) -> list[dict[str, Any]]:
    """One purchase in each month until two years ago, the oldest first."""
    last = datetime.now(UTC).year - 2
    return [
        PURCHASE
        | {
            "user_id": user,
            "message_id": f"order-{month}",
            "timestamp": f"{last - (MONTHS - 1 - month) // 12}-{1 + month % 12:02}-05T09:00:00Z",
        }
        for month in range(MONTHS)
    ]


async def run_script(folder: Path, url: str, key: str, events: list[dict[str, Any]]) -> str:
    """Run the program of the page on a file of events; return what it prints."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    script, file = folder / "import_file.py", folder / "history.ndjson"
    script.write_text(code)
    file.write_text("".join(json.dumps(event) + "\n" for event in events))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(script),
        str(file),
        env={"SEGOPS_URL": url, "SEGOPS_API_KEY": key},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    return output.decode()


async def test_old_customers_are_not_new_ones(valkey_stack: RunningStack, tmp_path: Path) -> None:
    async with patient_client(valkey_stack.url) as client:
        person = await sign_up(client)
        key = (await person.new_key())["key"]
        yesterday = (datetime.now(UTC) - timedelta(days=1)).isoformat()
        for user in ("old", "new"):
            await send(client, key, "batch", {"batch": [PURCHASE | {"user_id": user, "timestamp": yesterday}]})
        segment = await person.new_segment("new customers", NEW_CUSTOMERS)
        assert (await person.compute(segment))["size"] == 2

        undated = PURCHASE | {"user_id": "old", "message_id": "undated"}
        output = await run_script(tmp_path, valkey_stack.url, key, [*history("old"), undated])
        assert output.splitlines() == [f"line {MONTHS + 1}: timestamp must be present", f"{MONTHS + 1} lines sent"]
        run = await person.compute(segment)
        assert (run["size"], run["exited"], run["behind"]) == (1, 1, None)
        assert (await memberships(client, key, "old"))["segment_ids"] == []
        assert (await memberships(client, key, "new"))["segment_ids"] == [segment]

        # Importing again adds nothing.
        assert (await send(client, key, "import", {"batch": history("old")}))["accepted"] == MONTHS
        counted = await person.new_segment("bought each month", bought(MONTHS + 1))
        assert (await person.compute(counted))["size"] == 1
        assert (await memberships(client, key, "old"))["segment_ids"] == [counted]
