"""Where activations may send: a table of addresses, by their form and by what their hosts resolve to."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from segops_common.core.clock import SystemClock
from segops_membership.adapters.webhook.sender import WebhookSender
from segops_membership.domain.activations.addresses import Address, AddressPolicy, target_of

PUBLIC = AddressPolicy()
LOOPBACK = AddressPolicy([ipaddress.ip_network("127.0.0.0/8")])

REFUSED = [
    "http://hooks.example.com/",
    "ftp://hooks.example.com/",
    "file:///etc/passwd",
    "gopher://hooks.example.com/",
    "//hooks.example.com/",
    "hooks.example.com",
    "https://",
    "https:///path",
    "https://127.0.0.1/",
    "https://127.255.255.254/",
    "https://127.1/",
    "https://2130706433/",
    "https://017700000001/",
    "https://0x7f000001/",
    "https://0x7f.0.0.1/",
    "https://0177.0.0.1/",
    "https://127.0.0.1./",
    "https://0.0.0.0/",
    "https://10.1.2.3/",
    "https://172.16.0.1/",
    "https://192.168.1.1/",
    "https://100.64.0.1/",
    "https://100.100.100.200/",
    "https://169.254.169.254/latest/meta-data/",
    "https://168.63.129.16/",
    "https://192.0.0.192/",
    "https://198.18.0.1/",
    "https://224.0.0.1/",
    "https://255.255.255.255/",
    "https://[::]/",
    "https://[::1]/",
    "https://[0:0:0:0:0:0:0:1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:a9fe:a9fe]/",
    "https://[::127.0.0.1]/",
    "https://[fe80::1]/",
    "https://[fe80::1%25eth0]/",
    "https://[fc00::1]/",
    "https://[fd00:ec2::254]/",
    "https://[ff02::1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[64:ff9b:1::a00:1]/",
    "https://[2002:7f00:1::]/",
    "https://[2001:0:7f00:1::]/",
    "https://localhost/",
    "https://LOCALHOST:8443/",
    "https://metadata.localhost/",
    "https://user@hooks.example.com/",
    "https://hooks.example.com@127.0.0.1/",
    "https://hooks.example.com:secret@127.0.0.1/",
    "https://%31%32%37.0.0.1/",
    "https://１２７.0.0.1/",
    "https://ⓛocalhost/",
    "https://hooks.example.com\\@127.0.0.1/",
    "https://hooks.example.com/\r\nHost: 127.0.0.1",
    "https://hooks.example.com/ x",
    "https://hooks.example.com/\x00",
    "https://hooks.example.com/#fragment",
    "https://hooks.example.com:22/",
    "https://hooks.example.com:25/",
    "https://hooks.example.com:0/",
    "https://hooks.example.com:65536/",
    "https://hooks.example.com:port/",
    "https://-hooks.example.com/",
    "https://hooks..example.com/",
    "https://[hooks.example.com]/",
    "https://hooks.example.com/" + "x" * 2_048,
]
ALLOWED = [
    ("https://hooks.example.com/", ("https", "hooks.example.com", 443)),
    ("https://hooks.example.com:8443/a?b=c", ("https", "hooks.example.com", 8443)),
    ("https://HOOKS.example.com./", ("https", "hooks.example.com", 443)),
    ("https://xn--bcher-kva.example/", ("https", "xn--bcher-kva.example", 443)),
    ("https://93.184.215.14/", ("https", "93.184.215.14", 443)),
    ("https://[2606:4700::6810:84e5]/", ("https", "2606:4700::6810:84e5", 443)),
    ("https://1and1.example/", ("https", "1and1.example", 443)),
]
UNSAFE_ANSWERS = [
    ["127.0.0.1"],
    ["10.0.0.1"],
    ["169.254.169.254"],
    ["93.184.215.14", "127.0.0.1"],
    ["::1"],
    ["::ffff:192.168.0.1"],
    ["2606:4700::6810:84e5", "fd00::1"],
]


@pytest.mark.parametrize("url", REFUSED)
def test_an_address_that_is_not_public_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"\Amust"):
        PUBLIC.check_url(url)


@pytest.mark.parametrize(("url", "expected"), ALLOWED)
def test_a_public_address_is_allowed(url: str, expected: tuple[str, str, int]) -> None:
    target = PUBLIC.check_url(url)
    assert (target.scheme, target.host, target.port) == expected


def test_an_operator_allows_networks_also_over_http() -> None:
    assert LOOPBACK.check_url("http://127.0.0.1:8080/").port == 8080
    assert LOOPBACK.check_url("http://localhost:8080/").port == 8080
    LOOPBACK.check_url("https://[::ffff:127.0.0.1]/")
    for url in ("http://10.0.0.1/", "https://10.0.0.1/", "http://93.184.215.14/", "https://[::1]/"):
        with pytest.raises(ValueError, match=r"\Amust"):
            LOOPBACK.check_url(url)
    with pytest.raises(ValueError, match="https"):
        LOOPBACK.check(target_of("http://hooks.example.com/"), ipaddress.ip_address("93.184.215.14"))


def sender(
    policy: AddressPolicy, answers: Sequence[Sequence[str]], *, timeout_s: float = 5
) -> tuple[WebhookSender, list[str]]:
    """Return a sender whose resolver gives these answers one after the other, and the hosts that were looked up."""
    lookups: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[Address]:
        lookups.append(f"{host}:{port}")
        addresses = answers[min(len(lookups), len(answers)) - 1]
        if not addresses:
            raise socket.gaierror("no such host")
        return [ipaddress.ip_address(address) for address in addresses]

    context = ssl.create_default_context()
    return WebhookSender(
        policy=policy, clock=SystemClock(), verify=context, resolve=resolve, timeout_s=timeout_s
    ), lookups


@pytest.mark.parametrize("addresses", UNSAFE_ANSWERS)
async def test_a_host_with_an_address_that_is_not_public_is_refused(addresses: list[str]) -> None:
    webhook, lookups = sender(PUBLIC, [addresses])
    answer = await webhook.send(1, "POST", "https://hooks.example.com/", {}, b"{}")
    assert (answer.status_code, lookups) == (None, ["hooks.example.com:443"])
    assert answer.error is not None
    assert "public address" in answer.error


@asynccontextmanager
async def receiver(response: bytes, *, delay_s: float = 0) -> AsyncIterator[tuple[int, list[bytes]]]:
    """Yield the port of a server on 127.0.0.1 that answers every request so, and the requests."""
    requests: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        requests.append(head + await reader.readexactly(2))
        await asyncio.sleep(delay_s)
        writer.write(response)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], requests


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def test_a_host_is_resolved_once_and_the_connection_goes_to_that_address() -> None:
    async with receiver(OK) as (port, requests):
        webhook, lookups = sender(LOOPBACK, [["127.0.0.1"], ["10.0.0.1"]])
        answer = await webhook.send(1, "POST", f"http://hooks.example.com:{port}/a?b=c", {"X-One": "1"}, b"{}")
    assert (answer.status_code, answer.response, answer.error, lookups) == (
        200,
        "ok",
        None,
        [f"hooks.example.com:{port}"],
    )
    (request,) = requests
    assert request.startswith(b"POST /a?b=c HTTP/1.1\r\n")
    assert b"Host: hooks.example.com:%d\r\n" % port in request
    # The same host with another answer: the second request is decided anew.
    assert (await webhook.send(1, "POST", "http://hooks.example.com/", {}, b"{}")).status_code is None


@pytest.mark.parametrize("location", ["http://10.0.0.1/", "http://169.254.169.254/", "/elsewhere"])
async def test_a_redirect_is_not_followed(location: str) -> None:
    response = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()
    async with receiver(response) as (port, requests):
        webhook, _ = sender(LOOPBACK, [["127.0.0.1"]])
        answer = await webhook.send(1, "POST", f"http://hooks.example.com:{port}/", {}, b"{}")
    assert (answer.status_code, answer.is_success, len(requests)) == (302, False, 1)


async def test_what_goes_wrong_is_an_answer_without_a_status() -> None:
    async with receiver(OK, delay_s=5) as (port, _):
        webhook, _ = sender(LOOPBACK, [["127.0.0.1"]], timeout_s=0.1)
        late = await webhook.send(1, "POST", f"http://hooks.example.com:{port}/", {}, b"{}")
    unknown = await sender(PUBLIC, [[]])[0].send(1, "POST", "https://hooks.example.com/", {}, b"{}")
    async with receiver(b"nonsense\r\n\r\n") as (port, _):
        broken = await sender(LOOPBACK, [["127.0.0.1"]])[0].send(
            1, "POST", f"http://hooks.example.com:{port}/", {}, b"{}"
        )
    closed = await sender(LOOPBACK, [["127.0.0.1"]])[0].send(1, "POST", f"http://hooks.example.com:{port}/", {}, b"{}")
    assert [answer.status_code for answer in (late, unknown, broken, closed)] == [None] * 4
    assert "within" in (late.error or "")
    assert "DNS" in (unknown.error or "")
    assert "failed" in (broken.error or "")
    assert "failed" in (closed.error or "")


@pytest.mark.parametrize(
    ("header", "expected_s"),
    [
        (b"Retry-After: 120\r\n", 120.0),
        (b"retry-after:  7 \r\n", 7.0),
        (b"Retry-After: Thu, 31 Dec 2099 23:59:59 GMT\r\n", "later"),
        (b"Retry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n", None),
        (b"Retry-After: Fri, 31 Dec 1999 23:59:59\r\n", None),
        (b"Retry-After: 0\r\n", None),
        (b"Retry-After: -1\r\n", None),
        (b"Retry-After: nan\r\n", None),
        (b"Retry-After: soon\r\n", None),
        (b"Retry-After: " + b"9" * 400 + b"\r\n", "later"),
        (b"Retry-After: \xc2\xb2\r\n", None),
        (b"", None),
    ],
)
async def test_a_receiver_says_when_to_send_again(header: bytes, expected_s: float | str | None) -> None:
    async with receiver(b"HTTP/1.1 503 No\r\n" + header + b"Content-Length: 0\r\n\r\n") as (port, _):
        webhook, _ = sender(LOOPBACK, [["127.0.0.1"]])
        answer = await webhook.send(1, "POST", f"http://hooks.example.com:{port}/", {}, b"{}")
    assert answer.status_code == 503
    if expected_s == "later":
        assert answer.retry_after_s is not None
        assert answer.retry_after_s > 10**6
    else:
        assert answer.retry_after_s == expected_s


async def test_a_long_response_is_cut() -> None:
    body = b"x" * 100_000
    async with receiver(b"HTTP/1.1 500 No\r\nContent-Length: 100000\r\n\r\n" + body) as (port, _):
        webhook, _ = sender(LOOPBACK, [["127.0.0.1"]])
        answer = await webhook.send(1, "POST", f"http://hooks.example.com:{port}/", {}, b"{}")
    assert (answer.status_code, len(answer.response)) == (500, 1_024)
