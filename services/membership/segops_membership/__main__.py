"""`python -m segops_membership api|worker|migrate [--check]`."""

from __future__ import annotations

import sys

from segops_common.runtime.cli import Service
from segops_membership.app import run_api, run_worker
from segops_membership.bootstrap import SERVICE, bootstrap

SERVICE_ROLES = Service(
    name=SERVICE,
    bootstrap=bootstrap,
    roles={
        "api": ("serve the HTTP interface", run_api),
        "worker": ("compute and publish membership", run_worker),
    },
)

if __name__ == "__main__":
    sys.exit(SERVICE_ROLES.main())
