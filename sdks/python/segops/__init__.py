"""Python client of SegOps: `SegOps` for threads, `AsyncSegOps` for asyncio."""

from segops.aio import AsyncSegOps
from segops.client import SegOps
from segops.lookup import LookupFailed
from segops.options import Options
from segops.reports import Report, Result, Stats

__all__ = ["AsyncSegOps", "LookupFailed", "Options", "Report", "Result", "SegOps", "Stats"]
