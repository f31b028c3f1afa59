"""Which port serves which path."""

from __future__ import annotations

import pytest

from segops_common.contracts.http import JWKS_PATH
from segops_common.web.internal_port import InternalPort

OUTSIDE, INSIDE = 8000, 8001


@pytest.mark.parametrize(
    ("path", "ports"),
    [
        ("/internal/introspect/", {INSIDE}),
        ("/readyz", {INSIDE}),
        ("/versions", {INSIDE}),
        ("/metrics", {INSIDE}),
        ("/api/auth/token/", {OUTSIDE}),
        ("/api/internal/", {OUTSIDE}),
        (JWKS_PATH, {OUTSIDE, INSIDE}),
    ],
)
def test_a_path_is_served_by_its_ports(path: str, ports: set[int]) -> None:
    split, one = InternalPort(INSIDE), InternalPort()
    scopes = {port: {"type": "http", "server": ("127.0.0.1", port)} for port in (OUTSIDE, INSIDE)}
    assert {port for port, scope in scopes.items() if not split.refuses(scope, path)} == ports
    assert not any(one.refuses(scope, path) for scope in scopes.values())
