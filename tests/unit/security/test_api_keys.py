"""The form of API keys."""

from __future__ import annotations

import random
import string
from collections.abc import Callable

import pytest

from segops_common.core.clock import SystemClock
from segops_common.core.ids import SystemIds
from segops_common.security.api_keys import fingerprint, hash_key, key_prefix, looks_valid, new_key
from segops_common.security.permissions import KeyKind

BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
IDS = SystemIds(SystemClock())


@pytest.mark.parametrize(
    ("kind", "is_test", "prefix"),
    [
        (KeyKind.SECRET, False, "sk_live_"),
        (KeyKind.SECRET, True, "sk_test_"),
        (KeyKind.PUBLISHABLE, False, "pk_live_"),
        (KeyKind.PUBLISHABLE, True, "pk_test_"),
    ],
)
def test_a_new_key_looks_valid(kind: KeyKind, is_test: bool, prefix: str) -> None:
    keys = {new_key(kind, IDS, is_test=is_test) for _ in range(200)}
    assert len(keys) == 200
    assert key_prefix(kind, is_test=is_test) == prefix
    for key in keys:
        assert key.startswith(prefix)
        assert len(key) == len(prefix) + 43 + 6
        assert looks_valid(key)


def test_no_random_text_passes_the_checksum() -> None:
    source = random.Random(1)
    made = ("sk_live_" + "".join(source.choices(BASE62, k=49)) for _ in range(20_000))
    assert sum(looks_valid(text) for text in made) == 0


def test_a_test_key_does_not_become_a_live_one() -> None:
    assert not looks_valid(new_key(KeyKind.SECRET, IDS, is_test=True).replace("_test_", "_live_"))


def test_one_changed_character_is_seen() -> None:
    key = new_key(KeyKind.SECRET, IDS)
    for place in range(len(key)):
        other = "x" if key[place] != "x" else "y"
        assert not looks_valid(key[:place] + other + key[place + 1 :])


@pytest.mark.parametrize("change", [str.upper, str.lower, lambda key: key + " ", lambda key: key + "\n", lambda _: ""])
def test_a_changed_form_is_seen(change: Callable[[str], str]) -> None:
    assert not looks_valid(change(new_key(KeyKind.SECRET, IDS)))


def test_digits_of_other_scripts_are_none() -> None:
    assert not looks_valid("sk_live_" + "\u0661" * 49)


def test_the_hash_depends_on_the_pepper_and_the_fingerprint_does_not() -> None:
    key = new_key(KeyKind.SECRET, IDS)
    assert hash_key("one", key) == hash_key("one", key)
    assert hash_key("one", key) != hash_key("two", key)
    assert len(hash_key("one", key)) == len(fingerprint(key)) == 64
    assert fingerprint(key) != fingerprint(new_key(KeyKind.SECRET, IDS))
