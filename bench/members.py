"""Reads all members of a segment through the gateway: time, bytes, and memory of the processes that pass them on.

A static list of a million users is uploaded and computed. Each format is read in turn with walks by cursor. The ids of each
file have the digest that the run reported, so they are the ids in its bitmap.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import chdb
import httpx
import psutil
import xxhash

from bench.harness.memory import warehouse_process
from bench.harness.product import bearer, running
from bench.report import Ratio, at_most
from segops_common.core.tasks import spawn

USERS: Final = 1_000_000
ROUNDS: Final = 3
ALLOWED_GROWTH_MIB: Final = 200.0
_MIB: Final = 1024**2
_SAMPLE_S: Final = 0.02
_RUN_TIMEOUT_S: Final = 600.0
_MEDIA: Final = {"csv": "text/csv", "ndjson": "application/x-ndjson", "parquet": "application/vnd.apache.parquet"}


@dataclass(frozen=True, slots=True)
class Download:
    """One file: how long it took, and by how much the API and the warehouse grew meanwhile."""

    path: Path
    seconds: float
    api_mib: float
    warehouse_mib: float


async def run() -> list[Ratio]:
    """Measure all formats in a new stack. Raises AssertionError if a file does not have the members of the run."""
    async with running() as (stack, account), httpx.AsyncClient(base_url=stack.url, timeout=600) as client:
        headers = await bearer(client, account)
        segment, digest = await _million_members(client, headers)
        pid = stack.process("membership.api").pid
        assert pid is not None
        processes = (psutil.Process(pid), warehouse_process())
        path = f"/api/segments/{segment}/members/"
        ratios = []
        with tempfile.TemporaryDirectory() as folder:
            pages = [await _page(client, headers, path) for _ in range(ROUNDS)]
            for name, media_type in _MEDIA.items():
                file = Path(folder) / f"members.{name}"
                accept = headers | {"Accept": media_type}
                downloads = [await _download(client, accept, path, file, processes) for _ in range(ROUNDS)]
                assert _digest_of(file, name) == digest, f"{name} does not have the members of the run"
                ratios += _ratios(name, downloads, pages)
    return ratios


def _ratios(name: str, downloads: list[Download], pages: list[float]) -> list[Ratio]:
    growth = [max(download.api_mib, 1.0) for download in downloads]
    warehouse = [max(download.warehouse_mib, 1.0) for download in downloads]
    allowed = [ALLOWED_GROWTH_MIB] * len(downloads)
    times = [download.seconds * 1000 for download in downloads]
    return [
        Ratio(f"{USERS:,} members as {name}", "a page of 1,000", times, pages, "ms"),
        Ratio(f"growth of the API by {name}", f"{ALLOWED_GROWTH_MIB:g} MiB", growth, allowed, "MiB", at_most(1)),
        Ratio(f"growth of the warehouse by {name}", f"{ALLOWED_GROWTH_MIB:g} MiB", warehouse, allowed, "MiB"),
    ]


async def _million_members(client: httpx.AsyncClient, headers: dict[str, str]) -> tuple[int, str]:
    """Upload a static list, wait for its run, and return the segment and the digest of its members."""
    body = {"name": "members", "segment_type": "static"}
    segment = (await client.post("/api/segments/", json=body, headers=headers)).raise_for_status().json()["id"]
    lines = b"".join(b'"user-%d"\n' % number for number in range(USERS))
    path = f"/api/segments/{segment}/"
    upload = headers | {"Content-Type": _MEDIA["ndjson"]}
    queued = (await client.put(f"{path}members/", content=lines, headers=upload)).raise_for_status().json()
    async with asyncio.timeout(_RUN_TIMEOUT_S):
        while True:
            answer = await client.get(f"{path}runs/{queued['run_id']}/", headers=headers)
            result: dict[str, Any] = answer.raise_for_status().json()
            if result["status"] == "succeeded":
                return segment, str(result["digest"])
            assert result["status"] in ("queued", "running"), result
            await asyncio.sleep(0.2)


async def _page(client: httpx.AsyncClient, headers: dict[str, str], path: str) -> float:
    began = time.perf_counter()
    page = (await client.get(path, params={"limit": 1000}, headers=headers)).raise_for_status().json()
    assert len(page["results"]) == 1000
    return (time.perf_counter() - began) * 1000


async def _download(
    client: httpx.AsyncClient,
    headers: dict[str, str],
    path: str,
    file: Path,
    processes: tuple[psutil.Process, psutil.Process],
) -> Download:
    before = [process.memory_info().rss for process in processes]
    peaks = before.copy()

    async def sample() -> None:
        while True:
            peaks[:] = [max(peak, item.memory_info().rss) for peak, item in zip(peaks, processes, strict=True)]
            await asyncio.sleep(_SAMPLE_S)

    sampling = spawn(sample(), name="memory of the processes")
    began = time.perf_counter()
    try:
        async with client.stream("GET", path, headers=headers) as answer:
            answer.raise_for_status()
            with file.open("wb") as target:
                async for chunk in answer.aiter_raw():
                    target.write(chunk)
    finally:
        sampling.cancel()
        await asyncio.wait([sampling])
    seconds = time.perf_counter() - began
    api, warehouse = ((peak - idle) / _MIB for peak, idle in zip(peaks, before, strict=True))
    return Download(file, seconds, api, warehouse)


def _digest_of(file: Path, name: str) -> str:
    """Return the digest of the ids in a file, as ARCHITECTURE.md says."""
    first = second = 0
    for user_id in _READERS[name](file):
        encoded = user_id.encode()
        first += xxhash.xxh64_intdigest(encoded)
        second += xxhash.xxh3_64_intdigest(encoded)
    return f"{first % 2**64:016x}{second % 2**64:016x}"


def _from_csv(file: Path) -> Iterator[str]:
    lines = file.read_text().splitlines()[1:]
    return (line.split('"')[1] for line in lines)


def _from_ndjson(file: Path) -> Iterator[str]:
    return (json.loads(line)["user_id"] for line in file.read_bytes().splitlines())


def _from_parquet(file: Path) -> Iterator[str]:
    text = chdb.query(f"SELECT user_id FROM file('{file}', 'Parquet')", "TSV").data()  # type: ignore[no-untyped-call]
    return iter(text.splitlines())


_READERS: Final[dict[str, Callable[[Path], Iterator[str]]]] = {
    "csv": _from_csv,
    "ndjson": _from_ndjson,
    "parquet": _from_parquet,
}
