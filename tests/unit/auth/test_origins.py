"""Which origins a key may name, and how they are spelled."""

from __future__ import annotations

import pytest

from segops_auth.domain.origins import MAX_CHARS, canonical_origin, canonical_origins, key_origins
from segops_common.core.problems import ValidationFailed
from segops_common.security.permissions import KeyKind


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://www.example.com", "https://www.example.com"),
        ("HTTPS://Www.Example.COM", "https://www.example.com"),
        ("https://example.com:443", "https://example.com"),
        ("https://example.com:0443", "https://example.com"),
        ("https://example.com:8443", "https://example.com:8443"),
        ("https://example.com:80", "https://example.com:80"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ("https://a_b.example.com", "https://a_b.example.com"),
        ("https://intranet", "https://intranet"),
        ("https://192.0.2.1", "https://192.0.2.1"),
        ("https://[2001:DB8:0:0:0:0:0:1]:8443", "https://[2001:db8::1]:8443"),
        ("http://localhost", "http://localhost"),
        ("http://localhost:80", "http://localhost"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://app.localhost:3000", "http://app.localhost:3000"),
        ("http://127.0.0.1:5173", "http://127.0.0.1:5173"),
        ("http://[::1]:5173", "http://[::1]:5173"),
        ("https://*.shop.example", "https://*.shop.example"),
        ("HTTPS://*.Shop.EXAMPLE:443", "https://*.shop.example"),
        ("https://*.a.shop.example:8443", "https://*.a.shop.example:8443"),
        ("http://*.localhost:3000", "http://*.localhost:3000"),
    ],
)
def test_an_origin_is_kept_as_browsers_send_it(text: str, origin: str) -> None:
    assert canonical_origin(text) == origin
    assert canonical_origin(origin) == origin
    assert len(origin) <= MAX_CHARS


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "*",
        "example.com",
        "//example.com",
        "https://",
        "https://example.com/",
        "https://example.com/path",
        "https://example.com?x",
        "https://example.com#x",
        "https://user@example.com",
        "https://user:password@example.com",
        "https://*",
        "https://*.",
        "https://*.example",
        "https://*.*.shop.example",
        "https://a.*.shop.example",
        "https://*a.shop.example",
        "https://a*.shop.example",
        "https://*.shop.example/",
        "http://*.shop.example",
        "https://*.192.0.2.1",
        "https://*.[::1]",
        "*.shop.example",
        "https://example..com",
        "https://.example.com",
        "https://example.com.",
        "https://-example.com",
        "https://exam ple.com",
        " https://example.com",
        "https://example.com\n",
        "https://example.com\x00",
        "https://b\u00fccher.example",
        "https://\u0435xample.com",
        "https://example.com:",
        "https://example.com:0",
        "https://example.com:65536",
        "https://example.com:-1",
        "https://example.com:\u0661",
        "https://256.1.1.1",
        "https://127.1",
        "https://0x7f000001",
        "https://2130706433",
        "https://[::1",
        "https://[::1%25lo]",
        "https://[12345::]",
        "https://::1",
        "https://" + "a" * 64 + ".com",
        "https://" + "a." * 127 + "com",
        "http://example.com",
        "http://localhost.example.com",
        "http://192.168.0.1",
        "http://[2001:db8::1]",
        "ftp://example.com",
        "file://",
        "javascript:alert(1)",
        "chrome-extension://abcdefgh",
        "https://a.example,https://b.example",
        "x" * 10_000,
    ],
)
def test_what_is_no_origin_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^must (be|use https|have a port|have a valid IP|have at least two labels)"):
        canonical_origin(text)


@pytest.mark.parametrize("host", ["[evil::]", "1.2.3.evil", "evil..x", "e.0xevil", "1.2.3.666"])
def test_a_refusal_does_not_repeat_what_was_sent(host: str) -> None:
    with pytest.raises(ValueError, match=r"^must (use https|have a valid IP|be scheme)") as refused:
        canonical_origin(f"http://{host}")
    assert host not in str(refused.value)


def test_each_is_kept_once_in_their_order() -> None:
    origins = ["https://b.example", "https://A.example", "https://b.example:443", "https://a.example"]
    assert canonical_origins(origins) == ["https://b.example", "https://a.example"]
    assert canonical_origins([]) == []


def test_the_star_stands_alone() -> None:
    assert canonical_origins(["*"]) == ["*"]
    for origins in (["*", "https://a.example"], ["*", "*"]):
        with pytest.raises(ValueError, match="nothing else"):
            canonical_origins(origins)


def test_only_a_publishable_key_has_origins() -> None:
    assert key_origins(KeyKind.PUBLISHABLE, ["https://a.example"]) == ("https://a.example",)
    assert key_origins(KeyKind.SECRET, []) == ()
    with pytest.raises(ValidationFailed) as refused:
        key_origins(KeyKind.SECRET, ["https://a.example"])
    assert [fault.path for fault in refused.value.errors] == ["allowed_origins"]
