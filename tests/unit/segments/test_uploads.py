"""Uploaded lists: what is understood of a file, and what is refused as a wrong file."""

from __future__ import annotations

import csv
import io
import json
from random import Random

import pytest

from segops_common.core.problems import MalformedRequest, Problem, UnsupportedMedia
from segops_common.core.profile_ids import INVISIBLE, profile_id_fault
from segops_common.web.request.lines import MAX_LINE_BYTES
from segops_segments.api.schemas.static_lists import UploadUnderstood
from segops_segments.api.uploads.csv_list import DELIMITERS
from segops_segments.api.uploads.csv_text import CsvText, MalformedCsv
from segops_segments.api.uploads.upload import Upload
from tests.unit.web.wire import Wire

CUTS = (1, 2, 3, 7, 1 << 16)


async def read(
    body: str | bytes, medium: str = "text/csv", *, size: int = 1 << 16, header: bool = True
) -> tuple[list[str], UploadUnderstood]:
    content = body.encode() if isinstance(body, str) else body
    pieces = (content[i : i + size] for i in range(0, len(content), size))
    upload = Upload(Wire(pieces).request(**{"content-type": medium}), has_header=header)
    ids = [user_id async for portion in upload.ids() for user_id in portion]
    return ids, upload.understood


async def refusal(body: str | bytes, medium: str = "text/csv", *, header: bool = True) -> set[tuple[str, str]]:
    """Return path and code of each fault, or the slug of a refusal without faults."""
    with pytest.raises(Problem) as refused:
        await read(body, medium, header=header)
    return {(fault.path, fault.code) for fault in refused.value.errors} or {("", refused.value.slug)}


@pytest.mark.parametrize("size", CUTS)
@pytest.mark.parametrize(
    ("body", "delimiter", "column"),
    [
        ("user_id\na\nb\n", ",", "user_id"),
        ("user_id;email\na;x@y\nb;\n", ";", "user_id"),
        ("email\tUser ID\nx@y\ta\n\tb", "\t", "User ID"),
        ("plan|distinct_id\r\nfree|a\r\n|b\r\n", "|", "distinct_id"),
        ("sep=;\nid;email\na;x@y\nb;x@y\n", ";", "id"),
        ('"sep=,"\r\nuserId\r\na\r\nb', ",", "userId"),
        ("id,user_id\n1,a\n2,b\n", ",", "user_id"),
        ("\n\n customer-id \n\na\n\nb\n", ",", "customer-id"),
        ("user_id\ra\rb\r", ",", "user_id"),
        ('name,user_id\n"Lee, ""Jo""\r\nof Bern",a\nx,"b"\n', ",", "user_id"),
        ("user_id,\na,\nb,\n", ",", "user_id"),
    ],
)
async def test_columns_are_understood(body: str, delimiter: str, column: str, size: int) -> None:
    ids, understood = await read(body, size=size)
    assert ids == ["a", "b"]
    assert (understood.delimiter, understood.column, understood.format) == (delimiter, column, "csv")
    assert understood.first_user_ids == ["a", "b"]


@pytest.mark.parametrize("size", CUTS)
@pytest.mark.parametrize(
    ("encoding", "name"),
    [("utf-8", "utf-8"), ("utf-8-sig", "utf-8"), ("utf-16", "utf-16"), ("utf-16-be", "utf-16")],
)
async def test_encodings_are_told_by_the_byte_order_mark(encoding: str, name: str, size: int) -> None:
    text = "user_id\r\nü\U0001f600\r\nb\r\n"
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
    ids, understood = await read(mark + text.encode(encoding), size=size)
    assert ids == ["ü\U0001f600", "b"]
    assert understood.encoding == name


async def test_what_surrounds_an_id_is_removed_and_counted() -> None:
    ids, understood = await read('user_id\n a\n"\u00a0b\u200b"\n\ufeffc\t\nd\n e e \n')
    assert ids == ["a", "b", "c", "d", "e e"]
    assert understood.trimmed == 4


