"""`python -m segops_membership api|worker|migrate [--check]`."""

from __future__ import annotations

import argparse
import asyncio
import sys

from segops_common.telemetry.logging import configure_logging
from segops_membership.app import are_migrations_pending, run_api, run_migrations, run_worker
from segops_membership.bootstrap import SERVICE, bootstrap


def main() -> int:
    """Run one role; 1 when `migrate --check` finds work to do."""
    parser = argparse.ArgumentParser(prog="segops_membership", description="SegOps membership.")
    roles = parser.add_subparsers(dest="role", required=True)
    roles.add_parser("api", help="serve the HTTP interface")
    roles.add_parser("worker", help="compute segments and publish their members")
    migrate = roles.add_parser("migrate", help="bring tables and topics up to date")
    migrate.add_argument("--check", action="store_true", help="only say whether migrations are pending")
    asked = parser.parse_args()
    configure_logging(service=SERVICE, role=asked.role)
    collaborators = bootstrap()
    match asked.role:
        case "api":
            asyncio.run(run_api(collaborators))
        case "worker":
            asyncio.run(run_worker(collaborators))
        case _ if asked.check:
            return int(asyncio.run(are_migrations_pending(collaborators)))
        case _:
            asyncio.run(run_migrations(collaborators))
    return 0


if __name__ == "__main__":
    sys.exit(main())
