"""Patterns that the language accepts compile in ClickHouse, which matches them."""

from collections.abc import AsyncIterator
from random import Random

import pytest
from pydantic_core import PydanticCustomError

from segops_common.stores.clickhouse import ClickHouse, ClickHouseError
from segops_language.filters import PatternFilter
from segops_language.reference.checks import passes
from segops_language.values.texts import parse_pattern
from segops_membership.sql.filters import clickhouse_pattern
from tests.unit.language.test_values import INVALID_PATTERNS, VALID_PATTERNS

CANNOT_COMPILE_REGEXP = 427
EXPENSIVE = ["\\pL{300}", "\\w{1000}" * 10, ".{1000}" * 7, "[^a]{900}" * 5, "(?i)[\\pL\\pN]{150}", "\u00e9{1000}" * 5]
ALSO_IN_THE_ENGINE = {")"}
"""Patterns that RE2 refuses and ClickHouse takes for literals."""
MATCHES = [
    ("café?", "caf"),
    ("café?", "café"),
    ("^abc日{0,2}d", "abcd"),
    ("abc(?:é?)", "abc"),
    ("abcé*|x", "abc"),
    ("(?P<é>abc)y", "abcy"),
    ("😀?$", ""),
    ("(?i)CAFÉ", "café"),
    ("b.c", "b\nc"),
    ("é.c", "é\nc"),
    ("(?s)é.c", "é\nc"),
    ("^日本$", "日本"),
    ("^日本$", "日本語"),
]


PARTS = [
    "a",
    "b",
    ".",
    "é",
    "日",
    "😀",
    "abc",
    "é?",
    "日{0,2}",
    "😀*",
    "abcé?",
    "[a-c]",
    "[^a]",
    "[é-ü]",
    "\\d",
    "\\W",
    "\\b",
]
PARTS += [
    "^",
    "$",
    "\\pL",
    "\\p{Greek}",
    "\\x{1F600}?",
    "(?i)",
    "(?s)",
    "(?-s)",
    "(?i:é)",
    "(?P<é>abc)",
    "(abcß)?",
    "|",
    "\\Qa.é\\E",
]
PARTS += ["\\C", "[\\d-z]", "(?=a)", "(?<!a)", "\\1", "[z-a]", "a{1001}", "a**", "(", ")"]
TEXTS = ["", "a", "ab", "abc", "abcé", "ABCÉ", "caf", "日", "日本", "😀", "a\nb", "x1", "abcabc", "ß", "é"]
PATTERNS = 150


@pytest.fixture(scope="module")
async def clickhouse(clickhouse_url: str) -> AsyncIterator[ClickHouse]:
    clickhouse = ClickHouse(url=clickhouse_url)
    yield clickhouse
    await clickhouse.close()


async def error_of(clickhouse: ClickHouse, pattern: str) -> int | None:
    """Return ClickHouse's error code for the pattern; None when it compiles."""
    try:
        await clickhouse.query(
            "SELECT match(materialize('text'), {pattern:String})", {"pattern": clickhouse_pattern(pattern)}
        )
    except ClickHouseError as error:
        return error.code
    return None


@pytest.mark.parametrize("pattern", [*VALID_PATTERNS, *EXPENSIVE])
async def test_an_accepted_pattern_compiles(clickhouse: ClickHouse, pattern: str) -> None:
    assert parse_pattern(pattern) == pattern
    assert await error_of(clickhouse, pattern) is None


@pytest.mark.parametrize("pattern", sorted(set(INVALID_PATTERNS) - ALSO_IN_THE_ENGINE))
async def test_a_refused_pattern_does_not_compile(clickhouse: ClickHouse, pattern: str) -> None:
    assert await error_of(clickhouse, pattern) == CANNOT_COMPILE_REGEXP


@pytest.mark.parametrize(("pattern", "text"), MATCHES)
async def test_clickhouse_matches_what_the_reference_matches(clickhouse: ClickHouse, pattern: str, text: str) -> None:
    check = PatternFilter(property="p", operator="matches", value=pattern)
    query = "SELECT toString(match(materialize({text:String}), {pattern:String}))"
    answer = await clickhouse.query(query, {"text": text, "pattern": clickhouse_pattern(pattern)})
    assert bool(int(answer.rows[0][0])) == passes(check, {"p": text}, 0)


async def test_generated_patterns_compile_and_match_the_same(clickhouse: ClickHouse) -> None:
    random, valid = Random(23), 0
    for _ in range(PATTERNS):
        pattern = "".join(random.choice(PARTS) for _ in range(random.randint(1, 5)))
        try:
            parse_pattern(pattern)
        except PydanticCustomError:
            continue
        valid += 1
        check = PatternFilter(property="p", operator="matches", value=pattern)
        query = "SELECT arrayMap(text -> match(text, {pattern:String}), materialize({texts:Array(String)}))"
        answer = await clickhouse.query(query, {"texts": TEXTS, "pattern": clickhouse_pattern(pattern)})
        assert [bool(value) for value in answer.rows[0][0]] == [passes(check, {"p": text}, 0) for text in TEXTS], (
            pattern
        )
    assert valid > PATTERNS / 3
