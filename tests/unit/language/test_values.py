"""Durations, instants, paths, event names and patterns."""

from datetime import UTC, datetime

import pytest
from pydantic_core import PydanticCustomError

from segops_ingest.domain.instants import from_rfc3339
from segops_language import Duration, EventPattern, format_instant, parse_instant, path_keys
from segops_language.values import parse_duration
from segops_language.values.instants import epoch_ms, read_instant
from segops_language.values.scalars import parse_number
from segops_language.values.texts import parse_pattern


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("0s", 0), ("1s", 1_000), ("90m", 5_400_000), ("24h", 86_400_000), ("1d", 86_400_000), ("2w", 1_209_600_000)],
)
def test_a_duration_keeps_its_unit_and_knows_its_length(text: str, milliseconds: int) -> None:
    duration = parse_duration(text)
    assert (str(duration), duration.milliseconds) == (text, milliseconds)


def test_durations_of_one_length_in_two_units_differ() -> None:
    assert Duration(24, "h") != Duration(1, "d")


@pytest.mark.parametrize(
    ("text", "formatted"),
    [
        ("2026-01-31T09:00:00Z", "2026-01-31T09:00:00.000Z"),
        ("2026-01-31t09:00:00z", "2026-01-31T09:00:00.000Z"),
        ("2026-01-31 09:00:00.1Z", "2026-01-31T09:00:00.100Z"),
        ("2026-01-31T09:00:00.123999999+05:30", "2026-01-31T03:30:00.123Z"),
        ("2026-01-01T00:00:00-00:30", "2026-01-01T00:30:00.000Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z"),
        ("2016-12-31T23:59:60.5Z", "2017-01-01T00:00:00.500Z"),
        ("2026-01-01T00:00:00-00:00", "2026-01-01T00:00:00.000Z"),
        ("2026-01-01T00:00:00+23:59", "2025-12-31T00:01:00.000Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"),
        ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
    ],
)
def test_an_instant_is_utc_in_milliseconds(text: str, formatted: str) -> None:
    assert format_instant(parse_instant(text)) == formatted


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31",
        "2026-01-31T09:00:00",
        "2026-01-31T09:00:00+0000",
        "2026-01-31T09:00Z",
        "2026-01-31T09:00:00,5Z",
        "2026-01-31T09:00:00.Z",
        "2026-01-31T24:00:00Z",
        "2026-01-31T09:00:61Z",
        "2026-01-31T09:00:00+24:00",
        "2026-01-31T09:00:00+00:60",
        "2026-02-29T09:00:00Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:60Z",
        "\u0662026-01-31T09:00:00Z",
        "2026-01-31T09:00:00Z\n",
        "",
    ],
)
def test_other_texts_are_no_instants_of_definitions_and_events(text: str) -> None:
    with pytest.raises(PydanticCustomError, match="must be an RFC 3339 instant"):
        parse_instant(text)
    with pytest.raises(ValueError, match="instant"):
        from_rfc3339(text)


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("2026-11-28", 1_795_824_000_000),
        ("2026-11-28 09:30:00", 1_795_858_200_000),
        ("2026-11-28T09:30:00.25", 1_795_858_200_250),
        ("2026-11-28T09:30:00+0000", 1_795_858_200_000),
        ("2026-11-28 09:30:00-0130", 1_795_863_600_000),
        ("1795435200", 1_795_435_200_000),
        ("1795435200.001", 1_795_435_200_001),
        ("1795435200001", 1_795_435_200_001),
        ("99999999999", 99_999_999_999_000),
        ("795435200", None),
        ("-1795435200", None),
        ("+1795435200", None),
        ("1795435200.", None),
        ("20261128", None),
        ("2026-11", None),
        ("2026-11-31", None),
        ("2026-11-28T", None),
        ("2026-11-28Z", None),
        ("28.11.2026", None),
        ("0000-11-28", None),
        ("253402300799999", 253_402_300_799_999),
        ("253402300800000", None),
        ("9" * 400, None),
    ],
)
def test_a_property_may_have_shorter_forms_of_an_instant(text: str, milliseconds: int | None) -> None:
    assert read_instant(text) == milliseconds


def test_numbers_of_seconds_are_rounded_to_microseconds_first() -> None:
    numbers = {
        1795435200.001: 1_795_435_200_001,
        1.0005: 1_000,
        -0.001: -1,
        1e11: 100_000_000_000,
        99_999_999_999.5: 99_999_999_999_500,
    }
    assert {number: epoch_ms(number) for number in numbers} == numbers


