"""Which slugs a tenant may have."""

from __future__ import annotations

import re

import pytest

from segops_auth.domain.slug import MAX_CHARS, PATTERN, RESERVED, slug_fault, slug_suggestions, valid_slug


@pytest.mark.parametrize("slug", ["ab", "acme", "acme-inc", "a-b-c-1", "0acme", "a" * 63])
def test_a_slug_is_taken_as_it_is(slug: str) -> None:
    assert valid_slug(slug) == slug
    assert re.search(PATTERN, slug), "the documented pattern must agree"


@pytest.mark.parametrize(
    "slug",
    [
        "",
        "a",
        "a" * 64,
        "Acme",
        "a--b",
        "xn--bcher-kva",
        "-acme",
        "acme-",
        "ac me",
        "ac_me",
        "ac.me",
        "acme\n",
        "b\u00fccher",
        "\u0430cme",
        "acme/..",
        "\u0661\u0662",
    ],
)
def test_a_malformed_slug_is_refused(slug: str) -> None:
    with pytest.raises(ValueError, match="must be 2 to 63"):
        valid_slug(slug)


@pytest.mark.parametrize("slug", ["admin", "www", "api", "login", "segops"])
def test_some_names_are_kept(slug: str) -> None:
    with pytest.raises(ValueError, match="reserved"):
        valid_slug(slug)


def test_every_reserved_name_would_be_a_slug() -> None:
    for slug in RESERVED - {"me"}:
        assert re.fullmatch(PATTERN, slug), slug


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("acme", ["acme", "acme-2", "acme-3"]),
        ("Acme Inc.", ["acme-inc", "acme-inc-2", "acme-inc-3"]),
        ("  --a__b\x00c ", ["a-b-c", "a-b-c-2", "a-b-c-3"]),
        ("admin", ["admin-2", "admin-3", "admin-4"]),
        ("a", ["a-2", "a-3", "a-4"]),
        ("b\u00fccher", ["b-cher", "b-cher-2", "b-cher-3"]),
        ("\u0430\u0661", []),
        ("", []),
    ],
)
def test_suggestions_resemble_the_text(text: str, first: list[str]) -> None:
    assert list(slug_suggestions(text))[:3] == first


@pytest.mark.parametrize("text", ["a" * 200, "a-" * 100, "a" * 61 + "-bc"])
def test_suggestions_for_long_text_are_valid_and_all_different(text: str) -> None:
    slugs = list(slug_suggestions(text))
    assert len(slugs) == len(set(slugs)) == 20
    assert all(slug_fault(slug) is None and len(slug) <= MAX_CHARS for slug in slugs)
