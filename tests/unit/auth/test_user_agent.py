"""What a session shows of the browser or program that uses it."""

from __future__ import annotations

import pytest

from segops_auth.domain.user_agent import MAX_CHARS, UNKNOWN, short_user_agent

WINDOWS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
)


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox 128 on Linux"),
        (WINDOWS, "Chrome 126 on Windows"),
        (f"{WINDOWS} Edg/126.0.2592.68", "Edge 126 on Windows"),
        (f"{WINDOWS} OPR/112.0.0.0", "Opera 112 on Windows"),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15",
            "Safari 17 on macOS",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
            "Safari 17 on iPhone",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/126.0.6478.35 Mobile/15E148 Safari/604.1",
            "Chrome 126 on iPhone",
        ),
        (
            "Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36",
            "Samsung Internet 25 on Android",
        ),
        (
            "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 Chrome/126.0.0.0 Safari/537.36",
            "Chrome 126 on ChromeOS",
        ),
        ("Firefox/128.0", "Firefox 128"),
        ("curl/8.5.0", "curl/8.5.0"),
        ("python-httpx/0.27.0", "python-httpx/0.27.0"),
        (WINDOWS.replace("Chrome/", "HeadlessChrome/"), "Chrome 126 on Windows"),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "Googlebot/2.1"),
        (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Konqueror",
            "Unknown browser on Linux",
        ),
        ("Mozilla/5.0", "Unknown browser"),
    ],
)
def test_browser_and_system_are_named(text: str, short: str) -> None:
    assert short_user_agent(text) == short


@pytest.mark.parametrize("text", ["", " ", "\x00", "<script>alert(1)</script>", "\u2603", "/1.0"])
def test_what_names_no_program_is_unknown(text: str) -> None:
    assert short_user_agent(text) == UNKNOWN


@pytest.mark.parametrize("text", ["x" * 100_000, "Firefox/" + "9" * 100_000, "a" * 40 + "/" + "1" * 100_000])
def test_long_text_is_cut(text: str) -> None:
    assert len(short_user_agent(text)) <= MAX_CHARS


@pytest.mark.parametrize("markup", ["<b>", "&amp;", "\x1b[0m", "\u202e"])
def test_nothing_but_a_name_is_kept(markup: str) -> None:
    for text in (f"{markup}curl/8.5.0", f"curl{markup}/8.5.0", f"curl/8.5.0{markup}", f"Firefox/128{markup}"):
        assert markup not in short_user_agent(text)
