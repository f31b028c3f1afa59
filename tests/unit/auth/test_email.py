"""Which texts are e-mail addresses, and their one form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segops_auth.domain.email import normal_email


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("ada@example.com", "ada@example.com"),
        ("Ada.Lovelace@Example.COM", "ada.lovelace@example.com"),
        ("a+tag@sub.example.co.uk", "a+tag@sub.example.co.uk"),
        ("o'neil@example.ie", "o'neil@example.ie"),
        ("a@xn--bcher-kva.example", "a@xn--bcher-kva.example"),
        ("1@2.de", "1@2.de"),
    ],
)
def test_an_address_has_one_form(text: str, normal: str) -> None:
    assert normal_email(text) == normal
    assert normal_email(normal) == normal


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ada",
        "@example.com",
        "ada@",
        "ada@example",
        "ada@localhost",
        "ada@example.c",
        "ada@example.123",
        "ada@@example.com",
        "a@b@example.com",
        "ada@.example.com",
        "ada@example..com",
        "ada@-example.com",
        "ada@example-.com",
        ".ada@example.com",
        "ada.@example.com",
        "a..da@example.com",
        " ada@example.com",
        "ada@example.com ",
        "ada@example.com\n",
        "ada@example.com\r\nBcc: eve@example.com",
        "ada\r\nBcc:@example.com",
        "ada@exa\tmple.com",
        "ada@example.com\0",
        '"a b"@example.com',
        "Ada <ada@example.com>",
        "ada@[127.0.0.1]",
        "ada,eve@example.com",
        "\u0430da@example.com",
        "ada@ex\u0430mple.com",
        "ADA@EXAMPLE.\u212aOM",
        "ada@b\u00fccher.example",
        "a" * 65 + "@example.com",
        "a@" + "b" * 64 + ".com",
        "a@" + "b." * 130 + "com",
        "\ud800@example.com",
    ],
)
def test_anything_else_is_none(text: str) -> None:
    with pytest.raises(ValueError):
        normal_email(text)


@given(st.text(max_size=300))
def test_no_text_gets_a_line_break_or_a_second_form_through(text: str) -> None:
    try:
        normal = normal_email(text + "@example.com")
    except ValueError:
        return
    assert normal.isascii()
    assert normal.isprintable()
    assert normal == normal.lower()
    assert normal_email(normal) == normal
