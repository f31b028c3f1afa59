"""Hostile requests to an operation: one part of a good request is replaced at a time."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

from tests.corpus.hostile_bodies import BODIES, JSON
from tests.e2e.hostile import inputs
from tests.e2e.hostile.wire import Headers, HostileRequest, on_the_wire
from tests.e2e.hostile.world import Tenant, World
from tests.e2e.routes import Operation

QUERIES_EACH: Final = 4
HEADERS_EACH: Final = 4
METHODS_EACH: Final = 2
IDEMPOTENCY_KEYS_EACH: Final = 4
LISTS_EACH: Final = 25
CREDENTIALS_EACH: Final = 4
IDS_EACH: Final = 5
VALUES_EACH: Final = 10
DEFINITIONS_EACH: Final = 15
USERS: Final = ("/api/explorer/users/", "/api/identity/")
"""A user id is any text, even one that looks like a key."""
_MARK: Final = "hostile-value"
"""Stands in a body until the JSON text of the value replaces it."""

Place = tuple[str | int, ...]
T = TypeVar("T")


class Attack:
    """Makes the hostile requests to one operation."""

    def __init__(self, operation: Operation, world: World, choice: random.Random) -> None:
        self._operation = operation
        self._world = world
        self._choice = choice
        self._number = choice.randrange(1000)

    def requests(self) -> Iterator[HostileRequest]:
        """Yield all of them. Long tables are sampled."""
        for name in _parameters(self._operation.path):
            yield from self._ids(name)
        for query in self._sample(inputs.QUERIES, QUERIES_EACH):
            yield self._request(f"query {query[:20]}", self._tenant(), query=query)
        for name in sorted(self._operation.query):
            yield from self._parameter(name)
        yield from self._heads()
        yield from self._bodies() if self._operation.media else self._needless_bodies()

    def _ids(self, name: str) -> Iterator[HostileRequest]:
        for value in self._sample(inputs.IDS, IDS_EACH):
            yield self._request(f"{name} {value[:20]}", self._tenant(), ids={name: value})
        if name != "version":
            foreign = self._world.foreign.objects_for(self._operation)[name]
            yield self._request(f"foreign {name}", self._tenant(), ids={name: foreign})
        tenant = self._tenant()
        takes_any_text = self._operation.path.startswith(tuple(f"{users}{{{name}}}" for users in USERS))
        yield self._request(f"secret as {name}", tenant, ids={name: tenant.key}, must_refuse=not takes_any_text)

    def _parameter(self, name: str) -> Iterator[HostileRequest]:
        for value in self._sample(inputs.QUERY_VALUES, QUERIES_EACH):
            query = f"{name}={value.format(name=name)}"
            yield self._request(f"query {query[:40]}", self._tenant(), query=query, without=name)
        tenant = self._tenant()
        yield self._request(f"secret as {name}", tenant, query=f"{name}={tenant.key}", without=name)
        if name == "tenant":
            foreign = self._world.foreign.objects["tenant"]
            yield self._request("foreign tenant", tenant, query=f"tenant={foreign}", without=name, must_refuse=True)

    def _heads(self) -> Iterator[HostileRequest]:
        others = [method for method in inputs.METHODS if method != self._operation.method.upper()]
        for method in self._sample(others, METHODS_EACH):
            yield self._request(f"method {method}", self._tenant(), method=method)
        for name in self._sample(sorted(inputs.HEADERS), HEADERS_EACH):
            yield self._request(f"header {name}", self._tenant(), headers=inputs.HEADERS[name])
        if "Idempotency-Key" in self._operation.headers:
            for key in self._sample(inputs.IDEMPOTENCY_KEYS, IDEMPOTENCY_KEYS_EACH):
                yield self._request(
                    f"idempotency key {key[:9]!r}", self._tenant(), headers=[("Idempotency-Key", key)], must_refuse=True
                )
        if self._operation.schemes:
            yield from self._credentials()

    def _credentials(self) -> Iterator[HostileRequest]:
        for name in self._sample(sorted(self._world.foreign.bad_credentials), CREDENTIALS_EACH):
            tenant = self._tenant()
            bad = tenant.bad_credentials[name]
            yield self._request(f"credential {name}", tenant, credential=bad, must_refuse=True)

    def _needless_bodies(self) -> Iterator[HostileRequest]:
        for name in self._sample(sorted(BODIES), 1):
            body, headers, _ = BODIES[name]
            yield self._request(f"needless body {name}", self._tenant(), headers=[*headers.items()], body=body)

    def _bodies(self) -> Iterator[HostileRequest]:
        for name, (body, headers, _) in BODIES.items():
            refused = self._operation.needs_body or name not in ("U1 empty", "null")
            yield self._request(
                f"body {name}", self._tenant(), headers=[*headers.items()], body=body, must_refuse=refused
            )
        if "text/csv" in self._operation.media:
            for medium, body in self._sample(inputs.LISTS, LISTS_EACH):
                name = f"list {body[:20]!r}"
                yield self._request(name, self._tenant(), headers=[("Content-Type", medium)], body=body)
        yield from self._fields()
        if isinstance(self._operation.body, dict) and "definition" in self._operation.body:
            yield from self._definitions()

    def _fields(self) -> Iterator[HostileRequest]:
        places = list(_places(self._body(self._tenant())))
        for number, value in enumerate(self._sample(inputs.VALUES, VALUES_EACH)):
            yield self._field(self._tenant(), places[number % len(places)], value)
        for place in self._sample(places, 2):
            tenant = self._tenant()
            yield self._field(tenant, place, json.dumps(tenant.key))

    def _field(self, tenant: Tenant, place: Place, text: str) -> HostileRequest:
        body = json.dumps(_replaced(self._body(tenant), place, _MARK)).replace(f'"{_MARK}"', text)
        name = f"{'.'.join(map(str, place))} = {text[:30]}"
        return self._request(name, tenant, headers=[*JSON.items()], body=body.encode())

    def _definitions(self) -> Iterator[HostileRequest]:
        for definition in self._sample(inputs.DEFINITIONS, DEFINITIONS_EACH):
            tenant = self._tenant()
            body = json.dumps(self._body(tenant) | {"definition": definition})
            name = f"definition {str(definition)[:200]}"
            yield self._request(name, tenant, headers=[*JSON.items()], body=body.encode())

    def _request(
        self,
        name: str,
        tenant: Tenant,
        *,
        method: str | None = None,
        ids: Mapping[str, Any] | None = None,
        query: str = "",
        without: str = "",
        credential: Headers | None = None,
        headers: Headers | None = None,
        body: bytes | None = None,
        must_refuse: bool = False,
    ) -> HostileRequest:
        """Return a good request, but for what is given. `without` names a parameter that `query` replaces."""
        objects = tenant.objects_for(self._operation)
        path, good_query, good_body = self._operation.request(objects | dict(ids or {}))
        rest = urlencode({key: value for key, value in good_query.items() if key != without})
        target = f"{path}?{'&'.join(filter(None, (query, rest)))}".rstrip("?")
        if body is None and good_body is not None:
            body = json.dumps(self._body(tenant)).encode()
            headers = [*JSON.items(), *(headers or ())]
        head = [*(tenant.credential_for(self._operation) if credential is None else credential), *(headers or ())]
        wire = on_the_wire(method or self._operation.method.upper(), target, head, body)
        return HostileRequest(name, self._operation.id, wire, must_refuse)

    def _body(self, tenant: Tenant) -> Any:
        """Return a good body, but for a new password: a changed one would sign the tenant out.

        Every e-mail address is a new one, because attempts to sign in are limited for each.
        """
        email = f"nobody-{self._choice.randrange(10**12)}@example.com"
        objects = tenant.objects_for(self._operation) | {"email": email, "new_password": "short"}
        return self._operation.request(objects)[2]

    def _tenant(self) -> Tenant:
        self._number += 1
        return self._world.tenant_for(self._operation, self._number)

    def _sample(self, values: Sequence[T], count: int) -> list[T]:
        return self._choice.sample(values, min(count, len(values)))


def _parameters(path: str) -> list[str]:
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]


def _places(value: Any, place: Place = ()) -> Iterator[Place]:
    """Yield the places of all fields and items in a body, its own included."""
    yield place
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from _places(item, (*place, key))


def _replaced(value: Any, place: Place, new: Any) -> Any:
    if not place:
        return new
    value = deepcopy(value)
    value[place[0]] = _replaced(value[place[0]], place[1:], new)
    return value
