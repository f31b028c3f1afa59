"""What a session shows of the browser or program that uses it."""

from __future__ import annotations

import re
from typing import Final

UNKNOWN: Final = "Unknown"
UNKNOWN_BROWSER: Final = "Unknown browser"
MAX_CHARS: Final = 60
# In this order: many browsers also name those whose pages they can show.
_PROGRAMS: Final = (
    (re.compile(r"\bEdg(?:e|A|iOS)?/(\d+)"), "Edge"),
    (re.compile(r"\bOPR/(\d+)"), "Opera"),
    (re.compile(r"\bSamsungBrowser/(\d+)"), "Samsung Internet"),
    (re.compile(r"\b(?:Firefox|FxiOS)/(\d+)"), "Firefox"),
    (re.compile(r"\b(?:Headless)?(?:Chrome|CriOS)/(\d+)"), "Chrome"),
    (re.compile(r"\bVersion/(\d+)[\d.]* (?:Mobile/\w+ )?Safari/"), "Safari"),
)
_SYSTEMS: Final = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)
_PRODUCT: Final = re.compile(r"[\w.-]{1,40}(?:/[\w.-]{1,15})?", re.ASCII)
_SAYS_NOTHING: Final = "Mozilla"
"""Every browser begins with it."""
_COMPATIBLE: Final = re.compile(r"compatible; *([\w.-]{1,40}(?:/[\w.-]{1,15})?)", re.ASCII)
"""How programs that are no browsers name themselves."""


def short_user_agent(text: str) -> str:
    """Return browser and system, such as `Firefox 128 on Linux`, or the first product, such as `curl/8.5.0`."""
    for pattern, program in _PROGRAMS:
        match = pattern.search(text)
        if match is not None:
            return _with_system(f"{program} {match[1][:6]}", text)
    product = _PRODUCT.match(text)
    if product is None:
        return UNKNOWN
    if product[0].partition("/")[0] != _SAYS_NOTHING:
        return product[0][:MAX_CHARS]
    compatible = _COMPATIBLE.search(text)
    return compatible[1][:MAX_CHARS] if compatible is not None else _with_system(UNKNOWN_BROWSER, text)


def _with_system(program: str, text: str) -> str:
    system = next((name for word, name in _SYSTEMS if word in text), None)
    return program if system is None else f"{program} on {system}"
