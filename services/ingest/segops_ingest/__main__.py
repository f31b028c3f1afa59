"""`python -m segops_ingest api|sink|migrate [--check]`."""

from __future__ import annotations

import sys

from segops_common.runtime.cli import Service
from segops_ingest.adapters.clickhouse.warehouse import SERVICE
from segops_ingest.app import run_api, run_sink
from segops_ingest.bootstrap import bootstrap

SERVICE_ROLES = Service(
    name=SERVICE,
    bootstrap=bootstrap,
    roles={
        "api": ("serve the HTTP interface", run_api),
        "sink": ("move events from the log into the warehouse", run_sink),
    },
)

if __name__ == "__main__":
    sys.exit(SERVICE_ROLES.main())
