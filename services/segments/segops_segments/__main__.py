"""`python -m segops_segments api|outbox|results|migrate [--check]`."""

from __future__ import annotations

import argparse
import asyncio
import sys

from segops_common.telemetry.logging import configure_logging
from segops_segments.app import are_migrations_pending, run_api, run_migrations, run_outbox, run_results
from segops_segments.bootstrap import SERVICE, bootstrap


def main() -> int:
    """Run one role; 1 when `migrate --check` finds work to do."""
    parser = argparse.ArgumentParser(prog="segops_segments", description="SegOps segments.")
    roles = parser.add_subparsers(dest="role", required=True)
    roles.add_parser("api", help="serve the HTTP interface")
    roles.add_parser("outbox", help="move messages from the outbox into the log")
    roles.add_parser("results", help="take in the results of runs")
    migrate = roles.add_parser("migrate", help="bring tables and topics up to date")
    migrate.add_argument("--check", action="store_true", help="only say whether migrations are pending")
    asked = parser.parse_args()
    configure_logging(service=SERVICE, role=asked.role)
    collaborators = bootstrap()
    match asked.role:
        case "api":
            asyncio.run(run_api(collaborators))
        case "outbox":
            asyncio.run(run_outbox(collaborators))
        case "results":
            asyncio.run(run_results(collaborators))
        case _ if asked.check:
            return int(asyncio.run(are_migrations_pending(collaborators)))
        case _:
            asyncio.run(run_migrations(collaborators))
    return 0


if __name__ == "__main__":
    sys.exit(main())
