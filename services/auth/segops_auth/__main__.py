"""`python -m segops_auth api|migrate [--check]`."""

from __future__ import annotations

import sys

from segops_auth.app import run_api
from segops_auth.bootstrap import SERVICE, bootstrap
from segops_common.runtime.cli import Service

SERVICE_ROLES = Service(
    name=SERVICE,
    bootstrap=bootstrap,
    roles={
        "api": ("serve the HTTP interface", run_api),
    },
)

if __name__ == "__main__":
    sys.exit(SERVICE_ROLES.main())
