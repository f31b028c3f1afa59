"""`make bench-sdk`: runs every SDK in every mode of the fault suite and in a burst, and writes tables into docs/sdk.md."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

from tests.conformance.rule import EVENTS
from tests.conformance.running import Faults, fault_server
from tests.conformance.runs import MODES
from tests.node import ROOT, alone, digest, is_current
from tests.typescript_sdk import TypescriptSdk, prepared

HERE: Final = Path(__file__).parent
DOCUMENT: Final = ROOT / "docs" / "sdk.md"
SDKS: Final = {
    "segops": "@segops/sdk",
    "posthog": "posthog-node",
    "segment": "@segment/analytics-node",
    "amplitude": "@amplitude/analytics-node",
    "rudder": "@rudderstack/rudder-sdk-node",
}
COMPARED: Final = {mode: script for mode, script in MODES.items() if "clock_s" not in script}
"""Clocks are not compared: each product corrects them in another way."""
LIMIT_S: Final = 250
BURST: Final = 10_000
ROUNDS: Final = 5
IN_A_BURST: Final = ("segops", "segment")
AT_ONCE: Final = 20
_INSTALLED: Final = HERE / "node_modules" / ".segops-lock"


@dataclass(frozen=True, slots=True)
class Cell:
    """The result of sending 100 events in one mode."""

    delivered: int
    stored_twice: int
    requests: int
    ended: bool

    def __str__(self) -> str:
        twice = f", {self.stored_twice} twice" if self.stored_twice else ""
        hung = "" if self.ended else ", did not end"
        return f"{self.delivered}{twice} ({self.requests}){hung}"


async def _output_of(command: list[str]) -> str | None:
    """Return what a driver prints; None if it fails or does not end within LIMIT_S."""
    pipe, null = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=null)
    try:
        output, _ = await asyncio.wait_for(process.communicate(), LIMIT_S)
    except TimeoutError:
        return None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return output.decode() if process.returncode == 0 else None


async def _cell(sdk: TypescriptSdk, faults: Faults, name: str, mode: str) -> Cell:
    run = secrets.token_hex(8)
    output = await _output_of([sdk.node, str(HERE / "driver.mjs"), name, faults.api_url(mode, run), str(EVENTS)])
    report = await faults.report(run)
    return Cell(len(report["ns"]), report["duplicates"], report["requests"], output is not None)


async def _burst(sdk: TypescriptSdk, faults: Faults, name: str) -> dict[str, float]:
    run = secrets.token_hex(8)
    output = await _output_of([sdk.node, str(HERE / "driver.mjs"), name, faults.api_url("healthy", run), str(BURST)])
    report = await faults.report(run)
    figures: dict[str, float] = json.loads((output or "{}").splitlines()[-1])
    return figures | {"delivered": float(report["distinct"])}


def _version(sdk: TypescriptSdk, package: str) -> str:
    folder = sdk.folder if package == SDKS["segops"] else HERE / "node_modules" / package
    parsed: dict[str, Any] = json.loads((folder / "package.json").read_text())
    return str(parsed["version"])


async def _modes(sdk: TypescriptSdk, faults: Faults) -> list[str]:
    """Return the table of all SDKs in all modes. Many run at once, as they mostly wait."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def cell(name: str, mode: str) -> Cell:
        async with turns:
            return await _cell(sdk, faults, name, mode)

    async with asyncio.TaskGroup() as group:
        cells = {mode: [group.create_task(cell(name, mode)) for name in SDKS] for mode in COMPARED}
    rows = ["| mode | " + " | ".join(f"{SDKS[name]} {_version(sdk, SDKS[name])}" for name in SDKS) + " |"]
    rows.append("|---" * (len(SDKS) + 1) + "|")
    for mode, script in COMPARED.items():
        rows.append(f"| {script['title']} | " + " | ".join(str(task.result()) for task in cells[mode]) + " |")
    return rows


async def _bursts(sdk: TypescriptSdk, faults: Faults) -> list[str]:
    bursts: dict[str, list[dict[str, float]]] = {name: [] for name in IN_A_BURST}
    for _ in range(ROUNDS):
        for name in bursts:
            bursts[name].append(await _burst(sdk, faults, name))
    rows = ["| | delivered | until all is sent, ms | peak memory, MiB | one call, p50 in µs |", "|---|---|---|---|---|"]
    for name, rounds in bursts.items():
        numbers = [
            f"{median(burst.get(key, float('nan')) for burst in rounds):,.{digits}f}"
            for key, digits in (("delivered", 0), ("ms", 0), ("peak_mib", 0), ("p50_us", 1))
        ]
        rows.append(f"| {SDKS[name]} | " + " | ".join(numbers) + " |")
    return rows


def _write(name: str, rows: list[str]) -> None:
    """Replace the table between its markers in the document."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    text = DOCUMENT.read_text()
    table = "\n".join(rows)
    print(table)
    DOCUMENT.write_text(re.sub(f"{begin}.*?{end}", lambda _: f"{begin}\n{table}\n{end}", text, flags=re.DOTALL))


async def main() -> None:
    """Install the SDKs, measure them, and write the tables."""
    sdk = prepared()
    with alone():
        lock = digest([HERE / "package-lock.json"])
        if not is_current(_INSTALLED, lock):
            # `npm ci` would fail: it needs the optional packages of other systems, which the registry lacks.
            sdk.run(*sdk.npm, "install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", cwd=HERE)
            _INSTALLED.write_text(lock)
    async with fault_server() as faults:
        _write("burst", await _bursts(sdk, faults))
        _write("fault suite", await _modes(sdk, faults))


if __name__ == "__main__":
    asyncio.run(main())