async def test_ids_in_json_are_taken_as_they_are() -> None:
    assert (await read('" a"\n{"user_id": "b\\u200b"}\n', "application/x-ndjson"))[0] == [" a", "b\u200b"]
    ids, understood = await read(json.dumps({"user_ids": [" a", "b"]}), "application/json")
    assert ids == [" a", "b"]
    assert (understood.format, understood.column, understood.trimmed) == ("json", None, 0)


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ("a\nb\n", {("body[line 1]", "missing-header")}),
        ("email\nx@y\n", {("body[line 1]", "missing-header")}),
        ("name;email\nLee;x@y\n", {("body[line 1]", "missing-header")}),
        ("userId,User ID\na,b\n", {("body[line 1]", "ambiguous-header")}),
        ("\n<html><body>user_id</body></html>\n", {("body[line 2]", "not-csv")}),
        ('<?xml version="1.0"?>\n', {("body[line 1]", "not-csv")}),
        ('{"user_ids": ["a"]}', {("body[line 1]", "not-csv")}),
        ('["a", "b"]', {("body[line 1]", "not-csv")}),
        ("PK\x03\x04\x14\x00", {("body[line 1]", "not-csv")}),
        ("user_id\na,b\n", {("body[line 2]", "malformed-csv")}),
        ("user_id;plan\na;x\nb\nc;y;z\n", {("body[line 4]", "malformed-csv")}),
        ("plan;user_id\nx\n;\u200b\n", {("body[line 2]", "missing"), ("body[line 3]", "blank")}),
        ('user_id\n"a\nb\n', {("body[line 2]", "malformed-csv")}),
        ('user_id\n"a"b\n', {("body[line 2]", "malformed-csv")}),
        (b"user_id\nM\xfcller\n", {("body[line 2]", "malformed-csv")}),
        ("user_id\nb".encode("utf-16-le"), {("body[line 1]", "missing-header")}),
        ("user_id\n" + "x" * 300 + "\n", {("body[line 2]", "wrong-length")}),
        ('user_id\n"' + "x\n" * MAX_LINE_BYTES, {("body[line 2]", "wrong-length")}),
        ("user_id\na\0b\n", {("body[line 2]", "nul-character")}),
        ("\n\n\n", {("", "empty-body")}),
        ("", {("", "empty-body")}),
    ],
)
async def test_a_wrong_file_is_refused(body: str | bytes, faults: set[tuple[str, str]]) -> None:
    assert await refusal(body) == faults


async def test_without_a_header_every_record_is_one_id() -> None:
    ids, understood = await read('user_id\n"a;b"\n c \n', header=False)
    assert ids == ["user_id", "a;b", "c"]
    assert (understood.delimiter, understood.column, understood.trimmed) == (None, None, 1)
    for delimiter in DELIMITERS:
        assert await refusal(f"a{delimiter}b\n", header=False) == {("body[line 1]", "malformed-csv")}
    assert await refusal('"a","b"\n', header=False) == {("body[line 1]", "malformed-csv")}


async def test_a_header_alone_is_an_empty_list() -> None:
    assert (await read("user_id\n"))[0] == []


async def test_other_media_are_refused() -> None:
    with pytest.raises(UnsupportedMedia):
        await read("a", "text/html")
    with pytest.raises(MalformedRequest):
        await read("\n \n", "application/x-ndjson")


@pytest.mark.parametrize("size", CUTS)
async def test_ndjson_lines_are_found_wherever_the_body_is_cut(size: int) -> None:
    body = '\ufeff"a"\r\n\n"bc"\n{"user_id": "é"}\r\n"last"'
    assert (await read(body, "application/x-ndjson", size=size))[0] == ["a", "bc", "é", "last"]


async def test_a_line_without_end_is_refused() -> None:
    body = '"a"\n"' + "x" * (3 * MAX_LINE_BYTES)
    assert ("body[line 2]", "wrong-length") in await refusal(body, "application/x-ndjson")


@pytest.mark.parametrize("rest", [b"x" * (4 << 20), b'"' + b"\n" * (2 * MAX_LINE_BYTES)], ids=["line", "record"])
@pytest.mark.timeout(20)  # takes milliseconds; a search that starts again at each character takes minutes
def test_a_csv_line_or_record_without_end_is_refused_at_once(rest: bytes) -> None:
    with pytest.raises(MalformedCsv) as refused:
        list(CsvText().feed(b"user_id\n" + rest))
    assert (refused.value.line, refused.value.code) == (2, "wrong-length")


async def test_generated_files_give_back_their_ids() -> None:
    random = Random(20261129)
    alphabet = "ab1-_.@ü\U0001f600,;|\t\"' \u00a0\n\r"
    for _ in range(300):
        ids: list[str] = []
        while len(ids) < 12:
            text = "".join(random.choices(alphabet, k=random.randint(1, 9))).strip(INVISIBLE)
            if text and profile_id_fault(text) is None:
                ids.append(text)
        file = io.StringIO(newline="")
        delimiter = random.choice(DELIMITERS)
        # With other line ends, the dialect "excel" leaves a carriage return within a value unquoted.
        end, dialect = random.choice((("\n", "unix"), ("\r\n", "unix"), ("\r\n", "excel")))
        writer = csv.writer(file, dialect, delimiter=delimiter, lineterminator=end)
        columns = random.sample(["plan", "User-ID", "note"], k=3)
        writer.writerow(columns)
        for user_id in ids:
            values = {"User-ID": user_id, "plan": random.choice(("free", "")), "note": random.choice(("x\ny", 'q"'))}
            writer.writerow([values[column] for column in columns])
        encoding = random.choice(("utf-8", "utf-8-sig", "utf-16"))
        got, understood = await read(file.getvalue().encode(encoding), size=random.choice(CUTS))
        assert got == ids, file.getvalue()
        assert understood.delimiter == delimiter
