"""The address of a client in each topology, and what a client cannot make us believe."""

from __future__ import annotations

from ipaddress import ip_network
from types import SimpleNamespace

import pytest
from starlette.requests import Request

from segops_common.web.request.client_address import (
    NO_PROXIES,
    TrustedProxies,
    came_by_https,
    rate_limited_address,
)

GATEWAY = TrustedProxies(networks=(ip_network("127.0.0.1/32"),))
BEHIND_TWO = TrustedProxies(networks=(ip_network("127.0.0.1/32"), ip_network("192.0.2.10/32")), hops=2)
INGRESS = TrustedProxies(networks=(ip_network("10.0.0.0/8"), ip_network("fd00::/8")))
BALANCER = TrustedProxies(networks=(ip_network("10.0.0.0/8"),), hops=2)


def request(peer: str, proxies: TrustedProxies, *forwarded: str, proto: str = "") -> Request:
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    if proto:
        headers.append((b"x-forwarded-proto", proto.encode()))
    app = SimpleNamespace(state=SimpleNamespace(proxies=proxies))
    scope = {"type": "http", "client": (peer, 4711), "headers": headers, "app": app, "scheme": "http", "path": "/"}
    return Request({**scope, "query_string": b"", "server": ("segops.test", 80)})


CASES = {
    "none: the peer counts": (NO_PROXIES, "203.0.113.7", [], "203.0.113.7"),
    "none: the header is a claim": (NO_PROXIES, "203.0.113.7", ["198.51.100.1"], "203.0.113.7"),
    "none: loopback has no limit": (NO_PROXIES, "127.0.0.1", ["198.51.100.1"], None),
    "none: IPv6 counts by /64": (NO_PROXIES, "2001:db8:1:2:3:4:5:6", [], "2001:db8:1:2::/64"),
    "none: IPv4 in IPv6": (NO_PROXIES, "::ffff:203.0.113.7", [], "203.0.113.7"),
    "gateway": (GATEWAY, "127.0.0.1", ["203.0.113.7"], "203.0.113.7"),
    "gateway: a spoofed entry": (GATEWAY, "127.0.0.1", ["198.51.100.1, 203.0.113.7"], "203.0.113.7"),
    "gateway: two headers": (GATEWAY, "127.0.0.1", ["198.51.100.1", "203.0.113.7"], "203.0.113.7"),
    "gateway: from this machine": (GATEWAY, "127.0.0.1", ["198.51.100.1, 127.0.0.1"], None),
    "gateway: IPv6 with port": (GATEWAY, "127.0.0.1", ["[2001:db8::1]:443"], "2001:db8::/64"),
    "gateway: IPv4 with port": (GATEWAY, "127.0.0.1", ["203.0.113.7:443"], "203.0.113.7"),
    "gateway: a stranger calls the service": (GATEWAY, "203.0.113.7", ["198.51.100.1"], "203.0.113.7"),
    "a proxy before the gateway": (BEHIND_TWO, "127.0.0.1", ["198.51.100.1, 203.0.113.7, 192.0.2.10"], "203.0.113.7"),
    "the gateway called directly": (BEHIND_TWO, "127.0.0.1", ["198.51.100.1, 203.0.113.7"], "203.0.113.7"),
    "ingress": (INGRESS, "10.2.3.4", ["203.0.113.7"], "203.0.113.7"),
    "ingress: a spoofed entry": (INGRESS, "10.2.3.4", ["10.9.9.9, 203.0.113.7"], "203.0.113.7"),
    "ingress: a spoofed proxy": (INGRESS, "10.2.3.4", ["198.51.100.1, 10.9.9.9"], "10.9.9.9"),
    "ingress: IPv6": (INGRESS, "fd00::5", ["2001:db8:1:2:3:4:5:6"], "2001:db8:1:2::/64"),
    "ingress: no header": (INGRESS, "10.2.3.4", [], "10.2.3.4"),
    "ingress: nonsense": (INGRESS, "10.2.3.4", ["203.0.113.7, <script>"], "10.2.3.4"),
    "balancer and ingress": (BALANCER, "10.2.3.4", ["198.51.100.1, 203.0.113.7, 10.0.0.9"], "203.0.113.7"),
    "no address": (INGRESS, "testclient", ["203.0.113.7"], None),
}


@pytest.mark.parametrize(("proxies", "peer", "forwarded", "address"), CASES.values(), ids=CASES.keys())
def test_the_address(proxies: TrustedProxies, peer: str, forwarded: list[str], address: str | None) -> None:
    assert rate_limited_address(request(peer, proxies, *forwarded)) == address


def test_a_long_header_is_read_only_as_far_as_there_are_proxies() -> None:
    many = ", ".join(["127.0.0.1"] * 500)
    assert rate_limited_address(request("127.0.0.1", GATEWAY, f"{many}, 203.0.113.7, 127.0.0.1")) is None


@pytest.mark.parametrize(
    ("peer", "proto", "is_https"),
    [("127.0.0.1", "https", True), ("127.0.0.1", "http", False), ("203.0.113.7", "https", False)],
)
def test_only_a_trusted_proxy_says_that_the_client_used_https(peer: str, proto: str, is_https: bool) -> None:
    assert came_by_https(request(peer, GATEWAY, proto=proto)) is is_https
