"""Instants in properties: SQL reads generated texts and numbers as the language does, to the millisecond."""

from __future__ import annotations

from random import Random

from segops_common.stores.clickhouse import ClickHouse
from segops_language.values.instants import epoch_ms, read_instant
from segops_membership.sql.instants import instant_sql
from segops_membership.sql.json_paths import Property
from segops_membership.sql.parameters import Bindings

TEXTS = 4_000


def generated(random: Random) -> str:
    """Return a text that is an instant in most cases, and nearly one in the others."""
    if random.random() < 0.2:
        digits = "".join(random.choices("0123456789", k=random.randint(8, 18)))
        return random.choice(("", "", "", "-", " ")) + digits + random.choice(("", "", ".", ".001", ".9999999"))
    year = random.choice((0, 1, 1899, 1970, 2024, 2026, 2100, 9999))
    day = random.choice((0, 1, 28, 29, 30, 31, 32))
    date = f"{year:04}-{random.randint(0, 13):02}-{day:02}"
    second = random.choice((0, 59, 60, 61))
    time = f"{random.choice((0, 9, 23, 24)):02}:{random.choice((0, 59, 60)):02}:{second:02}"
    fraction = random.choice(("", "", ".5", ".0009", ".999999999999", ".", ",5"))
    zone = random.choice(("", "Z", "z", "+00:00", "-00:00", "+0000", "-23:59", "+24:00", "+05:60", "+5:00", " Z"))
    text = random.choice((date, f"{date}{random.choice('Tt _')}{time}{fraction}{zone}"))
    return text + random.choice(("", "", "", "", "", "\n", " ", "Z"))


async def in_sql(clickhouse: ClickHouse, texts: list[str], numbers: list[float]) -> list[float | None]:
    """Return the milliseconds of all texts, then of all numbers."""
    bind = Bindings()
    value = Property("v.1", "v.2", "NULL", "''", "1")
    none = "CAST(NULL, 'Nullable(Float64)')"
    rows = f"arrayZip({bind.texts(texts)}, arrayMap(x -> {none}, range({len(texts)})))"
    of_numbers = f"arrayMap(n -> (CAST(NULL, 'Nullable(String)'), toNullable(n)), {bind.numbers(numbers)})"
    rows = f"arrayConcat(arrayMap(r -> (toNullable(r.1), r.2), {rows}), {of_numbers})"
    at = instant_sql(value, bind)
    result = await clickhouse.query(f"SELECT {at} AS at FROM (SELECT arrayJoin({rows}) AS v)", bind.values)
    return [row[0] for row in result.rows]


async def test_sql_and_the_language_read_the_same_instants(clickhouse: ClickHouse) -> None:
    random = Random(20261129)
    texts = [generated(random) for _ in range(TEXTS)]
    numbers = [random.choice((1.0, 1e3, 1e-3, 1e9)) * random.uniform(-2e9, 2e9) for _ in range(500)]
    numbers += [1795435200.001, 99_999_999_999.0, 99_999_999_999.999, 1e11, 1e11 + 0.5, -0.001, 0.0, 1e300]
    numbers += [-62_135_596_800.0, -62_135_596_800.001, 253_402_300_799_999.0, 253_402_300_800_000.0, -1e11, -1e300]
    expected = [read_instant(text) for text in texts] + [epoch_ms(number) for number in numbers]
    assert 0.2 < sum(value is not None for value in expected) / len(expected) < 0.8
    got: list[float | None] = []
    for start in range(0, TEXTS, 400):
        got += await in_sql(clickhouse, texts[start : start + 400], [0.0])
        got.pop()
    got += (await in_sql(clickhouse, ["x"], numbers))[1:]
    different = [pair for pair in zip([*texts, *numbers], got, expected, strict=True) if pair[1] != pair[2]]
    assert different == []
