"""Which passwords are taken."""

from __future__ import annotations

import pytest

from segops_auth.domain.password import MAX_CHARS, new_password, normal_password

EMAIL = "ada.lovelace@example.com"


@pytest.mark.parametrize(
    "password",
    [
        "correct-horse-battery",
        "x7#kPw2!",
        "пароль и ещё",
        "      spaces count      ",
        "🦊🐻🐼🐨🐯🦁🐮🐷",
        "abc" * 42 + "ab",
    ],
)
def test_a_good_password_is_taken(password: str) -> None:
    assert new_password(password, EMAIL) == password


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("", "at least 8"),
        ("short7!", "at least 8"),
        ("x" * (MAX_CHARS + 1), "at most 128"),
        ("x" * 1_000_000, "at most 128"),
        ("correct-\ud800-horse", "Unicode"),
        ("password", "common password"),
        ("PassWord1", "common password"),
        ("12345678", "common password"),
        ("qwertyuiop", "common password"),
        ("aaaaaaaaaaaa", "common password"),
        ("abababababab", "common password"),
        (EMAIL, "your email"),
        (EMAIL.upper(), "your email"),
        ("Ada.Lovelace", "your email"),
    ],
)
def test_a_weak_password_is_refused_with_the_reason(password: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        new_password(password, EMAIL)


def test_two_ways_to_type_a_character_are_one_password() -> None:
    assert normal_password("caf\u00e9-caf\u00e9") == normal_password("cafe\u0301-cafe\u0301")


def test_what_signs_in_may_be_what_nobody_could_choose_today() -> None:
    assert normal_password("short") == "short"
