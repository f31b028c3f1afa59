"""The commands of pages other than the quickstart work as printed."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.e2e.commands import curl_commands, localise, run_curl
from tests.e2e.people import patient_client, sign_up
from tests.shared.client import RunningStack

DOCS: Final = Path(__file__).parents[2] / "docs"


async def test_the_commands_about_lists_and_history(valkey_stack: RunningStack, tmp_path: Path) -> None:
    create, upload = curl_commands((DOCS / "static-segments.md").read_text())
    (history,) = curl_commands((DOCS / "import.md").read_text())
    (tmp_path / "testers.csv").write_text("user_id\nuser-123\nuser-456\n")
    async with patient_client(valkey_stack.url) as client:
        person = await sign_up(client)
        variables = {"JWT": person.token, "SEGOPS_API_KEY": (await person.new_key())["key"]}
        replace = {'"tenant": 1': f'"tenant": {person.tenant}', "@testers.csv": f"@{tmp_path}/testers.csv"}

        async def run(command: str) -> tuple[int, dict[str, object]]:
            answer = await run_curl(localise(command, url=valkey_stack.url, replace=replace, slash=True), variables)
            return answer.status, answer.body

        status, segment = await run(create)
        assert (status, segment["segment_type"]) == (201, "static")
        replace["/segments/43/"] = f"/segments/{segment['id']}/"
        status, queued = await run(upload)
        assert (status, queued["status"], queued["accepted"]) == (202, "queued", 2)
        status, imported = await run(history)
        assert (status, imported["accepted"]) == (202, 1)
