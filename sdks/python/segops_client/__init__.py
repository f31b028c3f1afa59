"""Python client of SegOps: `SegOpsClient` for threads, `AsyncSegOpsClient` for asyncio."""

from segops_client.aio import AsyncSegOpsClient
from segops_client.client import SegOpsClient
from segops_client.inputs import Context, Event
from segops_client.options import Options
from segops_client.queries import LookupFailed, Member
from segops_client.reports import Report, Result, Stats
from segops_client.sessions import UserContext, sign_user_id
from segops_client.wire import __version__

__all__ = [
    "AsyncSegOpsClient",
    "Context",
    "Event",
    "LookupFailed",
    "Member",
    "Options",
    "Report",
    "Result",
    "SegOpsClient",
    "Stats",
    "UserContext",
    "__version__",
    "sign_user_id",
]
