"""`python -m segops_auth api|migrate [--check]|keys list|keys rotate [--revoke]|audit verify`."""

from __future__ import annotations

import sys

from segops_auth.app import run_api
from segops_auth.bootstrap import SERVICE, bootstrap
from segops_auth.commands import list_keys, rotate_keys, verify_audit_log
from segops_common.runtime.cli import Command, Service

SERVICE_ROLES = Service(
    name=SERVICE,
    bootstrap=bootstrap,
    roles={
        "api": ("serve the HTTP interface", run_api),
    },
    commands={
        "keys": {
            "list": Command(summary="print the signing keys that are published", run=list_keys),
            "rotate": Command(
                summary="add a signing key; the previous one retires when its last token has expired",
                run=rotate_keys,
                flags={"--revoke": "sign with the new key at once and remove the others, for a key that has leaked"},
            ),
        },
        "audit": {
            "verify": Command(summary="verify the hash chain of every tenant's audit log", run=verify_audit_log),
        },
    },
)

if __name__ == "__main__":
    sys.exit(SERVICE_ROLES.main())
