"""What a session shows of the browser or program that uses it."""

from __future__ import annotations

import re
from typing import Final

UNKNOWN: Final = "Unknown"
MAX_CHARS: Final = 60
# In this order: many browsers also name those whose pages they can show.
_PROGRAMS: Final = (
    (re.compile(r"\bEdg(?:e|A|iOS)?/(\d+)"), "Edge"),
    (re.compile(r"\bOPR/(\d+)"), "Opera"),
    (re.compile(r"\bSamsungBrowser/(\d+)"), "Samsung Internet"),
    (re.compile(r"\b(?:Firefox|FxiOS)/(\d+)"), "Firefox"),
    (re.compile(r"\b(?:Chrome|CriOS)/(\d+)"), "Chrome"),
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


def short_user_agent(text: str) -> str:
    """Return browser and system, such as `Firefox 128 on Linux`, or the first product, such as `curl/8.5.0`."""
    for pattern, program in _PROGRAMS:
        match = pattern.search(text)
        if match is not None:
            system = next((name for word, name in _SYSTEMS if word in text), None)
            version = f"{program} {match[1][:6]}"
            return version if system is None else f"{version} on {system}"
    product = _PRODUCT.match(text)
    return product[0][:MAX_CHARS] if product is not None else UNKNOWN
