"""Exports to S3-compatible storage: ClickHouse writes the file, the API leads to it, and nothing shows the secret."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from segops_common.core.clock import SystemClock
from segops_common.core.faults import NO_FAULTS
from segops_common.security.sealing import Sealer
from segops_common.stores.clickhouse import ClickHouse, ClickHouseError
from segops_local.engines import ClickHouseEngine
from segops_local.engines.clickhouse_config import OWNER, USERS
from segops_local.processes.process import Command
from segops_local.state.ports import HOST, free_port
from segops_membership.adapters.clickhouse.members.sets import ClickHouseMemberSets
from segops_membership.adapters.postgres.activations import PostgresActivations
from segops_membership.adapters.postgres.exports import PostgresExports
from segops_membership.adapters.postgres.publication_log import PostgresPublicationLog
from segops_membership.adapters.s3.export_bucket import ExportBucket
from segops_membership.adapters.s3.presigned import S3Credentials
from segops_membership.domain.activations.activation import Settings
from segops_membership.domain.members.sets import MemberFormat
from segops_membership.ports.errors import EngineUnavailable
from segops_membership.service.activations.files import FileOutputs
from segops_membership.service.exports.run_exports import RunExports
from tests.corpus.builders import count, event, group, job
from tests.integration.membership.explorer_api import ODD, Api, explorer_api
from tests.integration.membership.harness import MembershipHarness, migrate_all, opened

KEY = S3Credentials("AKIAEXPORTS", "a-secret-that-nothing-shows")
WRONG = replace(KEY, secret="another-secret-that-nothing-shows")
SEGMENT = 42
USERS_OF_SEGMENT = 1_500
RCLONE = Path(sys.executable).parent / "rclone"
_LOGS = "".join(
    f"<{table}><database>system</database><table>{table}</table>"
    f"<flush_interval_milliseconds>100</flush_interval_milliseconds><level>trace</level></{table}>"
    for table in ("query_log", "text_log")
)


class LoggingEngine(ClickHouseEngine):
    """Logs everything that ClickHouse can log, into tables and into its file."""

    def command(self, port: int) -> Command:
        command = super().command(port)
        file = self.state_dir / "config" / "config.xml"
        text = re.sub(r"<levels>.*?</levels>", "", file.read_text(), flags=re.DOTALL)
        text = text.replace("<log-level>warning</log-level>", "<log-level>trace</log-level>")
        file.write_text(text.replace("</clickhouse>", f"{_LOGS}</clickhouse>"))
        return command


@dataclass(frozen=True, slots=True)
class Exporting:
    """The API and a worker, with a bucket for their exports."""

    api: Api
    harness: MembershipHarness
    engine: LoggingEngine
    worker: ClickHouse
    url: str

    def bucket(self, credentials: S3Credentials = KEY, url: str | None = None) -> ExportBucket:
        return ExportBucket(url=url or self.url, credentials=credentials, clickhouse=self.worker, clock=SystemClock())

    def exports(self, credentials: S3Credentials = KEY) -> RunExports:
        return RunExports(
            exports=PostgresExports(engine=self.harness.engine),
            sets=ClickHouseMemberSets(clickhouse=self.worker),
            files=self.bucket(credentials),
            clock=SystemClock(),
            faults=NO_FAULTS,
        )

    async def requested(self, member_format: str) -> str:
        """Request an export and return its id."""
        path = f"/api/segments/{SEGMENT}/export/"
        answer = await self.api.http.post(path, json={"format": member_format}, headers=LOOKUP)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["export_id"])

    async def file(self, export_id: str) -> tuple[str, bytes]:
        """Return the address to which the API leads, and what is there."""
        path = f"/api/segments/{SEGMENT}/export/?export_id={export_id}"
        export = (await self.api.http.get(path, headers=LOOKUP)).json()
        assert (export["status"], export["rows"]) == ("complete", USERS_OF_SEGMENT), export
        answer = await self.api.http.get(export["download_url"], headers=LOOKUP)
        assert answer.status_code == 307, answer.text
        async with httpx.AsyncClient(trust_env=False) as anyone:
            file = await anyone.get(answer.headers["location"])
        assert file.status_code == 200, file.text
        return answer.headers["location"], file.content


LOOKUP = {"Authorization": "ApiKey lookup"}


async def listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    return True


@asynccontextmanager
async def storage(folder: Path, port: int) -> AsyncIterator[None]:
    """Serve the folders in this folder as buckets."""
    arguments = ["--auth-key", f"{KEY.key_id},{KEY.secret}", "--addr", f"{HOST}:{port}", "--config", ""]
    process = await asyncio.create_subprocess_exec(
        str(RCLONE), "serve", "s3", *arguments, "--cache-dir", str(folder / "cache"), str(folder / "s3"), stderr=-3
    )
    try:
        async with asyncio.timeout(60):
            while not await listens(port):
                assert process.returncode is None
                await asyncio.sleep(0.05)
        yield
    finally:
        process.kill()
        await process.wait()


@pytest.fixture(scope="module")
async def exporting(
    owner_url: str, postgres_url: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Exporting]:
    folder, port = tmp_path_factory.mktemp("bucket"), free_port()
    (folder / "s3" / "exports").mkdir(parents=True)
    url = f"http://{HOST}:{port}/exports/"
    engine = LoggingEngine(folder / "clickhouse", bucket=url)
    (user,) = (user for user in USERS if user.name == "segops_worker")
    async with storage(folder, port):
        await engine.start()
        owner, worker = ClickHouse(url=engine.url), ClickHouse(url=engine.url_for(user))
        try:
            await migrate_all(owner, owner_url)
            bucket = ExportBucket(url=url, credentials=KEY, clickhouse=worker, clock=SystemClock())
            async with (
                opened(clickhouse_url=engine.url, postgres_url=postgres_url, redis_url=redis_url) as harness,
                explorer_api(harness, files=bucket) as api,
            ):
                await harness.insert(api.tenant, [event(f"user-{number}") for number in range(USERS_OF_SEGMENT - 1)])
                await harness.insert(api.tenant, [event(ODD)])
                await harness.compute.run(job(api.tenant, 2, {SEGMENT: group(count())}))
                yield Exporting(api, harness, engine, worker, url)
        finally:
            await worker.close()
            await owner.close()
            await engine.stop()


async def members(exporting: Exporting) -> list[str]:
    """Return the members that the API lists, ascending."""
    path = f"/api/segments/{SEGMENT}/members/"
    answer = await exporting.api.http.get(path, headers=LOOKUP | {"Accept": "application/x-ndjson"})
    assert answer.status_code == 200, answer.text
    return sorted(json.loads(line)["user_id"] for line in answer.text.splitlines())


async def rows_of(exporting: Exporting, data: bytes, file_format: str) -> list[str]:
    """Return the user ids in a file, read by ClickHouse, ascending."""
    name = f"exported_{file_format.lower()}"
    clickhouse = exporting.harness.clickhouse
    await clickhouse.command(f"DROP TABLE IF EXISTS {name}")
    await clickhouse.command(f"CREATE TABLE {name} (user_id String, computed_at DateTime64(3)) ENGINE = Memory")
    address = urlsplit(exporting.engine.url_for(OWNER))
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.post(
            f"http://{address.hostname}:{address.port}/",
            params={
                "query": f"INSERT INTO segops.{name} FORMAT {file_format}",
                "date_time_input_format": "best_effort",
            },
            content=data,
            auth=(address.username or "", address.password or ""),
        )
    assert answer.status_code == 200, answer.text
    return sorted(user_id for (user_id,) in (await clickhouse.query(f"SELECT user_id FROM {name}")).rows)


@pytest.mark.parametrize(("member_format", "file_format"), [("csv", "CSVWithNames"), ("parquet", "Parquet")])
async def test_a_file_in_the_bucket_has_all_members(exporting: Exporting, member_format: str, file_format: str) -> None:
    export_id = await exporting.requested(member_format)
    assert await exporting.exports().run_next()
    address, data = await exporting.file(export_id)
    assert address.startswith(f"{exporting.url}{export_id}.{member_format}?X-Amz-Algorithm=")
    assert KEY.secret not in address
    expected = await members(exporting)
    assert len(expected) == USERS_OF_SEGMENT
    assert await rows_of(exporting, data, file_format) == expected


async def test_the_file_of_an_activation_lies_there_too(exporting: Exporting) -> None:
    tenant, engine, now = exporting.api.tenant, exporting.harness.engine, SystemClock().now()
    activations = PostgresActivations(engine=engine, sealer=Sealer(secret="k" * 32, purpose="activations"))
    settings = Settings(file_format=MemberFormat.PARQUET)
    activation = await activations.add(tenant, SEGMENT, "file", "acme", settings, now, limit=1)
    assert activation is not None
    *_, publication = await PostgresPublicationLog(engine=engine).visible_after(tenant, 0, 100, limit=10)
    outputs = FileOutputs(exports=PostgresExports(engine=engine), clock=SystemClock())
    assert await outputs.write(activation, publication, USERS_OF_SEGMENT) is None
    assert await exporting.exports().run_next()
    written = await outputs.write(activation, publication, USERS_OF_SEGMENT)
    assert written is not None
    assert (written.is_final, written.delivery.changes) == (True, USERS_OF_SEGMENT)
    address, data = await exporting.file(written.delivery.delivery_id)
    assert address.startswith(f"{exporting.url}{written.delivery.delivery_id}.parquet?")
    assert await rows_of(exporting, data, "Parquet") == await members(exporting)


async def test_expired_files_are_removed(exporting: Exporting) -> None:
    export_id = await exporting.requested("ndjson")
    assert await exporting.exports().run_next()
    address, _ = await exporting.file(export_id)
    export = await PostgresExports(engine=exporting.harness.engine).find([exporting.api.tenant], export_id)
    assert export is not None
    for _ in range(2):
        await exporting.bucket().remove(exporting.api.tenant, export)
    async with httpx.AsyncClient(trust_env=False) as anyone:
        assert (await anyone.get(address)).status_code == 404
        assert (await anyone.get(address.partition("?")[0])).status_code in (400, 403)


async def test_clickhouse_reaches_nothing_else(exporting: Exporting) -> None:
    engine_port = urlsplit(exporting.engine.url).port
    statement = "INSERT INTO FUNCTION s3({url:String}, {key:String}, {secret:String}, 'CSV') SELECT 1 AS a"
    for url in (exporting.url.replace("/exports/", "/others/"), f"http://{HOST}:{engine_port}/exports/"):
        values = {"url": f"{url}a.csv", "key": KEY.key_id, "secret": KEY.secret}
        with pytest.raises(ClickHouseError, match="grant WRITE ON S3"):
            await exporting.worker.command(statement, values)
    values = {"url": f"{exporting.url}a.csv", "key": KEY.key_id, "secret": KEY.secret}
    for clickhouse in (exporting.worker, exporting.harness.clickhouse):
        with pytest.raises(ClickHouseError, match="grant READ ON S3"):
            await clickhouse.query("SELECT * FROM s3({url:String}, {key:String}, {secret:String}, 'CSV')", values)
    with pytest.raises(ClickHouseError, match="grant WRITE ON S3"):
        await exporting.harness.clickhouse.command(statement, values)


async def test_the_secret_is_in_no_log_and_no_error(exporting: Exporting, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    export_id = await exporting.requested("csv")
    with pytest.raises(EngineUnavailable, match="signature") as refused:
        await exporting.exports(WRONG).run_next()
    assert await exporting.exports().run_next(), "the refused export waits for the next attempt"
    _, data = await exporting.file(export_id)
    assert data.startswith(b'"user_id","computed_at"')
    canary = f"canary-{export_id}"
    await exporting.harness.clickhouse.query(f"SELECT '{canary}'")
    logs = [*await _logs_with(exporting, canary), exporting.engine.log.read_text(), caplog.text, str(refused.value)]
    assert "attempt 1 failed" in caplog.text
    for log in logs[:3]:
        assert canary in log
        assert "INSERT INTO FUNCTION s3(" in log
    assert [secret for secret in (KEY.secret, WRONG.secret) for log in logs if secret in log] == []


async def _logs_with(exporting: Exporting, text: str) -> Sequence[str]:
    """Return all columns of the logs in tables, once both have the text. They are written in the background."""
    async with asyncio.timeout(60):
        while True:
            tables = [
                repr((await exporting.harness.clickhouse.query(f"SELECT * FROM system.{table}")).rows)
                for table in ("query_log", "text_log")
            ]
            if all(text in table for table in tables):
                return tables
            await asyncio.sleep(0.1)
