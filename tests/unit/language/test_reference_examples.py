"""The examples of docs/segment-language.md are definitions, and select the users that the page says."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from segops_language import Group, parse_definition
from segops_language.events import Event
from segops_language.reference.evaluate import evaluate
from segops_language.text.parser import parse_text
from segops_language.text.render import render_text

PAGE: Final = (Path(__file__).parents[3] / "docs" / "segment-language.md").read_text(encoding="utf-8")
NOW_MS: Final = 1_772_366_400_000
DAY_MS: Final = 86_400_000
Did = tuple[str, int, dict[str, Any]]
"""The type of an event, how many days ago it was, and its payload."""

STARTER: Final[Did] = ("$identify", 90, {"plan": "starter"})
PRICING: Final[Did] = ("page_viewed", 80, {"path": "/pricing"})
BUYERS: Final[Mapping[str, list[Did]]] = {
    "in": [STARTER, PRICING],
    "in: bought long ago": [STARTER, PRICING, ("purchase", 31, {})],
    "bought": [STARTER, PRICING, ("purchase", 29, {})],
    "other page": [STARTER, ("page_viewed", 80, {"path": "/"})],
    "no plan": [PRICING],
    "other plan": [PRICING, STARTER, ("$identify", 1, {"plan": "pro"})],
}
LOGINS: Final[Mapping[str, list[Did]]] = {
    "in": [("login", 45, {})],
    "in: at the end of the window": [("login", 30, {})],
    "since": [("login", 45, {}), ("login", 29, {})],
    "too long ago": [("login", 60, {})],
    "never": [("purchase", 45, {})],
}
SELECTED: Final = (("the pricing page", BUYERS), ("logged in between", LOGINS))
"""Words of the sentence above an example, and users; it selects the ones called "in"."""


def blocks(language: str) -> list[tuple[str, str]]:
    """Return the blocks of code in a language, each with the line before it."""
    return re.findall(rf"^([^\n]*)\n```{language}\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)


def definitions() -> list[tuple[str, Group]]:
    return [(sentence, parse_definition(json.loads(text))) for sentence, text in blocks("json")]


def members(definition: Group, users: Mapping[str, list[Did]]) -> set[str]:
    events = [
        Event(user, kind, f"{user}-{number}", NOW_MS - days * DAY_MS, payload)
        for user, history in users.items()
        for number, (kind, days, payload) in enumerate(history)
    ]
    return set(evaluate(definition, events, NOW_MS, segment_id=7))


@pytest.mark.parametrize(("words", "users"), SELECTED)
def test_an_example_selects_whom_its_sentence_says(words: str, users: Mapping[str, list[Did]]) -> None:
    (definition,) = [definition for sentence, definition in definitions() if words in sentence]
    assert members(definition, users) == {user for user in users if user.startswith("in")}


def test_every_example_is_evaluated() -> None:
    assert len(definitions()) == len(SELECTED)


def test_the_example_in_text_form_selects_the_same() -> None:
    (text,) = [text for _, text in blocks("text") if text.startswith("all of")]
    assert members(parse_text(text), BUYERS) == members(definitions()[0][1], BUYERS)
    assert render_text(parse_text(text)) == text
