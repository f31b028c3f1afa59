"""`python -m segops_segments api|outbox|results|migrate [--check]`."""

from __future__ import annotations

import sys

from segops_common.runtime.cli import Service
from segops_segments.app import run_api, run_outbox, run_results
from segops_segments.bootstrap import SERVICE, bootstrap

SERVICE_ROLES = Service(
    name=SERVICE,
    bootstrap=bootstrap,
    roles={
        "api": ("serve the HTTP interface", run_api),
        "outbox": ("relay the outbox, start hourly runs and revive silent runs", run_outbox),
        "results": ("apply the results of runs", run_results),
    },
)

if __name__ == "__main__":
    sys.exit(SERVICE_ROLES.main())
