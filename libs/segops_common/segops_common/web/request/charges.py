"""Rate limits of routes, per credential and per tenant.

Every route has a kind. A request of the kind `requests` costs 1 before its body is read. Other kinds cost what the work
costs, which the body says. A refused request of a known caller costs 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from fastapi import Request

from segops_common.core.problems import RateLimited
from segops_common.core.rate_limit import Charge, Limit, Meter, Quota, Standing, headers_of
from segops_common.security.principal import KeyPrincipal, Principal, UserPrincipal
from segops_common.telemetry.metrics import Metric, Metrics
from segops_common.web.request.client_address import rate_limited_address

REQUESTS: Final = "requests"
PERIOD_S: Final = 60
STATE: Final = "rate_limit_headers"
"""Where a request keeps its headers until the response."""
_CHARGED: Final = "__charged__"
Cost = Callable[[Any], int]
F = TypeVar("F", bound=Callable[..., object])


@dataclass(frozen=True, slots=True)
class Charged:
    """The kind of a route, and what a request costs by its body."""

    kind: str
    cost: Cost


def _one(_body: Any) -> int:
    return 1


_DEFAULT: Final = Charged(REQUESTS, _one)


def charged(kind: str, cost: Cost = _one) -> Callable[[F], F]:
    """Mark a handler whose requests count under limits of their own, by the cost of the body."""

    def mark(endpoint: F) -> F:
        setattr(endpoint, _CHARGED, Charged(kind, cost))
        return endpoint

    return mark


def charged_as(endpoint: object) -> Charged:
    """Return the mark of the handler, or that of the kind `requests`."""
    mark: Charged = getattr(endpoint, _CHARGED, _DEFAULT)
    return mark


class RateLimits:
    """Charges requests to the limits of their credential and of their tenant."""

    def __init__(self, *, meter: Meter, quotas: Mapping[str, Quota], metrics: Metrics) -> None:
        self._meter = meter
        self._per_key = _limits("key", {kind: quota.per_key for kind, quota in quotas.items()})
        self._per_tenant = _limits("tenant", {kind: quota.per_tenant for kind, quota in quotas.items()})
        self._refused = metrics.counter(Metric.RATE_LIMITED)
        for kind in quotas:
            self._refused.labels(kind)

    async def admit(self, request: Request, kind: str, cost: int = 1) -> None:
        """Charge the request. Raises RateLimited beyond a limit; then nothing is charged."""
        charges = [*self._charges(request, kind, cost)]
        if not charges:
            return
        try:
            standings = await self._meter.charge(charges)
        except RateLimited:
            self._refused.labels(kind).inc()
            raise
        request.scope["state"][STATE] = _raw_headers(standings)

    def _charges(self, request: Request, kind: str, cost: int) -> list[Charge]:
        caller: Principal | None = getattr(request.state, "principal", None)
        subject = _subject(caller) if caller is not None else rate_limited_address(request)
        tenant_id = _tenant_of(caller, request)
        charges = []
        if subject is not None and kind in self._per_key:
            charges.append(Charge(self._per_key[kind], subject, cost))
        if tenant_id is not None and kind in self._per_tenant:
            charges.append(Charge(self._per_tenant[kind], f"tenant {tenant_id}", cost))
        return charges


def _limits(of: str, quotas: Mapping[str, int]) -> dict[str, Limit]:
    return {
        kind: Limit(name=f"{kind}-{of}", quota=quota, period_s=PERIOD_S) for kind, quota in quotas.items() if quota > 0
    }


def _subject(caller: Principal) -> str:
    return f"key {caller.key_id}" if isinstance(caller, KeyPrincipal) else f"user {caller.user_id}"


def _tenant_of(caller: Principal | None, request: Request) -> int | None:
    """Return the tenant to charge: of the key, or the one of the user's that the request names, or their only one."""
    match caller:
        case KeyPrincipal(tenant_id=tenant_id):
            return tenant_id
        case UserPrincipal(roles=roles):
            named = _named_tenant(caller, request)
            return named if named in roles else next(iter(roles)) if len(roles) == 1 else None
        case _:
            return None


def _named_tenant(caller: UserPrincipal, request: Request) -> int | None:
    body = getattr(request, "_json", None)
    fields: Mapping[str, Any] = body if isinstance(body, dict) else request.query_params
    tenant, slug = fields.get("tenant"), fields.get("tenant_slug")
    if isinstance(tenant, str) and tenant.isascii() and tenant.isdigit():
        return int(tenant[:20])
    if type(tenant) is int:
        return tenant
    return caller.tenant_with_slug(slug) if isinstance(slug, str) else None


def _raw_headers(standings: Iterable[Standing]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode()) for name, value in headers_of(standings).items()]
