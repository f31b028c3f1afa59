"""Patterns that the language accepts compile in ClickHouse, which matches them."""

from collections.abc import AsyncIterator

import pytest

from segops_common.stores.clickhouse import ClickHouse, ClickHouseError
from segops_language.re2 import check_pattern
from tests.unit.language.test_values import INVALID_PATTERNS, VALID_PATTERNS

CANNOT_COMPILE_REGEXP = 427
EXPENSIVE = ["\\pL{300}", "\\w{1000}" * 10, ".{1000}" * 7, "[^a]{900}" * 5, "(?i)[\\pL\\pN]{150}", "\u00e9{1000}" * 5]
ALSO_IN_THE_ENGINE = {")", "[\\d-z]", "(?P<n>a)(?P<n>b)", "\u00e9{1000}" * 20}
"""Patterns that the check refuses and ClickHouse accepts: by shortcuts of its own, or because they just fit its memory."""


@pytest.fixture(scope="module")
async def clickhouse(clickhouse_url: str) -> AsyncIterator[ClickHouse]:
    clickhouse = ClickHouse(url=clickhouse_url)
    yield clickhouse
    await clickhouse.close()


async def error_of(clickhouse: ClickHouse, pattern: str) -> int | None:
    """Return ClickHouse's error code for the pattern; None when it compiles."""
    try:
        await clickhouse.query("SELECT match(materialize('text'), {pattern:String})", {"pattern": pattern})
    except ClickHouseError as error:
        return error.code
    return None


@pytest.mark.parametrize("pattern", [*VALID_PATTERNS, *EXPENSIVE])
async def test_an_accepted_pattern_compiles(clickhouse: ClickHouse, pattern: str) -> None:
    check_pattern(pattern)
    assert await error_of(clickhouse, pattern) is None


@pytest.mark.parametrize("pattern", sorted(set(INVALID_PATTERNS) - ALSO_IN_THE_ENGINE))
async def test_a_refused_pattern_does_not_compile(clickhouse: ClickHouse, pattern: str) -> None:
    assert await error_of(clickhouse, pattern) == CANNOT_COMPILE_REGEXP
