"""Every route that reads JSON says what was seen instead of JSON."""

from __future__ import annotations

import pytest

from segops_testkit.http import in_process
from tests.unit.web.test_parameters import SERVICES, app_of, credential, operations

SEEN = {
    b"\xef\xbb\xbf{}": "byte order mark",
    '{"a":"é"}'.encode("latin-1"): "Latin-1",
    '{"a":1}'.encode("utf-16"): "UTF-16",
    b"\x1f\x8b\x08\x00": "Content-Encoding: gzip",
    b'{"a":1e400}': "`1e400`",
    b'{"a":NaN}': "`NaN`",
}


@pytest.mark.parametrize("service", SERVICES)
async def test_each_kind_is_named_on_every_route_that_reads_json(service: str) -> None:
    app = app_of(service)
    read = 0
    async with in_process(app) as client:
        for method, path, operation in operations(app.openapi()):
            # A route with a segment in its path looks it up before it reads an upload.
            if "requestBody" not in operation or path.endswith("/members/"):
                continue
            url = path.replace("{", "").replace("}", "").replace("segment_id", "1")
            headers = credential(operation) | {"Content-Type": "application/json"}
            for body, name in SEEN.items():
                answer = await client.request(method, url, headers=headers, content=body)
                problem = answer.json()
                assert (answer.status_code, problem["type"].rsplit("/", 1)[1]) == (400, "malformed-json"), path
                assert name in problem["detail"], f"{path}: {problem['detail']}"
                read += 1
    assert read >= len(SEEN)
