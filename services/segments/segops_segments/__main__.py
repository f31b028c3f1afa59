"""`python -m segops_segments api|outbox|results|migrate [--check]`."""

from __future__ import annotations

import sys

from segops_common.runtime.cli import Service
from segops_segments.app import are_migrations_pending, run_api, run_migrations, run_outbox, run_results
from segops_segments.bootstrap import SERVICE, bootstrap

SERVICE_ROLES = Service(
    name=SERVICE,
    bootstrap=bootstrap,
    roles={
        "api": ("serve the HTTP interface", run_api),
        "outbox": ("move messages from the outbox into the log", run_outbox),
        "results": ("take in the results of runs", run_results),
    },
    migrate=run_migrations,
    are_migrations_pending=are_migrations_pending,
)

if __name__ == "__main__":
    sys.exit(SERVICE_ROLES.main())
