"""Which slugs a tenant may have."""

from __future__ import annotations

import re

import pytest

from segops_auth.domain.slug import PATTERN, RESERVED, valid_slug


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
