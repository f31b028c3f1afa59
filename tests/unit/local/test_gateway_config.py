"""What nginx's configuration must contain, and what it must not."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from segops_local.errors import LocalError
from segops_local.gateway.nginx import Route, load_routes, program, render
from segops_local.gateway.problem_pages import REFUSALS
from segops_local.state.folder import StateFolder
from segops_local.supervisor.services import Addresses, environment
from segops_segments.service.run_stream import MAX_SUBSCRIBERS

UPSTREAMS = {"auth": 1, "ingest": 2, "membership": 3, "segments": 4, "status": 5, "mailbox": 6}


def test_no_marker_of_the_template_is_left() -> None:
    text = render(load_routes(), port=8080, upstreams=UPSTREAMS, folder=Path("/var/lib/se gops"))
    assert "@" not in text
    assert 'pid "/var/lib/se gops/nginx.pid";' in text


def test_internal_paths_are_in_no_route() -> None:
    assert not [route for route in load_routes().routes if "internal" in route.prefix]


def test_the_page_of_mails_is_in_no_route_that_deployments_share() -> None:
    assert not [route for route in load_routes().routes if route.prefix.startswith("/dev/")]
    text = render(load_routes(), port=8080, upstreams=UPSTREAMS, folder=Path("/var/lib/segops"))
    assert text.count("/dev/mail/ {") == 1


def test_a_folder_that_would_break_the_configuration_is_refused() -> None:
    with pytest.raises(LocalError, match="without quotes"):
        render(load_routes(), port=8080, upstreams=UPSTREAMS, folder=Path('/tmp/a";b'))


def test_a_route_to_a_service_nobody_runs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="without a port: mailbox, membership, status"):
        render(load_routes(), port=1, upstreams={"auth": 1, "ingest": 2, "segments": 3}, folder=tmp_path)


def test_only_lists_may_be_large() -> None:
    text = render(load_routes(), port=8080, upstreams=UPSTREAMS, folder=Path("/var/lib/segops"))
    (large,) = [line for line in text.splitlines() if "proxy_request_buffering off" in line]
    assert 'location ~ "^/api/segments/[^/]+/members/?$" { client_max_body_size 67108864;' in large
    assert re.search(r"proxy_pass http://\$service_of_\d+; }$", large)


def test_the_method_decides_where_two_services_share_a_path() -> None:
    text = render(load_routes(), port=8080, upstreams=UPSTREAMS, folder=Path("/var/lib/segops"))
    (number,) = re.findall(r'location ~ "\^/api/segments/\[\^/\]\+/members/\?\$" \{.*\$service_of_(\d+);', text)
    (services,) = re.findall(rf"map \$request_method \$service_of_{number} {{([^}}]*)}}", text)
    assert services.split() == ["default", "segments;", "GET", "membership;", "HEAD", "membership;"]


def test_a_path_of_some_methods_must_have_a_service_for_the_others() -> None:
    table = load_routes()
    alone = Route("/api/segments/*/sizes/", "membership", methods=("GET",))
    with pytest.raises(LocalError, match="must say who answers the other methods of: /api/segments/\\*/sizes/"):
        render(replace(table, routes=(*table.routes, alone)), port=1, upstreams=UPSTREAMS, folder=Path("/var/lib"))


def test_streams_leave_half_of_the_connections_and_a_service_refuses_first() -> None:
    text = render(load_routes(), port=8080, upstreams=UPSTREAMS, folder=Path("/var/lib/segops"))
    streams = {int(number) for number in re.findall(r"limit_conn streams (\d+);", text)}
    (connections,) = (int(number) for number in re.findall(r"worker_connections (\d+);", text))
    assert len(streams) == 1
    assert MAX_SUBSCRIBERS < max(streams) <= connections // 4
    buffered = [line for line in text.splitlines() if "events/" in line and "proxy_buffering off" not in line]
    assert buffered == [], "every stream of events is marked as a stream"


def test_every_page_that_nginx_has_is_replaced() -> None:
    pages = {int(code) for code in re.findall(rb"<title>(\d{3}) ", program().read_bytes())}
    own = {code for refusal in REFUSALS for code in refusal.codes}
    assert {code for code in pages if code >= 400} - own == set()
    assert {494, 495, 496, 497} <= own
    assert all(refusal.status != 500 for refusal in REFUSALS if refusal.codes != (500,))


def test_services_are_given_the_time_after_which_the_gateway_gives_up(tmp_path: Path) -> None:
    table = load_routes()
    addresses = Addresses(
        postgres={},
        redis={"ingest": ""},
        clickhouse={},
        event_log={},
        auth="http://h",
        membership="http://h",
        segments="http://h",
        gateway="http://h",
        processes={},
    )
    with (state := StateFolder(tmp_path)).hold():
        settings = environment("ingest.api", addresses=addresses, state=state, request_timeout_s=table.timeout_s)
    assert f"proxy_read_timeout {settings['SEGOPS_REQUEST_TIMEOUT_S']}s;" in render(
        table, port=8080, upstreams=UPSTREAMS, folder=Path("/var/lib/segops")
    )
