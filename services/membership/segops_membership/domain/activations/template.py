"""Templates of requests: JSON whose strings may name values. They have no logic and no code."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from pydantic import JsonValue

MAX_TEMPLATE_BYTES: Final = 8_192
MAX_DEPTH: Final = 16
EACH_USER: Final = "{{#users}}"
"""An object with this key alone becomes a list: its value, once for each user."""
USER_VALUES: Final = frozenset({"user_id"})
"""Named within `{{#users}}` only."""
VALUES: Final = (
    "change",
    "computed_at",
    "count",
    "delivery_id",
    "entered",
    "member_count",
    "reason",
    "run_id",
    "secret",
    "segment_id",
    "segment_name",
    "tenant_slug",
    "user_ids",
)
_NAME: Final = re.compile(r"\{\{([^{}]*)\}\}")


def check_template(template: JsonValue) -> None:
    """Raise ValueError, which says what must hold, unless the template can be filled in."""
    if len(json.dumps(template, ensure_ascii=False).encode()) > MAX_TEMPLATE_BYTES:
        raise ValueError(f"must have at most {MAX_TEMPLATE_BYTES:,} bytes as JSON")
    _check(template, is_of_user=False, depth=0)


def filled_in(template: JsonValue, values: Mapping[str, JsonValue], user_ids: Sequence[str]) -> JsonValue:
    """Return the template with values in the place of their names.

    A string that is a name alone becomes the value with its type. Within other text, a value is written as text.
    """
    if isinstance(template, str):
        return _text(template, values)
    if isinstance(template, list):
        return [filled_in(item, values, user_ids) for item in template]
    if not isinstance(template, dict):
        return template
    if EACH_USER in template:
        return [filled_in(template[EACH_USER], {**values, "user_id": user_id}, ()) for user_id in user_ids]
    return {str(_text(key, values)): filled_in(item, values, user_ids) for key, item in template.items()}


def with_secret(text: str, secret: str) -> str:
    """Return a text with the secret in the place of its name."""
    return _NAME.sub(lambda match: secret if match[1].strip() == "secret" else match[0], text)


def check_secret_only(text: str) -> None:
    """Raise ValueError if a text names any other value than the secret."""
    if any(name != "secret" for name in _names_in(text)):
        raise ValueError("must name no other value than `{{secret}}`")


def has_secret(texts: Iterable[str]) -> bool:
    """Return whether any of the texts names the secret."""
    return any(name == "secret" for text in texts for name in _names_in(text))


def _names_in(text: str) -> Iterator[str]:
    for match in _NAME.finditer(text):
        yield match[1].strip()


def _check(template: JsonValue, *, is_of_user: bool, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise ValueError(f"must not be nested more than {MAX_DEPTH} times")
    if isinstance(template, str):
        _check_text(template, is_of_user=is_of_user)
    elif isinstance(template, list):
        for item in template:
            _check(item, is_of_user=is_of_user, depth=depth + 1)
    elif isinstance(template, dict):
        _check_object(template, is_of_user=is_of_user, depth=depth)


def _check_object(template: dict[str, JsonValue], *, is_of_user: bool, depth: int) -> None:
    if EACH_USER in template:
        if is_of_user:
            raise ValueError("must not have `{{#users}}` within `{{#users}}`")
        if len(template) > 1:
            raise ValueError("must not have other keys beside `{{#users}}`")
        _check(template[EACH_USER], is_of_user=True, depth=depth + 1)
        return
    for key, item in template.items():
        _check_text(key, is_of_user=is_of_user)
        _check(item, is_of_user=is_of_user, depth=depth + 1)


def _check_text(text: str, *, is_of_user: bool) -> None:
    for name in _names_in(text):
        if name in USER_VALUES:
            if not is_of_user:
                raise ValueError("must name `{{user_id}}` within `{{#users}}` only")
        elif name not in VALUES:
            raise ValueError(f"must name only {', '.join(f'`{value}`' for value in (*VALUES, *USER_VALUES))}")
    if "{{" in _NAME.sub("", text):
        raise ValueError("must end each name with `}}`")


def _text(text: str, values: Mapping[str, JsonValue]) -> JsonValue:
    match = _NAME.fullmatch(text)
    if match is not None:
        return values[match[1].strip()]
    return _NAME.sub(lambda name: _written(values[name[1].strip()]), text)


def _written(value: JsonValue) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
