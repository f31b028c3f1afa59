"""Tasks of operators on the command line: signing keys, and the audit log."""

from __future__ import annotations

import sys
from argparse import Namespace

from segops_auth.bootstrap import Bootstrap
from segops_auth.service.audit_review import review_audit_logs


async def list_keys(bootstrap: Bootstrap, _options: Namespace) -> int:
    """Print the published signing keys, the newest last."""
    async with bootstrap.signing_keys() as keys:
        for key in await keys.stored():
            end = "-" if key.retires_at is None else f"{key.retires_at:%Y-%m-%dT%H:%M:%SZ}"
            _say(f"{key.kid}  signs from {key.active_at:%Y-%m-%dT%H:%M:%SZ}  retires {end}")
    return 0


async def rotate_keys(bootstrap: Bootstrap, options: Namespace) -> int:
    """Add a signing key and print when it signs."""
    async with bootstrap.signing_keys() as keys:
        key = await keys.rotate(revoke=options.revoke)
    _say(f"{key.kid} signs from {key.active_at:%Y-%m-%dT%H:%M:%SZ}.")
    if options.revoke:
        _say("The previous keys are removed. Within a minute every access token stops working, and clients refresh.")
    else:
        _say("The previous key retires by itself when its last token has expired. Nothing needs a restart.")
    return 0


async def verify_audit_log(bootstrap: Bootstrap, _options: Namespace) -> int:
    """Print the state of each tenant's audit log. Return 1 if one is broken."""
    status = 0
    async with bootstrap.store() as store:
        async for review in review_audit_logs(store):
            if review.broken is None:
                _say(f"tenant {review.tenant_id}: {review.intact} entries, intact")
            else:
                status = 1
                _say(f"tenant {review.tenant_id}: broken after {review.intact} intact entries: {review.broken}")
    return status


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
