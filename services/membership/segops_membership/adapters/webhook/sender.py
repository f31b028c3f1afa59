"""Sends requests over HTTP to addresses that were checked: a host is resolved once, and the connection goes to that address."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

import httpx

from segops_common.core.clock import Clock
from segops_membership.domain.activations.addresses import Address, AddressPolicy, Target
from segops_membership.ports.activations.sender import Answer

TIMEOUT_S: Final = 10.0
MAX_RESPONSE_BYTES: Final = 1_024
"""How much of a response is read and kept in the log."""
Resolve = Callable[[str, int], Awaitable[Sequence[Address]]]


async def resolved(host: str, port: int) -> Sequence[Address]:
    """Return the addresses of a host, as the system resolves it. Raises OSError."""
    loop = asyncio.get_running_loop()
    results = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return [ipaddress.ip_address(result[4][0]) for result in results]


class WebhookSender:
    """See the port `Sender`. Follows no redirects, uses no proxy, and keeps no connection."""

    def __init__(
        self,
        *,
        policy: AddressPolicy,
        clock: Clock,
        verify: ssl.SSLContext,
        resolve: Resolve = resolved,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._policy = policy
        self._clock = clock
        self._verify = verify
        self._resolve = resolve
        self._timeout_s = timeout_s

    async def send(
        self,
        tenant_id: int,  # noqa: ARG002 the port's form; every tenant has the same policy
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
    ) -> Answer:
        """See the port."""
        started = self._clock.monotonic()
        status: int | None = None
        retry_after_s: float | None = None
        response, error = "", None
        try:
            async with asyncio.timeout(self._timeout_s):
                status, retry_after, response = await self._send(method, url, headers, body)
                retry_after_s = _seconds(retry_after, self._clock.now())
        except TimeoutError:
            error = f"the receiver must answer within {self._timeout_s:g} seconds"
        except ValueError as refusal:
            error = f"the address {refusal}"
        except socket.gaierror:
            error = "the host of the address must have an entry in DNS"
        except (OSError, httpx.HTTPError, ssl.SSLError) as failure:
            error = f"the connection failed: {type(failure).__name__}"
        return Answer(status, round((self._clock.monotonic() - started) * 1000), response, error, retry_after_s)

    async def _send(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, str, str]:
        """Return the status, `Retry-After` or an empty text, and the beginning of the response."""
        target = self._policy.check_url(url)
        address = await self._address(target)
        host = f"[{address}]" if address.version == 6 else str(address)
        parts = urlsplit(url)
        checked = f"{target.scheme}://{host}:{target.port}{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        async with (
            # A proxy of the environment would resolve the host anew.
            httpx.AsyncClient(verify=self._verify, follow_redirects=False, trust_env=False, timeout=None) as client,
            client.stream(
                method,
                checked,
                content=body,
                headers={"Host": parts.netloc, **headers},
                # The certificate must be that of the host, although the connection goes to its address.
                extensions={"sni_hostname": target.host},
            ) as answer,
        ):
            return answer.status_code, answer.headers.get("retry-after", ""), await _beginning(answer)

    async def _address(self, target: Target) -> Address:
        """Return the address to connect to. Raises ValueError unless every address of the host is allowed."""
        addresses = [target.literal] if target.literal else await self._resolve(target.host, target.port)
        for address in addresses:
            self._policy.check(target, address)
        return addresses[0]


def _seconds(retry_after: str, now: datetime) -> float | None:
    """Return the seconds that a `Retry-After` asks for, a number or a date; None for another text, or a time that is over."""
    text = retry_after.strip()
    try:
        seconds = float(text) if text.isdecimal() else (parsedate_to_datetime(text) - now).total_seconds()
    except (TypeError, ValueError, OverflowError):
        return None
    return seconds if seconds > 0 else None


async def _beginning(answer: httpx.Response) -> str:
    """Return the first bytes of a response as text."""
    content = b""
    async with aclosing(answer.aiter_raw()) as chunks:  # type: ignore[type-var]
        async for chunk in chunks:
            content += chunk
            if len(content) >= MAX_RESPONSE_BYTES:
                break
    return content[:MAX_RESPONSE_BYTES].decode(errors="replace").replace("\x00", "\ufffd")