def test_an_instant_given_as_a_datetime_is_cut_to_milliseconds() -> None:
    assert parse_instant(datetime(2026, 1, 1, 0, 0, 0, 1_999, tzinfo=UTC)).microsecond == 1_000


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        ("a", ("a",)),
        ("address.city", ("address", "city")),
        ("items.0.sku", ("items", "0", "sku")),
        ("a\\.b.c", ("a.b", "c")),
        ("a\\b", ("a\\b",)),
        ("a\\", ("a\\",)),
        ("a\\\\.b", ("a\\.b",)),
        ("a b.ü", ("a b", "ü")),
    ],
)
def test_a_path_is_split_into_keys(path: str, keys: tuple[str, ...]) -> None:
    assert path_keys(path) == keys


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("login", ["login"], ["login2", "Login", "*"]),
        ("button_*", ["button_", "button_click", "button_*"], ["button", "$button_x"]),
        ("*", ["login", "*", ""], ["$identify"]),
        ("\\*", ["*"], ["login", "\\*"]),
        ("a\\*", ["a*"], ["ab", "a"]),
        ("a\\**", ["a*", "a*b"], ["a", "ab"]),
        ("a*b", ["a*b"], ["axb"]),
        ("$identify", ["$identify"], ["identify"]),
        ("$*", [], ["$identify", "$"]),
    ],
)
def test_an_event_pattern_matches_what_it_names(pattern: str, matching: list[str], other: list[str]) -> None:
    parsed = EventPattern.parse(pattern)
    assert [name for name in [*matching, *other] if parsed.matches(name)] == matching


VALID_PATTERNS = [
    "",
    "^/docs/",
    "(a+)+$",
    "a{2,}?b??c*?",
    "a{,5}{",
    "[[:alpha:]_-]+@[^\\s]+",
    "(?i:abc)(?P<name>x)(?<other>y)",
    "\\Qa*\\E\\.\\x41\\x{10FFFF}\\pL\\p{Greek}\\d\\W\\bz\\z",
    "[]a][^]a][a-][-a][\\]-a]",
    "((a{10}){10}){10}",
    "[\\pL\\pN_]{1,64}@[\\pL\\pN]{1,64}",
    "|a||",
    "[\\d-z]",
    "(?P<n>a)(?P<n>b)",
    "(?P<é>a)",
    "\\C\\p{Ethiopic}",
    "é{1000}" * 20,
]
INVALID_PATTERNS = [
    "(",
    ")",
    "(a",
    "[a",
    "[",
    "[z-a]",
    "[[:foo:]]",
    "[:[:D[[:alpha:]]",
    "*",
    "|*",
    "(*)",
    "a**",
    "a++",
    "a{1}*",
    "a{1001}",
    "a{2,1}",
    "((a{0,1000}){0,1000})",
    "(((x{7}){11}){13})",
    "\\1",
    "(a)\\8",
    "\\Z",
    "\\",
    "\\x{110000}",
    "\\p{Foo}",
    "(?=a)",
    "(?!a)",
    "(?<=a)",
    "(?>a)",
    "(?P=n)",
    "(?#c)",
    "(?x)a",
    "\\pL{1000}",
    "(?P<n",
    "(?P<1-2>a)",
    "\\8",
]


@pytest.mark.parametrize("pattern", VALID_PATTERNS)
def test_an_re2_pattern_passes(pattern: str) -> None:
    assert parse_pattern(pattern) == pattern


@pytest.mark.parametrize("pattern", INVALID_PATTERNS)
def test_what_re2_would_not_compile_is_refused(pattern: str) -> None:
    with pytest.raises(PydanticCustomError, match="must be an RE2 pattern") as refusal:
        parse_pattern(pattern)
    assert refusal.value.type == "invalid-regex"
    assert pattern not in refusal.value.message() or len(pattern) == 1


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63), 5, 0.5])
def test_numbers_of_64_bits_stay_as_they_are(number: float) -> None:
    assert (parse_number(number), type(parse_number(number))) == (number, type(number))


@pytest.mark.parametrize("number", [2**63, 2**64 - 1, 2**64, -(2**63) - 1, 10**30])
def test_larger_integers_are_doubles(number: int) -> None:
    assert (parse_number(number), type(parse_number(number))) == (float(number), float)


@pytest.mark.parametrize("number", [10**400, -(10**400), float("inf"), float("nan")])
def test_numbers_beyond_doubles_are_refused(number: float) -> None:
    with pytest.raises(PydanticCustomError, match="must be a finite double"):
        parse_number(number)
