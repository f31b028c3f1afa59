"""Choose a response by `Accept` and `If-None-Match` (RFC 9110, sections 12.5.1 and 13.1.2)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

MAX_RANGES: Final = 50


def preferred(accept: str | None, offers: Sequence[str]) -> str | None:
    """Return the offered media type that the header prefers, or None when it accepts none of them.

    Among equals the first offer wins. Without a header, everything is accepted. A range that cannot be read, and a range
    after the first `MAX_RANGES`, does not count.
    """
    if accept is None or not accept.strip():
        return offers[0]
    ranges = [_range(part) for part in accept.split(",")[:MAX_RANGES]]
    qualities = {offer: _quality(offer, ranges) for offer in offers}
    best = max(offers, key=lambda offer: qualities[offer])
    return best if qualities[best] > 0 else None


def weak_etag(*parts: object) -> str:
    """Return an entity tag of the values that a response depends on."""
    return f'W/"{hashlib.blake2b(repr(parts).encode(), digest_size=12).hexdigest()}"'


def is_known(etag: str, if_none_match: str | None) -> bool:
    """Return whether the client says that it has the response with this tag. Tags are compared weakly."""
    if if_none_match is None:
        return False
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return "*" in tags or etag.removeprefix("W/") in tags


def _range(part: str) -> tuple[str, float]:
    media_type, *parameters = (item.strip().lower() for item in part.split(";"))
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            return media_type, _weight(value.strip())
    return media_type, 1.0


def _weight(text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        return 0.0
    return weight if 0 <= weight <= 1 else 0.0


def _quality(offer: str, ranges: Sequence[tuple[str, float]]) -> float:
    """Return the weight of the most specific range that covers the offer; 0 when none does."""
    kind = offer.partition("/")[0]
    for pattern in (offer, f"{kind}/*", "*/*"):
        weights = [weight for media_type, weight in ranges if media_type == pattern]
        if weights:
            return max(weights)
    return 0.0
