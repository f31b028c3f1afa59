"""A program whose clock is ten hours ahead: its events count at once, and once, with the TypeScript SDK and a real server."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.e2e.people import patient_client, sign_up
from tests.e2e.typescript import project, run_until_sigterm
from tests.shared.client import RunningStack
from tests.typescript_sdk import TypescriptSdk

_PROGRAM: Final = """
const ahead = 36_000_000;
const Real = Date;
globalThis.Date = class extends Real {
  constructor(...values) { values.length ? super(...values) : super(Real.now() + ahead); }
  static now() { return Real.now() + ahead; }
};
const { SegOpsClient } = await import('@segops/sdk');
const client = new SegOpsClient({ apiUrl: process.env.SEGOPS_URL, apiKey: process.env.SEGOPS_API_KEY });
client.identify({ userId: 'phone', traits: { plan: 'free' } });
client.identify({ userId: 'phone', traits: { plan: 'pro' } });
client.track({ userId: 'phone', eventType: 'opened' });
process.on('SIGTERM', async () => { await client.shutdown(); process.exit(0); });
console.log('ready');
setInterval(() => {}, 1000);
"""
_OPENED: Final = {
    "logic": "AND",
    "conditions": [
        {"type": "event_count", "event_type": "opened", "operator": "eq", "value": 1},
        {"type": "user_property", "property": "plan", "operator": "eq", "value": "pro"},
    ],
}


async def test_events_of_a_clock_that_is_ahead_count_at_once(
    valkey_stack: RunningStack, typescript_sdk: TypescriptSdk, tmp_path: Path
) -> None:
    program = project(tmp_path) / "program.mjs"
    program.write_text(_PROGRAM)
    async with patient_client(valkey_stack.url) as http:
        person = await sign_up(http)
        key = (await person.new_key())["key"]
        await run_until_sigterm(typescript_sdk, program, {"SEGOPS_API_KEY": key, "SEGOPS_URL": valkey_stack.url})
        assert (await person.compute(await person.new_segment("Opened", _OPENED)))["size"] == 1
