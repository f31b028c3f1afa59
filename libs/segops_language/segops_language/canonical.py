"""The canonical form of a definition, for hashes and comparisons."""

from __future__ import annotations

import hashlib
import json
from typing import Final

from pydantic import JsonValue

from segops_language.model import LanguageModel

_EXACT_IN_DOUBLE: Final = 2**53


def to_json(model: LanguageModel) -> dict[str, JsonValue]:
    """Return the definition as it is stored and answered; omitted fields stay omitted."""
    dumped: dict[str, JsonValue] = model.model_dump(mode="json")
    return dumped


def canonical(model: LanguageModel) -> dict[str, JsonValue]:
    """Return the JSON form with sorted keys, in which equal numbers are written equally (5.0 as 5)."""
    return {key: _canonical(value) for key, value in sorted(to_json(model).items())}


def _canonical(value: JsonValue) -> JsonValue:
    if isinstance(value, dict):
        return {key: _canonical(item) for key, item in sorted(value.items())}
    if isinstance(value, list):
        return [_canonical(item) for item in value]
    if isinstance(value, float) and value.is_integer() and abs(value) <= _EXACT_IN_DOUBLE:
        return int(value)
    return value


def content_hash(model: LanguageModel) -> str:
    """Return the SHA-256 (hex) of the canonical form."""
    text = json.dumps(canonical(model), ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
