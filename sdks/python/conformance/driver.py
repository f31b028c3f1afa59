"""A driver of the fault suite: `driver.py threads|asyncio <api url> <number of events>`."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict

from segops_client import AsyncSegOpsClient, Options, Report, Result, SegOpsClient
from segops_client.calls import Calls

KEY = "sk_live_conformance"
# A time-out of more than a busy machine takes for an answer.
QUICK = Options(retry_base=0.02, retry_max=0.2, timeout=3.0)
BUDGET_S = 60.0


def send(client: Calls, number: int) -> None:
    """The events that every driver sends."""
    for n in range(number):
        client.track(user_id=f"user-{n % 10}", event_type="tested", payload={"n": n})


def in_threads(api_url: str, number: int, reports: list[Report]) -> Result:
    """By the client for threads."""
    client = SegOpsClient(api_url=api_url, api_key=KEY, options=QUICK, on_error=reports.append)
    send(client, number)
    return client.shutdown(BUDGET_S)


async def in_asyncio(api_url: str, number: int, reports: list[Report]) -> Result:
    """By the client for asyncio."""
    client = AsyncSegOpsClient(api_url=api_url, api_key=KEY, options=QUICK, on_error=reports.append)
    send(client, number)
    return await client.shutdown(BUDGET_S)


def main(how: str, api_url: str, number: int) -> None:
    """Print what came of it."""
    reports: list[Report] = []
    if how == "threads":
        result = in_threads(api_url, number, reports)
    else:
        result = asyncio.run(in_asyncio(api_url, number, reports))
    print(json.dumps(asdict(result) | {"errors": [report.code for report in reports]}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
